// What a cold start costs: the CPU time of the runtime's process from its start to the first answer, printed for CI.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';

import { startWorker } from './host.mjs';

const TICK = 1000 / 100; // milliseconds of one tick of /proc: CLK_TCK is 100 on Linux

// The runtime is the child of this process that was not there before.
function runtimes() {
  const children = fs.readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').filter((pid) => name(pid).startsWith('workerd'));
}

const name = (pid) => fs.readFileSync(`/proc/${pid}/comm`, 'utf8');

function cpu(pid) {
  // The fields after the name, which may hold anything but a closing bracket at its end.
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

test('a cold start', { skip: process.platform !== 'linux' && 'CPU time is read from /proc' }, async (t) => {
  const before = runtimes();
  const worker = await startWorker({ dist: process.env.APEX_DIST, bindings: { GatewayToken: 'start-token' } });
  try {
    const [pid] = runtimes().filter((one) => !before.includes(one));
    assert.ok(pid, 'the runtime is a process of its own');
    const started = cpu(pid);
    const answer = await fetch(`${worker.url}/healthz`);
    assert.equal(answer.status, 200);
    const first = cpu(pid);
    t.diagnostic(`start-up: ${started} ms of CPU until the runtime listens, ${first} ms until the first answer`);
    // Only a runaway: machines differ.
    assert.ok(first < 5_000, `${first} ms`);
  } finally {
    await worker.stop();
  }
});
