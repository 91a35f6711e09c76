//! Model names: `<model>#<provider>`, the mapping header, aliases and defaults.

use http::StatusCode;

use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::refusal::{Refusal, echo};

/// Longest model name, in bytes.
const MAX_MODEL: usize = 256;
/// Longest mapping header, in bytes, and most pairs in it.
const MAX_MAPPING: usize = 8 << 10;
const MAX_PAIRS: usize = 64;

/// A model name that was resolved: nobody splits on `#` again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRef {
    /// The name to send upstream.
    pub model: String,
    /// A provider of the catalog.
    pub provider: String,
    /// What led there, for the record: `provider` (named behind the `#`), `alias` or `default`, after a `mapping` or not;
    /// or `header`.
    pub resolved: &'static str,
}

/// The pairs of `X-APEX-AI-PROXY-MAPPING`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping(Vec<(String, String)>);

impl Mapping {
    /// Parses `from1#to1,from2#to2`: pairs split on `,` and trimmed, exactly one `#` in each, both sides non-empty.
    pub fn parse(header: &[u8]) -> Result<Self, Refusal> {
        let bad = |what| Refusal::InvalidMapping { what };
        if header.len() > MAX_MAPPING {
            return Err(bad("it is longer than 8 KiB"));
        }
        let text = std::str::from_utf8(header).map_err(|_| bad("it is not UTF-8"))?;
        let mut pairs = Vec::new();
        for pair in text.split(',') {
            let (from, to) = pair.trim().split_once('#').ok_or_else(|| bad("a pair has no `#`"))?;
            let (from, to) = (from.trim(), to.trim());
            if to.contains('#') {
                return Err(bad("a pair has more than one `#`"));
            }
            if from.is_empty() || to.is_empty() {
                return Err(bad("a side of a pair is empty"));
            }
            pairs.push((from.to_owned(), to.to_owned()));
        }
        if pairs.len() > MAX_PAIRS {
            return Err(bad("it has more than 64 pairs"));
        }
        Ok(Self(pairs))
    }

    /// `name` with its bare part mapped and its `#provider` kept. One pass, the first match wins.
    pub fn apply(&self, name: &str) -> String {
        let (bare, suffix) = name.rfind('#').map_or((name, ""), |at| name.split_at(at));
        match self.0.iter().find(|(from, _)| from == bare) {
            Some((_, to)) => format!("{to}{suffix}"),
            None => name.to_owned(),
        }
    }
}

/// Resolves `name` as a client of `dialect` asked for it: mapping, alias, `#provider`, defaults.
pub fn resolve(
    name: &str,
    mapping: Option<&Mapping>,
    catalog: &Catalog,
    dialect: Dialect,
) -> Result<ModelRef, Refusal> {
    let invalid = |what: String| Refusal::InvalidModel { what, status: StatusCode::BAD_REQUEST };
    if name.is_empty() || name.len() > MAX_MODEL || name.chars().any(char::is_control) {
        return Err(invalid(format!(
            "`model` must be 1 to {MAX_MODEL} bytes of printable text, in the form <model>#<provider>"
        )));
    }
    let mapped = mapping.map(|m| m.apply(name));
    let is_mapped = mapped.as_ref().is_some_and(|mapped| mapped != name);
    let mapped = mapped.as_deref().unwrap_or(name);
    let alias = catalog.aliases.get(mapped);
    let is_alias = alias.is_some();
    let full = alias.map_or(mapped, String::as_str);
    if let Some((model, provider)) = full.rsplit_once('#') {
        if model.is_empty() || provider.is_empty() {
            return Err(invalid(format!(
                "`{}` is not <model>#<provider>: both parts are needed. {}",
                echo(name),
                known(catalog)
            )));
        }
        if !catalog.providers.contains_key(provider) {
            return Err(miss(
                dialect,
                format!("unknown provider `{}` in `{}`. {}", echo(provider), echo(name), known(catalog)),
            ));
        }
        let resolved = match (is_mapped, is_alias) {
            (false, false) => "provider",
            (false, true) => "alias",
            (true, false) => "mapping, provider",
            (true, true) => "mapping, alias",
        };
        return Ok(ModelRef { model: model.to_owned(), provider: provider.to_owned(), resolved });
    }
    let default = catalog
        .defaults
        .iter()
        .find(|(pattern, _)| glob(pattern, full))
        .map(|(_, id)| id)
        .or(catalog.default_provider.as_ref());
    match default {
        Some(provider) => {
            let resolved = if is_mapped { "mapping, default" } else { "default" };
            Ok(ModelRef { model: full.to_owned(), provider: provider.clone(), resolved })
        }
        None => Err(miss(
            dialect,
            format!("model `{}` names no provider: write it as <model>#<provider>. {}", echo(name), known(catalog)),
        )),
    }
}

