// The clients, unmodified, and how each is told of the gateway. `cargo xtask test` runs those without `needs`: they are in
// package.json. `cargo xtask clients` installs and runs all. Versions are pinned: what a client sends changes with them.
//
// `run` gets { base, token, model, alias, note, secret, work, home, bin, python, driver } and says what to run. `model`
// is `<model>#<provider>`; `alias` is a short name for the same, for clients that cannot say `#`.

const yaml = JSON.stringify; // a JSON string is a YAML string

const claude = ({ base, token, model, note, bin }) => ({
  command: bin('claude'),
  args: ['-p', `Read the note: CALL Read {"file_path":"${note}"}`, '--output-format', 'text', '--allowedTools', 'Read'],
  env: {
    ANTHROPIC_BASE_URL: base,
    ANTHROPIC_AUTH_TOKEN: token,
    ANTHROPIC_MODEL: model,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
  },
});

const codexSettings = ({ base, model }) =>
  [
    `model = ${JSON.stringify(model)}`,
    'model_provider = "apex"',
    'check_for_update_on_startup = false',
    '[model_providers.apex]',
    'name = "apex"',
    `base_url = "${base}/v1"`,
    'env_key = "APEX_KEY"',
    'wire_api = "responses"',
    '[analytics]',
    'enabled = false',
    '[otel]',
    'exporter = "none"',
  ].join('\n');

const codex = (prompt) => (at) => ({
  command: at.bin('codex'),
  args: ['exec', '--skip-git-repo-check', '-s', 'danger-full-access', prompt(at)],
  env: { APEX_KEY: at.token },
  files: { 'home/.codex/config.toml': codexSettings(at) },
});

// `provider/model#variant` is opencode's own syntax: the `#` goes into the model's id.
const opencode = (npm) => ({ base, token, model, note, bin }) => ({
  command: bin('opencode'),
  args: ['run', `Read the note: CALL read {"filePath":"${note}"}`],
  env: {
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
  },
  files: {
    'work/opencode.json': JSON.stringify({
      $schema: 'https://opencode.ai/config.json',
      share: 'disabled',
      autoupdate: false,
      permission: 'allow',
      model: 'apex/m',
      small_model: 'apex/m',
      provider: {
        apex: {
          npm,
          name: 'apex',
          options: { baseURL: `${base}/v1`, apiKey: token },
          models: { m: { id: model, name: 'm', tool_call: true, limit: { context: 200000, output: 8000 } } },
        },
      },
    }),
  },
});

const continueCli = (provider) => ({ base, token, model, note, bin, home }) => ({
  command: bin('cn'),
  args: ['--config', `${home}/.continue/config.yaml`, '--auto', '-p', `Read the note: CALL Read {"filepath":"${note}"}`],
  env: { CONTINUE_TELEMETRY_ENABLED: '0', CONTINUE_CLI_ENABLE_TELEMETRY: '0' },
  files: {
    'home/.continue/config.yaml': [
      'name: apex',
      'version: 0.0.1',
      'schema: v1',
      'models:',
      '  - name: apex-model',
      `    provider: ${provider}`,
      `    model: ${yaml(model)}`,
      `    apiKey: ${yaml(token)}`,
      `    apiBase: ${yaml(`${base}/v1`)}`,
      '    roles: [chat, edit, apply]',
      '    capabilities: [tool_use]',
    ].join('\n'),
  },
});

const pi = (api, suffix) => ({ base, token, model, note, bin }) => ({
  command: bin('pi'),
  args: ['-p', '--no-session', '--provider', 'apex', '--model', model, `Read the note: CALL read {"path":"${note}"}`],
  env: { APEX_KEY: token, PI_OFFLINE: '1', PI_SKIP_VERSION_CHECK: '1' },
  files: {
    'home/.pi/agent/models.json': JSON.stringify({
      providers: {
        apex: {
          baseUrl: `${base}${suffix}`,
          api,
          apiKey: 'APEX_KEY',
          models: [
            {
              id: model,
              name: 'm',
              reasoning: false,
              input: ['text'],
              cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
              contextWindow: 200000,
              maxTokens: 8000,
            },
          ],
        },
      },
    }),
  },
});

const cline = (provider) => ({ base, token, model, note, bin }) => ({
  command: bin('cline'),
  args: ['--retries', '1', `Read the note: CALL read_files {"files":[{"path":"${note}"}]}`],
  env: { CLINE_TELEMETRY_DISABLED: '1' },
  files: {
    'home/.cline/data/settings/providers.json': JSON.stringify({
      version: 1,
      lastUsedProvider: provider,
      modes: {},
      providers: {
        [provider]: {
          settings: { provider, apiKey: token, model, baseUrl: `${base}/v1` },
          updatedAt: '2026-01-01T00:00:00.000Z',
          tokenSource: 'manual',
        },
      },
    }),
  },
});

