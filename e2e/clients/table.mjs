// The clients, unmodified. `cargo xtask test` runs those without `needs`: they are in package.json. `cargo xtask clients`
// installs and runs all. Versions are pinned: what a client sends changes with them.
import * as agents from './agents.mjs';

/** A small program over a library: it reads the note with a tool of its own, whole and streamed. */
const script = (file, kind) => ({
  run: ({ base, token, model, alias, note, node, python, driver }) => ({
    command: file.endsWith('.mjs') ? node : python('python'),
    args: [driver(file), kind, base, token, model, note, alias],
    env: { LITELLM_LOCAL_MODEL_COST_MAP: 'True', OPENAI_AGENTS_DISABLE_TRACING: '1' },
  }),
});

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
const COPILOT = npm('@github/copilot@1.0.102');
const SDKS_PYTHON = pip('openai==3.54.0', 'anthropic==2.12.0', 'google-genai==3.4.0', 'cohere==7.3.1');
const SDKS_JS = npm('openai@7.57.0', '@anthropic-ai/sdk@1.12.0', '@google/genai@3.1.0', 'cohere-ai@8.1.0', 'zod@4.6.7');
const OPENAI_AGENTS_JS = npm('@openai/agents@0.20.0', 'openai@7.57.0', 'zod@4.6.7');
const LANGCHAIN_JS = npm('@langchain/openai@1.6.0', '@langchain/anthropic@1.5.11', '@langchain/core@1.4.0', '@langchain/langgraph@1.7.3', 'zod@4.6.7');
const MASTRA = npm('@mastra/core@1.71.0', 'zod@4.6.7');
const CLAUDE_AGENT = npm('@anthropic-ai/claude-agent-sdk@0.3.328', 'zod@4.6.7');
const CODEX_SDK = npm('@openai/codex-sdk@0.163.0');
const KILO = npm('@kilocode/cli@7.7.7');
const SMOLAGENTS = pip('smolagents[openai]==1.26.0');
const DSPY = pip('dspy==3.4.1');
const LLAMA_INDEX = pip('llama-index-llms-openai-like==0.8.1', 'llama-index-llms-google-genai==0.11.3');
const HAYSTACK = pip('haystack-ai==3.4.1');
const AUTOGEN = pip('autogen-agentchat==0.7.5', 'autogen-ext[openai]==0.7.5');
const AG2 = pip('ag2[openai]==1.2.1');
const GOOGLE_ADK = pip('google-adk==2.13.0');
const LANGGRAPH = pip('langgraph==1.2.22', 'langchain==1.5.0', 'langchain-google-genai==4.4.2', 'langchain-openai==1.7.3');
const AGNO = pip('agno==3.1.10', 'openai==3.54.0', 'anthropic==2.12.0');
const STRANDS = pip('strands-agents[openai,anthropic]==1.62.0');
const SEMANTIC_KERNEL = pip('semantic-kernel==1.45.0');
const AGENT_FRAMEWORK = pip('agent-framework-openai==1.17.0');
const AI_SDK = npm('@ai-sdk/google@4.0.121', '@ai-sdk/cohere@4.0.52', 'ai@7.0.173', 'zod@4.6.7');

/** `needs` is what to install; an array names packages of package.json. */
const client = (name, speaks, needs, how) => ({ name, speaks, ...(Array.isArray(needs) ? { packages: needs } : { needs }), ...how });
/** Its settings are those of another row, but for one word. */
const variant = (how) => ({ ...how, variant: true });
/** Too slow for the gate, although nothing must be installed. */
const slow = (how) => ({ ...how, slow: true });

