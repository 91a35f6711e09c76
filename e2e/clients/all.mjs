// Installs and runs clients, also those that are not in package.json.
//   node all.mjs <folder to install into> [name ...]
import { spawnSync } from 'node:child_process';

import { install } from './install.mjs';
import { CLIENTS } from './table.mjs';

const [folder, ...names] = process.argv.slice(2);
const unknown = names.filter((name) => !CLIENTS.some((client) => client.name === name));
if (unknown.length > 0) {
  console.error(`no client is called ${unknown.join(', ')}; there are: ${CLIENTS.map((c) => c.name).join(', ')}`);
  process.exit(2);
}
install(folder, CLIENTS.filter((client) => names.length === 0 || names.includes(client.name)));
const tests = ['--test', '--test-reporter=spec', '--test-concurrency=1', 'round_trip.test.mjs', 'connect.test.mjs', 'docs.test.mjs'];
const env = { ...process.env, APEX_CLIENTS: names.length > 0 ? names.join(',') : 'all', APEX_CLIENTS_DIR: folder };
process.exitCode = spawnSync(process.execPath, tests, { env, stdio: 'inherit' }).status ?? 1;
