//! From the bindings of a Worker to settings: the same names as in the first releases, vars and secrets alike.

use std::collections::{BTreeMap, BTreeSet};

use apex_core::provider::table::ROWS;
use apex_core::settings::{Provider, Settings};
use serde::Deserialize;
use serde_json::Value;

/// The var that holds what a configuration file holds natively, as JSON.
pub const CONFIG: &str = "APEX_CONFIG";

const GATEWAY_TOKEN: &str = "GatewayToken";
const AEPIPE_TOKEN: &str = "AepipeToken";
const PLAIN: &[&str] = &[
    "ACCOUNT_ID",
    "GATEWAY_ID",
    "AZURE_RESOURCE",
    "AZURE_API_VERSION",
    "AEPIPE_BASE_URL",
    "DEBUG",
    CONFIG,
    GATEWAY_TOKEN,
    AEPIPE_TOKEN,
];
/// Request bodies held at a time: an isolate has 128 MB for everything.
const BUFFERED_TOTAL: &str = "96 MiB";
/// Bodies copied for reports, at a time.
const CAPTURE_TOTAL: &str = "16 MiB";

/// Every name that is looked for, whatever is bound.
pub fn names() -> Vec<String> {
    let keys = ROWS.iter().flat_map(|row| row.key_variables);
    PLAIN.iter().chain(keys).map(|name| (*name).to_owned()).collect()
}

/// What the bindings hold, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bindings(BTreeMap<String, Bound>);

/// One binding: a var, a secret, or a secret that could not be read.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
enum Bound {
    Text(String),
    Failed { error: String },
}

impl Bindings {
    /// `values` is what was found for `names`, in their order: text, null, or `{"error": ..}`.
    pub fn new(names: &[String], values: &str) -> Result<Self, String> {
        let values: Vec<Option<Bound>> =
            serde_json::from_str(values).map_err(|error| format!("the bindings could not be read: {error}"))?;
        Ok(Self(names.iter().cloned().zip(values).filter_map(|(name, value)| Some((name, value?))).collect()))
    }

    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Names that the configuration refers to as `${NAME}`.
    pub fn further_names(&self) -> Vec<String> {
        let config = match self.0.get(CONFIG) {
            Some(Bound::Text(text)) => text.as_str(),
            Some(Bound::Failed { .. }) | None => "",
        };
        let names: BTreeSet<&str> =
            config.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        names.into_iter().filter(|name| is_name(name) && !self.0.contains_key(*name)).map(str::to_owned).collect()
    }

    /// The settings, or what an operator must know: which binding is missing or wrong.
    pub fn settings(&self) -> Result<Settings, String> {
        let mut settings = self.config()?;
        settings.gateway_token = self.text(GATEWAY_TOKEN)?.or(settings.gateway_token);
        if settings.gateway_token.is_none() {
            return Err(format!(
                "the secret {GATEWAY_TOKEN} is not set: bind it under secrets_store_secrets in wrangler.jsonc, or run `wrangler secret put {GATEWAY_TOKEN}`"
            ));
        }
        let cloudflare = &mut settings.cloudflare;
        cloudflare.account_id = self.text("ACCOUNT_ID")?.or(cloudflare.account_id.take());
        cloudflare.gateway_id = self.text("GATEWAY_ID")?.or(cloudflare.gateway_id.take());
        settings.aepipe.base_url = self.text("AEPIPE_BASE_URL")?.or(settings.aepipe.base_url);
        // Without it nothing is reported, as ever: a log must not stop the traffic.
        settings.aepipe.token = self.text(AEPIPE_TOKEN).ok().flatten().or(settings.aepipe.token);
        if let Some(debug) = self.text("DEBUG")? {
            settings.debug = Some(matches!(debug.trim(), "true" | "1"));
        }
        let mut set = |id: &str, put: &dyn Fn(&mut Provider)| put(settings.providers.entry(id.to_owned()).or_default());
        if let Some(resource) = self.text("AZURE_RESOURCE")? {
            set("azure-openai", &|provider| provider.resource = Some(resource.clone()));
        }
        if let Some(version) = self.text("AZURE_API_VERSION")? {
            set("azure-openai", &|provider| provider.api_version = Some(version.clone()));
        }
        for row in ROWS {
            for name in row.key_variables.iter().rev() {
                if let Some(key) = self.text(name)? {
                    set(row.id, &|provider| provider.api_key = Some(key.clone()));
                }
            }
        }
        settings.limits.buffered_total.get_or_insert_with(|| BUFFERED_TOTAL.to_owned());
        settings.limits.capture_total.get_or_insert_with(|| CAPTURE_TOTAL.to_owned());
        // An isolate sees a part of the traffic only; the platform bounds what runs at a time.
        settings.passthrough.max_concurrent.get_or_insert(u32::MAX);
        settings.passthrough.max_concurrent_per_client.get_or_insert(u32::MAX);
        Ok(settings)
    }

