//! Which environment variable sets which key. The one place in the workspace that reads the environment.

use std::collections::BTreeMap;
use std::env;

use super::layer::Layer;

/// The environment as a value, so that tests can bring their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process. What is not Unicode cannot be a setting.
    pub(crate) fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(env::vars_os().filter_map(text).collect())
    }

    /// A variable that is set to something.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// One layer for each variable that is ours, weakest first.
    pub(super) fn layers(&self, known_provider: impl Fn(&str) -> bool) -> Vec<Layer> {
        let named = NAMED.iter().rev().filter_map(|(name, path)| {
            let path: Vec<String> = path.split('/').map(str::to_owned).collect();
            let value = self.get(name)?;
            if *name == "DEBUG" {
                // Other programs use this name for other things (`DEBUG=express:*`).
                return truth(value).map(|debug| Layer::single(*name, &path, debug));
            }
            Some(Layer::single(*name, &path, value))
        });
        let prefixed = self.0.iter().filter(|(_, value)| !value.is_empty()).filter_map(|(name, value)| {
            let mut path: Vec<String> = name.strip_prefix("APEX_")?.split("__").map(str::to_lowercase).collect();
            if let [first, id, ..] = path.as_mut_slice()
                && first == "providers"
                && !known_provider(id)
            {
                // Shells have no `-` in names, and no built-in provider has a `_`.
                *id = id.replace('_', "-");
            }
            Some(Layer::single(name, &path, value.as_str()))
        });
        named.chain(prefixed).collect()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }
}

/// `true`, `1`, `false` or `0`.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Variables with names of their own, and the keys they set. Of two that set the same, the upper one wins.
const NAMED: &[(&str, &str)] = &[
    ("ACCOUNT_ID", "cloudflare/account_id"),
    ("GATEWAY_ID", "cloudflare/gateway_id"),
    ("GatewayToken", "gateway_token"),
    ("GATEWAY_TOKEN", "gateway_token"),
    ("AZURE_RESOURCE", "providers/azure-openai/resource"),
    ("AZURE_API_VERSION", "providers/azure-openai/api_version"),
    ("AEPIPE_BASE_URL", "aepipe/base_url"),
    ("AepipeToken", "aepipe/token"),
    ("AEPIPE_TOKEN", "aepipe/token"),
    ("DEBUG", "debug"),
    ("OPENAI_API_KEY", "providers/openai/api_key"),
    ("ANTHROPIC_API_KEY", "providers/anthropic/api_key"),
    ("GEMINI_API_KEY", "providers/google-ai-studio/api_key"),
    ("GOOGLE_API_KEY", "providers/google-ai-studio/api_key"),
    ("GROQ_API_KEY", "providers/groq/api_key"),
    ("MISTRAL_API_KEY", "providers/mistral/api_key"),
    ("XAI_API_KEY", "providers/grok/api_key"),
    ("GROK_API_KEY", "providers/grok/api_key"),
    ("DEEPSEEK_API_KEY", "providers/deepseek/api_key"),
    ("CEREBRAS_API_KEY", "providers/cerebras/api_key"),
    ("COHERE_API_KEY", "providers/cohere/api_key"),
    ("CO_API_KEY", "providers/cohere/api_key"),
    ("PERPLEXITY_API_KEY", "providers/perplexity-ai/api_key"),
    ("AZURE_OPENAI_API_KEY", "providers/azure-openai/api_key"),
    ("AZURE_API_KEY", "providers/azure-openai/api_key"),
    ("OPENROUTER_API_KEY", "providers/openrouter/api_key"),
    ("CLOUDFLARE_API_TOKEN", "providers/workers-ai/api_key"),
];
