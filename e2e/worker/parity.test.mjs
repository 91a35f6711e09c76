// The same requests, good and bad, to the native gateway and to the Worker: what the client gets and what the upstream
// gets must be the same. What the hosts themselves decide is left out, each with its reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { NATIVE, send, TOKEN, upstream, UPSTREAM, WORKER } from './setup.mjs';

const KEY = { authorization: `Bearer ${TOKEN}` };
const JSON_TYPE = { 'content-type': 'application/json' };
const HOST = UPSTREAM.replace('http://', '');
const say = (text = 'hi there') => [{ role: 'user', content: text }];
const chat = (model, more = {}) => ({ model, messages: say(), ...more });
const msgs = (model, more = {}) => ({ model, max_tokens: 100, messages: say(), ...more });
const tool = { name: 'weather', description: 'd', input_schema: { type: 'object', properties: { city: { type: 'string' } } } };
const fn = { type: 'function', function: { name: 'weather', parameters: tool.input_schema } };
const cases = [];

function add(name, path, body, headers = KEY, more = {}) {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  cases.push({ name, method: 'POST', path, headers: { ...JSON_TYPE, ...headers }, body: text, ...more });
}

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const MODELS = { openai: 'gpt-5.5', anthropic: 'claude-sonnet-4-6' };

// Relay and translation, whole and streamed, and every way an upstream can fail.
const WAYS = ['', '-400', '-401', '-403', '-404', '-429', '-500', '-503', '-529', '-context', '-quota', '-html502'];
const MORE = ['-redirect', '-empty', '-garbage', '-err200', '-length', '-crlf', '-comments', '-gzip', '-close'];
for (const [provider, model] of Object.entries(MODELS)) {
  for (const way of [...WAYS, ...MORE]) {
    add(`chat ${provider}${way}`, CHAT, chat(`${model}${way}#${provider}`));
    add(`messages ${provider}${way}`, MESSAGES, msgs(`${model}${way}#${provider}`));
  }
  for (const way of ['', '-burst-50', '-err-mid', '-truncate', '-cut-900', '-crlf', '-comments', '-err200', '-429']) {
    add(`chat stream ${provider}${way}`, CHAT, chat(`${model}${way}#${provider}`, { stream: true }));
    add(`messages stream ${provider}${way}`, MESSAGES, msgs(`${model}${way}#${provider}`, { stream: true }));
  }
  add(`chat tools ${provider}`, CHAT, chat(`${model}#${provider}`, { tools: [fn], messages: say('weather in Paris?') }));
  add(`messages tools ${provider}`, MESSAGES, msgs(`${model}#${provider}`, { tools: [tool], messages: say('weather?') }));
  // Elsewhere each counts by itself, and not alike.
  if (provider === 'anthropic') {
    add(`count ${provider}`, '/v1/messages/count_tokens', { model: `${model}#${provider}`, messages: say() });
  }
  // Only the native gateway of these suites keeps replies.
  add(`responses ${provider}`, '/v1/responses', { model: `${model}#${provider}`, input: 'hi', store: false });
}
for (const model of ['m#groq', 'm#mistral', 'm#deepseek', 'm#google-ai-studio', 'dep#azure-openai', 'm#local', 'fast']) {
  add(`chat ${model}`, CHAT, chat(model, { temperature: 0.5 }));
}
add('embeddings', '/v1/embeddings', { model: 'text-embedding-3-small#openai', input: 'hi' });
add('bare name with a default', MESSAGES, msgs('claude-haiku-4-5'));
add('the bare path', '/chat/completions', chat('gpt-5.5#openai'));
add('the doubled path', '/v1/v1/messages', msgs('gpt-5.5#openai'));
add('a query', `${MESSAGES}?beta=true`, msgs('claude-sonnet-4-6#anthropic'), { 'x-api-key': TOKEN, 'anthropic-beta': 'b' });
add('numbers and escapes stay', CHAT, `{"model":"gpt-5.5-lax#local","messages":[],"n":1e2,"x":123456789012345678901234567890,"\\u0061":"\\ud83d\\ude00"}`);
add('a large body', CHAT, chat('gpt-5.5#local', { messages: say('x'.repeat(900_000)) }));