    /// What is bound to `name`, without white space around it, which pasting leaves; what is empty is not there.
    fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.0.get(name) {
            Some(Bound::Text(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(Bound::Failed { error }) => Err(format!(
                "the secret of the binding {name} could not be read ({error}): create it in the Secrets Store, or take the binding out of wrangler.jsonc"
            )),
            None => Ok(None),
        }
    }

    fn config(&self) -> Result<Settings, String> {
        let Some(text) = self.text(CONFIG)? else { return Ok(Settings::default()) };
        let wrong = |what: String| format!("the var {CONFIG} is wrong: {what}");
        let value: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if !value.is_object() {
            return Err(wrong("it is not a JSON object".to_owned()));
        }
        let value = self.expand(value).map_err(wrong)?.unwrap_or(Value::Null);
        // By way of text, so that an error names the key.
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
    }

    /// Puts the bindings into every `${NAME}`. A string that is only `${NAME}`, with nothing bound to it, makes its key
    /// absent, as in the file of the native server.
    fn expand(&self, value: Value) -> Result<Option<Value>, String> {
        Ok(Some(match value {
            Value::String(text) => return Ok(self.expand_text(&text)?.map(Value::String)),
            Value::Array(items) => {
                Value::Array(items.into_iter().filter_map(|v| self.expand(v).transpose()).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let mut expanded = serde_json::Map::new();
                for (key, value) in members {
                    if let Some(value) = self.expand(value)? {
                        expanded.insert(key, value);
                    }
                }
                Value::Object(expanded)
            }
            other @ (Value::Bool(_) | Value::Null | Value::Number(_)) => other,
        }))
    }

    fn expand_text(&self, text: &str) -> Result<Option<String>, String> {
        if let Some(name) = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'))
            && is_name(name)
        {
            return self.text(name);
        }
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (name, after) = after
                .split_once('}')
                .filter(|(name, _)| is_name(name))
                .ok_or("a `${` does not go on as `${NAME}`".to_owned())?;
            out.push_str(&self.text(name)?.ok_or_else(|| format!("it needs {name}, to which nothing is bound"))?);
            rest = after;
        }
        out.push_str(rest);
        Ok(Some(out))
    }
}

/// The binding that a key of the configuration may have come from.
pub fn binding_of(path: &str) -> Option<&'static str> {
    let own = match path {
        "gateway_token" => GATEWAY_TOKEN,
        "cloudflare.account_id" => "ACCOUNT_ID",
        "cloudflare.gateway_id" => "GATEWAY_ID",
        "aepipe.base_url" => "AEPIPE_BASE_URL",
        "aepipe.token" => AEPIPE_TOKEN,
        "providers.azure-openai.resource" => "AZURE_RESOURCE",
        "providers.azure-openai.api_version" => "AZURE_API_VERSION",
        _ => {
            let id = path.strip_prefix("providers.")?.strip_suffix(".api_key")?;
            return ROWS.iter().find(|row| row.id == id)?.key_variables.first().copied();
        }
    };
    Some(own)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings(pairs: &[(&str, Value)]) -> Bindings {
        let names: Vec<String> = pairs.iter().map(|(name, _)| (*name).to_owned()).collect();
        let values: Vec<&Value> = pairs.iter().map(|(_, value)| value).collect();
        Bindings::new(&names, &serde_json::to_string(&values).unwrap()).unwrap()
    }

    fn text(value: &str) -> Value {
        Value::String(value.to_owned())
    }

    #[test]
    fn the_names_of_the_first_releases() {
        let settings = bindings(&[
            ("GatewayToken", text("t")),
            ("ACCOUNT_ID", text("acct")),
            ("GATEWAY_ID", text("gw")),
            ("AZURE_RESOURCE", text("res")),
            ("AZURE_API_VERSION", text("2024-02-01")),
            ("AEPIPE_BASE_URL", text("https://a.example")),
            ("AepipeToken", text("p")),
            ("DEBUG", text("true")),
            ("GEMINI_API_KEY", text("first")),
            ("GOOGLE_API_KEY", text("second")),
        ])
        .settings()
        .unwrap();
        assert_eq!(settings.gateway_token.as_deref(), Some("t"));
        assert_eq!(settings.cloudflare.account_id.as_deref(), Some("acct"));
        assert_eq!(settings.cloudflare.gateway_id.as_deref(), Some("gw"));
        let azure = &settings.providers["azure-openai"];
        assert_eq!((azure.resource.as_deref(), azure.api_version.as_deref()), (Some("res"), Some("2024-02-01")));
        assert_eq!(settings.aepipe.base_url.as_deref(), Some("https://a.example"));
        assert_eq!(settings.aepipe.token.as_deref(), Some("p"));
        assert_eq!(settings.debug, Some(true));
        assert_eq!(settings.providers["google-ai-studio"].api_key.as_deref(), Some("first"));
        assert!(!settings.providers.contains_key("openai"));
    }

