// The built Worker in the real runtime, on a loopback port.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
// Releases of the runtime differ in what they tell of a broken connection (docs/worker.md): where the pinned one exists
// it is used, else the one that miniflare brings.
const cpu = process.arch === 'x64' ? '64' : process.arch;
export const RUNTIME = resolved(`@cloudflare/workerd-${process.platform}-${cpu}/bin/workerd`);
if (RUNTIME) process.env.MINIFLARE_WORKERD_PATH ??= RUNTIME;
const { Miniflare } = await import('miniflare');

function resolved(name) {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}

// As in wrangler.example.jsonc.
export const COMPATIBILITY = { date: '2026-04-01', flags: ['enable_request_signal'] };

// bindings: vars and plain secrets; secrets: in a Secrets Store, { binding: value }, null for one that does not exist.
export async function startWorker({ dist, bindings = {}, secrets = {}, port = 0, log }) {
  const root = path.resolve(dist);
  const stored = Object.entries(secrets);
  const worker = new Miniflare({
    host: '127.0.0.1',
    port,
    cf: false,
    telemetry: { enabled: false },
    handleRuntimeStdio(out, err) {
      for (const stream of [out, err]) stream.setEncoding('utf8').on('data', log ?? (() => {}));
    },
    workers: [
      {
        name: 'apex',
        rootPath: root,
        modulesRoot: root,
        modules: [
          { type: 'ESModule', path: 'index.js' },
          { type: 'CompiledWasm', path: 'index_bg.wasm' },
        ],
        compatibilityDate: COMPATIBILITY.date,
        compatibilityFlags: COMPATIBILITY.flags,
        bindings,
        secretsStoreSecrets: Object.fromEntries(
          stored.map(([name]) => [name, { store_id: 'store', secret_name: name }]),
        ),
      },
    ],
  });
  const { origin } = await worker.ready;
  for (const [name, value] of stored) {
    if (value !== null) await (await worker.getSecretsStoreSecretAPI(name, 'apex'))().create(value);
  }
  return { url: origin, stop: () => worker.dispose() };
}

// A configuration file as the JSON of APEX_CONFIG. Knows what the files of this folder's parent use: tables, strings,
// numbers, truths and arrays of strings.
export function configuration(file, environment) {
  const root = {};
  let table = root;
  for (const raw of fs.readFileSync(file, 'utf8').split('\n')) {
    const line = raw.replace(/\s*#(?=(?:[^"]*"[^"]*")*[^"]*$).*/, '').trim();
    if (!line) continue;
    const head = /^\[(.+)\]$/.exec(line);
    if (head) {
      table = head[1].split('.').reduce((at, key) => (at[unquoted(key)] ??= {}), root);
      continue;
    }
    const [, key, value] = /^("[^"]*"|[\w-]+)\s*=\s*(.+)$/.exec(line) ?? assertLine(file, line);
    const text = value.replace(/\$\{(\w+)\}/g, (_, name) => environment[name] ?? '');
    table[unquoted(key)] = JSON.parse(text);
  }
  return root;
}

const unquoted = (key) => key.trim().replace(/^"(.*)"$/, '$1');

function assertLine(file, line) {
  throw new Error(`${file}: not understood: ${line}`);
}
