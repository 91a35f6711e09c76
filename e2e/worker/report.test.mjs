// Reports to an aepipe: one point and one line for each exchange, after its answer, whatever becomes of either.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { startWorker } from './host.mjs';
import { DIST, send, upstream, UPSTREAM } from './setup.mjs';

const TOKEN = 'gateway-token-0001';
const PIPE_TOKEN = 'aepipe-token-0002';
const CHAT = '/v1/chat/completions';
const JSON_TYPE = { 'content-type': 'application/json' };
const HOST = UPSTREAM.replace('http://', '');
const CONFIG = {
  providers: { openai: { base_url: `${UPSTREAM}/openai/v1`, via: 'direct' } },
  passthrough: { allow_hosts: [UPSTREAM] },
};

async function until(found) {
  for (const end = Date.now() + 10_000; Date.now() < end; await new Promise((done) => setTimeout(done, 10))) {
    const value = found();
    if (value) return value;
  }
  assert.fail('waited for 10 s');
}

// An aepipe that takes everything, or does what `behave` says instead.
async function startPipe(behave) {
  const got = [];
  const server = http.createServer(async (request, reply) => {
    let body = '';
    for await (const text of request.setEncoding('utf8')) body += text;
    got.push({ path: request.url, headers: request.headers, body: JSON.parse(body) });
    if (behave) return behave(request, reply);
    reply.writeHead(200, JSON_TYPE).end('{"ok":true,"written":1}');
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const of = (path, key) => got.filter((one) => one.path === path).flatMap((one) => one.body[key]);
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    got,
    points: () => of('/v1/apex-ai-proxy/requests/ingest', 'points'),
    lines: () => of('/v1/apex-ai-proxy/raw/log', 'logs'),
    stop: () => (server.closeAllConnections(), server.close()),
  };
}

// Runs `body` with a Worker that reports to an aepipe; gives it both, and what the Worker logged.
async function reporting({ behave, bindings = {}, secrets = {} }, body) {
  await upstream.clear();
  const pipe = await startPipe(behave);
  let log = '';
  const all = { GatewayToken: TOKEN, OPENAI_API_KEY: 'openai-key-0003', APEX_CONFIG: JSON.stringify(CONFIG), AEPIPE_BASE_URL: pipe.url, AepipeToken: PIPE_TOKEN };
  for (const name of Object.keys(secrets)) delete all[name];
  const worker = await startWorker({ dist: DIST, bindings: { ...all, ...bindings }, secrets, log: (text) => (log += text) });
  const logged = (message) => log.split('\n').filter((line) => line.includes(`"message":"${message}"`)).map((line) => JSON.parse(line));
  try {
    await body({ url: worker.url, pipe, logged, log: () => log });
  } finally {
    await worker.stop();
    pipe.stop();
  }
}

function chat(model, more = {}) {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hi there' }], ...more });
  return { path: CHAT, headers: { ...JSON_TYPE, authorization: `Bearer ${TOKEN}` }, body };
}

const through = (model, more) => ({ ...chat(model, more), headers: { ...JSON_TYPE, authorization: 'Bearer own-key-0004', 'x-apex-ai-proxy-provider': HOST } });

// Slots as in docs/reporting.md.
const slots = ({ blobs, doubles }) => ({ id: blobs[0], provider: blobs[1], model: blobs[2], mode: blobs[4], outcome: blobs[5], status: doubles[0], sent: doubles[2], got: doubles[3] });

test('each exchange is one point and one line', () =>
  reporting({}, async ({ url, pipe, logged }) => {
    const asked = [chat('gpt-5.5#openai'), chat('gpt-5.5#openai', { stream: true }), chat('m#nosuch'), through('gpt-5.5'), through('gpt-5.5', { stream: true })];
    const replies = [];
    for (const request of asked) replies.push(await send(url, request));
    await until(() => pipe.points().length >= asked.length && pipe.lines().length >= asked.length);
    const ids = replies.map(({ headers }) => headers['x-apex-request-id']);
    const points = ids.map((id) => slots(pipe.points().find(({ blobs }) => blobs[0] === id)));
    assert.deepEqual(points.map(({ mode, outcome, status }) => [mode, outcome, status]), [
      ['gateway', 'completed', 200],
      ['gateway', 'completed', 200],
      ['gateway', 'refused', 400],
      ['passthrough', 'completed', 200],
      ['passthrough', 'completed', 200],
    ]);
    for (const [at, { sent, got }] of points.entries()) {
      assert.equal(sent, Buffer.byteLength(asked[at].body), 'the size of the request');
      assert.equal(got, replies[at].body.length, 'the size of the answer');
      const line = pipe.lines().find(({ request_id }) => request_id === ids[at]);
      assert.equal(line.request_body, asked[at].body);
      if (!asked[at].body.includes('stream')) assert.equal(line.response_body, replies[at].body.toString());
      else assert.match(line.response_body, /Echo: hi there/);
      assert.match(line.request_headers['content-type'], /json/);
    }
    assert.equal(pipe.points().length, asked.length);
    assert.equal(pipe.lines().length, asked.length);
    assert.ok(pipe.got.every(({ headers }) => headers.authorization === `Bearer ${PIPE_TOKEN}`));
    assert.equal(logged('exchange').length, asked.length);
    assert.equal(logged('reports could not be delivered').length, 0);
  }));

test('a large body that streams through is reported by its beginning and its size', () =>
  reporting({}, async ({ url, pipe }) => {
    const body = 'x'.repeat(3 << 20);
    const { headers } = through('');
    const reply = await send(url, { path: '/anything', headers: { ...headers, 'content-type': 'text/plain' }, body });
    assert.equal(reply.status, 200);
    const [line] = await until(() => pipe.lines().length > 0 && pipe.lines());
    assert.equal(line.request_bytes, body.length);
    assert.equal(line.request_body_truncated, true);
    assert.ok(line.request_body.length <= 64 << 10);
    assert.equal((await upstream.requests())[0].body.length, body.length);
  }));

for (const [what, request] of [['stream', chat('gpt-5.5-stream-400-20#openai', { stream: true })], ['passthrough', through('gpt-5.5-stream-400-20', { stream: true })]]) {
  test(`a client that leaves a ${what} is reported`, () =>
    reporting({}, async ({ url, pipe }) => {
      assert.equal((await send(url, { ...request, leaveAfter: 500 })).whole, false);
      await upstream.waitForOutcome('client_gone');
      const [point] = await until(() => pipe.points().length > 0 && pipe.lines().length > 0 && pipe.points());
      assert.equal(slots(point).outcome, 'client_gone');
    }));
}

const FAILURES = {
  'answers 500': [(_, reply) => reply.writeHead(500).end('no'), 'it answered 500'],
  'says that it did not take them': [(_, reply) => reply.end('{"ok":false}'), 'it did not say that it took them'],
  'breaks off': [(request) => request.socket.destroy(), 'Network connection lost.'],
  'never answers': [() => {}, 'The operation was aborted due to timeout'],
};
for (const [what, [behave, why]] of Object.entries(FAILURES)) {
  test(`an aepipe that ${what} hurts no answer`, () =>
    reporting({ behave }, async ({ url, pipe, logged }) => {
      const [whole, stream] = [await send(url, chat('gpt-5.5#openai')), await send(url, chat('gpt-5.5#openai', { stream: true }))];
      assert.deepEqual([whole.status, whole.whole, stream.status, stream.whole], [200, true, 200, true]);
      assert.ok(stream.body.includes('[DONE]'));
      await until(() => pipe.got.length >= 4);
      if (what === 'never answers') return; // the answers were there at once; the runtime gives up after ten seconds
      const told = await until(() => logged('reports could not be delivered').length >= 4 && logged('reports could not be delivered'));
      assert.deepEqual([...new Set(told.map((line) => line.why))], [why]);
      assert.deepEqual([...new Set(told.map((line) => line.sink))].sort(), ['aepipe-raw', 'aepipe-requests']);
    }));
}

const OFF = {
  'no token': { bindings: { AepipeToken: '' } },
  'no address': { bindings: { AEPIPE_BASE_URL: '' } },
  'a token that is not in the store': { secrets: { AepipeToken: null } },
};
for (const [what, options] of Object.entries(OFF)) {
  test(`with ${what} nothing is reported, and nothing said`, () =>
    reporting(options, async ({ url, pipe, logged }) => {
      assert.equal((await send(url, chat('gpt-5.5#openai'))).status, 200);
      await until(() => logged('exchange').length === 1);
      assert.equal(pipe.got.length, 0);
      assert.equal(logged('reports could not be delivered').length, 0);
    }));
}

// A marker in every place where a credential can stand; none of them may turn up anywhere.
test('no credential is in any report or line', () =>
  reporting({ bindings: { DEBUG: 'true' } }, async ({ url, pipe, logged, log }) => {
    const marks = ['cookie', 'x-goog-api-key', 'api-key', 'proxy-authorization', 'x-api-key', 'cf-access-token', 'x-amz-security-token'];
    const planted = Object.fromEntries(marks.map((name, at) => [name, `canary-${at}-0123456789abcdef`]));
    const path = `${CHAT}?key=canary-query-0123456789abcdef&api_key=canary-query2-0123456789abcdef`;
    const more = { 'cf-aig-authorization': 'Bearer canary-aig-0123456789abcdef' };
    await send(url, { ...through('gpt-5.5'), path, headers: { ...through('').headers, ...planted, authorization: 'Bearer canary-own-0123456789abcdef' } });
    await send(url, { ...chat('gpt-5.5-echo-auth#openai'), path, headers: { ...chat('').headers, ...planted } });
    await send(url, { ...chat('gpt-5.5#openai'), path, headers: { ...JSON_TYPE, ...planted, ...more } });
    await send(url, { ...chat('gpt-5.5#openai', { stream: true }), headers: { ...chat('').headers, ...planted } });
    await until(() => pipe.points().length >= 4 && pipe.lines().length >= 4 && logged('exchange').length >= 4);
    const told = JSON.stringify(pipe.got.map(({ body }) => body)) + log();
    for (const secret of ['canary-', TOKEN, PIPE_TOKEN, 'openai-key-0003']) {
      const at = told.indexOf(secret);
      assert.equal(at, -1, told.slice(Math.max(0, at - 200), at + 60));
    }
  }));