    #[test]
    fn white_space_around_a_secret_is_not_part_of_it() {
        let settings = bindings(&[("GatewayToken", text(" t\n")), ("AepipeToken", text("\n"))]).settings().unwrap();
        assert_eq!((settings.gateway_token.as_deref(), settings.aepipe.token), (Some("t"), None));
    }

    #[test]
    fn keys_have_their_bindings() {
        for (path, binding) in [
            ("aepipe.base_url", Some("AEPIPE_BASE_URL")),
            ("providers.azure-openai.resource", Some("AZURE_RESOURCE")),
            ("providers.google-ai-studio.api_key", Some("GEMINI_API_KEY")),
            ("providers.mine.api_key", None),
            ("aliases", None),
        ] {
            assert_eq!(binding_of(path), binding, "{path}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let failed = serde_json::json!({"error": "Secret not found"});
        for (pairs, wanted) in [
            (vec![], "the secret GatewayToken is not set"),
            (vec![("GatewayToken", text(""))], "the secret GatewayToken is not set"),
            (vec![("GatewayToken", failed.clone())], "binding GatewayToken could not be read (Secret not found)"),
            (vec![("GatewayToken", text("t")), ("GROQ_API_KEY", failed.clone())], "GROQ_API_KEY"),
            (vec![("GatewayToken", text("t")), ("APEX_CONFIG", text("{"))], "APEX_CONFIG"),
            (
                vec![("GatewayToken", text("t")), ("APEX_CONFIG", text("[]"))],
                "APEX_CONFIG is wrong: it is not a JSON object",
            ),
            (vec![("GatewayToken", text("t")), ("APEX_CONFIG", text(r#"{"aliasses":{}}"#))], "aliasses"),
            (vec![("GatewayToken", text("t")), ("APEX_CONFIG", text(r#"{"default_provider":"a${B}"}"#))], "B"),
        ] {
            let problem = bindings(&pairs).settings().unwrap_err();
            assert!(problem.contains(wanted), "{problem}");
        }
        let logging = bindings(&[("GatewayToken", text("t")), ("AepipeToken", failed)]).settings().unwrap();
        assert_eq!(logging.aepipe.token, None);
    }

    #[test]
    fn a_configuration_refers_to_secrets() {
        let config = r#"{"providers":{"mine":{"base_url":"https://${HOST}/v1","api_key":"${MINE}","via":"${NONE}"}},
            "aliases":{"fast":"m#mine"}}"#;
        let mut bound = bindings(&[("GatewayToken", text("t")), ("APEX_CONFIG", text(config))]);
        assert_eq!(bound.further_names(), ["HOST", "MINE", "NONE"]);
        bound.extend(bindings(&[("HOST", text("h.example")), ("MINE", text("k")), ("NONE", Value::Null)]));
        let settings = bound.settings().unwrap();
        let mine = &settings.providers["mine"];
        assert_eq!(mine.base_url.as_deref(), Some("https://h.example/v1"));
        assert_eq!(mine.api_key.as_deref(), Some("k"));
        assert_eq!(mine.via, None);
        assert_eq!(settings.aliases["fast"], "m#mine");
    }

    #[test]
    fn an_isolate_has_limits_of_its_own() {
        let settings = bindings(&[("GatewayToken", text("t"))]).settings().unwrap();
        assert_eq!(settings.limits.buffered_total.as_deref(), Some("96 MiB"));
        assert_eq!(settings.limits.capture_total.as_deref(), Some("16 MiB"));
        assert_eq!(settings.passthrough.max_concurrent, Some(u32::MAX));
        let config = r#"{"limits":{"buffered_total":"1 MiB"},"passthrough":{"max_concurrent":3}}"#;
        let settings = bindings(&[("GatewayToken", text("t")), ("APEX_CONFIG", text(config))]).settings().unwrap();
        assert_eq!(settings.limits.buffered_total.as_deref(), Some("1 MiB"));
        assert_eq!(settings.passthrough.max_concurrent, Some(3));
    }
}
