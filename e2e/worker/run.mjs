// run.mjs DIST CONFIG [--port N]: the built Worker with a configuration file of the suites, until it is stopped.
// E2E_UPSTREAM and E2E_TOKEN as for the native gateway; the token comes from a Secrets Store.
import { configuration, startWorker } from './host.mjs';

const [dist, file, ...options] = process.argv.slice(2);
const at = options.indexOf('--port');
// The Worker keeps no replies.
const { listen: _, gateway_token: token, responses: __, cloudflare = {}, ...config } = configuration(file, process.env);
const { account_id: ACCOUNT_ID, gateway_id: GATEWAY_ID, ...gateway } = cloudflare;
const vars = ACCOUNT_ID ? { ACCOUNT_ID, GATEWAY_ID } : {};
const worker = await startWorker({
  dist,
  bindings: { ...vars, APEX_CONFIG: JSON.stringify({ ...config, cloudflare: gateway }) },
  secrets: { GatewayToken: token },
  port: at < 0 ? 0 : Number(options[at + 1]),
  log: (text) => process.stderr.write(text),
});
console.log(`listening on ${worker.url}`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => worker.stop().then(() => process.exit(0)));
