// Where the programs of a client are: beside this file, or where `install.mjs` put them.
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { home } from './install.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const drivers = join(here, 'drivers');
const folder = process.env.APEX_CLIENTS_DIR ?? '';
const names = (process.env.APEX_CLIENTS ?? '').split(',').filter(Boolean);

/** Whether a client is to be run: those of package.json that are quick, `all`, or those named. */
export const wanted = (client) =>
  names.length === 0 ? !client.needs && !client.slow : names.includes('all') || names.includes(client.name);

/** How to start what belongs to the client: `{ node, bin, python, driver, program, path }`. */
export function programs(client) {
  if (!client.needs) {
    const modules = join(here, 'node_modules', '.bin');
    return { node: process.execPath, bin: (name) => join(modules, name), path: modules, ...scripts(here) };
  }
  const node = join(folder, 'node', 'node_modules', 'node', 'bin');
  const own = home(folder, client);
  const modules = join(own, 'node_modules', '.bin');
  return {
    node: join(node, 'node'),
    bin: (name) => join(modules, name),
    python: (name) => join(own, 'bin', name),
    path: client.needs.npm ? `${node}:${modules}` : join(own, 'bin'),
    ...scripts(own),
  };
}

/** A module finds its packages from where it lies: so modules are put beside them. */
const scripts = (own) => ({
  driver: (name) => {
    if (!name.endsWith('.mjs') || own === here) return join(drivers, name);
    for (const file of readdirSync(drivers).filter((one) => one.endsWith('.mjs'))) {
      copyFileSync(join(drivers, file), join(own, file));
    }
    return join(own, name);
  },
  program: (name, text, { work }) => {
    const path = join(name.endsWith('.mjs') ? own : work, name);
    writeFileSync(path, text);
    return path;
  },
});
