// What only a Worker has: bindings and secrets, and the runtime's ways of telling that a client left.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { startWorker } from './host.mjs';
import { DIST, send, upstream, UPSTREAM } from './setup.mjs';

const TOKEN = 'test-token';
const PROVIDERS = {
  providers: {
    openai: { base_url: `${UPSTREAM}/openai/v1`, via: 'direct' },
    anthropic: { base_url: `${UPSTREAM}/anthropic/v1`, via: 'direct' },
    mine: { base_url: `${UPSTREAM}/mine/v1`, api_key: '${MY_KEY}', via: 'direct' },
  },
};
const CONFIG = JSON.stringify(PROVIDERS);

function request(model, more = {}, path = '/v1/chat/completions') {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], ...more });
  return { path, headers, body };
}

// Runs `body` with a Worker that has these bindings; gives it the Worker's log too.
async function using(options, body) {
  await upstream.clear();
  let log = '';
  const worker = await startWorker({ dist: DIST, ...options, log: (text) => (log += text) });
  const records = async (count) => {
    for (const end = Date.now() + 5000; ; await new Promise((done) => setTimeout(done, 10))) {
      const lines = log.split('\n').filter((line) => line.includes('"message":"exchange"'));
      if (lines.length >= count || Date.now() > end) return lines.map((line) => JSON.parse(line));
    }
  };
  try {
    await body(worker.url, records);
  } finally {
    await worker.stop();
  }
}

const refusals = [
  ['no gateway token', { bindings: { APEX_CONFIG: CONFIG } }, /secret GatewayToken is not set/],
  ['an empty gateway token', { bindings: { GatewayToken: '' } }, /secret GatewayToken is not set/],
  ['a gateway token that is not in the store', { secrets: { GatewayToken: null } }, /binding GatewayToken could not be read/],
  ['a provider key that is not in the store', { bindings: { GatewayToken: TOKEN }, secrets: { GROQ_API_KEY: null } }, /GROQ_API_KEY/],
  ['a configuration that is no JSON', { bindings: { GatewayToken: TOKEN, APEX_CONFIG: '{' } }, /APEX_CONFIG/],
  ['a configuration that means nothing', { bindings: { GatewayToken: TOKEN, APEX_CONFIG: '{"default_provider":"x"}' } }, /default_provider/],
  ['a configuration that is a list', { bindings: { GatewayToken: TOKEN, APEX_CONFIG: '[]' } }, /APEX_CONFIG is wrong: it is not a JSON object/],
  ['an address that is none', { bindings: { GatewayToken: TOKEN, AepipeToken: 't', AEPIPE_BASE_URL: 'nonsense' } }, /AEPIPE_BASE_URL \(aepipe.base_url\)/],
  ['a gateway without its account', { bindings: { GatewayToken: TOKEN, GATEWAY_ID: 'gw' } }, /ACCOUNT_ID/],
];
for (const [name, options, wanted] of refusals) {
  test(`${name} is told, and nothing is served`, () =>
    using(options, async (url) => {
      const chat = await send(url, request('gpt-5.5#openai'));
      assert.equal(chat.status, 500);
      const { error } = JSON.parse(chat.body);
      assert.match(error.message, wanted);
      assert.equal(error.code, 'not_configured');
      const messages = await send(url, request('gpt-5.5#openai', { max_tokens: 9 }, '/v1/messages'));
      assert.equal(JSON.parse(messages.body).type, 'error');
      assert.match(JSON.parse(messages.body).error.message, wanted);
      assert.equal((await upstream.requests()).length, 0);
    }));
}

test('secrets may be plain strings or lie in a store', async () => {
  const key = { bindings: { APEX_CONFIG: CONFIG, OPENAI_API_KEY: 'sk-plain', GatewayToken: TOKEN }, secrets: { MY_KEY: 'sk-stored' } };
  await using(key, async (url) => {
    assert.equal((await send(url, request('gpt-5.5#openai'))).status, 200);
    assert.equal((await send(url, request('m#mine'))).status, 200);
    const sent = (await upstream.requests()).map(({ headers }) => headers.find(([name]) => /^authorization$/i.test(name))[1]);
    assert.deepEqual(sent, ['Bearer sk-plain', 'Bearer sk-stored']);
  });
});

