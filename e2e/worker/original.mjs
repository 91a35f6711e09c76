// What the original TypeScript Worker answered to each request of original.jsonl, and what it sent upstream, beside what
// ours does. Each line: our request, its answer, and what reached the provider (provider.mjs).
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startWorker } from './host.mjs';
import { startProvider } from './provider.mjs';
import { freePort } from './runtime.mjs';
import { DIST, send } from './setup.mjs';

const RECORDED = fileURLToPath(new URL('original.jsonl', import.meta.url));
export const recordings = fs.readFileSync(RECORDED, 'utf8').trim().split('\n').map((line) => JSON.parse(line));

// Framing, and what the runtime and the simulation add on either side.
const FRAMING = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host', 'accept-encoding', 'cf-worker', 'vary'];
const IDS = /\b(msg|req)_[0-9A-Za-z*]+/g;
const masked = (text) => text.replace(IDS, '$1_*');

// ---- facts: one flat list of names and values for an answer and for what was sent

function flat(value, name, into) {
  if (value !== null && typeof value === 'object' && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) flat(inner, `${name}.${key}`, into);
  } else {
    into[name] = JSON.stringify(value);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function headers(all, name, into) {
  for (const [header, value] of Object.entries(all)) {
    if (!FRAMING.includes(header)) into[`${name} ${header}`] = header === 'server-timing' ? '*' : masked(value);
  }
}

// The fields of each event of a stream.
const events = (text) =>
  text.split(/\r?\n\r?\n/).filter(Boolean).map((one) => one.split(/\r?\n/).map((line) => line.replace(/^(\w+): ?/, '$1:')).join(' '));

export function facts({ answer, sent }) {
  const found = { status: String(answer.status) };
  headers(answer.headers, 'header', found);
  const text = masked(answer.body);
  if (answer.status >= 400) found.error = text;
  else if (answer.headers['content-type']?.startsWith('text/event-stream')) found.stream = JSON.stringify(events(text));
  else if (text) flat(parsed(text), 'body', found);
  if (answer.broke) found.ending = 'broken off';
  found.sent = sent.length === 0 ? 'nothing' : 'a request';
  for (const request of sent) {
    found['sent path'] = request.path;
    headers(request.headers, 'sent header', found);
    flat(parsed(request.body), 'sent', found);
  }
  return found;
}

// ---- replay

const freed = async () => `http://127.0.0.1:${await freePort()}`;

async function start(setup, provider) {
  // By the surface the original used.
  const config = { cloudflare: { surface: 'compat', base_url: `${setup === 'no upstream' ? await freed() : provider.url}/v1` } };
  const names = { ACCOUNT_ID: 'acct1', GATEWAY_ID: 'gw1', AZURE_RESOURCE: 'res1' };
  const secrets = { GatewayToken: setup === 'no secret' ? null : 'test-token' };
  return startWorker({ dist: DIST, bindings: { ...names, APEX_CONFIG: JSON.stringify(config) }, secrets });
}

// Ours, in the form of the recordings.
export async function replay() {
  const provider = await startProvider();
  const workers = new Map();
  const ours = [];
  try {
    for (const { name, setup, request } of recordings) {
      if (!workers.has(setup)) workers.set(setup, await start(setup, provider));
      provider.received.length = 0;
      const { status, headers, body, whole } = await send(workers.get(setup).url, request);
      const answer = { status, headers, body: body.toString('utf8'), ...(whole ? {} : { broke: true }) };
      ours.push({ name, answer, sent: [...provider.received] });
    }
  } finally {
    for (const worker of workers.values()) await worker.stop();
    provider.stop();
  }
  return ours;
}

const ABSENT = '';

// What differs in each: { request, what, original, ours }.
export function differences(ours) {
  return recordings.flatMap((recorded, at) => {
    const [before, after] = [facts(recorded), facts(ours[at])];
    const one = (name) => name in before !== name in after;
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names
      .filter((name) => before[name] !== after[name])
      // Where one of them refused or sent nothing, that is the difference.
      .filter((name) => !(one('error') && /^body|^stream|^header x-upstream/.test(name)))
      .filter((name) => !(before.sent !== after.sent && /^sent\b./.test(name)))
      .map((what) => ({ request: recorded.name, what, original: before[what] ?? ABSENT, ours: after[what] ?? ABSENT }));
  });
}
