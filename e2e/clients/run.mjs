// Runs one client as a process of its own, in an empty home, with nothing of the developer's set-up.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { end, mark } from './processes.mjs';

const TIMEOUT = Number(process.env.APEX_CLIENT_TIMEOUT ?? 120) * 1000;

/** A folder with `home` and `work`, and a note in `work` whose text no model can guess. */
export async function place(name) {
  const root = await mkdtemp(join(tmpdir(), `${name}-`));
  const [home, work] = [join(root, 'home'), join(root, 'work')];
  await mkdir(home);
  await mkdir(work);
  const secret = `secret-${name}-${Math.random().toString(36).slice(2)}`;
  const note = join(work, 'note.txt');
  await writeFile(note, `${secret}\n`);
  return { root, home, work, note, secret, remove: () => rm(root, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Writes `files` (path below the home or the work folder -> text), runs the command, and returns what it printed. */
export async function run({ home, work, root }, { command, args = [], env = {}, files = {}, path = '', run = mark() }) {
  for (const [name, text] of Object.entries(files)) {
    const target = join(root, name);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  const child = spawn(command, args, {
    cwd: work,
    env: {
      PATH: [path, dirname(process.execPath), '/usr/local/bin:/usr/bin:/bin'].filter(Boolean).join(':'),
      HOME: home,
      TMPDIR: root,
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      NO_COLOR: '1',
      DO_NOT_TRACK: '1',
      NO_PROXY: '127.0.0.1,localhost',
      no_proxy: '127.0.0.1,localhost',
      PYTHONDONTWRITEBYTECODE: '1',
      IS_SANDBOX: '1',
      ...env,
      ...run,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const timer = setTimeout(() => end(child.pid, run), TIMEOUT);
  let [out, err] = ['', ''];
  child.stdout.on('data', (data) => (out += data));
  child.stderr.on('data', (data) => (err += data));
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        // What is still in the pipes belongs to the answer; a helper that holds them open does not.
        setTimeout(() => resolve({ code: code ?? signal, out, err }), 200);
      });
    });
  } finally {
    clearTimeout(timer);
    await end(child.pid, run);
  }
}