const qwen = (kind) => ({ base, token, model, note, bin }) => ({
  command: bin('qwen'),
  args: ['--auth-type', kind, '--yolo', '-p', `Read the note: CALL read_file {"file_path":"${note}"}`],
  env:
    kind === 'openai'
      ? { OPENAI_API_KEY: token, OPENAI_BASE_URL: `${base}/v1`, OPENAI_MODEL: model, QWEN_TELEMETRY_ENABLED: 'false' }
      : { ANTHROPIC_API_KEY: token, ANTHROPIC_BASE_URL: base, ANTHROPIC_MODEL: model, QWEN_TELEMETRY_ENABLED: 'false' },
});

const geminiCli = ({ base, token, alias, note, bin }) => ({
  command: bin('gemini'),
  // The model goes into the path as it is, and a `#` would end it: an alias.
  args: ['-m', alias, '--yolo', '-p', `Read the note: CALL read_file {"file_path":"${note}"}`],
  env: {
    GEMINI_API_KEY: token,
    GOOGLE_GEMINI_BASE_URL: base,
    GEMINI_TELEMETRY_ENABLED: 'false',
    GEMINI_CLI_TRUST_WORKSPACE: 'true',
  },
  files: {
    'home/.gemini/settings.json': JSON.stringify({
      security: { auth: { selectedType: 'gemini-api-key' } },
      privacy: { usageStatisticsEnabled: false },
    }),
  },
});

// It edits through text and offers no tools: the answer itself is the check.
const aider = ({ base, token, model, secret, python }) => ({
  command: python('aider'),
  args: [
    ...['--model', `openai/${model}`, '--no-git', '--yes-always', '--no-show-model-warnings', '--no-check-update'],
    ...['--analytics-disable', '--no-pretty', '--map-tokens', '0', '--message', `SAY ${secret}`],
  ],
  env: {
    OPENAI_API_KEY: token,
    OPENAI_API_BASE: `${base}/v1`,
    AIDER_ANALYTICS: 'false',
    AIDER_CHECK_UPDATE: 'false',
    LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  },
});

const llm = ({ base, token, model, note, python, home }) => ({
  command: python('llm'),
  args: ['-m', 'apex', '--functions', 'tools.py', '--no-log', `Read the note: CALL read_note {"path":"${note}"}`],
  env: { LLM_USER_PATH: `${home}/llm` },
  files: {
    'home/llm/extra-openai-models.yaml': [
      '- model_id: apex',
      `  model_name: ${yaml(model)}`,
      `  api_base: ${yaml(`${base}/v1`)}`,
      '  api_key_name: apex',
      '  supports_tools: true',
    ].join('\n'),
    'home/llm/keys.json': JSON.stringify({ apex: token }),
    'work/tools.py': 'def read_note(path: str) -> str:\n    "Reads a note."\n    return open(path).read()\n',
  },
});

/** A small program over a library: it reads the note with a tool of its own, streamed and not. */
const script = (file, kind) => ({ base, token, model, note, node, python, driver }) => {
  const js = file.endsWith('.mjs');
  return {
    command: js ? node : python('python'),
    args: [driver(file), kind, base, token, model, note],
    env: { LITELLM_LOCAL_MODEL_COST_MAP: 'True', OPENAI_AGENTS_DISABLE_TRACING: '1' },
  };
};

const npm = (...packages) => ({ npm: packages });
const pip = (...packages) => ({ pip: packages });

const OPENCODE = npm('opencode-ai@1.18.33');
const CONTINUE = npm('@continuedev/cli@1.5.47');
const PI = npm('@mariozechner/pi-coding-agent@0.73.1');
const CLINE = npm('cline@3.0.65');
const QWEN = npm('@qwen-code/qwen-code@0.24.4');
const GEMINI = npm('@google/gemini-cli@0.61.0');
const AIDER = pip('aider-chat==0.86.2');
const LLM = pip('llm==0.36');
const LANGCHAIN = pip('langchain-openai==1.7.3', 'langchain-anthropic==1.7.7');
const PYDANTIC_AI = pip('pydantic-ai-slim[openai,anthropic]==2.66.0');
const OPENAI_AGENTS = pip('openai-agents==0.24.0');
const LITELLM = pip('litellm==1.106.2', 'mcp');
const INSTRUCTOR = pip('instructor==1.17.0');