/// A model that leads nowhere: 400 for OpenAI's clients, 404 for everybody else's, as their own APIs answer.
fn miss(dialect: Dialect, what: String) -> Refusal {
    let status = match dialect {
        Dialect::Anthropic | Dialect::Cohere | Dialect::Gemini => StatusCode::NOT_FOUND,
        Dialect::OpenAiChat | Dialect::OpenAiResponses => StatusCode::BAD_REQUEST,
    };
    Refusal::InvalidModel { what, status }
}

/// The providers there are, as a sentence.
pub(crate) fn known(catalog: &Catalog) -> String {
    let ids: Vec<_> = catalog.providers.keys().map(String::as_str).take(40).collect();
    format!("Known providers: {}", ids.join(", "))
}

/// Does `name` match `pattern`, in which `*` stands for any text?
pub fn glob(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    // Every piece but the last must be found in order; the last one must end the name.
    let mut last: Option<&str> = None;
    for piece in pieces {
        if let Some(middle) = last.replace(piece) {
            let Some(at) = rest.find(middle) else { return false };
            rest = rest.get(at + middle.len()..).unwrap_or_default();
        }
    }
    last.map_or(rest.is_empty(), |tail| rest.ends_with(tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Host;
    use crate::settings::Settings;

    fn catalog() -> Catalog {
        let mut settings = Settings { default_provider: Some("groq".into()), ..Settings::default() };
        settings.aliases.insert("fast".into(), "gpt-5.5#openai".into());
        settings.defaults.insert("claude-*".into(), "anthropic".into());
        settings.defaults.insert("claude-*-special".into(), "openrouter".into());
        Catalog::build(&settings, Host { loopback: true, native: true }).unwrap()
    }

    #[test]
    fn names_resolve_in_order() {
        let catalog = catalog();
        let mapping = Mapping::parse(b" claude-opus-4.7#mimo , a#fast,a#never").unwrap();
        for (name, want) in [
            ("gpt-5.5#openai", "gpt-5.5 openai by provider"),
            ("@cf/meta/llama#x#workers-ai", "@cf/meta/llama#x workers-ai by provider"),
            ("openai/gpt-4:free#openrouter", "openai/gpt-4:free openrouter by provider"),
            ("claude-opus-4.7#anthropic", "mimo anthropic by mapping, provider"),
            ("a", "gpt-5.5 openai by mapping, alias"),
            ("fast", "gpt-5.5 openai by alias"),
            ("claude-haiku-5-5", "claude-haiku-5-5 anthropic by default"),
            ("claude-x-special", "claude-x-special openrouter by default"),
            ("llama", "llama groq by default"),
            ("echo#mock", "echo mock by provider"),
        ] {
            let found = resolve(name, Some(&mapping), &catalog, Dialect::OpenAiChat).unwrap();
            assert_eq!(format!("{} {} by {}", found.model, found.provider, found.resolved), want, "{name}");
        }
    }

    #[test]
    fn names_that_lead_nowhere() {
        let mut catalog = catalog();
        catalog.default_provider = None;
        for (name, dialect, status) in [
            ("", Dialect::OpenAiChat, 400),
            ("#openai", Dialect::Anthropic, 400),
            ("gpt#", Dialect::Anthropic, 400),
            ("gpt#Openai", Dialect::OpenAiChat, 400),
            ("gpt#nope", Dialect::Anthropic, 404),
            ("gpt", Dialect::OpenAiChat, 400),
            ("gpt", Dialect::Anthropic, 404),
            ("a\nb#openai", Dialect::OpenAiChat, 400),
        ] {
            let refusal = resolve(name, None, &catalog, dialect).unwrap_err();
            assert_eq!(refusal.status().as_u16(), status, "{name}");
            assert!(
                refusal.to_string().contains("<model>#<provider>") || refusal.to_string().contains("Known providers"),
                "{refusal}"
            );
        }
        assert!(resolve(&"x".repeat(300), None, &catalog, Dialect::OpenAiChat).is_err());
    }

    #[test]
    fn mappings_are_strict() {
        for bad in
            ["", "a", "a#", "#b", "a#b#c", "a#b,", "a#b,,c#d", &"a#b,".repeat(65), &format!("a#{}", "b".repeat(9000))]
        {
            assert!(Mapping::parse(bad.as_bytes()).is_err(), "{bad:.20}");
        }
        assert!(Mapping::parse(b"\xff#b").is_err());
        assert_eq!(Mapping::parse(b"a#b").unwrap().apply("x#a"), "x#a");
    }

    #[test]
    fn globs() {
        for (pattern, name, want) in [
            ("claude-*", "claude-x", true),
            ("claude-*", "xclaude-x", false),
            ("*", "", true),
            ("gpt", "gpt", true),
            ("gpt", "gpt-5", false),
            ("*-mini", "gpt-5-mini", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXc", false),
            ("a*a", "a", false),
            ("a**", "ab", true),
        ] {
            assert_eq!(glob(pattern, name), want, "{pattern} {name}");
        }
    }
}
