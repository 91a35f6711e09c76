// The Codex SDK: Codex as a library, which reads the note with its shell.
import { Codex } from '@openai/codex-sdk';

import { kind, model, note, tell, token, v1 } from './common.mjs';

const config = {
  model_provider: 'apex',
  model_providers: { apex: { name: 'apex', base_url: v1, env_key: 'GATEWAY_TOKEN', wire_api: kind } },
};
const codex = new Codex({ config, env: { ...process.env, GATEWAY_TOKEN: token } });
const thread = codex.startThread({ model, skipGitRepoCheck: true, sandboxMode: 'danger-full-access' });
tell((await thread.run(`Read the note: CALL exec_command {"cmd":"cat ${note}"}`)).finalResponse);
