// The Claude Agent SDK: Claude Code as a library, which reads the note with its own tool.
import { query } from '@anthropic-ai/claude-agent-sdk';

import { base, check, model, note, tell, token } from './common.mjs';

const env = {
  ...process.env,
  ANTHROPIC_BASE_URL: base,
  ANTHROPIC_AUTH_TOKEN: token,
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
};
const options = { model, env, allowedTools: ['Read'], settingSources: [] };
let last;
for await (const message of query({ prompt: `Read the note: CALL Read {"file_path":"${note}"}`, options })) last = message;
check(last.subtype === 'success' && last.num_turns === 2, last);
tell(last.result);
