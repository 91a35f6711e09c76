//! Where a request of mode 1 goes, and in what form: provider, way, dialect, URL, headers and body.

pub mod count;
mod head;
mod in_path;
pub mod list;
mod other;
pub mod stored;
mod way;

use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderName;
use http::{Uri, request};

pub use way::{Way, way};

use crate::admit::Ticket;
use crate::catalog::Catalog;
use crate::dialect::{self, Dialect, Target};
use crate::exchange::{Body, Outgoing, Reach};
use crate::hub::{Aliases, Losses, opaque};
use crate::name;
use crate::provider::{Provider, Quirks, Via};
use crate::refusal::Refusal;
use crate::route::{self, Operation};
use crate::secret::Secret;
use crate::splice::Document;
use crate::stored::Past;
use head::{Said, head, key_for};

/// A request ready to be sent, and what its reply needs.
#[derive(Debug)]
pub struct Plan {
    pub outgoing: Outgoing,
    pub provider: String,
    pub via: Via,
    /// None where the request names no model.
    pub client_model: Option<String>,
    pub upstream_model: Option<String>,
    /// The model's own name: without the provider that Cloudflare's compat surface puts before it.
    pub bare_model: Option<String>,
    /// As in [`name::ModelRef`]; none where there was no name to resolve.
    pub resolved: Option<&'static str>,
    pub upstream_dialect: Dialect,
    pub stream: bool,
    pub losses: Losses,
    /// How the reply is translated; `None` relays it.
    pub translation: Option<Translation>,
    pub quirks: &'static Quirks,
    /// The client's own provider key, which it may see again.
    pub own_key: Option<Secret>,
    /// The reply is kept, with this.
    pub keep: Option<Box<stored::Keeping>>,
}

/// What the translation of the reply needs of the request.
#[derive(Debug, Default)]
pub struct Translation {
    pub aliases: Aliases,
    pub include_usage: bool,
    /// A Gemini client wants to see thoughts.
    pub show_thoughts: bool,
    /// A Gemini client wants its stream as a JSON array.
    pub json_array: bool,
    /// What a Responses reply repeats of the request.
    pub echo: Arc<dialect::openai_responses::Echo>,
}

/// Plans one request, which goes on from `past`. CPU work in the size of `body` and `past`: callers
/// move large ones off the runtime thread.
pub fn plan(
    ticket: &mut Ticket,
    operation: Operation,
    body: &Bytes,
    catalog: &Catalog,
    past: &Past,
) -> Result<Plan, Refusal> {
    if matches!(operation, Operation::Cohere(_) | Operation::Other(_) | Operation::Unlisted(_)) {
        return other::plan(ticket, operation, body, catalog);
    }
    if matches!(operation, Operation::Gemini(_)) {
        return in_path::plan(ticket, operation, body, catalog);
    }
    if operation == Operation::Responses && catalog.responses.is_some() {
        return stored::plan(ticket, body, catalog, past);
    }
    plan_body(ticket, operation, body, catalog)
}

/// Plans a request by its body alone.
fn plan_body(ticket: &mut Ticket, operation: Operation, body: &Bytes, catalog: &Catalog) -> Result<Plan, Refusal> {
    let document = Document::parse(body).map_err(Refusal::Document)?;
    let (client_model, stream) = match route::model_in_path(ticket.head.uri.path()) {
        Some((model, method)) => (model, method == Operation::StreamGenerateContent),
        None => (model_of(&document)?, stream_of(&document)?),
    };
    let client_dialect = operation.dialect();
    let name = name::resolve(&client_model, ticket.mapping.as_ref(), catalog, client_dialect)?;
    let Way { dialect: upstream_dialect, model: upstream_model, url } =
        way(&name, operation, stream, ticket.head.uri.query(), catalog)?;
    let provider = catalog.providers.get(&name.provider).ok_or(Refusal::UrlNotBuildable)?;
    key_for(&ticket.caller, provider, catalog)?;

    let target = Target { provider: &provider.id, model: &upstream_model, quirks: provider.quirks };
    let spoken = spoken_dialect(operation, &document);
    let patches = match (operation.is_chat(), client_dialect) {
        (true, Dialect::OpenAiChat) => provider.quirks.relay_patches,
        (true, Dialect::Anthropic) => provider.quirks.messages_patches,
        _ => &[],
    };
    let mut losses = Losses::default();
    let mut extra = Vec::new();
    let (bytes, translation) = if upstream_dialect != client_dialect || spoken != client_dialect {
        let (encoded, mut translation) = translate(&document, spoken, upstream_dialect, stream, &target)?;
        translation.json_array =
            client_dialect == Dialect::Gemini && stream && !in_path::asks_sse(ticket.head.uri.query());
        losses = encoded.losses;
        if client_dialect == Dialect::Anthropic && ticket.head.headers.contains_key(BETA) {
            losses.drop("anthropic-beta");
        }
        extra = encoded.headers;
        (encoded.body.into(), Some(translation))
    } else if operation.is_chat() && opaque::may_hold(body) {
        // What another model's reply left in the conversation must not reach this one.
        let encoded = dialect::rewrite_request(client_dialect, document.text(), &target)
            .map_err(Refusal::InvalidRequest)?
            .map_err(Refusal::Untranslatable)?;
        losses = encoded.losses;
        let body = match Document::parse(&encoded.body) {
            Ok(anew) if patches.iter().any(|p| anew.takes(p)) => {
                let (edited, changed) = anew.edit(None, patches);
                changed.into_iter().for_each(|name| losses.patch(name));
                edited
            }
            _ => encoded.body,
        };
        (body.into(), None)
    } else {
        // Gemini's is in the path.
        let untouched = (upstream_model == client_model || client_dialect == Dialect::Gemini)
            && !patches.iter().any(|p| document.takes(p));
        if untouched {
            (body.clone(), None)
        } else {
            let (edited, changed) = document.edit(Some(&upstream_model), patches);
            changed.into_iter().for_each(|name| losses.patch(name));
            (edited.into(), None)
        }
    };
    refuse_adjustments(ticket, &losses)?;

    let said = if translation.is_some() { Said::Anew(upstream_dialect) } else { Said::As(upstream_dialect) };
    let head = head(ticket, provider, url, &extra, said, catalog)?;
    Ok(Plan {
        outgoing: outgoing(provider, head, bytes, catalog),
        provider: name.provider,
        via: provider.via,
        client_model: Some(client_model),
        upstream_model: Some(upstream_model),
        bare_model: Some(name.model),
        resolved: Some(name.resolved),
        upstream_dialect,
        stream,
        losses,
        translation,
        quirks: provider.quirks,
        own_key: ticket.caller.own_key.clone(),
        keep: None,
    })
}