// Refusals.
for (const [name, headers] of Object.entries({
  'no key': {},
  'a wrong key': { authorization: 'Bearer nope' },
  'another scheme': { authorization: 'Basic abc' },
  'the key as x-api-key': { 'x-api-key': TOKEN },
  'the key for Cloudflare and an own one': { 'cf-aig-authorization': `Bearer ${TOKEN}`, authorization: 'Bearer sk-own' },
  'two keys, one right': { authorization: 'Bearer nope', 'x-api-key': TOKEN },
})) {
  add(name, CHAT, chat('gpt-5.5#openai'), headers);
  add(`${name}, messages`, MESSAGES, msgs('claude-sonnet-4-6#anthropic'), headers);
}
for (const [name, body] of Object.entries({
  'no JSON': '{nope',
  'an empty body': '',
  null: 'null',
  'no model': { messages: [] },
  'a model that is a number': { model: 7, messages: [] },
  'a model without provider': chat('gpt-4o'),
  'an unknown provider': chat('m#nosuch'),
  'an empty provider': chat('m#'),
  'two models': '{"model":"a#openai","model":"b#openai"}',
  'two streams': '{"model":"a#openai","stream":true,"stream":false}',
})) {
  add(name, CHAT, body);
  add(`${name}, messages`, MESSAGES, body);
}
add('another media type', CHAT, 'x', { ...KEY, 'content-type': 'text/plain' });
add('a bad mapping', CHAT, chat('a#openai'), { ...KEY, 'x-apex-ai-proxy-mapping': 'a' });
add('a mapping', CHAT, chat('a#openai'), { ...KEY, 'x-apex-ai-proxy-mapping': 'a#gpt-5.5' });
add('strict', MESSAGES, msgs('gpt-5.5#openai', { top_k: 5 }), { ...KEY, 'x-apex-strict': 'true' });
add('a circle', CHAT, chat('a#openai'), { ...KEY, 'x-apex-hops': '8' });
for (const [method, path] of [
  ['GET', CHAT],
  ['GET', MESSAGES],
  ['GET', '/'],
  ['GET', '/foo/messages/batches'],
  ['GET', '/healthz'],
  ['GET', '/readyz'],
  ['HEAD', '/api/hello'],
  ['GET', '/v1/models/nope'],
  ['GET', '/v1/models/gpt-5.5%23openai'],
  ['DELETE', '/v1/models'],
  ['PUT', CHAT],
]) {
  cases.push({ name: `${method} ${path}`, method, path, headers: KEY });
}
const page = { origin: 'https://a.example', 'access-control-request-method': 'POST' };
cases.push({ name: 'a preflight', method: 'OPTIONS', path: CHAT, headers: { ...page, 'access-control-request-headers': 'x-api-key,x-foo,anthropic-version' } });
cases.push({ name: 'models', method: 'GET', path: '/v1/models', headers: KEY });
cases.push({ name: 'models, anthropic', method: 'GET', path: '/v1/models', headers: { ...KEY, 'anthropic-version': '2023-06-01' } });
cases.push({ name: 'a page', method: 'POST', path: CHAT, headers: { ...JSON_TYPE, ...KEY, ...page }, body: JSON.stringify(chat('gpt-5.5#openai')) });

