// Installs the clients that are not in package.json, each in a folder of its own: their dependencies contradict each other.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { CLIENTS } from './table.mjs';

/** Installs Python's packages in a tenth of the time. */
const UV = 'uv==0.13.9';
/** Several clients need a newer node than the tests do: it comes as a package, too. */
const NODE = 'node@24.21.0';
const STAMP = '.installed';

/** Where the packages of `client` are below `folder`. Clients with the same packages share them. */
export function home(folder, client) {
  const first = (client.needs.npm ?? client.needs.pip)[0];
  return join(folder, first.replace(/^@/, '').replace(/[^a-zA-Z0-9.-]+/g, '-'));
}

function call(command, args, cwd) {
  const done = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'], timeout: 15 * 60 * 1000 });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.error?.message ?? `exit ${done.status}`}`);
}

/** Installs once; what is wanted is remembered beside what was installed. */
function ensure(folder, wanted, install) {
  const stamp = join(folder, STAMP);
  const text = JSON.stringify(wanted);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === text) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  install(folder);
  writeFileSync(stamp, text);
}

const npm = (packages) => (folder) => {
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  call('npm', ['install', '--no-fund', '--no-audit', '--loglevel=error', '--save-exact', ...packages], folder);
};

const python = (packages) => (folder) => {
  call('python3', ['-m', 'venv', folder], folder);
  call(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages], folder);
};

const pip = (uv, packages) => (folder) => {
  call(uv, ['venv', '--quiet', '--allow-existing', '--python', 'python3', folder], folder);
  // Compiled once: a client is started many times, and the runner lets it write nothing.
  const own = ['--python', join(folder, 'bin', 'python'), '--compile-bytecode'];
  call(uv, ['pip', 'install', '--quiet', ...own, ...packages], folder);
};

export function install(folder, clients) {
  const uv = join(folder, 'uv', 'bin', 'uv');
  if (clients.some((client) => client.needs?.npm)) ensure(join(folder, 'node'), NODE, npm([NODE]));
  if (clients.some((client) => client.needs?.pip)) ensure(join(folder, 'uv'), UV, python([UV]));
  for (const client of clients) {
    const { needs } = client;
    if (!needs) continue;
    ensure(home(folder, client), needs, needs.npm ? npm(needs.npm) : pip(uv, needs.pip));
  }
}
