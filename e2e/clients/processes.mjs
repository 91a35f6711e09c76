// Ends everything a client started. Some start a helper in a session of its own, which leaves the process group and loses
// its parent: what it keeps is the environment, so every run has a mark there.
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';

const MARK = 'APEX_E2E_RUN';

/** A variable for the environment of one run. */
export const mark = () => ({ [MARK]: randomUUID() });

/** The processes with this mark. Only Linux shows the environments of others; elsewhere there are none. */
export async function marked(run) {
  const entry = `${MARK}=${run[MARK]}`;
  const names = await readdir('/proc').catch(() => []);
  const has = async (pid) => (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).split('\0').includes(entry);
  const pids = names.filter((name) => /^[0-9]+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await has(pid)) ? pid : 0)));
  return found.filter((pid) => pid > 0);
}

/** Ends the group of `leader`, and whatever else has the mark of this run, until nothing has it. */
export async function end(leader, run) {
  kill(-leader);
  // One that was just about to start another is seen the next time.
  for (let left = await marked(run); left.length > 0; left = await marked(run)) {
    left.forEach(kill);
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has gone by itself.
  }
}
