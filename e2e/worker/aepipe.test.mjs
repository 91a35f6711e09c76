// Both hosts report to a real aepipe, and its own queries give back what was reported. It needs a checkout of aepipe
// (E2E_AEPIPE) and ClickHouse in Python (`pip install chdb`; E2E_AEPIPE_PYTHON names the python that has it).
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { startAepipe } from './aepipe.mjs';
import { startWorker } from './host.mjs';
import { DIST, NATIVE_BINARY, send, UPSTREAM } from './setup.mjs';

const CHECKOUT = process.env.E2E_AEPIPE;
const PYTHON = process.env.E2E_AEPIPE_PYTHON ?? 'python3';
const lacking = () => {
  if (!CHECKOUT) return 'E2E_AEPIPE names no checkout of aepipe';
  return spawnSync(PYTHON, ['-c', 'import chdb']).status === 0 ? undefined : `${PYTHON} has no chdb`;
};

const TOKEN = 'gateway-token-0001';
const PIPE_TOKEN = 'aepipe-token-0002';
const STORE = 'apex-ai-proxy/requests';
const JSON_TYPE = { 'content-type': 'application/json' };
const HEADERS = { ...JSON_TYPE, authorization: `Bearer ${TOKEN}`, 'user-agent': 'aepipe-test/1' };
const CONFIG = {
  providers: {
    openai: { base_url: `${UPSTREAM}/openai/v1`, via: 'direct', dialects: ['openai-chat'], api_key: 'openai-key-0003' },
    anthropic: { base_url: `${UPSTREAM}/anthropic/v1`, via: 'direct', api_key: 'anthropic-key-0004' },
  },
  passthrough: { allow_hosts: [UPSTREAM] },
  prices: { rows: [{ providers: ['openai', 'anthropic'], models: ['gpt-4.1', 'claude-sonnet-4-5'], input: 3, output: 12 }] },
};

// docs/reporting.md: the column of a point, and the field of the log line that says the same.
const TEXTS = {
  blob6: 'request_id', blob7: 'provider', blob8: 'model', blob9: 'upstream_model', blob10: 'mode', blob11: 'outcome',
  blob13: 'client_dialect', blob14: 'upstream_dialect', blob15: 'via', blob16: 'label', blob17: 'error', blob18: 'stop',
  blob19: 'adjustments', blob20: 'user_agent',
};
const NUMBERS = {
  double1: 'status', double2: 'duration_ms', double3: 'request_bytes', double4: 'response_bytes', double5: 'upstream_bytes',
  double6: 'upstream_status', double7: 'upstream_head_ms', double8: 'first_byte_ms', double9: 'first_content_ms',
  double10: 'input_tokens', double11: 'cache_read_tokens', double12: 'cache_write_tokens', double13: 'output_tokens',
  double14: 'reasoning_tokens', double15: 'cost_micros', double16: 'attempts',
};

const content = (more) => ({ messages: [{ role: 'user', content: 'hi there' }], max_tokens: 100, ...more });
const asked = [
  ['a relayed reply', '/v1/chat/completions', content({ model: 'gpt-4.1#openai' })],
  ['a relayed stream', '/v1/chat/completions', content({ model: 'gpt-4.1#openai', stream: true })],
  ['a translated stream', '/v1/messages', content({ model: 'gpt-4.1#openai', stream: true })],
  ['a translated reply', '/v1/chat/completions', content({ model: 'claude-sonnet-4-5#anthropic', stop: ['x'], seed: 1 })],
  ['a refusal', '/v1/messages', content({ model: 'm#nosuch' })],
  ['an error of the provider', '/v1/chat/completions', content({ model: 'gpt-4.1-429#openai' })],
  ['a passthrough', '/openai/v1/chat/completions', content({ model: 'gpt-4.1' }), { 'x-apex-ai-proxy-provider': UPSTREAM.replace('http://', ''), 'x-apex-ai-proxy-type': 'own-label', authorization: 'Bearer own-key-0005' }],
];

async function until(found) {
  for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((done) => setTimeout(done, 20))) {
    const value = await found();
    if (value) return value;
  }
  assert.fail('waited for 15 s');
}

// Both hosts say every exchange in a line, too: what is in it must be in the point.
const lines = [];
const heard = (line) => line.includes('"message":"exchange"') && lines.push(JSON.parse(line));

// JSON's strings, numbers and truths are TOML's.
const members = (object) => Object.entries(object).map(([name, value]) => `${name} = ${toml(value)}`);
function toml(value) {
  if (Array.isArray(value)) return `[${value.map(toml).join(', ')}]`;
  return value?.constructor === Object ? `{ ${members(value).join(', ')} }` : JSON.stringify(value);
}