/// The model that a refused request asked for, and whether for a stream: for its record, as far as either can be read.
pub fn asked(ticket: &Ticket, body: &[u8]) -> (Option<String>, bool) {
    if let Some((model, method)) = route::model_in_path(ticket.head.uri.path()) {
        return (Some(model), method == Operation::StreamGenerateContent);
    }
    let Ok(document) = Document::parse(body) else { return (None, false) };
    let model = model_of(&document).ok().map(|mut model| {
        model.truncate(model.floor_char_boundary(MAX_ASKED));
        model
    });
    (model, stream_of(&document).unwrap_or(false))
}

/// Longest name that the record of a refusal keeps, in bytes.
const MAX_ASKED: usize = 256;

/// A relayed request: the client's own head and `body`, at `url`.
fn relayed(
    ticket: &mut Ticket,
    provider: &Provider,
    url: Uri,
    body: Bytes,
    catalog: &Catalog,
) -> Result<Outgoing, Refusal> {
    let head = head(ticket, provider, url, &[], Said::As(Dialect::OpenAiChat), catalog)?;
    Ok(outgoing(provider, head, body, catalog))
}

fn outgoing(provider: &Provider, head: request::Parts, body: Bytes, catalog: &Catalog) -> Outgoing {
    let reach = if provider.via == Via::Mock { Reach::Mock } else { Reach::Configured };
    Outgoing { origin: way::origin(provider, catalog), head, body: Body::Bytes(body), reach }
}

fn model_of(document: &Document<'_>) -> Result<String, Refusal> {
    let invalid = |what: &str| Refusal::InvalidModel { what: what.to_owned(), status: http::StatusCode::BAD_REQUEST };
    let raw = document
        .single("model")
        .map_err(Refusal::Document)?
        .ok_or_else(|| invalid("`model` is missing; write it as <model>#<provider>"))?;
    model_text(raw)
}

/// The model's name from its JSON value.
fn model_text(raw: &str) -> Result<String, Refusal> {
    serde_json::from_str(raw).map_err(|_| Refusal::InvalidModel {
        what: "`model` must be a string in the form <model>#<provider>".to_owned(),
        status: http::StatusCode::BAD_REQUEST,
    })
}

/// The client's wish for a stream. Anything but `true` and `false` is the provider's to judge.
fn stream_of(document: &Document<'_>) -> Result<bool, Refusal> {
    Ok(document.single("stream").map_err(Refusal::Document)? == Some("true"))
}

/// The dialect a body is written in: Cursor posts Responses bodies to the Chat endpoint, and wants Chat replies.
fn spoken_dialect(operation: Operation, document: &Document<'_>) -> Dialect {
    if operation == Operation::ChatCompletions && document.has("input") && !document.has("messages") {
        return Dialect::OpenAiResponses;
    }
    operation.dialect()
}

/// The request for the upstream, and what its reply will need.
fn translate(
    document: &Document<'_>,
    from: Dialect,
    to: Dialect,
    stream: bool,
    target: &Target<'_>,
) -> Result<(dialect::Encoded, Translation), Refusal> {
    let mut request = dialect::decode_members(from, document.members()).map_err(Refusal::InvalidRequest)?;
    request.stream = stream;
    let encoded = dialect::encode_request(to, &request, target);
    let mut encoded = encoded.map_err(|e| Refusal::Untranslatable(dialect::in_terms_of(&request, e)))?;
    encoded.losses = dialect::losses_in_terms_of(&request, &encoded.losses);
    let echo = if from == Dialect::OpenAiResponses {
        dialect::openai_responses::Echo::of(document.text()).into()
    } else {
        Arc::default()
    };
    let translation = Translation {
        aliases: encoded.aliases.clone(),
        include_usage: request.include_usage,
        show_thoughts: request.show_thoughts,
        json_array: false,
        echo,
    };
    Ok((encoded, translation))
}

/// `x-apex-strict: true` turns adjustments into a refusal.
fn refuse_adjustments(ticket: &Ticket, losses: &Losses) -> Result<(), Refusal> {
    if ticket.strict
        && let Some(adjustments) = losses.header()
    {
        return Err(Refusal::Strict { adjustments, param: losses.iter().next().map(|l| l.name.clone().into_owned()) });
    }
    Ok(())
}

const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
