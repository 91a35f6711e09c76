//! `GET /v1/models`: aliases, the configured providers' models and the mock, in the caller's shape.

use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::json::object;
use crate::name;
use crate::plan;
use crate::provider::{Provider, Via, table};
use crate::refusal::Refusal;
use crate::route::Operation;

/// The list of models.
pub fn list(catalog: &Catalog, dialect: Dialect) -> Vec<u8> {
    let mut ids: Vec<(String, &str)> = catalog
        .aliases
        .iter()
        .map(|(alias, target)| (alias.clone(), target.rsplit_once('#').map_or("", |(_, p)| p)))
        .collect();
    for provider in catalog.providers.values().filter(|p| is_live(p)) {
        ids.extend(provider.models.iter().map(|m| (format!("{m}#{}", provider.id), provider.id.as_str())));
    }
    let mut out = Vec::new();
    object(&mut out, |o| {
        if dialect != Dialect::Anthropic {
            o.text("object", "list");
        }
        o.arr("data", |a| ids.iter().for_each(|(id, owner)| a.obj(|o| model(o, id, owner, dialect))));
        if dialect == Dialect::Anthropic {
            o.bool("has_more", false);
            for (key, id) in [("first_id", ids.first()), ("last_id", ids.last())] {
                match id {
                    Some((id, _)) => o.text(key, id),
                    None => o.null(key),
                }
            }
        }
    });
    out
}

/// One model, if its name leads to a provider.
pub fn find(id: &str, catalog: &Catalog, dialect: Dialect) -> Option<Vec<u8>> {
    let found = name::resolve(id, None, catalog, dialect).ok()?;
    let mut out = Vec::new();
    object(&mut out, |o| model(o, id, &found.provider, dialect));
    Some(out)
}

/// How `name` resolves, in lines for people: the provider, and the way from each kind of client.
pub fn explain(name: &str, catalog: &Catalog) -> Result<Vec<String>, Refusal> {
    let found = name::resolve(name, None, catalog, Dialect::OpenAiChat)?;
    let via = catalog.providers.get(&found.provider).map_or("", |p| p.via.as_str());
    let note = table::row(&found.provider).and_then(|row| row.note);
    let mut lines = vec![format!("{name}: model {} at provider {}, {via}", found.model, found.provider)];
    lines.extend(note.map(|note| format!("  {note}")));
    for operation in [Operation::ChatCompletions, Operation::Messages, Operation::Responses, Operation::GenerateContent]
    {
        let way = match plan::way(&found, operation, false, None, catalog) {
            Ok(way) if way.dialect == operation.dialect() => format!("relayed to {}", way.url),
            Ok(way) => format!("translated to {}, {}", way.dialect, way.url),
            Err(refusal) => format!("refused: {refusal}"),
        };
        lines.push(format!("  {:<22} {way}", operation.endpoint()));
    }
    Ok(lines)
}

fn model(o: &mut crate::json::Obj<'_>, id: &str, owner: &str, dialect: Dialect) {
    if dialect == Dialect::Anthropic {
        o.text("type", "model");
        o.text("id", id);
        o.text("display_name", id);
        o.text("created_at", "1970-01-01T00:00:00Z");
    } else {
        o.text("id", id);
        o.text("object", "model");
        o.uint("created", 0);
        o.text("owned_by", owner);
    }
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
    fn both_shapes() {
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
        assert!(find("any-name#groq", &catalog, Dialect::OpenAiChat).is_some());
        assert_eq!(
            explain("fast", &catalog).unwrap(),
            [
                "fast: model gpt-5.5 at provider openai, direct",
                "  /v1/chat/completions   relayed to https://api.openai.com/v1/chat/completions",
                "  /v1/messages           translated to openai-responses, https://api.openai.com/v1/responses",
                "  /v1/responses          relayed to https://api.openai.com/v1/responses",
                "  /v1beta/models/{model}:generateContent translated to openai-responses, https://api.openai.com/v1/responses",
            ]
        );
        assert!(find("any-name", &catalog, Dialect::OpenAiChat).is_none());
    }
}