test('logging that is not set up stops nothing', () =>
  using({ bindings: { GatewayToken: TOKEN, OPENAI_API_KEY: 'k', APEX_CONFIG: CONFIG }, secrets: { AepipeToken: null } }, async (url) => {
    assert.equal((await send(url, request('gpt-5.5#openai'))).status, 200);
  }));

test('a configuration may be an object', () =>
  using({ bindings: { GatewayToken: TOKEN, OPENAI_API_KEY: 'k', APEX_CONFIG: PROVIDERS } }, async (url) => {
    assert.equal((await send(url, request('gpt-5.5#openai'))).status, 200);
  }));

const READY = { bindings: { GatewayToken: TOKEN, OPENAI_API_KEY: 'k', ANTHROPIC_API_KEY: 'k', APEX_CONFIG: CONFIG } };

for (const [what, model] of [['relayed', 'gpt-5.5-stream-400-20#openai'], ['translated', 'claude-sonnet-4-6-stream-400-20#anthropic']]) {
  test(`a client that leaves a ${what} stream cancels the upstream`, () =>
    using(READY, async (url, records) => {
      const left = await send(url, { ...request(model, { stream: true }), leaveAfter: 500 });
      assert.equal(left.whole, false);
      await upstream.waitForOutcome('client_gone');
      const [record] = await records(1);
      assert.equal(record.outcome, 'client_gone');
    }));
}

// The local runtime tells with the next write; Cloudflare's own may tell at once, by the request's signal.
test('a client that leaves a silent stream is noticed at the next write', () =>
  using(READY, async (url, records) => {
    await send(url, { ...request('gpt-5.5-stream-3-1500#openai', { stream: true }), leaveAfter: 1 });
    assert.equal((await records(1))[0].outcome, 'client_gone');
  }));

// Passthrough of which nobody wants to know the end: the runtime carries the body, and the module sees the head only.
const OWN = { authorization: 'Bearer sk-own', 'content-type': 'application/json' };
const HOST = UPSTREAM.replace('http://', '');

function through(model, more = {}) {
  return { ...request(model, more), headers: { ...OWN, 'x-apex-ai-proxy-provider': HOST } };
}

const handing = (more = {}) => ({
  bindings: { GatewayToken: TOKEN, APEX_CONFIG: JSON.stringify({ passthrough: { allow_hosts: [UPSTREAM], ...more } }) },
});

test('passthrough is handed through untouched', () =>
  using(handing(), async (url, records) => {
    for (const [model, more] of [['gpt-5.5', {}], ['gpt-5.5', { stream: true }], ['gpt-5.5-gzip', {}], ['gpt-5.5-429', {}]]) {
      const asked = through(model, more);
      const direct = await send(UPSTREAM, asked);
      const reply = await send(url, asked);
      assert.equal(reply.status, direct.status, model);
      assert.equal(masked(reply), masked(direct), model);
      assert.match(reply.headers['x-apex-request-id'], /^req_/);
      assert.equal(reply.headers['x-apex-provider'], '127.0.0.1');
      assert.equal(reply.headers['access-control-allow-origin'], '*');
      assert.equal(reply.headers['set-cookie'], undefined);
    }
    const all = await records(4);
    assert.deepEqual(all.map(({ outcome, status, mode }) => [outcome, status, mode]), [200, 200, 200, 429].map((status) => ['relayed', status, 'passthrough']));
  }));

// Ids and times differ from answer to answer; what the upstream compressed the runtime undoes.
function masked({ headers, body }) {
  const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');
  return text.replace(/(chatcmpl|resp|req)[-_][0-9A-Za-z]+/g, '$1').replace(/"created":\d+/g, '').replace(/"headers":\[\[.*?\]\]/, '');
}

test('a client that leaves what is handed through cancels the upstream', () =>
  using(handing(), async (url, records) => {
    const left = await send(url, { ...through('gpt-5.5-stream-400-20', { stream: true }), leaveAfter: 500 });
    assert.equal(left.whole, false);
    await upstream.waitForOutcome('client_gone');
    assert.equal((await records(1))[0].outcome, 'relayed');
  }));

