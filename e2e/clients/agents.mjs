// Programs people start in a terminal, and how each is told of the gateway.
//
// `settings` is what a person sets: files (below `home/` or `work/`), variables, and the command. `docs/clients.md` shows
// it (`docs.test.mjs`). `test` is what only a test needs: the prompt, no telemetry, no look-ups.
//
// Both get { base, token, model, alias, note, secret, home, bin, python }. `model` is `<model>#<provider>`, `alias` a short
// name for the same, for clients that cannot say `#`.

const quoted = JSON.stringify; // a JSON string is a YAML and a TOML string, too

/** One client's settings and test as what `run.mjs` starts. */
export const agent = (settings, test) => ({
  settings,
  run: (at) => {
    const [wanted, own] = [settings(at), test(at)];
    return {
      command: own.program,
      args: own.args,
      env: { ...wanted.env, ...own.env },
      files: { ...wanted.files, ...own.files },
    };
  },
});

const read = (tool, member) => ({ note }) => `Read the note: CALL ${tool} ${JSON.stringify({ [member]: note })}`;

export const claudeCode = (key, prompt, ...more) =>
  agent(
    ({ base, token, model }) => ({
      env: { ANTHROPIC_BASE_URL: base, [key]: token, ANTHROPIC_MODEL: model },
      start: 'claude',
    }),
    (at) => ({
      program: at.bin('claude'),
      args: ['-p', prompt(at), '--allowedTools', 'Read,Bash,Write', ...more],
      env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' },
    }),
  );

export const claudeReads = read('Read', 'file_path');

/** Several tools in a row: a copy of the note is written by one and read by the next. */
export const claudeEdits = ({ note, work }) => {
  const shell = { command: `cp ${note} ${work}/copy.txt`, description: 'x' };
  const write = { file_path: `${work}/new.txt`, content: 'x' };
  return `CALL Bash ${JSON.stringify(shell)} then CALL Write ${JSON.stringify(write)} then CALL Read {"file_path":"${work}/copy.txt"}`;
};

export const codex = (prompt) =>
  agent(
    ({ base, token, model }) => ({
      files: {
        'home/.codex/config.toml': [
          `model = ${quoted(model)}`,
          'model_provider = "apex"',
          '',
          '[model_providers.apex]',
          'name = "apex"',
          `base_url = "${base}/v1"`,
          'env_key = "GATEWAY_TOKEN"',
          'wire_api = "responses"',
          '',
        ].join('\n'),
      },
      env: { GATEWAY_TOKEN: token },
      start: 'codex',
    }),
    (at) => ({
      program: at.bin('codex'),
      args: [
        ...['exec', '--skip-git-repo-check', '-s', 'danger-full-access'],
        ...['-c', 'check_for_update_on_startup=false', '-c', 'analytics.enabled=false', '-c', 'otel.exporter="none"'],
        prompt(at),
      ],
    }),
  );

export const codexReads = ({ note }) => `Read the note: CALL exec_command {"cmd":"cat ${note}"}`;

/** A custom tool: its input is text, not JSON. The patch writes what the answer then tells. */
export const codexPatches = ({ secret }) =>
  `CALL apply_patch "*** Begin Patch\\n*** Add File: new-${secret}.txt\\n+x\\n*** End Patch"`;

/** `provider/model#variant` is opencode's own syntax: the `#` goes into the model's id. */
const opencodeFile = (npm) => ({ base, token, model }) => `{
  "$schema": "https://opencode.ai/config.json",
  "provider": {
    "apex": {
      "npm": "${npm}",
      "name": "apex",
      "options": { "baseURL": "${base}/v1", "apiKey": ${quoted(token)} },
      "models": { "main": { "id": ${quoted(model)}, "name": "main" } }
    }
  },
  "model": "apex/main"
}
`;

export const OPENCODE_QUIET = {
  OPENCODE_DISABLE_AUTOUPDATE: '1',
  OPENCODE_DISABLE_MODELS_FETCH: '1',
  OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
  OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
};

