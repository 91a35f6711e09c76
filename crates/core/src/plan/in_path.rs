//! Endpoints with the model in their path: `models/{model}:generateContent`.
//!
//! <https://ai.google.dev/api/generate-content>

use bytes::Bytes;

use super::head::{Said, head};
use super::way::{Path, url};
use super::{Plan, outgoing};
use crate::admit::Ticket;
use crate::catalog::Catalog;
use crate::count::COUNTED;
use crate::dialect::Dialect;
use crate::json::{JsonStr, Members, Obj, elements, object};
use crate::name;
use crate::refusal::Refusal;
use crate::route::{self, Operation};
use crate::splice::Document;
use crate::url::segment;

/// The path of `operation` for `model` at an upstream of this dialect, after the version.
pub(super) fn endpoint(operation: Operation, model: &str, stream: bool) -> Result<String, Refusal> {
    let method = if let Operation::Gemini(path) = operation {
        path.rsplit_once(':').map_or("", |(_, method)| method)
    } else if operation == Operation::GeminiCountTokens {
        "countTokens"
    } else if stream {
        "streamGenerateContent"
    } else {
        "generateContent"
    };
    let (folder, bare) = folder(model);
    // A colon in a model's name must not be read as the method's.
    let bare = segment(bare).ok_or(Refusal::UrlNotBuildable)?.replace(':', "%3A");
    Ok(format!("{folder}/{bare}:{method}"))
}

fn folder(model: &str) -> (&str, &str) {
    match model.split_once('/') {
        Some((folder @ ("models" | "tunedModels"), bare)) => (folder, bare),
        _ => ("models", model),
    }
}

/// Plans a request to an endpoint that is relayed only, to a provider of this dialect (`:embedContent`):
/// <https://ai.google.dev/api/embeddings>.
pub(super) fn plan(
    ticket: &mut Ticket,
    operation: Operation,
    body: &Bytes,
    catalog: &Catalog,
) -> Result<Plan, Refusal> {
    let (client_model, _) = route::model_in_path(ticket.head.uri.path()).ok_or(Refusal::UrlNotBuildable)?;
    let document = Document::parse(body).map_err(Refusal::Document)?;
    let name = name::resolve(&client_model, ticket.mapping.as_ref(), catalog, Dialect::Gemini)?;
    let provider = catalog.providers.get(&name.provider).ok_or(Refusal::UrlNotBuildable)?;
    if !provider.dialects.contains(&Dialect::Gemini) {
        let served: Vec<_> = provider.dialects.iter().map(|d| d.as_str()).collect();
        return Err(Refusal::EndpointNotServed {
            provider: provider.id.clone(),
            endpoint: operation.endpoint(),
            served: served.join(", "),
        });
    }
    let (dialect, query) = (Dialect::Gemini, without_key(ticket.head.uri.query()));
    let endpoint = endpoint(operation, &name.model, false)?;
    let path = Path { operation, dialect, endpoint: &endpoint, compat: false, query: query.as_deref() };
    let url = url(provider, &path, &name, catalog)?;
    let body = renamed(&document, &name.model).map_or_else(|| body.clone(), Bytes::from);
    let head = head(ticket, provider, url, &[], Said::As(dialect), catalog)?;
    Ok(Plan {
        outgoing: outgoing(provider, head, body, catalog),
        provider: name.provider,
        via: provider.via,
        client_model: Some(client_model),
        upstream_model: Some(name.model.clone()),
        bare_model: Some(name.model),
        resolved: Some(name.resolved),
        upstream_dialect: dialect,
        stream: false,
        losses: crate::hub::Losses::default(),
        translation: None,
        quirks: provider.quirks,
        own_key: ticket.caller.own_key.clone(),
        keep: None,
    })
}

/// The body with the model's name where clients repeat that of the path: in itself, in each of its `requests`, and in the
/// request to be counted. None if it says it already, or nowhere.
pub(super) fn renamed(document: &Document<'_>, model: &str) -> Option<Vec<u8>> {
    let (folder, bare) = folder(model);
    let model = format!("{folder}/{bare}");
    let other = |m: &Members<'_>| m.get("model").and_then(JsonStr::from_raw).is_some_and(|s| !(s == model.as_str()));
    let whole = document.members();
    let requests = whole.get("requests").and_then(|raw| elements(raw).ok()).unwrap_or_default();
    let inside: Vec<_> = requests.iter().filter_map(|raw| Members::of(raw).ok()).collect();
    let counted = whole.get(COUNTED).and_then(|raw| Members::of(raw).ok());
    if ![&whole].into_iter().chain(&inside).chain(&counted).any(other) {
        return None;
    }
    let write = |o: &mut Obj<'_>, key: &str, json: &str| match key {
        "model" => o.text(key, &model),
        _ => o.member(key, json),
    };
    let mut out = Vec::with_capacity(document.text().len());
    object(&mut out, |o| {
        for (key, raw) in whole.iter() {
            if let Some(m) = counted.as_ref().filter(|_| key == COUNTED) {
                o.obj(key, |o| m.iter().for_each(|(key, raw)| write(o, key, raw.get())));
            } else if key == "requests" && inside.len() == requests.len() {
                o.arr(key, |a| {
                    for m in &inside {
                        a.obj(|o| m.iter().for_each(|(key, raw)| write(o, key, raw.get())));
                    }
                });
            } else {
                write(o, key, raw.get());
            }
        }
    });
    Some(out)
}

/// The query for the upstream. The client's goes along to its own dialect, without what opens the gateway; a stream that is
/// translated is asked for as server-sent events.
pub(super) fn query(client: Option<&str>, same: bool, stream: bool) -> Option<String> {
    if !same {
        return stream.then(|| "alt=sse".to_owned());
    }
    without_key(client)
}

/// A query without `key`, in which Google's clients may send the gateway's token.
pub(super) fn without_key(query: Option<&str>) -> Option<String> {
    let kept: Vec<_> = query?.split('&').filter(|pair| pair.split('=').next() != Some("key")).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

/// Does the query ask for server-sent events? Without it a stream is one JSON array.
pub(super) fn asks_sse(query: Option<&str>) -> bool {
    query.is_some_and(|q| q.split('&').any(|pair| matches!(pair, "alt=sse" | "%24alt=sse" | "$alt=sse")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_one_segment() {
        for (model, want) in [
            ("gemini-3-pro", "models/gemini-3-pro:streamGenerateContent"),
            ("models/gemini-3-pro", "models/gemini-3-pro:streamGenerateContent"),
            ("tunedModels/mine", "tunedModels/mine:streamGenerateContent"),
            ("a/../b:x?#", "models/a%2F..%2Fb%3Ax%3F%23:streamGenerateContent"),
        ] {
            assert_eq!(endpoint(Operation::Messages, model, true).unwrap(), want);
        }
        assert!(endpoint(Operation::Messages, "..", true).is_err());
    }

    #[test]
    fn keys_stay_here() {
        assert_eq!(query(Some("key=tok&alt=sse&x=1"), true, true).unwrap(), "alt=sse&x=1");
        assert_eq!(query(Some("key=tok"), true, false), None);
        assert_eq!(query(Some("beta=true"), false, true).unwrap(), "alt=sse");
        assert!(asks_sse(Some("key=1&alt=sse")) && !asks_sse(Some("alt=json")) && !asks_sse(None));
    }
}
