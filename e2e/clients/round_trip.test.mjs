// Every client with every upstream: the client lets the model read a note with a tool, and tells what is in it.
// APEX_CLIENTS: nothing (those of package.json), `all`, or names. APEX_CLIENTS_DIR: where `install.mjs` put the others.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { home } from './install.mjs';
import { place, run } from './run.mjs';
import { CLIENTS, UPSTREAMS } from './table.mjs';

const base = process.env.APEX_URL.replace(/\/$/, '');
const token = process.env.APEX_TOKEN;
const folder = process.env.APEX_CLIENTS_DIR ?? '';
const names = (process.env.APEX_CLIENTS ?? '').split(',').filter(Boolean);
const here = fileURLToPath(new URL('.', import.meta.url));

const wanted = (client) =>
  names.length === 0 ? !client.needs : names.includes('all') || names.includes(client.name);

/** Where the programs of a client are. */
function programs(client) {
  if (!client.needs) {
    return { node: process.execPath, bin: (name) => join(here, 'node_modules', '.bin', name), path: '' };
  }
  const node = join(folder, 'node', 'node_modules', 'node', 'bin');
  const own = home(folder, client);
  return {
    node: join(node, 'node'),
    bin: (name) => join(own, 'node_modules', '.bin', name),
    python: (name) => join(own, 'bin', name),
    path: client.needs.npm ? node : '',
  };
}

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
        const what = client.run({
          ...at,
          ...tools,
          base,
          token,
          model: `${upstream.model}#${upstream.provider}`,
          alias: upstream.alias,
          driver: (name) => join(here, 'drivers', name),
        });
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

after(() => {
  const row = (first, cells) => console.log(`| ${[first, ...cells].join(' | ')} |`);
  row('client', UPSTREAMS.map((u) => u.speaks));
  row('---', UPSTREAMS.map(() => '---'));
  for (const client of CLIENTS.filter(wanted)) {
    row(client.name, UPSTREAMS.map((u) => table.get(`${client.name} ${u.provider}`) ?? ''));
  }
});
