// `docs/clients.md` shows the settings that the runner tries (APEX_GOLDEN=write writes them anew), and programs that run.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { programs, wanted } from './programs.mjs';
import { place, run } from './run.mjs';
import { filled } from './settings.mjs';
import { aimed, snippets } from './snippets.mjs';
import { CLIENTS, UPSTREAMS } from './table.mjs';

const file = join(process.env.APEX_DOCS, 'clients.md');
const has = readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
const skip = process.env.APEX_HOST_KIND === 'worker' && 'the documentation does not know what kind the gateway is';

test('the documentation shows the settings that are tried', { skip }, () => {
  const { text, names } = filled(has, CLIENTS);
  if (process.env.APEX_GOLDEN === 'write') writeFileSync(file, text);
  else assert.equal(has, text, 'run with APEX_GOLDEN=write and read the difference');
  const silent = CLIENTS.filter((client) => client.settings && !client.variant && !names.includes(client.name));
  assert.deepEqual(silent.map((client) => client.name), [], 'clients whose settings nobody can read');
});

for (const { name, language, code } of snippets(has)) {
  const client = CLIENTS.find((one) => one.name === name);
  if (client && !wanted(client)) continue;
  test(`the program of ${name} in the documentation`, { skip }, async () => {
    assert.ok(client, `no client is called ${name}`);
    const at = await place(name);
    let script;
    try {
      const tools = programs(client);
      const [upstream] = UPSTREAMS;
      const model = `${upstream.model}#${upstream.provider}`;
      const text = aimed(code, { base: process.env.APEX_URL.replace(/\/$/, ''), token: process.env.APEX_TOKEN, model, alias: upstream.alias });
      script = tools.program(language === 'python' ? 'program.py' : 'program.mjs', text, at);
      const { code: exit, out, err } = await run(at, {
        command: language === 'python' ? tools.python('python') : tools.node,
        args: [script],
        env: { LITELLM_LOCAL_MODEL_COST_MAP: 'True', OPENAI_AGENTS_DISABLE_TRACING: '1' },
        path: tools.path,
      });
      assert.equal(exit, 0, `${text}\n${out}\n${err}`);
      assert.match(out, /hello/, 'the model says what it was told');
    } finally {
      if (script) rmSync(script, { force: true });
      await at.remove();
    }
  });
}