/** In the order they run: name, the dialect the client talks in, what to install, how it runs. */
export const CLIENTS = [
  client('claude-code', 'anthropic', ['@anthropic-ai/claude-code'], agents.claudeCode('ANTHROPIC_AUTH_TOKEN', agents.claudeReads)),
  client(
    'claude-code-edits',
    'anthropic',
    ['@anthropic-ai/claude-code'],
    slow(variant(agents.claudeCode('ANTHROPIC_API_KEY', agents.claudeEdits, '--output-format', 'stream-json', '--verbose', '--permission-mode', 'acceptEdits'))),
  ),
  client('codex', 'openai-responses', ['@openai/codex'], agents.codex(agents.codexReads)),
  client('codex-apply-patch', 'openai-responses', ['@openai/codex'], variant(agents.codex(agents.codexPatches))),
  client('ai-sdk-anthropic', 'anthropic', ['ai', '@ai-sdk/anthropic'], script('ai_sdk.mjs', 'anthropic')),
  client('ai-sdk-chat', 'openai-chat', ['ai', '@ai-sdk/openai'], script('ai_sdk.mjs', 'chat')),
  client('ai-sdk-compatible', 'openai-chat', ['ai', '@ai-sdk/openai-compatible'], script('ai_sdk.mjs', 'compatible')),
  client('ai-sdk-responses', 'openai-responses', ['ai', '@ai-sdk/openai'], script('ai_sdk.mjs', 'responses')),
  client('opencode-anthropic', 'anthropic', OPENCODE, variant(agents.opencode('@ai-sdk/anthropic'))),
  client('opencode-compatible', 'openai-chat', OPENCODE, agents.opencode('@ai-sdk/openai-compatible')),
  client('opencode-openai', 'openai-responses', OPENCODE, variant(agents.opencode('@ai-sdk/openai'))),
  client('continue-anthropic', 'anthropic', CONTINUE, variant(agents.continueCli('anthropic'))),
  client('continue-openai', 'openai-chat', CONTINUE, agents.continueCli('openai')),
  client('pi-anthropic', 'anthropic', PI, variant(agents.pi('anthropic-messages', ''))),
  client('pi-chat', 'openai-chat', PI, agents.pi('openai-completions', '/v1')),
  client('pi-responses', 'openai-responses', PI, variant(agents.pi('openai-responses', '/v1'))),
  client('cline-anthropic', 'anthropic', CLINE, agents.cline('anthropic')),
  client('cline-openai', 'openai-chat', CLINE, variant(agents.cline('openai-compatible'))),
  client('qwen-code', 'openai-chat', QWEN, agents.qwen('openai')),
  client('qwen-code-anthropic', 'anthropic', QWEN, agents.qwen('anthropic')),
  client('gemini-cli', 'gemini', GEMINI, agents.geminiCli),
  client('aider', 'openai-chat', AIDER, agents.aider),
  client('llm', 'openai-chat', LLM, agents.llm),
  client('langchain-anthropic', 'anthropic', LANGCHAIN, script('langchain_driver.py', 'anthropic')),
  client('langchain-chat', 'openai-chat', LANGCHAIN, script('langchain_driver.py', 'chat')),
  client('langchain-responses', 'openai-responses', LANGCHAIN, script('langchain_driver.py', 'responses')),
  client('pydantic-ai-anthropic', 'anthropic', PYDANTIC_AI, script('pydantic_ai_driver.py', 'anthropic')),
  client('pydantic-ai-chat', 'openai-chat', PYDANTIC_AI, script('pydantic_ai_driver.py', 'chat')),
  client('pydantic-ai-responses', 'openai-responses', PYDANTIC_AI, script('pydantic_ai_driver.py', 'responses')),
  client('openai-agents-chat', 'openai-chat', OPENAI_AGENTS, script('openai_agents_driver.py', 'chat')),
  client('openai-agents-responses', 'openai-responses', OPENAI_AGENTS, script('openai_agents_driver.py', 'responses')),
  client('litellm-anthropic', 'anthropic', LITELLM, script('litellm_driver.py', 'anthropic')),
  client('litellm-openai', 'openai-chat', LITELLM, script('litellm_driver.py', 'openai')),
  client('instructor', 'openai-chat', INSTRUCTOR, script('instructor_driver.py', 'chat')),
  client('copilot-anthropic', 'anthropic', COPILOT, agents.copilot('anthropic', '')),
  client('copilot-chat', 'openai-chat', COPILOT, agents.copilot('openai', '/v1')),
  client('copilot-responses', 'openai-responses', COPILOT, variant(agents.copilot('openai', '/v1', 'responses'))),
  client('openai-python-chat', 'openai-chat', SDKS_PYTHON, script('sdks.py', 'chat')),
  client('openai-python-responses', 'openai-responses', SDKS_PYTHON, script('sdks.py', 'responses')),
  client('anthropic-python', 'anthropic', SDKS_PYTHON, script('sdks.py', 'anthropic')),
  client('google-genai-python', 'gemini', SDKS_PYTHON, script('sdks.py', 'gemini')),
  client('cohere-python', 'cohere', SDKS_PYTHON, script('sdks.py', 'cohere')),
  client('openai-js-chat', 'openai-chat', SDKS_JS, script('sdks.mjs', 'chat')),
  client('openai-js-responses', 'openai-responses', SDKS_JS, script('sdks.mjs', 'responses')),
  client('anthropic-js', 'anthropic', SDKS_JS, script('sdks.mjs', 'anthropic')),
  client('google-genai-js', 'gemini', SDKS_JS, script('sdks.mjs', 'gemini')),
  client('cohere-js', 'cohere', SDKS_JS, script('sdks.mjs', 'cohere')),
  client('ai-sdk-google', 'gemini', AI_SDK, script('ai_sdk_more.mjs', 'google')),
  client('ai-sdk-cohere', 'cohere', AI_SDK, script('ai_sdk_more.mjs', 'cohere')),
  client('openai-agents-js-chat', 'openai-chat', OPENAI_AGENTS_JS, script('openai_agents.mjs', 'chat')),
  client('openai-agents-js-responses', 'openai-responses', OPENAI_AGENTS_JS, script('openai_agents.mjs', 'responses')),
  client('langchain-js-anthropic', 'anthropic', LANGCHAIN_JS, script('langchain.mjs', 'anthropic')),
  client('langchain-js-chat', 'openai-chat', LANGCHAIN_JS, script('langchain.mjs', 'chat')),
  client('langchain-js-responses', 'openai-responses', LANGCHAIN_JS, script('langchain.mjs', 'responses')),
  client('mastra', 'openai-chat', MASTRA, script('mastra.mjs', 'chat')),
  client('claude-agent-sdk', 'anthropic', CLAUDE_AGENT, script('claude_agent.mjs', 'anthropic')),
  client('codex-sdk', 'openai-responses', CODEX_SDK, script('codex_sdk.mjs', 'responses')),
  client('kilocode', 'openai-chat', KILO, agents.kilocode),
  client('smolagents', 'openai-chat', SMOLAGENTS, script('smolagents_driver.py', 'chat')),
  client('dspy-anthropic', 'anthropic', DSPY, script('dspy_driver.py', 'anthropic')),
  client('dspy-chat', 'openai-chat', DSPY, script('dspy_driver.py', 'chat')),
  client('dspy-responses', 'openai-responses', DSPY, script('dspy_driver.py', 'responses')),
  client('llama-index-chat', 'openai-chat', LLAMA_INDEX, script('llama_index_driver.py', 'chat')),
  client('llama-index-gemini', 'gemini', LLAMA_INDEX, script('llama_index_driver.py', 'gemini')),
  client('haystack-chat', 'openai-chat', HAYSTACK, script('haystack_driver.py', 'chat')),
  client('haystack-responses', 'openai-responses', HAYSTACK, script('haystack_driver.py', 'responses')),
  client('autogen', 'openai-chat', AUTOGEN, script('autogen_driver.py', 'chat')),
  client('ag2-chat', 'openai-chat', AG2, script('ag2_driver.py', 'chat')),
  client('ag2-responses', 'openai-responses', AG2, script('ag2_driver.py', 'responses')),
  client('google-adk', 'gemini', GOOGLE_ADK, script('google_adk_driver.py', 'gemini')),
  client('langgraph-chat', 'openai-chat', LANGGRAPH, script('langgraph_driver.py', 'chat')),
  client('langgraph-gemini', 'gemini', LANGGRAPH, script('langgraph_driver.py', 'gemini')),
  client('agno-anthropic', 'anthropic', AGNO, script('agno_driver.py', 'anthropic')),
  client('agno-chat', 'openai-chat', AGNO, script('agno_driver.py', 'chat')),
  client('agno-responses', 'openai-responses', AGNO, script('agno_driver.py', 'responses')),
  client('strands-anthropic', 'anthropic', STRANDS, script('strands_driver.py', 'anthropic')),
  client('strands-chat', 'openai-chat', STRANDS, script('strands_driver.py', 'chat')),
  client('semantic-kernel', 'openai-chat', SEMANTIC_KERNEL, script('semantic_kernel_driver.py', 'chat')),
  client('agent-framework-chat', 'openai-chat', AGENT_FRAMEWORK, script('agent_framework_driver.py', 'chat')),
  client('agent-framework-responses', 'openai-responses', AGENT_FRAMEWORK, script('agent_framework_driver.py', 'responses')),
];

/** The upstreams, one provider each: what it is called in `gateway.toml`, its dialect, and a model it knows. */
export const UPSTREAMS = [
  { provider: 'only-chat', speaks: 'openai-chat', model: 'llama-4-70b', alias: 'chat-model' },
  { provider: 'only-messages', speaks: 'anthropic', model: 'claude-sonnet-4-6', alias: 'messages-model' },
  { provider: 'only-responses', speaks: 'openai-responses', model: 'gpt-5.5', alias: 'responses-model' },
  { provider: 'only-gemini', speaks: 'gemini', model: 'gemini-3.5-pro', alias: 'gemini-model' },
  { provider: 'only-cohere', speaks: 'cohere', model: 'command-a-reasoning-08-2025', alias: 'cohere-model' },
];