async function native(pipe) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'apex-aepipe-'));
  const file = path.join(folder, 'config.toml');
  const config = { ...CONFIG, listen: '127.0.0.1:0', gateway_token: TOKEN, data_dir: folder, aepipe: { base_url: pipe.url, token: PIPE_TOKEN } };
  fs.writeFileSync(file, members(config).join('\n'));
  const environment = { PATH: process.env.PATH, HOME: folder };
  const child = spawn(NATIVE_BINARY, ['--config', file, '--log-format', 'json'], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const all = [];
  for (const input of [child.stdout, child.stderr]) readline.createInterface({ input }).on('line', (line) => (all.push(line), heard(line)));
  const url = await until(() => all.map((line) => /listening on (http:[^\s"]+)/.exec(line)?.[1]).find(Boolean));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop };
}

function worker(pipe) {
  const bindings = { GatewayToken: TOKEN, APEX_CONFIG: JSON.stringify(CONFIG), AEPIPE_BASE_URL: pipe.url, AepipeToken: PIPE_TOKEN };
  return startWorker({ dist: DIST, bindings, log: (text) => text.split('\n').forEach(heard) });
}

const HOSTS = { native, worker };

describe('a real aepipe', { skip: lacking() }, () => {
  let pipe;
  // Of each host: what was asked, and the id of its answer.
  const answers = {};

  before(async () => {
    pipe = await startAepipe({ checkout: CHECKOUT, python: PYTHON, token: PIPE_TOKEN });
    for (const [name, start] of Object.entries(HOSTS)) {
      const host = await start(pipe);
      answers[name] = [];
      for (const [what, at, body, headers] of asked) {
        const reply = await send(host.url, { path: at, headers: { ...HEADERS, ...headers }, body: JSON.stringify(body) });
        answers[name].push({ what, reply, body, id: reply.headers['x-apex-request-id'] });
      }
      const ids = answers[name].map(({ id }) => id);
      const has = (id) => pipe.points.some(({ blobs }) => blobs[5] === id) && pipe.logs.some(({ request_id: own, request_headers: raw }) => raw && own === id);
      await until(() => ids.every((id) => has(id) && lines.some((line) => line.request_id === id)));
      await host.stop();
    }
  });
  after(() => pipe?.stop());

  const query = async (sql) => (await pipe.ask(`${STORE}/query`, { sql })).data;

  for (const host of Object.keys(HOSTS)) {
    for (const [at, [what]] of asked.entries()) {
      test(`${host}: its query gives back the point of ${what}`, async () => {
        const { reply, body, id } = answers[host][at];
        const found = await query(`SELECT * FROM aepipe WHERE blob6 = '${id}'`);
        assert.equal(found.length, 1);
        const [point] = found;
        const line = lines.find(({ request_id: own }) => own === id);
        assert.deepEqual([point.blob1, point.blob2, point.blob3, point.index1], ['apex-ai-proxy', 'requests', 'request', STORE]);
        for (const [column, field] of Object.entries(TEXTS)) assert.equal(point[column], line[field] ?? '', `${column}, ${field}`);
        for (const [column, field] of Object.entries(NUMBERS)) assert.equal(point[column], line[field] ?? -1, `${column}, ${field}`);
        assert.equal(point.blob12, `POST ${asked[at][1]}`);
        assert.deepEqual([point.double1, point.double3, point.double4], [reply.status, Buffer.byteLength(JSON.stringify(body)), reply.body.length]);
        assert.equal(point.double17, body.stream ? 1 : 0);
        assert.ok(Math.abs(point.double18 - Date.now()) < 600_000);
        assert.ok(point.double16 === 0 ? point.double19 === -1 : point.double19 >= 0);
      });
    }

    test(`${host}: its raw log gives back the lines`, async () => {
      const { logs } = await pipe.ask('apex-ai-proxy/raw/rawlog', { limit: 200 });
      for (const { what, id, reply, body } of answers[host]) {
        const { data } = logs.find((one) => one.data.request_id === id);
        assert.equal(data.request_body, JSON.stringify(body), what);
        assert.equal(data.status, reply.status, what);
        if (!body.stream) assert.equal(data.response_body, reply.body.toString(), what);
        else assert.equal(data.response_body_reassembled, true, what);
      }
      assert.ok(!JSON.stringify(logs).includes('own-key-0005'));
    });
  }

  test('every example of the documentation runs', async () => {
    const document = fs.readFileSync(path.resolve(DIST, '../../../docs/reporting.md'), 'utf8');
    const blocks = [...document.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, block]) => block).filter((block) => block.includes('FROM aepipe'));
    const examples = blocks.flatMap((block) => block.split('\n\n'));
    assert.ok(examples.length >= 3);
    const told = [];
    for (const sql of examples) told.push(await query(sql.trim()));
    assert.ok(told.every((rows) => rows.length > 0), JSON.stringify(told));
    // 2 hosts, 6 requests each in gateway mode; the sums are those of the points.
    const [models, days] = told;
    assert.equal(models.reduce((sum, { requests }) => sum + Number(requests), 0), 2 * asked.length);
    assert.equal(models.reduce((sum, { errors }) => sum + Number(errors), 0), 2 * 2);
    const known = pipe.points.map(({ doubles }) => doubles[14]).filter((micros) => micros > 0);
    assert.equal(known.length, 2 * 3, 'each reply that told its tokens');
    const dollars = known.reduce((sum, micros) => sum + micros, 0) / 1e6;
    assert.ok(Math.abs(days.reduce((sum, day) => sum + day.dollars, 0) - dollars) < 1e-9);
  });

  test('it lists the project and its stores', async () => {
    assert.deepEqual(await (await fetch(`${pipe.url}/v1/projects`, { headers: { authorization: `Bearer ${PIPE_TOKEN}` } })).json(), { projects: ['apex-ai-proxy'] });
  });
});
