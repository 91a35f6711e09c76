// What the original TypeScript Worker answered to 72 requests, and what it sent, beside what ours does. The recordings
// are not part of the repository; without them there is nothing to compare. docs/worker.md tells users the same.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { startWorker } from './host.mjs';
import { DIST } from './setup.mjs';

const ORACLE = path.resolve(DIST, '../../../../shared/oracle');
const OBSERVED = path.join(ORACLE, 'apex-observed.jsonl');
const skip = fs.existsSync(OBSERVED) ? false : 'the recordings of the original are not here';

// `status` and `sent`: what differs, with the reason.
const KEY = 'one valid key is enough, whichever header it is in';
const ROUTES = 'routes are exact, and a known path tells which methods it takes';
const FAULT = "the client's mistake is a 4xx that says what to do";
const PROVIDER = 'required fields are for the provider to check';

const DIFFERENT = {
  'auth: both, bearer wrong': { status: KEY, sent: KEY },
  'GET chat': { status: ROUTES },
  'GET messages': { status: ROUTES },
  'OPTIONS, no auth': { status: 'without access-control-request-method it is no preflight' },
  'unknown path': { status: ROUTES },
  'path by substring': { status: ROUTES, sent: ROUTES },
  'chat: body null': { status: FAULT },
  'chat: model not a string': { status: FAULT },
  'chat: unknown provider': { status: FAULT },
  'chat: empty provider': { status: FAULT },
  'chat: provider case': { status: FAULT },
  'chat: two hashes': { status: 'the provider is what follows the last #', sent: 'nothing is sent for it' },
  'chat: mistral stream_options': { sent: 'stream_options is left out, not sent empty' },
  'chat: perplexity': { sent: 'the compat surface serves it' },
  'chat: upstream 503 empty': { status: "the provider's status is kept" },
  'chat: upstream resets': { status: 'an unreachable upstream is a 502' },
  'messages: missing max_tokens': { status: PROVIDER, sent: PROVIDER },
  'messages: empty messages': { status: PROVIDER, sent: PROVIDER },
  'messages: system role': { status: PROVIDER, sent: PROVIDER },
  'messages: unknown provider': { status: FAULT },
  'messages: empty tool arguments': { status: 'a call without arguments is a call' },
  'messages: no choices': { status: 'an answer without an answer is an error' },
  'messages: upstream 401': { status: "the gateway's key was refused, not the client's" },
  'messages: upstream resets': { status: 'an unreachable upstream is a 502' },
};

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

// The recorder sends the requests and plays the providers; ours goes there by the surface the original used.
async function replay() {
  const mock = await freePort();
  const config = { cloudflare: { surface: 'compat', base_url: `http://127.0.0.1:${mock}/v1` } };
  const worker = await startWorker({
    dist: DIST,
    bindings: { ACCOUNT_ID: 'acct1', GATEWAY_ID: 'gw1', AZURE_RESOURCE: 'res1', APEX_CONFIG: JSON.stringify(config) },
    secrets: { GatewayToken: 'test-token' },
  });
  try {
    const here = path.dirname(fileURLToPath(import.meta.url));
    const recorder = spawn(
      process.execPath,
      [path.join(ORACLE, 'apex-record.mjs'), '--target', worker.url, '--mock-port', String(mock)],
      { env: { ...process.env, NODE_DEPS: here }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let lines = '';
    recorder.stdout.setEncoding('utf8').on('data', (text) => (lines += text));
    const code = await new Promise((resolve) => recorder.on('exit', resolve));
    assert.equal(code, 0);
    return parsed(lines);
  } finally {
    await worker.stop();
  }
}

const parsed = (lines) => lines.trim().split('\n').map((line) => JSON.parse(line));
const sent = ({ upstream }) => upstream.map(({ url, body }) => ({ url, body: JSON.parse(body) }));

test('differs from the original only where this says so', { skip }, async () => {
  const theirs = parsed(fs.readFileSync(OBSERVED, 'utf8')).filter((line) => line.upstream);
  const ours = await replay();
  assert.equal(ours.length, theirs.length);
  const found = {};
  for (const [at, original] of theirs.entries()) {
    const name = original.case;
    assert.equal(ours[at].case, name);
    const differs = {};
    if (ours[at].status !== original.status) differs.status = `${original.status} -> ${ours[at].status}`;
    const [before, after] = [sent(original), sent(ours[at])];
    const translated = name.startsWith('messages:') && before.length === after.length;
    const same = translated
      ? before.every(({ url }, i) => url === after[i].url) // bodies are translated in full, with current names: see docs/worker.md
      : JSON.stringify(before) === JSON.stringify(after);
    if (!same) differs.sent = JSON.stringify([before, after]).slice(0, 300);
    if (Object.keys(differs).length) found[name] = differs;
  }
  const names = (list) => Object.entries(list).map(([name, what]) => [name, Object.keys(what).sort()]).sort();
  assert.deepEqual(names(found), names(DIFFERENT), JSON.stringify(found, null, 1));
});