export const KILO_QUIET = {
  KILO_DISABLE_AUTOUPDATE: '1',
  KILO_DISABLE_MODELS_FETCH: '1',
  KILO_DISABLE_LSP_DOWNLOAD: '1',
  KILO_TELEMETRY_LEVEL: 'off',
};

export const opencodeReads = read('read', 'filePath');

export const opencode = (npm) =>
  agent(
    (at) => ({ files: { 'work/opencode.json': opencodeFile(npm)(at) }, start: 'opencode' }),
    (at) => ({ program: at.bin('opencode'), args: ['run', opencodeReads(at)], env: OPENCODE_QUIET }),
  );

/** Its settings are opencode's, which it is made of. */
export const kilocode = agent(
  (at) => ({ files: { 'work/kilo.json': opencodeFile('@ai-sdk/openai-compatible')(at) }, start: 'kilo' }),
  (at) => ({ program: at.bin('kilo'), args: ['run', '--auto', opencodeReads(at)], env: KILO_QUIET }),
);

export const continueReads = read('Read', 'filepath');

export const continueCli = (provider) =>
  agent(
    ({ base, token, model }) => ({
      files: {
        'home/.continue/config.yaml': [
          'name: apex',
          'version: 1.0.0',
          'schema: v1',
          'models:',
          '  - name: apex',
          `    provider: ${provider}`,
          `    model: ${quoted(model)}`,
          `    apiKey: ${quoted(token)}`,
          `    apiBase: ${base}/v1`,
          '    roles: [chat, edit, apply]',
          '    capabilities: [tool_use]',
          '',
        ].join('\n'),
      },
      start: 'cn --config ~/.continue/config.yaml',
    }),
    (at) => ({
      program: at.bin('cn'),
      args: ['--config', `${at.home}/.continue/config.yaml`, '--auto', '-p', continueReads(at)],
      env: { CONTINUE_TELEMETRY_ENABLED: '0', CONTINUE_CLI_ENABLE_TELEMETRY: '0' },
    }),
  );

export const PI_QUIET = { PI_OFFLINE: '1', PI_SKIP_VERSION_CHECK: '1' };
export const piReads = read('read', 'path');

export const pi = (api, suffix) =>
  agent(
    ({ base, token, model }) => ({
      files: {
        'home/.pi/agent/models.json': `{
  "providers": {
    "apex": {
      "baseUrl": "${base}${suffix}",
      "api": "${api}",
      "apiKey": "GATEWAY_TOKEN",
      "models": [{ "id": ${quoted(model)}, "name": "main", "contextWindow": 200000, "maxTokens": 8000 }]
    }
  }
}
`,
      },
      env: { GATEWAY_TOKEN: token },
      start: `pi --provider apex --model '${model}'`,
    }),
    (at) => ({
      program: at.bin('pi'),
      args: ['-p', '--no-session', '--provider', 'apex', '--model', at.model, piReads(at)],
      env: PI_QUIET,
    }),
  );

export const clineReads = ({ note }) => `Read the note: CALL read_files {"files":[{"path":"${note}"}]}`;

/** What its settings page writes. `cline auth -b` takes a base URL for the one, not for `anthropic`. */
export const cline = (provider) =>
  agent(
    ({ base, token, model }) => ({
      files: {
        'home/.cline/data/settings/providers.json': `{
  "version": 1,
  "lastUsedProvider": "${provider}",
  "modes": {},
  "providers": {
    "${provider}": {
      "settings": { "provider": "${provider}", "apiKey": ${quoted(token)}, "model": ${quoted(model)}, "baseUrl": "${base}/v1" },
      "updatedAt": "2026-01-01T00:00:00.000Z",
      "tokenSource": "manual"
    }
  }
}
`,
      },
      start: 'cline',
    }),
    (at) => ({
      program: at.bin('cline'),
      args: ['--retries', '1', clineReads(at)],
      env: { CLINE_TELEMETRY_DISABLED: '1' },
    }),
  );

export const qwenReads = read('read_file', 'file_path');