test('what breaks off while it is handed through breaks off for the client', () =>
  using(handing(), async (url) => {
    assert.equal((await send(url, through('gpt-5.5-cut-300'))).whole, false);
  }));

test('what is counted is not handed through', () =>
  using(handing({ max_concurrent: 5 }), async (url, records) => {
    assert.equal((await send(url, through('gpt-5.5', { stream: true }))).whole, true);
    assert.equal((await records(1))[0].outcome, 'completed');
  }));

// Waits until the upstream has the request, which it does not answer, and breaks the connection off.
async function reset(url, { path, headers, body }) {
  const { hostname, port } = new URL(url);
  const asked = http.request({ hostname, port, path, method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) } });
  asked.on('error', () => {});
  asked.end(body);
  for (const end = Date.now() + 5000; Date.now() < end && (await upstream.requests()).length === 0; ) await new Promise((done) => setTimeout(done, 10));
  asked.socket.resetAndDestroy();
}

// The local runtime tells of a connection that is reset, and of one that is closed only with the next write.
for (const [what, asked, options] of [
  ['an answer', request('gpt-5.5-hang#openai'), READY],
  ['a stream', request('gpt-5.5-hang#openai', { stream: true }), READY],
  ['a passthrough', through('gpt-5.5-hang'), handing()],
]) {
  test(`a client that resets its connection before ${what} begins cancels the upstream`, () =>
    using(options, async (url, records) => {
      await reset(url, asked);
      await upstream.waitForOutcome('client_gone');
      const [record] = await records(1);
      assert.deepEqual([record.outcome, record.status], ['client_gone', 499]);
    }));
}

// A client that merely closes is not noticed before an answer begins: the wait has an end all the same.
test('an upstream that does not answer in time is given up', () =>
  using({ bindings: { ...READY.bindings, APEX_CONFIG: JSON.stringify({ ...PROVIDERS, timeouts: { first_byte: 1 } }) } }, async (url, records) => {
    const reply = await send(url, request('gpt-5.5-hang#openai'));
    assert.equal(reply.status, 504);
    await upstream.waitForOutcome('client_gone');
    assert.equal((await records(1))[0].outcome, 'upstream_timeout');
  }));

test('each exchange has one record', () =>
  using(READY, async (url, records) => {
    await send(url, request('gpt-5.5#openai'));
    await send(url, request('gpt-5.5#openai', { stream: true }));
    await send(url, request('gpt-5.5-cut-300#openai', { stream: true }));
    await send(url, request('m#nosuch'));
    const all = await records(4);
    assert.deepEqual(all.map((record) => record.outcome), ['completed', 'completed', 'truncated', 'refused']);
    assert.equal(new Set(all.map((record) => record.request_id)).size, 4);
  }));

test('many streams at a time stay apart', () =>
  using(READY, async (url) => {
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        send(url, request('gpt-5.5-stream-20-5#openai', { stream: true, messages: [{ role: 'user', content: `SAY n${n}n` }] })),
      ),
    );
    assert.ok(replies.every((reply) => reply.whole && reply.body.includes('[DONE]')));
  }));

test('a WebSocket is refused with a body that clients can read', () =>
  using({ bindings: { GatewayToken: TOKEN, APEX_CONFIG: CONFIG } }, async (url) => {
    const headers = {
      authorization: `Bearer ${TOKEN}`, connection: 'Upgrade', upgrade: 'websocket',
      'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const reply = await new Promise((resolve, reject) => {
      const asked = http.request(`${url}/v1/responses`, { headers });
      asked.on('error', reject).on('upgrade', () => reject(new Error('it was taken')));
      asked.on('response', (response) => {
        let body = '';
        response.on('data', (data) => (body += data)).on('end', () => resolve({ status: response.statusCode, body }));
      });
      asked.end();
    });
    assert.equal(reply.status, 426);
    assert.equal(JSON.parse(reply.body).error.code, 'upgrade_required');
  }));
