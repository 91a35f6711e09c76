// A real aepipe, from a checkout of its source, in the real runtime. Cloudflare's half is played here: what it writes to
// Analytics Engine is kept in a table of ClickHouse (analytics.py), its lines for Workers Logs in a list, and its own
// questions to Cloudflare's API are answered from both.
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { RUNTIME } from './host.mjs'; // first: it names the runtime that miniflare takes
import esbuild from 'esbuild';
import { Miniflare, Response } from 'miniflare';

void RUNTIME;
const SCRIPT = fileURLToPath(new URL('analytics.py', import.meta.url));
const API = 'https://api.cloudflare.com/client/v4/accounts/account-1';
const API_TOKEN = 'api-token-1';
const POINT = 'point of analytics engine ';

async function bundle(checkout) {
  const entry = path.join(checkout, 'src/index.ts');
  const { outputFiles } = await esbuild.build({ entryPoints: [entry], bundle: true, format: 'esm', target: 'es2022', platform: 'neutral', write: false });
  return outputFiles[0].text;
}

// One question, one answer, in order.
function startTables(python) {
  const child = spawn(python, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  readline.createInterface({ input: child.stdout }).on('line', (line) => waiting.shift().resolve(JSON.parse(line)));
  child.once('exit', (code) => waiting.splice(0).forEach(({ reject }) => reject(new Error(`${SCRIPT} ended with ${code}`))));
  const ask = (question) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify(question)}\n`);
    });
  return { ask, stop: () => child.kill() };
}

// Cloudflare's API, as far as aepipe asks it.
async function cloudflare(request, tables, logs) {
  const body = await request.text();
  if (request.headers.get('authorization') !== `Bearer ${API_TOKEN}`) return new Response('no token', { status: 403 });
  if (request.url === `${API}/analytics_engine/sql`) {
    const { answer, error } = await tables.ask({ sql: body });
    return error ? new Response(error, { status: 422 }) : Response.json(answer);
  }
  if (request.url === `${API}/workers/observability/telemetry/query`) {
    const { filters, limit } = JSON.parse(body).parameters;
    const own = filters.filter(({ key }) => !key.startsWith('$'));
    const found = logs.filter((line) => own.every(({ key, value }) => line[key] === value)).slice(-limit);
    const events = found.map((source) => ({ source, timestamp: Date.now(), $metadata: { level: source.level } }));
    return Response.json({ success: true, errors: [], result: { events: { count: events.length, events } } });
  }
  return new Response(`not played here: ${request.url}`, { status: 404 });
}

export async function startAepipe({ checkout, python, token }) {
  const tables = startTables(python);
  const [logs, points] = [[], []];
  const heard = (line) => {
    if (line.startsWith(POINT)) {
      const point = JSON.parse(line.slice(POINT.length));
      points.push(point);
      tables.ask({ points: [point] });
    } else if (line.startsWith('{')) logs.push(JSON.parse(line));
  };
  const script = (contents) => [{ type: 'ESModule', path: 'index.mjs', contents }];
  const worker = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    handleRuntimeStdio(out, err) {
      for (const input of [out, err]) readline.createInterface({ input }).on('line', heard);
    },
    workers: [
      {
        name: 'aepipe',
        modules: script(await bundle(checkout)),
        compatibilityDate: '2025-04-01', // as in its wrangler.toml
        bindings: { ADMIN_TOKEN: token, CF_ACCOUNT_ID: API.split('/').at(-1), CF_API_TOKEN: API_TOKEN },
        wrappedBindings: { LOGS: { scriptName: 'analytics-engine' } },
        outboundService: (request) => cloudflare(request, tables, logs),
      },
      {
        name: 'analytics-engine',
        modules: script(`export default () => ({ writeDataPoint: (point) => console.log(${JSON.stringify(POINT)} + JSON.stringify(point)) });`),
      },
    ],
  });
  const { origin } = await worker.ready;
  const ask = async (route, body) => {
    const reply = await fetch(`${origin}/v1/${route}`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(body) });
    const told = await reply.json();
    if (!reply.ok) throw new Error(`${route}: ${reply.status} ${told.error}`);
    return told;
  };
  const stop = async () => {
    await worker.dispose();
    tables.stop();
  };
  return { url: origin, points, logs, ask, stop };
}
