//! The clients, one row each. `{url}` is the gateway without `/v1`, `{model}` a model, `{token_env}` the variable that
//! holds the token: files name the variable and never hold the token.

/// What one client needs.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// The model where none is asked for.
    pub(super) model: &'static str,
    pub(super) files: &'static [File],
    /// Lines for a shell.
    pub(super) env: &'static str,
    pub(super) note: &'static str,
}

/// Settings in a file of the user's home.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) form: Form,
    pub(super) settings: &'static str,
}

/// How settings are put into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Members of a JSON object, merged where both have objects.
    Json,
    /// Keys and tables.
    Toml,
    /// `key: value` lines of the top level.
    Yaml,
    /// The whole file: one that is there is not touched.
    Whole,
}

pub(super) const CLIENTS: &[Client] = &[
    Client {
        name: "claude-code",
        what: "Claude Code (Messages)",
        model: "claude-sonnet-4-6#anthropic",
        files: &[File {
            path: ".claude/settings.json",
            form: Form::Json,
            settings: r#"{
  "env": {
    "ANTHROPIC_BASE_URL": "{url}",
    "ANTHROPIC_MODEL": "{model}"
  },
  "apiKeyHelper": "printenv {token_env}"
}
"#,
        }],
        env: "",
        note: "{token_env} must hold the gateway token where `claude` is started. Sub-agents ask for bare names like claude-haiku-5-5: set `[defaults] \"claude-*\" = \"anthropic\"` in apex.toml.",
    },
    Client {
        name: "codex",
        what: "Codex CLI (Responses)",
        model: "gpt-5.5#openai",
        files: &[File {
            path: ".codex/config.toml",
            form: Form::Toml,
            settings: r#"model = "{model}"
model_provider = "apex"

[model_providers.apex]
name = "apex-ai-proxy"
base_url = "{url}/v1"
env_key = "{token_env}"
wire_api = "responses"
"#,
        }],
        env: "",
        note: "{token_env} must hold the gateway token where `codex` is started.",
    },
    Client {
        name: "opencode",
        what: "opencode (Chat)",
        model: "gpt-5.5#openai",
        files: &[File {
            path: ".config/opencode/opencode.json",
            form: Form::Json,
            settings: r#"{
  "provider": {
    "apex": {
      "npm": "@ai-sdk/openai-compatible",
      "name": "apex-ai-proxy",
      "options": { "baseURL": "{url}/v1", "apiKey": "{env:{token_env}}" },
      "models": { "main": { "id": "{model}", "name": "{model}" } }
    }
  },
  "model": "apex/main"
}
"#,
        }],
        env: "",
        note: "`main` stands for the model: opencode would read what follows a `#` as a variant.",
    },
    Client {
        name: "aider",
        what: "aider (Chat)",
        model: "gpt-5.5#openai",
        files: &[File {
            path: ".aider.conf.yml",
            form: Form::Yaml,
            settings: "openai-api-base: \"{url}/v1\"\nmodel: \"openai/{model}\"\n",
        }],
        env: "export OPENAI_API_KEY=\"$\u{7b}{token_env}\u{7d}\"\n",
        note: "",
    },
    Client {
        name: "gemini-cli",
        what: "Gemini CLI (Gemini)",
        model: "main",
        files: &[File {
            path: ".gemini/settings.json",
            form: Form::Json,
            settings: "{\n  \"security\": { \"auth\": { \"selectedType\": \"gemini-api-key\" } }\n}\n",
        }],
        env: "export GOOGLE_GEMINI_BASE_URL=\"{url}\"\nexport GEMINI_API_KEY=\"$\u{7b}{token_env}\u{7d}\"\nexport GEMINI_MODEL=\"{model}\"\n",
        note: "Gemini CLI loses what follows a `#` in a model's name: give the model a name of its own in apex.toml, `[aliases] main = \"gemini-2.0-flash#google-ai-studio\"`.",
    },
    Client {
        name: "qwen-code",
        what: "Qwen Code (Chat)",
        model: "gpt-5.5#openai",
        files: &[File {
            path: ".qwen/settings.json",
            form: Form::Json,
            settings: "{\n  \"security\": { \"auth\": { \"selectedType\": \"openai\" } }\n}\n",
        }],
        env: "export OPENAI_BASE_URL=\"{url}/v1\"\nexport OPENAI_API_KEY=\"$\u{7b}{token_env}\u{7d}\"\nexport OPENAI_MODEL=\"{model}\"\n",
        note: "",
    },
    Client {
        name: "copilot",
        what: "GitHub Copilot CLI (Chat)",
        model: "gpt-5.5#openai",
        files: &[],
        env: "export COPILOT_PROVIDER_BASE_URL=\"{url}/v1\"\nexport COPILOT_PROVIDER_API_KEY=\"$\u{7b}{token_env}\u{7d}\"\nexport COPILOT_MODEL=\"{model}\"\n",
        note: "With these it needs no GitHub account. COPILOT_OFFLINE=true keeps it from asking GitHub for anything.",
    },
    Client {
        name: "continue",
        what: "Continue, in an editor or as `cn` (Chat)",
        model: "gpt-5.5#openai",
        files: &[File {
            path: ".continue/config.yaml",
            form: Form::Whole,
            settings: r#"name: apex
version: 1.0.0
schema: v1
models:
  - name: apex
    provider: openai
    model: "{model}"
    apiBase: "{url}/v1"
    apiKey: ${{ secrets.{token_env} }}
    capabilities: [tool_use]
    roles: [chat, edit, apply]
"#,
        }],
        env: "",
        note: "{token_env} must hold the gateway token where `cn` is started; in an editor, put it into ~/.continue/.env.",
    },
    Client {
        name: "cline",
        what: "Cline (Chat)",
        model: "gpt-5.5#openai",
        files: &[],
        env: "cline auth -p openai-compatible -b \"{url}/v1\" -m \"{model}\" -k \"$\u{7b}{token_env}\u{7d}\"\n",
        note: "In an editor, choose the API provider \"OpenAI Compatible\" in its settings: base URL {url}/v1, model {model}, and the gateway token as API key.",
    },
    Client {
        name: "pi",
        what: "pi (Chat)",
        model: "gpt-5.5#openai",
        files: &[
            File {
                path: ".pi/agent/models.json",
                form: Form::Json,
                settings: r#"{
  "providers": {
    "apex": {
      "baseUrl": "{url}/v1",
      "api": "openai-completions",
      "apiKey": "{token_env}",
      "models": [{ "id": "{model}", "contextWindow": 200000, "maxTokens": 32000 }]
    }
  }
}
"#,
            },
            File {
                path: ".pi/agent/settings.json",
                form: Form::Json,
                settings: "{\n  \"defaultProvider\": \"apex\",\n  \"defaultModel\": \"{model}\"\n}\n",
            },
        ],
        env: "",
        note: "{token_env} must hold the gateway token where `pi` is started.",
    },
    Client {
        name: "llm",
        what: "llm (Chat)",
        model: "gpt-5.5#openai",
        files: &[],
        env: r#"printf '%s\n' '- model_id: apex' '  model_name: "{model}"' '  api_base: "{url}/v1"' '  api_key_name: apex' '  supports_tools: true' >> "$(dirname "$(llm logs path)")/extra-openai-models.yaml"
llm keys set apex --value "${{token_env}}"
"#,
        note: "Then `llm -m apex 'hello'`.",
    },
    Client {
        name: "cursor",
        what: "Cursor (Chat)",
        model: "gpt-5.5#openai",
        files: &[],
        env: "",
        note: "Settings, Models: switch on \"Override OpenAI Base URL\" with {url}/v1, the gateway token as OpenAI key, and add the model {model}. Cursor calls from its own servers: the gateway must be reachable from outside by https.",
    },
    Client {
        name: "zed",
        what: "Zed (Chat)",
        model: "gpt-5.5#openai",
        files: &[],
        env: "export APEX_API_KEY=\"$\u{7b}{token_env}\u{7d}\"\n",
        note: "In Zed's settings.json:\n\n  \"language_models\": {\n    \"openai_compatible\": {\n      \"apex\": {\n        \"api_url\": \"{url}/v1\",\n        \"available_models\": [{ \"name\": \"{model}\", \"max_tokens\": 200000 }]\n      }\n    }\n  }",
    },
    Client {
        name: "openai-sdk",
        what: "OpenAI's SDKs and what is built on them (Chat, Responses)",
        model: "gpt-5.5#openai",
        files: &[],
        env: "export OPENAI_BASE_URL=\"{url}/v1\"\nexport OPENAI_API_KEY=\"$\u{7b}{token_env}\u{7d}\"\n",
        note: "Ask for {model}.",
    },
    Client {
        name: "anthropic-sdk",
        what: "Anthropic's SDKs and what is built on them (Messages)",
        model: "claude-sonnet-4-6#anthropic",
        files: &[],
        env: "export ANTHROPIC_BASE_URL=\"{url}\"\nexport ANTHROPIC_AUTH_TOKEN=\"$\u{7b}{token_env}\u{7d}\"\n",
        note: "Ask for {model}.",
    },
    Client {
        name: "cohere-sdk",
        what: "Cohere's SDKs and what is built on them (Cohere v2)",
        model: "command-a-03-2025#cohere",
        files: &[],
        env: "export CO_API_URL=\"{url}\"\nexport CO_API_KEY=\"$\u{7b}{token_env}\u{7d}\"\n",
        note: "Ask for {model}. `CO_API_URL` is read by Python's SDK; JavaScript's takes `environment: \"{url}\"` beside its token.",
    },
];
