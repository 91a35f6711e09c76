//! A provider's own list of models: how it is asked for, and what is read of the answer.

use http::header::{self, HeaderValue};
use http::{Method, request};

use super::way::{Path, url};
use crate::catalog::Catalog;
use crate::credentials;
use crate::dialect::Dialect;
use crate::exchange::Outgoing;
use crate::json::{JsonStr, Members, RawValue, elements};
use crate::name::ModelRef;
use crate::provider::{Auth, Provider, Via};
use crate::route::Operation;

/// Most names of one provider.
const MAX_MODELS: usize = 2_000;
/// Longest name, in bytes.
const MAX_NAME: usize = 256;

/// The request for the list of `provider`, with the operator's key. None where it has no list, or cannot be asked.
pub fn ask(provider: &Provider, catalog: &Catalog) -> Option<Outgoing> {
    let dialect = provider.dialects.first().copied()?;
    let reachable = match provider.via {
        Via::Mock => false,
        Via::Direct => provider.base.is_some() && (provider.api_key.is_some() || provider.own_base),
        Via::Cloudflare => provider.cloudflare.as_ref().is_some_and(|c| !c.native.is_empty()),
    };
    if !reachable || !provider.serves(ENDPOINT) || provider.azure.is_some() {
        return None;
    }
    let query = match dialect {
        Dialect::Anthropic => Some("limit=1000"),
        Dialect::Cohere => Some("page_size=1000&endpoint=chat"),
        Dialect::Gemini => Some("pageSize=1000"),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => None,
    };
    let name = ModelRef { model: String::new(), provider: provider.id.clone(), resolved: "provider" };
    let path = Path { operation: Operation::Unlisted(dialect), dialect, endpoint: ENDPOINT, compat: false, query };
    let uri = url(provider, &path, &name, catalog).ok()?;
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = Method::GET;
    dress(&mut head, provider, dialect, uri.authority()?.as_str(), catalog)?;
    head.uri = uri;
    Some(super::outgoing(provider, head, bytes::Bytes::new(), catalog))
}

fn dress(
    head: &mut request::Parts,
    provider: &Provider,
    dialect: Dialect,
    host: &str,
    catalog: &Catalog,
) -> Option<()> {
    let headers = &mut head.headers;
    headers.insert(header::HOST, HeaderValue::try_from(host).ok()?);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("apex-ai-proxy/", env!("CARGO_PKG_VERSION"))));
    if dialect == Dialect::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    let key = provider.api_key.as_ref().and_then(|key| credentials::auth_header(&provider.auth_for(dialect), key));
    if let Some((name, value)) = key {
        headers.insert(name, value);
    }
    let cloudflare = catalog.cloudflare.as_ref().filter(|_| provider.via == Via::Cloudflare);
    let token = cloudflare.and_then(|cloudflare| cloudflare.token.as_ref());
    if let Some((_, value)) = token.and_then(|token| credentials::auth_header(&Auth::Bearer, token)) {
        headers.insert("cf-aig-authorization", value);
    }
    Some(())
}

/// The names in a list of models, in any vendor's shape; none if it is no such list. What cannot be asked for by name, or
/// is no model for text, is left out.
pub fn read(body: &str) -> Option<Vec<String>> {
    let text = body.trim();
    let array: &RawValue = if text.starts_with('[') {
        serde_json::from_str(text).ok()?
    } else {
        let members = Members::parse(text).ok()?;
        members.get("data").or_else(|| members.get("models"))?
    };
    let mut names: Vec<String> = elements(array).ok()?.into_iter().filter_map(name).take(MAX_MODELS).collect();
    names.sort_unstable();
    names.dedup();
    Some(names)
}

fn name(raw: &RawValue) -> Option<String> {
    let m = Members::of(raw).ok()?;
    let generates = |methods: &RawValue| methods.get().contains("\"generateContent\"");
    if m.get("supportedGenerationMethods").is_some_and(|methods| !generates(methods)) {
        return None;
    }
    let name = m.get("id").or_else(|| m.get("name")).and_then(JsonStr::from_raw)?;
    let name = name.text();
    let name = name.strip_prefix("models/").unwrap_or(&name);
    let sound = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(['#', ',']);
    (sound && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

const ENDPOINT: &str = "models";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Host;
    use crate::settings::{Provider as Written, Settings};

    #[test]
    fn every_shape_is_read() {
        for (body, want) in [
            (r#"{"object":"list","data":[{"id":"b"},{"id":"a"},{"id":"a"}]}"#, Some(vec!["a", "b"])),
            (
                r#"{"data":[{"type":"model","id":"claude-x","display_name":"X"}],"has_more":false}"#,
                Some(vec!["claude-x"]),
            ),
            (
                r#"{"models":[{"name":"models/gemini-x","supportedGenerationMethods":["generateContent"]},{"name":"models/embed","supportedGenerationMethods":["embedContent"]}]}"#,
                Some(vec!["gemini-x"]),
            ),
            (r#"{"models":[{"name":"command-x","endpoints":["chat"]}]}"#, Some(vec!["command-x"])),
            (r#"[{"id":"x"},{"id":"a#b"},{"id":""},{"id":"a\nb"},{"id":7},8]"#, Some(vec!["x"])),
            (r#"{"error":{"message":"no"}}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(read(body), want.map(|w| w.into_iter().map(str::to_owned).collect()), "{body}");
        }
    }

    #[test]
    fn who_is_asked_and_how() {
        let mut settings = Settings::default();
        for id in ["openai", "anthropic", "google-ai-studio", "cohere", "perplexity-ai"] {
            settings.providers.insert(id.into(), Written { api_key: Some("sk-1".into()), ..Written::default() });
        }
        let catalog = Catalog::build(&settings, Host { loopback: true, native: true }).unwrap();
        let asked = |id: &str| ask(&catalog.providers[id], &catalog).map(|o| (o.head.uri.to_string(), o.head.headers));
        for (id, url, key) in [
            ("openai", "https://api.openai.com/v1/models", "authorization"),
            ("anthropic", "https://api.anthropic.com/v1/models?limit=1000", "x-api-key"),
            (
                "google-ai-studio",
                "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000",
                "x-goog-api-key",
            ),
            ("cohere", "https://api.cohere.com/v1/models?page_size=1000&endpoint=chat", "authorization"),
        ] {
            let (uri, headers) = asked(id).unwrap();
            assert_eq!(uri, url);
            assert!(headers.contains_key(key) && headers.contains_key("host"), "{headers:?}");
        }
        // Without a key, without a list, without a network.
        assert!(["groq", "perplexity-ai", "mock"].into_iter().all(|id| asked(id).is_none()));
    }
}
