//! Endpoints without a dialect of their own (embeddings, audio, images, files ...): relayed to the provider that the
//! model, or a header, names. Only the model's value changes.

use bytes::Bytes;
use http::header;

use super::way::{Path, url};
use super::{Plan, relayed};
use crate::admit::Ticket;
use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::models;
use crate::multipart::{self, Form};
use crate::name::{self, ModelRef};
use crate::provider::{AzureForm, Provider, Via};
use crate::refusal::{Refusal, echo};
use crate::route::Operation;
use crate::splice::Document;

/// Names the provider of a request whose model does not.
pub(super) const PROVIDER: &str = "x-apex-provider";

/// Plans a request to an endpoint that is relayed only.
pub(super) fn plan(
    ticket: &mut Ticket,
    operation: Operation,
    body: &Bytes,
    catalog: &Catalog,
) -> Result<Plan, Refusal> {
    let asked = Asked::read(ticket, body)?;
    let unlisted = matches!(operation, Operation::Unlisted(_));
    let path = ticket.head.uri.path();
    let asked_for = path.strip_prefix("/v1/").or_else(|| path.strip_prefix('/')).unwrap_or_default();
    let endpoint = if unlisted { asked_for } else { operation.path() };
    let name = resolve(ticket, asked.model.as_deref(), operation, endpoint, catalog)?;
    let provider = catalog.providers.get(&name.provider).ok_or(Refusal::UrlNotBuildable)?;
    serves(provider, operation, endpoint, catalog)?;
    let dialect = operation.dialect();
    let path = Path { operation, dialect, endpoint, compat: false, query: ticket.head.uri.query() };
    let url = url(provider, &path, &name, catalog)?;
    let sent = match &asked.model {
        Some(model) if *model != name.model => asked.with_model(body, &name.model)?,
        _ => body.clone(),
    };
    let stream = asked.stream;
    let named = asked.model.is_some();
    relayed(ticket, provider, url, sent, catalog).map(|outgoing| Plan {
        outgoing,
        provider: name.provider,
        via: provider.via,
        client_model: asked.model,
        upstream_model: named.then(|| name.model.clone()),
        bare_model: named.then_some(name.model),
        resolved: Some(name.resolved),
        upstream_dialect: dialect,
        stream,
        losses: crate::hub::Losses::default(),
        translation: None,
        quirks: provider.quirks,
        own_key: ticket.caller.own_key.clone(),
        keep: None,
    })
}

/// What a body says about its way.
#[derive(Debug, Default)]
struct Asked {
    model: Option<String>,
    stream: bool,
    form: Option<Form>,
}

impl Asked {
    fn read(ticket: &Ticket, body: &Bytes) -> Result<Self, Refusal> {
        let content_type = ticket.head.headers.get(header::CONTENT_TYPE);
        if let Some(content_type) = content_type.filter(|t| multipart::is_form(t)) {
            let boundary = multipart::boundary(content_type).map_err(Refusal::Form)?;
            let form = Form::parse(body, boundary).map_err(Refusal::Form)?;
            let model = form.model.clone().and_then(|range| body.get(range));
            let model = model.and_then(|text| std::str::from_utf8(text).ok()).map(str::to_owned);
            return Ok(Self { model, stream: form.stream, form: Some(form) });
        }
        // Bytes of another kind are the provider's to read, and so is an empty body.
        if body.is_empty() || !crate::admit::is_json(&ticket.head.headers).unwrap_or(true) {
            return Ok(Self::default());
        }
        let document = Document::parse(body).map_err(Refusal::Document)?;
        let model = match document.single("model").map_err(Refusal::Document)? {
            Some(raw) if raw != "null" => Some(super::model_text(raw)?),
            _ => None,
        };
        Ok(Self { model, stream: super::stream_of(&document)?, form: None })
    }

    /// `body` with `model` in place of its model.
    fn with_model(&self, body: &Bytes, model: &str) -> Result<Bytes, Refusal> {
        let Some(form) = &self.form else {
            let document = Document::parse(body).map_err(Refusal::Document)?;
            return Ok(document.edit(Some(model), &[]).0.into());
        };
        let range = form.model.clone().unwrap_or_default();
        let (before, after) = (body.get(..range.start), body.get(range.end..));
        Ok([before.unwrap_or_default(), model.as_bytes(), after.unwrap_or_default()].concat().into())
    }
}

