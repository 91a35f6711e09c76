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

#[cfg(test)]
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
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otel/endpoint"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "otel/traces_endpoint"),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "otel/headers"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "otel/headers"),
    ("OTEL_SERVICE_NAME", "otel/service_name"),
    ("OTEL_RESOURCE_ATTRIBUTES", "otel/resource_attributes"),
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

#[cfg(test)]
mod tests {
    use figment::Figment;

    use super::*;

    fn text(environment: &Environment, path: &str) -> Option<String> {
        let known = |id: &str| id == "my_own";
        let figment = environment.layers(known).into_iter().fold(Figment::new(), Figment::merge);
        figment.find_value(path).ok().and_then(figment::value::Value::into_string)
    }

    #[test]
    fn names_and_their_keys() {
        let environment = Environment::from([
            ("GatewayToken", "first"),
            ("GATEWAY_TOKEN", "second"),
            ("GOOGLE_API_KEY", "g"),
            ("GEMINI_API_KEY", ""),
            ("AZURE_RESOURCE", "res"),
            ("APEX_TIMEOUTS__IDLE", "5"),
            ("APEX_PROVIDERS__AZURE_OPENAI__FORM", "v1"),
            ("APEX_PROVIDERS__MY_OWN__VIA", "direct"),
            ("APEX_AEPIPE__TOKEN", "ours"),
            ("AepipeToken", "theirs"),
            ("PATH", "/bin"),
        ]);
        for (path, value) in [
            ("gateway_token", Some("first")),
            ("providers.google-ai-studio.api_key", Some("g")),
            ("providers.azure-openai.resource", Some("res")),
            ("providers.azure-openai.form", Some("v1")),
            ("providers.my_own.via", Some("direct")),
            ("timeouts.idle", Some("5")),
            ("aepipe.token", Some("ours")),
            ("path", None),
        ] {
            assert_eq!(text(&environment, path).as_deref(), value, "{path}");
        }
    }

    #[test]
    fn debug_of_others_is_not_ours() {
        let debug = |value: &str| Environment::from([("DEBUG", value)]).layers(|_| false).len();
        assert_eq!((debug("1"), debug("true"), debug("express:*")), (1, 1, 0));
    }

    /// Core names these variables in its messages.
    #[test]
    fn core_knows_the_same_variables() {
        let catalog =
            crate::config::load(&crate::config::Sources::default(), &Environment::default(), None).unwrap().catalog;
        for provider in catalog.providers.values() {
            let Some(variable) = provider.key_variable else { continue };
            let path = format!("providers/{}/api_key", provider.id);
            assert!(NAMED.contains(&(variable, path.as_str())), "{variable} should set {path}");
        }
    }
}
