// What a request costs in the Worker: CPU time of the runtime's process, ours beside a few lines of JavaScript and, from
// a checkout of it, the original TypeScript Worker. `cargo xtask worker-bench` builds first.
//   bench.mjs DIST [--original CHECKOUT] [--rounds N] [--only TEXT] [--kinds json,paced,burst,piece]
// CPU time, not wall time, so that it holds on a busy machine. Rounds of all programs are
// interleaved, and the lowest counts: whatever else the machine does only adds.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { cpu, startRuntime } from './runtime.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    original: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    kinds: { type: 'string', default: 'json,paced,burst,piece' },
  },
});
const DIST = path.resolve(positionals[0]);
const TOKENS = 200;
const TOKEN = 'bench-token';
const AT_A_TIME = 4;
const PACE = 5; // milliseconds
// Requests of one round.
const ROUND = { json: 200, paced: 8, burst: 40, piece: 80 };
const TITLES = { json: 'JSON', paced: `${TOKENS} chunks ${PACE} ms apart`, burst: 'all at once', piece: 'in one piece' };

// ---- the provider

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const USAGE = { prompt_tokens: 11, completion_tokens: TOKENS, total_tokens: TOKENS + 11 };
const ANSWER = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello there' }, finish_reason: 'stop' }],
  usage: USAGE,
});
const event = (delta, finish_reason = null) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const EVENTS = [
  ...Array.from({ length: TOKENS }, () => event({ content: 'lorem ipsum ' })),
  event({}, 'stop'),
  'data: [DONE]\n\n',
];

async function answer(kind, reply) {
  if (kind === 'json') {
    reply.writeHead(200, { 'content-type': 'application/json' });
    return reply.end(ANSWER);
  }
  reply.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const text of kind === 'piece' ? [EVENTS.join('')] : EVENTS) {
    reply.write(text);
    if (kind === 'paced') await pause(PACE);
  }
  reply.end();
}

const provider = http.createServer((request, reply) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text) => (body += text));
  request.on('end', () => {
    const kind = /kind:(\w+)/.exec(body)?.[1];
    if (kind) answer(kind, reply);
    else reply.end('{}'); // a report
  });
});
provider.on('connection', (socket) => socket.setNoDelay(true));
provider.keepAliveTimeout = 60_000;
await new Promise((listening) => provider.listen(0, '127.0.0.1', listening));
const outbound = `127.0.0.1:${provider.address().port}`;

// ---- the programs

// Ten lines of JavaScript each: what the runtime itself costs.
const REFERENCE = {
  'JavaScript: untouched': 'return new Response(reply.body, reply);',
  'JavaScript: read and written': `
    const { readable, writable } = new IdentityTransformStream();
    const reader = reply.body.getReader(), writer = writable.getWriter();
    context.waitUntil((async () => {
      for (let step; !(step = await reader.read()).done; ) await writer.write(step.value);
      await writer.close();
    })());
    return new Response(readable, reply);`,
  'JavaScript: tee()': `
    const [out, tap] = reply.body.tee();
    context.waitUntil((async () => { const reader = tap.getReader(); while (!(await reader.read()).done); })());
    return new Response(out, reply);`,
};
const reference = (body) => `export default { async fetch(request, env, context) {
  const { method, headers } = request;
  const reply = await fetch("http://provider.example/", { method, headers, body: await request.arrayBuffer() });
  ${body}
} };`;

async function original(checkout) {
  const options = { bundle: true, format: 'esm', target: 'es2022', platform: 'neutral', write: false, logLevel: 'error' };
  const entryPoints = [path.join(checkout, 'src/index.ts')];
  return (await build({ ...options, entryPoints, external: ['cloudflare:*', 'node:*'] })).outputFiles[0].text;
}

const ours = Object.fromEntries(['index.js', 'index_bg.wasm'].map((name) => [name, fs.readFileSync(path.join(DIST, name))]));
const names = { ACCOUNT_ID: 'account', GATEWAY_ID: 'gateway', AZURE_RESOURCE: 'resource' };
const secrets = { GatewayToken: TOKEN };
// The original knows no other dialect of this provider.
const providers = { openai: { dialects: ['openai-chat'] } };
const CONFIG = JSON.stringify({ providers });
const COUNTED = JSON.stringify({ providers, passthrough: { max_concurrent: 1000 } });
const THROUGH = { 'x-apex-ai-proxy-provider': 'provider.example', authorization: 'Bearer own' };
const CHAT = { path: '/v1/chat/completions' };
const MESSAGES = { path: '/v1/messages' };
const reporting = { AEPIPE_BASE_URL: 'http://aepipe.example' };

