// The runtime by itself, without the simulation around it: for figures, where one hop more would count.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { COMPATIBILITY, RUNTIME } from './host.mjs';

const quoted = JSON.stringify;

export const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

// A Secrets Store is a service with get().
const STORE = `import { WorkerEntrypoint } from "cloudflare:workers";
export class Secret extends WorkerEntrypoint { async get() { return this.ctx.props.value; } }
export default {};`;

function modules(files) {
  const entry = ([name]) => `(name = ${quoted(name)}, ${name.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed ${quoted(name)})`;
  return Object.entries(files).map(entry).join(', ');
}

function configuration({ files, bindings, secrets, outbound, port }) {
  const secret = (value) => `service = (name = "store", entrypoint = "Secret", props = (json = ${quoted(quoted({ value }))}))`;
  const bound = [
    ...Object.entries(bindings).map(([name, text]) => `(name = ${quoted(name)}, text = ${quoted(text)})`),
    ...Object.entries(secrets).map(([name, value]) => `(name = ${quoted(name)}, ${secret(value)})`),
  ];
  const flags = COMPATIBILITY.flags.map(quoted).join(', ');
  const worker = (own, more) => `(modules = [${own}], compatibilityDate = ${quoted(COMPATIBILITY.date)}, ${more})`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "store", worker = .store),
    (name = "upstream", external = (address = ${quoted(outbound)}, http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = ${worker(modules(files), `compatibilityFlags = [${flags}], globalOutbound = "upstream", bindings = [${bound.join(', ')}]`)};
const store :Workerd.Worker = ${worker(`(name = "store.mjs", esModule = ${quoted(STORE)})`, '')};
`;
}

// files: { module: text or bytes }, the entry first. Whatever host a fetch names, `outbound` (host:port) answers it.
export async function startRuntime({ files, bindings = {}, secrets = {}, outbound }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'apex-runtime-'));
  for (const [name, content] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), content);
  const port = await freePort();
  const file = path.join(folder, 'worker.capnp');
  fs.writeFileSync(file, configuration({ files, bindings, secrets, outbound, port }));
  const child = spawn(RUNTIME, ['serve', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const connects = () =>
    new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
      socket.once('error', () => resolve(false));
    });
  for (const end = Date.now() + 15_000; !(await connects()); await new Promise((done) => setTimeout(done, 10))) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`the runtime did not start: ${file}`);
  }
  const stop = async () => {
    child.kill();
    await ended;
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${port}`, pid: child.pid, stop };
}

// CPU milliseconds a process has used, kernel included: of all its threads, in nanoseconds where the kernel counts them.
export function cpu(pid) {
  const threads = fs.readdirSync(`/proc/${pid}/task`);
  const used = (thread) => Number(fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return threads.reduce((sum, thread) => sum + used(thread), 0) / 1e6;
}

// Resident memory in MiB.
export const memory = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
