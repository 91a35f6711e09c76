//! `GET /v1/models`: aliases, the providers' models, as configured and as they listed them, and the mock, in the caller's
//! shape.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::json::{Obj, object};
use crate::name;
use crate::plan;
use crate::provider::{Provider, Via, table};
use crate::refusal::Refusal;
use crate::route::Operation;

/// The list of models, all on one page, with the members by which each vendor's clients know that it is the last.
pub fn list(catalog: &Catalog, dialect: Dialect) -> Vec<u8> {
    let ids = ids(catalog);
    let mut out = Vec::new();
    object(&mut out, |o| match dialect {
        // No `nextPageToken`: nothing follows.
        Dialect::Gemini => o.arr("models", |a| ids.iter().for_each(|(id, _)| a.obj(|o| of_gemini(o, id)))),
        Dialect::Anthropic => {
            o.arr("data", |a| ids.iter().for_each(|(id, _)| a.obj(|o| of_anthropic(o, id))));
            o.bool("has_more", false);
            for (key, id) in [("first_id", ids.first()), ("last_id", ids.last())] {
                match id {
                    Some((id, _)) => o.text(key, id),
                    None => o.null(key),
                }
            }
        }
        // No `next_page_token`, either.
        Dialect::Cohere => o.arr("models", |a| ids.iter().for_each(|(id, _)| a.obj(|o| of_cohere(o, id)))),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            o.text("object", "list");
            o.arr("data", |a| ids.iter().for_each(|(id, owner)| a.obj(|o| of_openai(o, id, owner))));
        }
    });
    out
}

/// Names that a client may ask for, each with its provider: aliases, then what the providers are configured to have, then
/// what they listed besides.
fn ids(catalog: &Catalog) -> Vec<(String, &str)> {
    let mut ids: Vec<(String, &str)> = catalog
        .aliases
        .iter()
        .map(|(alias, target)| (alias.clone(), target.rsplit_once('#').map_or("", |(_, p)| p)))
        .collect();
    for provider in catalog.providers.values().filter(|p| is_live(p)) {
        let new = provider.fetched.iter().filter(|name| !provider.models.contains(name));
        let names = provider.models.iter().chain(new);
        ids.extend(names.map(|name| (format!("{name}#{}", provider.id), provider.id.as_str())));
    }
    ids
}

/// One model, if its name leads to a provider.
pub fn find(id: &str, catalog: &Catalog, dialect: Dialect) -> Option<Vec<u8>> {
    let found = name::resolve(id, None, catalog, dialect).ok()?;
    let mut out = Vec::new();
    object(&mut out, |o| match dialect {
        Dialect::Gemini => of_gemini(o, id),
        Dialect::Anthropic => of_anthropic(o, id),
        Dialect::Cohere => of_cohere(o, id),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => of_openai(o, id, &found.provider),
    });
    Some(out)
}

/// <https://platform.openai.com/docs/api-reference/models/object>
fn of_openai(o: &mut Obj<'_>, id: &str, owner: &str) {
    o.text("id", id);
    o.text("object", "model");
    o.uint("created", 0);
    o.text("owned_by", owner);
}

/// <https://docs.claude.com/en/api/models-list>
fn of_anthropic(o: &mut Obj<'_>, id: &str) {
    o.text("type", "model");
    o.text("id", id);
    o.text("display_name", id);
    o.text("created_at", "1970-01-01T00:00:00Z");
}

/// <https://docs.cohere.com/reference/list-models>
fn of_cohere(o: &mut Obj<'_>, id: &str) {
    o.text("name", id);
    o.arr("endpoints", |a| a.text("chat"));
}

/// <https://ai.google.dev/api/models#Model>. Clients put `name` into paths as it is: there `#` would begin a fragment.
fn of_gemini(o: &mut Obj<'_>, id: &str) {
    o.text("name", &format!("models/{}", utf8_percent_encode(id, IN_PATH)));
    o.text("displayName", id);
    o.text("version", "");
    o.arr("supportedGenerationMethods", |a| {
        ["generateContent", "streamGenerateContent", "countTokens"].iter().for_each(|method| a.text(method));
    });
}

/// What a path cannot hold as it is.
const IN_PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?');