export const qwen = (kind) =>
  agent(
    ({ base, token, model }) => ({
      env:
        kind === 'openai'
          ? { OPENAI_BASE_URL: `${base}/v1`, OPENAI_API_KEY: token, OPENAI_MODEL: model }
          : { ANTHROPIC_BASE_URL: base, ANTHROPIC_API_KEY: token, ANTHROPIC_MODEL: model },
      start: `qwen --auth-type ${kind}`,
    }),
    (at) => ({
      program: at.bin('qwen'),
      args: ['--auth-type', kind, '--yolo', '-p', qwenReads(at)],
      env: { QWEN_TELEMETRY_ENABLED: 'false' },
    }),
  );

export const GEMINI_QUIET = { GEMINI_TELEMETRY_ENABLED: 'false', GEMINI_CLI_TRUST_WORKSPACE: 'true' };
export const geminiReads = read('read_file', 'file_path');

/** The model goes into the path as it is, and a `#` would end it: an alias. */
export const geminiCli = agent(
  ({ base, token, alias }) => ({
    files: { 'home/.gemini/settings.json': '{ "security": { "auth": { "selectedType": "gemini-api-key" } } }\n' },
    env: { GOOGLE_GEMINI_BASE_URL: base, GEMINI_API_KEY: token, GEMINI_MODEL: alias },
    start: 'gemini',
  }),
  (at) => ({ program: at.bin('gemini'), args: ['--yolo', '-p', geminiReads(at)], env: GEMINI_QUIET }),
);

/** What aider needs to answer once and to ask nobody else. */
export const AIDER_ONCE = [
  ...['--no-git', '--yes-always', '--no-show-model-warnings', '--no-check-update', '--analytics-disable'],
  ...['--no-pretty', '--map-tokens', '0', '--message'],
];
export const AIDER_QUIET = { AIDER_ANALYTICS: 'false', AIDER_CHECK_UPDATE: 'false', LITELLM_LOCAL_MODEL_COST_MAP: 'True' };

/** It edits through text and offers no tools: the answer itself is the check. */
export const aider = agent(
  ({ base, token, model }) => ({
    env: { OPENAI_API_BASE: `${base}/v1`, OPENAI_API_KEY: token },
    start: `aider --model 'openai/${model}'`,
  }),
  ({ model, secret, python }) => ({
    program: python('aider'),
    args: ['--model', `openai/${model}`, ...AIDER_ONCE, `SAY ${secret}`],
    env: AIDER_QUIET,
  }),
);

export const llmReads = read('read_note', 'path');
export const LLM_TOOL = 'def read_note(path: str) -> str:\n    "Reads a note."\n    return open(path).read()\n';

export const llm = agent(
  ({ base, token, model }) => ({
    files: {
      'home/.config/io.datasette.llm/extra-openai-models.yaml': [
        '- model_id: apex',
        `  model_name: ${quoted(model)}`,
        `  api_base: ${base}/v1`,
        '  api_key_name: apex',
        '  supports_tools: true',
        '',
      ].join('\n'),
      'home/.config/io.datasette.llm/keys.json': `{ "apex": ${quoted(token)} }\n`,
    },
    start: "llm -m apex 'hello'",
  }),
  (at) => ({
    program: at.python('llm'),
    args: ['-m', 'apex', '--functions', 'tools.py', '--no-log', llmReads(at)],
    files: { 'work/tools.py': LLM_TOOL },
  }),
);

export const copilotReads = read('view', 'path');
export const COPILOT_QUIET = { COPILOT_OFFLINE: 'true', COPILOT_AUTO_UPDATE: 'false' };

export const copilot = (type, suffix, wire) =>
  agent(
    ({ base, token, model }) => ({
      env: {
        COPILOT_PROVIDER_TYPE: type,
        COPILOT_PROVIDER_BASE_URL: `${base}${suffix}`,
        COPILOT_PROVIDER_API_KEY: token,
        ...(wire ? { COPILOT_PROVIDER_WIRE_API: wire } : {}),
        COPILOT_MODEL: model,
      },
      start: 'copilot',
    }),
    (at) => ({ program: at.bin('copilot'), args: ['-p', copilotReads(at), '--allow-all-tools', '--allow-all-paths'], env: COPILOT_QUIET }),
  );
