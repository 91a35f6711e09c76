// Every client with every upstream: the client lets the model read a note with a tool, and tells what is in it.
// APEX_CLIENTS: nothing (those of package.json), `all`, or names. APEX_CLIENTS_DIR: where `install.mjs` put the others.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';

import { programs, wanted } from './programs.mjs';
import { place, run } from './run.mjs';
import { CLIENTS, UPSTREAMS } from './table.mjs';

const base = process.env.APEX_URL.replace(/\/$/, '');
const token = process.env.APEX_TOKEN;
const table = new Map();

for (const client of CLIENTS.filter(wanted)) {
  for (const upstream of UPSTREAMS) {
    test(`${client.name} with ${upstream.provider}`, async () => {
      const at = await place(client.name);
      const started = Date.now();
      const cell = (text) => table.set(`${client.name} ${upstream.provider}`, text);
      cell('FAILED');
      try {
        const tools = programs(client);
        const model = `${upstream.model}#${upstream.provider}`;
        const what = client.run({ ...at, ...tools, base, token, model, alias: upstream.alias });
        const { code, out, err } = await run(at, { ...what, path: tools.path });
        assert.equal(code, 0, `${out}\n${err}`);
        assert.ok(out.includes(at.secret), `the answer does not tell the note:\n${out}\n${err}`);
        cell(`${((Date.now() - started) / 1000).toFixed(0)} s`);
      } finally {
        await at.remove();
      }
    });
  }
}

/** The packages of a client, with their versions. */
function packages({ needs, packages }) {
  if (needs) return needs.npm ?? needs.pip;
  const { dependencies } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));
  return packages.map((name) => `${name}@${dependencies[name]}`);
}

after(() => {
  const row = (first, cells) => console.log(`| ${[first, ...cells].join(' | ')} |`);
  row('client', ['speaks', ...UPSTREAMS.map((u) => u.speaks), 'packages']);
  row('---', UPSTREAMS.map(() => '---').concat('---', '---'));
  for (const client of CLIENTS.filter(wanted)) {
    const cells = UPSTREAMS.map((u) => table.get(`${client.name} ${u.provider}`) ?? '');
    row(client.name, [client.speaks, ...cells, packages(client).join(', ')]);
  }
});
