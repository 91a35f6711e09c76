//! Counting tokens: relayed, translated to the provider's own counting endpoint, or estimated here.

use bytes::Bytes;

use super::head::{Said, head, key_for};
use super::way::{Path, url};
use super::{Plan, Translation};
use crate::admit::Ticket;
use crate::catalog::Catalog;
use crate::count;
use crate::dialect::{self, Dialect, Target};
use crate::json::{Members, object};
use crate::name;
use crate::provider::{Provider, Via};
use crate::refusal::Refusal;
use crate::route::{self, Operation};
use crate::splice::Document;

/// How a count is had.
#[derive(Debug)]
pub enum Counting {
    /// Asked of the provider.
    Ask(Box<Plan>),
    Estimate(Estimate),
}

/// A count made here.
#[derive(Debug)]
pub struct Estimate {
    pub provider: String,
    pub via: Via,
    pub client_model: String,
    pub upstream_model: String,
    pub tokens: u64,
}

/// An endpoint that counts, in a dialect that can be translated to.
struct Counter {
    dialect: Dialect,
    operation: Operation,
    /// Members of a request that it takes.
    takes: &'static [&'static str],
    /// The member that they go into, with the model's name; empty is none.
    inside: &'static str,
}

/// <https://docs.anthropic.com/en/api/messages-count-tokens>, <https://platform.openai.com/docs/api-reference/responses/input-tokens>,
/// <https://ai.google.dev/api/tokens>.
const COUNTERS: &[Counter] = &[
    Counter {
        dialect: Dialect::Anthropic,
        operation: Operation::CountTokens,
        takes: &["messages", "model", "output_config", "system", "thinking", "tool_choice", "tools"],
        inside: "",
    },
    Counter {
        dialect: Dialect::OpenAiResponses,
        operation: Operation::InputTokens,
        takes: &["input", "instructions", "model", "parallel_tool_calls", "reasoning", "text", "tool_choice", "tools"],
        inside: "",
    },
    Counter {
        dialect: Dialect::Gemini,
        operation: Operation::GeminiCountTokens,
        takes: &["contents", "systemInstruction", "toolConfig", "tools"],
        // Beside it `contents` alone would be counted.
        inside: count::COUNTED,
    },
];

/// Plans a count. CPU work in the size of `body`.
pub fn plan(ticket: &mut Ticket, operation: Operation, body: &Bytes, catalog: &Catalog) -> Result<Counting, Refusal> {
    let document = Document::parse(body).map_err(Refusal::Document)?;
    let client_model = match route::model_in_path(ticket.head.uri.path()) {
        Some((model, _)) => model,
        None => super::model_of(&document)?,
    };
    let client = operation.dialect();
    let name = name::resolve(&client_model, ticket.mapping.as_ref(), catalog, client)?;
    let provider = catalog.providers.get(&name.provider).ok_or(Refusal::UrlNotBuildable)?;
    let asked = key_for(&ticket.caller, provider, catalog).is_ok();
    if asked && answers(provider, client, operation.path()) {
        let renamed = if client == Dialect::Gemini { super::in_path::renamed(&document, &name.model) } else { None };
        let body = renamed.map_or_else(|| body.clone(), Bytes::from);
        return super::plan_body(ticket, operation, &body, catalog).map(|plan| Counting::Ask(Box::new(plan)));
    }
    let prompt = Document::parse(count::prompt(client, document.text()).as_bytes()).map_err(Refusal::Document)?;
    let counter = COUNTERS.iter().find(|c| {
        c.dialect != client && dialect::is_translated(c.dialect) && answers(provider, c.dialect, c.operation.path())
    });
    if let Some(counter) = counter.filter(|_| asked)
        && let Some((body, headers)) = translated(&prompt, client, counter, &name.model, provider)
    {
        let (operation, dialect) = (counter.operation, counter.dialect);
        let in_path = (dialect == Dialect::Gemini)
            .then(|| super::in_path::endpoint(operation, &name.model, false))
            .transpose()?;
        let endpoint = in_path.as_deref().unwrap_or(operation.path());
        let path = Path { operation, dialect, endpoint, compat: false, query: None };
        let url = url(provider, &path, &name, catalog)?;
        let head = head(ticket, provider, url, &headers, Said::Anew(dialect), catalog)?;
        return Ok(Counting::Ask(Box::new(Plan {
            outgoing: super::outgoing(provider, head, body, catalog),
            provider: name.provider,
            via: provider.via,
            client_model: Some(client_model),
            bare_model: None,
            resolved: Some(name.resolved),
            upstream_model: Some(name.model),
            upstream_dialect: dialect,
            stream: false,
            losses: crate::hub::Losses::default(),
            translation: Some(Translation::default()),
            quirks: provider.quirks,
            own_key: ticket.caller.own_key.clone(),
            keep: None,
        })));
    }
    Ok(Counting::Estimate(Estimate {
        via: provider.via,
        provider: name.provider,
        client_model,
        upstream_model: name.model,
        tokens: count::estimate(client, document.text()),
    }))
}

/// Does the provider have this counting endpoint, on the way it is reached?
fn answers(provider: &Provider, dialect: Dialect, endpoint: &str) -> bool {
    let reachable = match provider.via {
        Via::Mock => false,
        Via::Direct => true,
        // What the compat surface does not have goes the native way.
        Via::Cloudflare => provider.cloudflare.as_ref().is_some_and(|c| !c.native.is_empty()),
    };
    reachable && provider.dialects.contains(&dialect) && provider.serves(endpoint)
}

/// The request in the counter's dialect, with the members it takes, and its headers. None if it cannot be said there.
fn translated(
    document: &Document<'_>,
    client: Dialect,
    counter: &Counter,
    model: &str,
    provider: &Provider,
) -> Option<(Bytes, Vec<(&'static str, String)>)> {
    let request = dialect::decode_members(client, document.members()).ok()?;
    let target = Target { provider: &provider.id, model, quirks: provider.quirks };
    let encoded = dialect::encode_request(counter.dialect, &request, &target).ok()?;
    let only = Document::parse(&encoded.body).ok()?.only(counter.takes);
    let body = if counter.inside.is_empty() { only } else { within(counter.inside, &only, model)? };
    Some((body.into(), encoded.headers))
}

/// `request` as the member `key` of an object, with the name of its model.
fn within(key: &str, request: &[u8], model: &str) -> Option<Vec<u8>> {
    let members = Members::parse(std::str::from_utf8(request).ok()?).ok()?;
    let mut out = Vec::with_capacity(request.len() + 64);
    let folder = if model.starts_with("models/") || model.starts_with("tunedModels/") { "" } else { "models/" };
    object(&mut out, |o| {
        o.obj(key, |o| {
            o.text("model", &format!("{folder}{model}"));
            members.iter().for_each(|(key, raw)| o.member(key, raw.get()));
        });
    });
    Some(out)
}