// Mode 2.
const through = (base = '') => ({ 'x-apex-ai-proxy-provider': HOST + base, 'x-apex-ai-proxy-type': 'chat-completions' });
const own = { authorization: 'Bearer sk-own' };
add('passthrough', CHAT, chat('gpt-5.4'), { ...through(), ...own });
add('passthrough, messages', MESSAGES, msgs('claude-sonnet-4-6'), { ...through('/api/anthropic'), 'x-api-key': 'sk-own' });
add('passthrough stream', CHAT, chat('gpt-5.4', { stream: true }), { ...through(), ...own });
add('passthrough of no JSON', '/anything?x=1&y=%20', 'not json', { ...through(), ...own, 'content-type': 'text/plain' });
add('passthrough with a mapping', CHAT, chat('a'), { ...through(), ...own, 'x-apex-ai-proxy-mapping': 'a#gpt-5.5' });
add('passthrough mapping, no JSON', CHAT, 'x', { ...through(), ...own, 'content-type': 'text/plain', 'x-apex-ai-proxy-mapping': 'a#b' });
add('passthrough with the gateway key', CHAT, chat('a'), { ...through(), ...KEY });
add('passthrough of a 429', CHAT, chat('gpt-5.5-429'), { ...through(), ...own });
add('passthrough of a redirect', CHAT, chat('gpt-5.5-redirect'), { ...through(), ...own });
add('passthrough of a cut reply', CHAT, chat('gpt-5.5-cut-300'), { ...through(), ...own });
for (const host of ['127.0.0.1:1', '169.254.169.254', 'localhost', 'a b', 'https://x', '127.1', '[::1]', 'u@h']) {
  add(`passthrough to ${host}`, CHAT, chat('a'), { 'x-apex-ai-proxy-provider': host, ...own });
}
cases.push({ name: 'passthrough GET', method: 'GET', path: '/v1/models', headers: { ...through(), ...own } });

// Left out, because the host decides it: framing and connection; `date` where the gateway has none to relay;
// `server-timing` and ids, which differ by nature; and `vary`, which the simulation adds when it may compress.
const OWN = ['connection', 'keep-alive', 'transfer-encoding', 'date', 'server-timing', 'x-apex-request-id', 'vary'];
// Sent by the runtime itself: its mark.
const RUNTIME = ['cf-worker', 'host', 'connection', 'content-length', 'transfer-encoding'];
const IDS = /\b(req|msg|chatcmpl|resp|call|toolu|fc|rs)[-_][0-9A-Za-z]{12,}/g;
const MOMENTS = /"(created|created_at|completed_at)":\d+/g;

const masked = (text) => text.replace(IDS, '$1_*').replace(MOMENTS, '"$1":0').replaceAll(UPSTREAM, 'UPSTREAM');

function seen(reply) {
  // Framing is the host's.
  const headers = new Map(Object.entries(reply.headers).filter(([name]) => ![...OWN, 'content-length'].includes(name)));
  let body = reply.body;
  // The runtime undoes what an upstream compressed, the native gateway hands it on as it came.
  if (headers.get('content-encoding') === 'gzip') {
    headers.delete('content-encoding');
    body = gunzipSync(body);
  }
  if (/-gzip/.test(headers.get('x-apex-model'))) {
    // And what is not unpacked cannot be read for its cost.
    headers.delete('x-apex-cost');
  }
  return {
    status: reply.status,
    whole: reply.whole,
    headers: Object.fromEntries([...headers].map(([name, value]) => [name, masked(String(value))]).sort()),
    // The upstream's echo of the headers it got: those are compared below.
    body: masked(body.toString('utf8')).replace(/"headers":\[\[.*?\]\]/, '"headers":[]'),
  };
}

function sent(request) {
  const headers = request.headers.map(([name, value]) => [name.toLowerCase(), value]);
  // Where the client says nothing the runtime says what it can undo.
  const added = ([name, value]) => name === 'accept-encoding' && value === 'br, gzip';
  const kept = headers.filter((header) => !RUNTIME.includes(header[0]) && !added(header)).sort();
  return { method: request.method, target: request.target, headers: kept, body: request.body };
}

async function both(base, request) {
  await upstream.clear();
  const reply = seen(await send(base, request));
  return { reply, upstream: (await upstream.requests()).map(sent) };
}

for (const request of cases) {
  test(request.name, async () => {
    assert.deepEqual(await both(WORKER, request), await both(NATIVE, request));
  });
}