/// The provider and the model's name there. A model's own `#provider` goes first, then the header, then the defaults.
fn resolve(
    ticket: &Ticket,
    model: Option<&str>,
    operation: Operation,
    endpoint: &str,
    catalog: &Catalog,
) -> Result<ModelRef, Refusal> {
    let named = ticket.head.headers.get(PROVIDER).map(|v| String::from_utf8_lossy(v.as_bytes()).trim().to_owned());
    if let Some(id) = &named
        && !catalog.providers.contains_key(id)
    {
        return Err(Refusal::UnknownProvider { provider: echo(id), known: name::known(catalog) });
    }
    let resolved = model.map(|m| name::resolve(m, ticket.mapping.as_ref(), catalog, operation.dialect()));
    match (resolved, named) {
        (Some(Ok(found)), None) => Ok(found),
        (Some(Err(refusal)), None) => Err(refusal),
        // A default would not have been asked for: only what the name itself says beats the header.
        (Some(Ok(found)), Some(id)) if found.provider != id && model.is_some_and(|m| names_provider(m, catalog)) => {
            Ok(found)
        }
        (Some(Ok(found)), Some(id)) => Ok(ModelRef { provider: id, resolved: HEADER, ..found }),
        (Some(Err(_)), Some(id)) => {
            Ok(ModelRef { model: model.unwrap_or_default().to_owned(), provider: id, resolved: HEADER })
        }
        (None, named) => named
            .map(|provider| (provider, HEADER))
            .or_else(|| Some((catalog.default_provider.clone()?, "default")))
            .map(|(provider, resolved)| ModelRef { model: String::new(), provider, resolved })
            .ok_or_else(|| Refusal::ProviderNotNamed { endpoint: whole(endpoint) }),
    }
}

/// What led to the provider: a header named it.
const HEADER: &str = "header";

/// Does `model` say its provider itself, or through an alias?
fn names_provider(model: &str, catalog: &Catalog) -> bool {
    model.contains('#') || catalog.aliases.contains_key(model)
}

/// Refuses an endpoint that the provider is known not to serve, and says who does.
fn serves(provider: &Provider, operation: Operation, endpoint: &str, catalog: &Catalog) -> Result<(), Refusal> {
    let one = |p: &Provider| {
        let Operation::Unlisted(dialect) = operation else { return p.serves(endpoint) };
        // What nobody knows is asked of a provider that speaks the clients' family of dialects.
        match dialect {
            Dialect::Anthropic => p.dialects.contains(&dialect),
            // Servers of open models have `/v1/tokenize`, too.
            Dialect::Cohere if endpoint.starts_with("v2/") => p.dialects.contains(&dialect),
            Dialect::Cohere | Dialect::Gemini | Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                !p.dialects.iter().all(|d| *d == Dialect::Anthropic)
            }
        }
    };
    let reachable = |p: &Provider| match p.via {
        Via::Mock => false,
        Via::Direct => true,
        Via::Cloudflare => p.cloudflare.as_ref().is_some_and(|c| !c.native.is_empty()),
    };
    if one(provider) && reachable(provider) {
        return Ok(());
    }
    let others: Vec<_> = catalog
        .providers
        .values()
        .filter(|p| one(p) && reachable(p) && models::is_live(p))
        .map(|p| p.id.as_str())
        .collect();
    Err(Refusal::OtherEndpointNotServed {
        provider: provider.id.clone(),
        endpoint: whole(endpoint),
        others: if others.is_empty() {
            "no provider of this gateway is known to".to_owned()
        } else {
            format!("of this gateway's providers these do: {}", others.join(", "))
        },
    })
}

/// The whole path of `endpoint`, for messages.
fn whole(endpoint: &str) -> String {
    format!("{}{}", if endpoint.starts_with("v2/") { "/" } else { "/v1/" }, echo(endpoint))
}

/// Azure's endpoints whose path names no deployment.
pub(super) fn without_deployment(operation: Operation, dialect: Dialect, form: AzureForm) -> bool {
    let pathless = dialect == Dialect::OpenAiResponses || matches!(operation, Operation::Unlisted(_));
    form == AzureForm::Deployment && pathless
}