// What runs, and which requests it gets.
const PROGRAMS = [
  { files: ours, bindings: { ...names, APEX_CONFIG: CONFIG }, secrets, ways: { relay: CHAT, translation: MESSAGES, passthrough: { ...CHAT, headers: THROUGH } } },
  { files: ours, bindings: { ...names, APEX_CONFIG: COUNTED }, secrets, ways: { 'passthrough, pumped': { ...CHAT, headers: THROUGH } } },
  { files: ours, bindings: { ...names, ...reporting, APEX_CONFIG: CONFIG }, secrets: { ...secrets, AepipeToken: 'bench' }, ways: { 'relay, reported': CHAT } },
  ...Object.entries(REFERENCE).map(([name, body]) => ({ files: { 'worker.mjs': reference(body) }, ways: { [name]: CHAT } })),
];
if (options.original) {
  const files = { 'worker.mjs': await original(path.resolve(options.original)) };
  PROGRAMS.push({ files, bindings: names, secrets, ways: { 'original: relay': CHAT, 'original: translation': MESSAGES } });
}

// ---- the load

function request(url, { path, headers }, kind, agent) {
  const content = `kind:${kind}`;
  const body = JSON.stringify({ model: 'm#openai', max_tokens: 100, stream: kind !== 'json', messages: [{ role: 'user', content }] });
  const all = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers };
  return new Promise((resolve, reject) => {
    const sent = http.request(new URL(path, url), { method: 'POST', agent, headers: all }, (reply) => {
      let said = '';
      reply.setEncoding('utf8').on('data', (text) => (said += text));
      reply.on('error', reject);
      reply.on('end', () => {
        const whole = kind === 'json' ? said.includes('Hello there') : said.split('lorem ipsum').length === TOKENS + 1;
        if (reply.statusCode === 200 && whole) resolve();
        else reject(new Error(`${path} ${kind}: ${reply.statusCode} ${said.slice(0, 300)}`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function load(url, way, kind, count) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_A_TIME });
  let left = count;
  const one = async () => {
    while (left-- > 0) await request(url, way, kind, agent);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
  agent.destroy();
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const kinds = options.kinds.split(',');
const rows = [];
for (const program of PROGRAMS) {
  const ways = Object.entries(program.ways).filter(([name]) => name.includes(options.only));
  if (ways.length === 0) continue;
  const runtime = await startRuntime({ ...program, outbound });
  for (const [name, way] of ways) rows.push({ name, way, runtime, figures: Object.fromEntries(kinds.map((kind) => [kind, []])) });
}
try {
  for (const { way, runtime } of rows) for (const kind of kinds) await load(runtime.url, way, kind, ROUND[kind]); // compiles what is hot
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const { way, runtime, figures } of rows) {
      for (const kind of kinds) {
        const before = cpu(runtime.pid);
        await load(runtime.url, way, kind, ROUND[kind]);
        figures[kind].push((cpu(runtime.pid) - before) / ROUND[kind]);
      }
    }
  }
  console.log(`CPU ms per request, lowest of ${options.rounds} rounds (median)\n`);
  console.log(`| | ${kinds.map((kind) => TITLES[kind]).join(' | ')} |\n|---|${'---|'.repeat(kinds.length)}`);
  for (const { name, figures } of rows) {
    const cell = (kind) => `${Math.min(...figures[kind]).toFixed(2)} (${median(figures[kind]).toFixed(2)})`;
    console.log(`| ${name} | ${kinds.map(cell).join(' | ')} |`);
  }
  const found = (name) => rows.find((row) => row.name === name);
  for (const way of ['relay', 'translation']) {
    const [our, their] = [found(way), found(`original: ${way}`)];
    if (!our || !their) continue;
    const ratio = (kind) => (Math.min(...our.figures[kind]) / Math.min(...their.figures[kind])).toFixed(2);
    console.log(`| ${way}, times the original | ${kinds.map(ratio).join(' | ')} |`);
  }
} finally {
  for (const runtime of new Set(rows.map((row) => row.runtime))) await runtime.stop();
  provider.closeAllConnections();
  provider.close();
}
