// What the suite runs against, all from the environment; see ../README.md.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

export const DIRECT = process.env.APEX_DIRECT === '1';
export const UPSTREAM = process.env.APEX_UPSTREAM.replace(/\/$/, '');
export const URL_BASE = DIRECT ? `${UPSTREAM}/strict` : process.env.APEX_URL.replace(/\/$/, '');
export const TOKEN = process.env.APEX_TOKEN ?? 'direct';
export const gatewayOnly = DIRECT ? { skip: 'only a gateway does this' } : {};

// One transparent pixel.
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
export const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string', description: 'the city' } },
  required: ['city'],
  additionalProperties: false,
};

export const oai = new OpenAI({ apiKey: TOKEN, baseURL: `${URL_BASE}/v1`, maxRetries: 0, timeout: 20_000 });
export const ant = new Anthropic({ apiKey: TOKEN, baseURL: URL_BASE, maxRetries: 0, timeout: 20_000 });

// The providers behind the gateway; model('429') is a model of it that answers so.
export function providersFor(sdk) {
  return ['openai', 'anthropic']
    .filter((id) => !DIRECT || id === sdk)
    .map((id) => ({
      id,
      model(behaviour) {
        const name = [{ openai: 'gpt-5.5', anthropic: 'claude-sonnet-4-6' }[id], behaviour].filter(Boolean).join('-');
        return DIRECT ? name : `${name}#${id}`;
      },
    }));
}

export const user = (content) => [{ role: 'user', content }];

export const upstream = {
  async clear() {
    await fetch(`${UPSTREAM}/__clear`, { method: 'POST' });
  },
  async requests() {
    return (await fetch(`${UPSTREAM}/__requests`)).json();
  },
  // The only request since the test began.
  async one() {
    const all = await this.requests();
    assert.equal(all.length, 1, JSON.stringify(all.map((r) => r.target)));
    return all[0];
  },
  async waitForOutcome(kind) {
    for (const end = Date.now() + 3000; Date.now() < end; ) {
      const found = (await this.requests()).find((r) => r.outcome.kind === kind);
      if (found) return found;
      await new Promise((done) => setTimeout(done, 10));
    }
    assert.fail(JSON.stringify((await this.requests()).map((r) => r.outcome)));
  },
};

export async function collect(stream) {
  const all = [];
  for await (const item of await stream) all.push(item);
  return all;
}

export async function raised(run) {
  try {
    await run();
  } catch (error) {
    return error;
  }
  assert.fail('nothing was raised');
}