/// How `name` resolves, in lines for people: the provider, and the way from each kind of client.
pub fn explain(name: &str, catalog: &Catalog) -> Result<Vec<String>, Refusal> {
    let found = name::resolve(name, None, catalog, Dialect::OpenAiChat)?;
    let via = catalog.providers.get(&found.provider).map_or("", |p| p.via.as_str());
    let note = table::row(&found.provider).and_then(|row| row.note);
    let mut lines = vec![format!("{name}: model {} at provider {}, {via}", found.model, found.provider)];
    lines.extend(note.map(|note| format!("  {note}")));
    let operations = [
        Operation::ChatCompletions,
        Operation::Messages,
        Operation::Responses,
        Operation::GenerateContent,
        Operation::CohereChat,
    ];
    for operation in operations {
        let way = match plan::way(&found, operation, false, None, catalog) {
            Ok(way) if way.dialect == operation.dialect() => format!("relayed to {}", way.url),
            Ok(way) => format!("translated to {}, {}", way.dialect, way.url),
            Err(refusal) => format!("refused: {refusal}"),
        };
        lines.push(format!("  {:<38} {way}", operation.endpoint()));
    }
    Ok(lines)
}

/// Can the provider be used as configured?
pub fn is_live(provider: &Provider) -> bool {
    match provider.via {
        Via::Mock => true,
        Via::Cloudflare => provider.azure.as_ref().is_none_or(|a| a.resource.is_some()),
        Via::Direct => provider.base.is_some() && (provider.api_key.is_some() || provider.own_base),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Host;
    use crate::settings::{Provider as Written, Settings};

    #[test]
    fn every_shape() {
        let mut settings = Settings::default();
        settings.aliases.insert("fast".into(), "gpt-5.5#openai".into());
        settings.providers.insert(
            "openai".into(),
            Written { api_key: Some("k".into()), models: vec!["gpt-5.5".into()], ..Written::default() },
        );
        let catalog = Catalog::build(&settings, Host { loopback: true, native: true }).unwrap();
        let text = |d| String::from_utf8(list(&catalog, d)).unwrap();
        assert_eq!(
            text(Dialect::OpenAiChat),
            r#"{"object":"list","data":[{"id":"fast","object":"model","created":0,"owned_by":"openai"},{"id":"echo#mock","object":"model","created":0,"owned_by":"mock"},{"id":"script#mock","object":"model","created":0,"owned_by":"mock"},{"id":"gpt-5.5#openai","object":"model","created":0,"owned_by":"openai"}]}"#
        );
        assert!(
            text(Dialect::Anthropic).ends_with(r#""has_more":false,"first_id":"fast","last_id":"gpt-5.5#openai"}"#)
        );
        let alone = r#"{"object":"list""#;
        assert!(text(Dialect::OpenAiResponses).starts_with(alone));
        let first = r#"{"models":[{"name":"fast","endpoints":["chat"]},"#;
        assert!(text(Dialect::Cohere).starts_with(first), "{}", text(Dialect::Cohere));
        let gemini = |name: &str, id: &str| {
            format!(
                r#"{{"name":"models/{name}","displayName":"{id}","version":"","supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}}"#
            )
        };
        let listed = [("fast", "fast"), ("echo%23mock", "echo#mock"), ("script%23mock", "script#mock")];
        let listed: Vec<String> = listed.into_iter().map(|(name, id)| gemini(name, id)).collect();
        let openai = gemini("gpt-5.5%23openai", "gpt-5.5#openai");
        assert_eq!(text(Dialect::Gemini), format!(r#"{{"models":[{},{openai}]}}"#, listed.join(",")));
        let found = find("gpt-5.5#openai", &catalog, Dialect::Gemini).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), openai);
        assert!(find("any-name#groq", &catalog, Dialect::OpenAiChat).is_some());
        assert_eq!(
            explain("fast", &catalog).unwrap(),
            [
                "fast: model gpt-5.5 at provider openai, direct",
                "  /v1/chat/completions                   relayed to https://api.openai.com/v1/chat/completions",
                "  /v1/messages                           translated to openai-responses, https://api.openai.com/v1/responses",
                "  /v1/responses                          relayed to https://api.openai.com/v1/responses",
                "  /v1beta/models/{model}:generateContent translated to openai-responses, https://api.openai.com/v1/responses",
                "  /v2/chat                               translated to openai-responses, https://api.openai.com/v1/responses",
            ]
        );
        assert!(find("any-name", &catalog, Dialect::OpenAiChat).is_none());
    }
}