/** In the order they run. `speaks` is the dialect the client talks in. */
export const CLIENTS = [
  { name: 'claude-code', speaks: 'anthropic', run: claude },
  {
    name: 'codex',
    speaks: 'openai-responses',
    run: codex(({ note }) => `Read the note: CALL exec_command {"cmd":"cat ${note}"}`),
  },
  {
    // A custom tool: its input is text, not JSON. The patch writes what the answer then tells.
    name: 'codex-apply-patch',
    speaks: 'openai-responses',
    run: codex(({ secret }) => `CALL apply_patch "*** Begin Patch\\n*** Add File: new-${secret}.txt\\n+x\\n*** End Patch"`),
  },
  { name: 'ai-sdk-anthropic', speaks: 'anthropic', run: script('ai_sdk.mjs', 'anthropic') },
  { name: 'ai-sdk-chat', speaks: 'openai-chat', run: script('ai_sdk.mjs', 'chat') },
  { name: 'ai-sdk-compatible', speaks: 'openai-chat', run: script('ai_sdk.mjs', 'compatible') },
  { name: 'ai-sdk-responses', speaks: 'openai-responses', run: script('ai_sdk.mjs', 'responses') },
  { name: 'opencode-anthropic', speaks: 'anthropic', needs: OPENCODE, run: opencode('@ai-sdk/anthropic') },
  { name: 'opencode-compatible', speaks: 'openai-chat', needs: OPENCODE, run: opencode('@ai-sdk/openai-compatible') },
  { name: 'opencode-openai', speaks: 'openai-responses', needs: OPENCODE, run: opencode('@ai-sdk/openai') },
  { name: 'continue-anthropic', speaks: 'anthropic', needs: CONTINUE, run: continueCli('anthropic') },
  { name: 'continue-openai', speaks: 'openai-chat', needs: CONTINUE, run: continueCli('openai') },
  { name: 'pi-anthropic', speaks: 'anthropic', needs: PI, run: pi('anthropic-messages', '') },
  { name: 'pi-chat', speaks: 'openai-chat', needs: PI, run: pi('openai-completions', '/v1') },
  { name: 'pi-responses', speaks: 'openai-responses', needs: PI, run: pi('openai-responses', '/v1') },
  { name: 'cline-anthropic', speaks: 'anthropic', needs: CLINE, run: cline('anthropic') },
  { name: 'cline-openai', speaks: 'openai-chat', needs: CLINE, run: cline('openai-compatible') },
  { name: 'qwen-code', speaks: 'openai-chat', needs: QWEN, run: qwen('openai') },
  { name: 'qwen-code-anthropic', speaks: 'anthropic', needs: QWEN, run: qwen('anthropic') },
  { name: 'gemini-cli', speaks: 'gemini', needs: GEMINI, run: geminiCli },
  { name: 'aider', speaks: 'openai-chat', needs: AIDER, run: aider },
  { name: 'llm', speaks: 'openai-chat', needs: LLM, run: llm },
  { name: 'langchain-anthropic', speaks: 'anthropic', needs: LANGCHAIN, run: script('langchain_driver.py', 'anthropic') },
  { name: 'langchain-chat', speaks: 'openai-chat', needs: LANGCHAIN, run: script('langchain_driver.py', 'chat') },
  { name: 'langchain-responses', speaks: 'openai-responses', needs: LANGCHAIN, run: script('langchain_driver.py', 'responses') },
  { name: 'pydantic-ai-anthropic', speaks: 'anthropic', needs: PYDANTIC_AI, run: script('pydantic_ai_driver.py', 'anthropic') },
  { name: 'pydantic-ai-chat', speaks: 'openai-chat', needs: PYDANTIC_AI, run: script('pydantic_ai_driver.py', 'chat') },
  { name: 'pydantic-ai-responses', speaks: 'openai-responses', needs: PYDANTIC_AI, run: script('pydantic_ai_driver.py', 'responses') },
  { name: 'openai-agents-chat', speaks: 'openai-chat', needs: OPENAI_AGENTS, run: script('openai_agents_driver.py', 'chat') },
  { name: 'openai-agents-responses', speaks: 'openai-responses', needs: OPENAI_AGENTS, run: script('openai_agents_driver.py', 'responses') },
  { name: 'litellm-anthropic', speaks: 'anthropic', needs: LITELLM, run: script('litellm_driver.py', 'anthropic') },
  { name: 'litellm-openai', speaks: 'openai-chat', needs: LITELLM, run: script('litellm_driver.py', 'openai') },
  { name: 'instructor', speaks: 'openai-chat', needs: INSTRUCTOR, run: script('instructor_driver.py', 'chat') },
];

/** The upstreams, one provider each: what it is called in `gateway.toml`, its dialect, and a model it knows. */
export const UPSTREAMS = [
  { provider: 'only-chat', speaks: 'openai-chat', model: 'llama-4-70b', alias: 'chat-model' },
  { provider: 'only-messages', speaks: 'anthropic', model: 'claude-sonnet-4-6', alias: 'messages-model' },
  { provider: 'only-responses', speaks: 'openai-responses', model: 'gpt-5.5', alias: 'responses-model' },
  { provider: 'only-gemini', speaks: 'gemini', model: 'gemini-3.5-pro', alias: 'gemini-model' },
];
