// The runner leaves nothing behind, whatever a client does to get away.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mark, marked } from './processes.mjs';
import { place, run } from './run.mjs';

/** Starts a helper as some clients do: in a session of its own, which outlives the client. */
const CLIENT = `
  import { spawn } from 'node:child_process';
  const helper = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  helper.unref();
  console.log(helper.pid);
`;

const linux = process.platform === 'linux' ? false : 'other systems do not show the environment of a process';

test('a helper in a session of its own ends with its client', { skip: linux }, async () => {
  const at = await place('helper');
  try {
    const own = mark();
    const { code, out, err } = await run(at, { command: process.execPath, args: ['--input-type=module', '-e', CLIENT], run: own });
    assert.equal(code, 0, err);
    assert.ok(Number(out) > 0, out);
    assert.deepEqual(await marked(own), []);
  } finally {
    await at.remove();
  }
});
