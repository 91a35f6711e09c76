// The clients of `apex-ai-proxy connect`, started with nothing but what it wrote or printed, and the variable with the token.
//
// `like` is the row of `table.mjs` that says what is installed; `test` what only a test adds: the prompt, no telemetry.
import * as agents from './agents.mjs';

export const CONNECTED = [
  {
    name: 'claude-code',
    like: 'claude-code',
    test: (at) => ({
      args: ['claude', '-p', agents.claudeReads(at), '--allowedTools', 'Read'],
      env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' },
    }),
  },
  {
    name: 'codex',
    like: 'codex',
    test: (at) => ({ args: ['codex', 'exec', '--skip-git-repo-check', '-s', 'danger-full-access', agents.codexReads(at)] }),
  },
  {
    name: 'opencode',
    like: 'opencode-compatible',
    test: (at) => ({ args: ['opencode', 'run', agents.opencodeReads(at)], env: agents.OPENCODE_QUIET }),
  },
  {
    name: 'aider',
    like: 'aider',
    test: ({ secret }) => ({ args: ['aider', ...agents.AIDER_ONCE, `SAY ${secret}`], env: agents.AIDER_QUIET }),
  },
  {
    name: 'gemini-cli',
    like: 'gemini-cli',
    test: (at) => ({ args: ['gemini', '--yolo', '-p', agents.geminiReads(at)], env: agents.GEMINI_QUIET }),
  },
  {
    name: 'qwen-code',
    like: 'qwen-code',
    test: (at) => ({ args: ['qwen', '--yolo', '-p', agents.qwenReads(at)], env: { QWEN_TELEMETRY_ENABLED: 'false' } }),
  },
  {
    name: 'continue',
    like: 'continue-openai',
    test: (at) => ({
      args: ['cn', '--auto', '-p', agents.continueReads(at)],
      env: { CONTINUE_TELEMETRY_ENABLED: '0', CONTINUE_CLI_ENABLE_TELEMETRY: '0' },
    }),
  },
  {
    name: 'cline',
    like: 'cline-openai',
    test: (at) => ({ args: ['cline', '--retries', '1', agents.clineReads(at)], env: { CLINE_TELEMETRY_DISABLED: '1' } }),
  },
  {
    name: 'pi',
    like: 'pi-chat',
    test: (at) => ({ args: ['pi', '-p', '--no-session', agents.piReads(at)], env: agents.PI_QUIET }),
  },
  {
    name: 'llm',
    like: 'llm',
    test: (at) => ({
      args: ['llm', '-m', 'apex', '--functions', 'tools.py', '--no-log', agents.llmReads(at)],
      files: { 'work/tools.py': agents.LLM_TOOL },
    }),
  },
  { name: 'openai-sdk', like: 'openai-python-chat', test: sdk('openai') },
  { name: 'anthropic-sdk', like: 'anthropic-python', test: sdk('anthropic') },
  { name: 'cohere-sdk', like: 'cohere-python', test: sdk('cohere') },
];

/** A program that is told of nothing: the SDK finds the gateway by itself. */
function sdk(kind) {
  return ({ driver, model, secret }) => ({ args: ['python', driver('from_environment.py'), kind, model, `SAY ${secret}`] });
}
