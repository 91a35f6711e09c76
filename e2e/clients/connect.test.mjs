// `apex-ai-proxy connect NAME`: what it writes into an empty home, and the lines for a shell that it prints, are all a client
// needs beside the variable with the token.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import { CONNECTED } from './connect.mjs';
import { programs, wanted } from './programs.mjs';
import { place, run } from './run.mjs';
import { CLIENTS, UPSTREAMS } from './table.mjs';

const base = process.env.APEX_URL.replace(/\/$/, '');
const token = process.env.APEX_TOKEN;
const [upstream] = UPSTREAMS;
// It is the same program, whatever host the suite is for.
const skip = process.env.APEX_HOST_KIND === 'worker' && 'the settings do not know what kind the gateway is';

/** What `connect` printed, after it wrote what it can write. */
function connect(home, name, model) {
  const call = (...more) => {
    const args = ['connect', name, '--url', base, '--model', model, ...more];
    return spawnSync(process.env.APEX_NATIVE_BINARY, args, { env: { HOME: home, PATH: process.env.PATH }, encoding: 'utf8' });
  };
  const printed = call();
  assert.equal(printed.status, 0, printed.stderr);
  assert.ok(!printed.stdout.includes(token), 'the token is never printed');
  if (!/^~\/|^\S*: written$/m.test(printed.stdout)) return printed.stdout;
  const written = call('--write');
  assert.equal(written.status, 0, written.stderr);
  return written.stdout;
}

/** The indented lines under "In the shell:". */
function shell(printed) {
  const [, lines = ''] = printed.match(/^In the shell:\n\n((?: {2}.*\n|\n)+)/m) ?? [];
  return lines.replace(/^ {2}/gm, '');
}

for (const { name, like, test: what } of CONNECTED) {
  const client = CLIENTS.find((one) => one.name === like);
  if (!wanted(client)) continue;
  test(`${name}, by what connect tells`, { skip }, async () => {
    const at = await place(name);
    try {
      const tools = programs(client);
      // A client that cannot say `#` gets the name that the configuration has for the model.
      const model = client.speaks === 'gemini' ? upstream.alias : `${upstream.model}#${upstream.provider}`;
      const lines = shell(connect(at.home, name, model));
      const { args, env, files } = what({ ...at, ...tools, model });
      const { code, out, err } = await run(at, {
        command: 'sh',
        args: ['-c', `set -eu\n${lines}\nexec "$@"`, 'sh', ...args],
        env: { ...env, GATEWAY_TOKEN: token },
        files,
        path: tools.path,
      });
      assert.equal(code, 0, `${lines}\n${out}\n${err}`);
      assert.ok(out.includes(at.secret), `the answer does not tell the note:\n${lines}\n${out}\n${err}`);
    } finally {
      await at.remove();
    }
  });
}
