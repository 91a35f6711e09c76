//! Where a request of mode 1 goes, and in what form: provider, way, dialect, URL, headers and body.

pub mod count;
mod in_path;
pub mod list;
mod other;
pub mod stored;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Uri, request};

use crate::admit::Ticket;
use crate::catalog::{Catalog, Surface};
use crate::credentials::{self, Caller};
use crate::dialect::{self, Dialect, Target};
use crate::exchange::{Body, Outgoing, Reach};
use crate::headers::{self, Toward};
use crate::hub::{Aliases, Losses, opaque};
use crate::name::{self, ModelRef};
use crate::provider::{AzureForm, Provider, Quirks, Via};
use crate::refusal::Refusal;
use crate::route::{self, Operation};
use crate::secret::Secret;
use crate::splice::Document;
use crate::stored::Kept;
use crate::url::{Origin, segment, uri};

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

/// Plans one request, which goes on from `past` if that is not empty. CPU work in the size of `body` and `past`: callers
/// move large ones off the runtime thread.
pub fn plan(
    ticket: &mut Ticket,
    operation: Operation,
    body: &Bytes,
    catalog: &Catalog,
    past: &[Kept],
) -> Result<Plan, Refusal> {
    if matches!(operation, Operation::Cohere(_) | Operation::Other(_) | Operation::Unlisted(_)) {
        return other::plan(ticket, operation, body, catalog);
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
    Outgoing { origin: origin(provider, catalog), head, body: Body::Bytes(body), reach }
}

/// Where and as what a model is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The upstream's dialect.
    pub dialect: Dialect,
    /// The model's name there.
    pub model: String,
    pub url: Uri,
}

/// The way of `operation`, streamed or not, to a resolved name. `query` is the client's and goes along to its own dialect.
pub fn way(
    name: &ModelRef,
    operation: Operation,
    stream: bool,
    query: Option<&str>,
    catalog: &Catalog,
) -> Result<Way, Refusal> {
    let provider = catalog.providers.get(&name.provider).ok_or(Refusal::UrlNotBuildable)?;
    let compat = compat_prefix(provider, operation, catalog);
    let dialect = choose_dialect(provider, operation, compat.is_some())?;
    // A query is said in a dialect, too: Google refuses the `beta=true` of Messages clients.
    let same = dialect == operation.dialect();
    let (query, in_path) = if dialect == Dialect::Gemini {
        (in_path::query(query, same, stream), Some(in_path::endpoint(operation, &name.model, stream)?))
    } else {
        (in_path::without_key(query.filter(|_| same)), None)
    };
    let endpoint = match (&in_path, dialect) {
        (Some(path), _) => path,
        (None, Dialect::OpenAiChat) if operation.is_chat() => "chat/completions",
        (None, Dialect::Anthropic) if operation.is_chat() => "messages",
        (None, Dialect::Cohere) if operation.is_chat() => "chat",
        (None, Dialect::OpenAiResponses) if operation.is_chat() => "responses",
        (None, _) => operation.path(),
    };
    let path = Path { operation, dialect, endpoint, compat: compat.is_some(), query: query.as_deref() };
    let url = url(provider, &path, name, catalog)?;
    let model = compat.map_or_else(|| name.model.clone(), |prefix| format!("{prefix}/{}", name.model));
    Ok(Way { dialect, model, url })
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

/// The prefix of the model's name when the request goes over Cloudflare's compat surface.
fn compat_prefix(provider: &Provider, operation: Operation, catalog: &Catalog) -> Option<&'static str> {
    let (cloudflare, path) = (catalog.cloudflare.as_ref()?, provider.cloudflare.as_ref()?);
    let beside = operation == Operation::ChatCompletions && path.chat_by_compat;
    let wanted = cloudflare.surface == Surface::Compat || path.native.is_empty() || beside;
    // Where the provider speaks Responses, there is a path for it.
    let served = !path.native.is_empty() && provider.dialects.contains(&Dialect::OpenAiResponses);
    let chat = operation.is_chat() && !(operation == Operation::Responses && served);
    (provider.via == Via::Cloudflare && wanted && chat).then_some(path.compat).flatten()
}

/// The client's dialect where the provider serves it without loss, else the provider's best one that can be translated to.
fn choose_dialect(provider: &Provider, operation: Operation, compat: bool) -> Result<Dialect, Refusal> {
    let client = operation.dialect();
    if compat {
        return Ok(Dialect::OpenAiChat);
    }
    let lossy = operation.is_chat() && provider.lossy.contains(&client);
    if provider.dialects.contains(&client) && !lossy {
        return Ok(client);
    }
    // Cloudflare's path to Azure names a deployment, which Responses knows nothing of.
    let pathless = provider.azure.is_some() && provider.via == Via::Cloudflare;
    let translatable = |d: &&Dialect| dialect::is_translated(**d) && !(pathless && **d == Dialect::OpenAiResponses);
    if operation.is_chat()
        && let Some(best) = provider.dialects.iter().find(translatable)
    {
        return Ok(*best);
    }
    let served: Vec<_> = provider.dialects.iter().map(|d| d.as_str()).collect();
    Err(Refusal::EndpointNotServed {
        provider: provider.id.clone(),
        endpoint: operation.endpoint(),
        served: served.join(", "),
    })
}

fn key_for<'k>(caller: &'k Caller, provider: &'k Provider, catalog: &Catalog) -> Result<Option<&'k Secret>, Refusal> {
    let key = credentials::provider_key(caller, provider, catalog);
    // Through Cloudflare a missing key is the stored one there, or unified billing. A host the operator named himself
    // may need none.
    if key.is_none() && provider.via == Via::Direct && !provider.own_base {
        let hint = match provider.key_variable {
            Some(variable) => format!(
                "has no key; set {variable} or providers.{}.api_key, or bring your own key beside cf-aig-authorization",
                provider.id
            ),
            None => format!("has no key; set providers.{}.api_key", provider.id),
        };
        return Err(Refusal::ProviderNotConfigured { provider: provider.id.clone(), hint });
    }
    Ok(key)
}

fn origin(provider: &Provider, catalog: &Catalog) -> Origin {
    let base = match provider.via {
        Via::Cloudflare => catalog.cloudflare.as_ref().map(|c| &c.base),
        Via::Direct => provider.base.as_ref(),
        Via::Mock => None,
    };
    base.map_or_else(mock_origin, |b| b.origin.clone())
}

fn mock_origin() -> Origin {
    Origin { secure: false, host: "mock.invalid".into(), port: 80 }
}

/// What decides about the path at a provider.
struct Path<'p> {
    operation: Operation,
    /// What is spoken there.
    dialect: Dialect,
    /// The endpoint's own path after `/v1/`.
    endpoint: &'p str,
    /// Over Cloudflare's compat surface.
    compat: bool,
    query: Option<&'p str>,
}

/// The URL of `path` at `provider`.
fn url(provider: &Provider, path: &Path<'_>, name: &ModelRef, catalog: &Catalog) -> Result<Uri, Refusal> {
    let Path { operation, dialect, endpoint, compat, query } = *path;
    let missing = |hint: &str| Refusal::ProviderNotConfigured { provider: provider.id.clone(), hint: hint.to_owned() };
    let built = match provider.via {
        Via::Mock => {
            return uri(&mock_origin(), endpoint).map_err(|_| Refusal::UrlNotBuildable);
        }
        Via::Direct => {
            let base = provider.base.as_ref().ok_or_else(|| {
                missing(if provider.azure.is_some() {
                    "has no resource; set AZURE_RESOURCE or providers.azure-openai.resource"
                } else {
                    "has no base URL; set ACCOUNT_ID, or providers.<id>.base_url"
                })
            })?;
            let (path, query) = match (&provider.azure, provider.path(endpoint)) {
                (_, Some(path)) => (path.into_owned(), query.map(str::to_owned)),
                // The Responses API knows no deployments in its path: the model is in the body.
                (Some(azure), None) if other::without_deployment(operation, dialect, azure.form) => {
                    (["/", endpoint].concat(), Some(with_api_version(&azure.api_version, query)))
                }
                (Some(azure), None) if azure.form == AzureForm::Deployment => {
                    let deployment = segment(&name.model).ok_or(Refusal::UrlNotBuildable)?;
                    (format!("/deployments/{deployment}/{endpoint}"), Some(with_api_version(&azure.api_version, query)))
                }
                (Some(_), None) => (["/v1/", endpoint].concat(), query.map(str::to_owned)),
                // Anthropic's base URL is written with and without the version; SDK users know it without.
                (None, None) if dialect == Dialect::Anthropic && !base.path.ends_with("/v1") => {
                    (["/v1/", endpoint].concat(), query.map(str::to_owned))
                }
                // Cohere's, too.
                (None, None) if dialect == Dialect::Cohere => {
                    let version = if base.path.ends_with("/v2") { "/" } else { "/v2/" };
                    let bare = endpoint.strip_prefix("v2/").unwrap_or(endpoint);
                    ([version, bare].concat(), query.map(str::to_owned))
                }
                (None, None) => (["/", endpoint].concat(), query.map(str::to_owned)),
            };
            base.join(&path, query.as_deref())
        }
        Via::Cloudflare => {
            let (Some(cloudflare), Some(native)) = (&catalog.cloudflare, &provider.cloudflare) else {
                return Err(Refusal::UrlNotBuildable);
            };
            let gateway = format!("/{}/{}", cloudflare.account_id, cloudflare.gateway_id);
            match &provider.azure {
                _ if compat => cloudflare.base.join(&format!("{gateway}/compat/{endpoint}"), query),
                Some(_) if dialect == Dialect::OpenAiResponses || matches!(operation, Operation::Unlisted(_)) => {
                    return Err(missing(
                        "does not serve this endpoint through Cloudflare; set providers.azure-openai.via = \"direct\"",
                    ));
                }
                Some(azure) => {
                    let resource = azure.resource.as_ref().ok_or_else(|| {
                        missing("has no resource; set AZURE_RESOURCE or providers.azure-openai.resource")
                    })?;
                    let deployment = segment(&name.model).ok_or(Refusal::UrlNotBuildable)?;
                    let full = format!("{gateway}/{}/{resource}/{deployment}/{endpoint}", native.native);
                    cloudflare.base.join(&full, Some(&with_api_version(&azure.api_version, query)))
                }
                None if native.native.is_empty() => {
                    return Err(missing(
                        "does not serve this endpoint through Cloudflare; set providers.<id>.via = \"direct\"",
                    ));
                }
                None => {
                    let own = provider.path(endpoint);
                    let own = own.as_deref().map_or(endpoint, |p| p.trim_start_matches('/'));
                    cloudflare.base.join(&format!("{gateway}/{}/{own}", native.native), query)
                }
            }
        }
    };
    built.map_err(|_| Refusal::UrlNotBuildable)
}

/// Azure's version, and what the client's query holds besides.
fn with_api_version(version: &str, query: Option<&str>) -> String {
    let rest: Vec<_> = query
        .into_iter()
        .flat_map(|q| q.split('&'))
        .filter(|p| !p.is_empty() && !p.starts_with("api-version="))
        .collect();
    std::iter::once(format!("api-version={version}"))
        .chain(rest.into_iter().map(str::to_owned))
        .collect::<Vec<_>>()
        .join("&")
}

const BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// In which dialect a request goes out.
#[derive(Clone, Copy)]
enum Said {
    /// The client's own words.
    As(Dialect),
    /// A translation.
    Anew(Dialect),
}

/// The head for the upstream: the client's own, taken out of the ticket and changed.
fn head(
    ticket: &mut Ticket,
    provider: &Provider,
    uri: Uri,
    extra: &[(&'static str, String)],
    body: Said,
    catalog: &Catalog,
) -> Result<request::Parts, Refusal> {
    let toward = if provider.via == Via::Cloudflare { Toward::Cloudflare } else { Toward::Provider };
    let key = key_for(&ticket.caller, provider, catalog)?;
    let mut headers = std::mem::take(&mut ticket.head.headers);
    headers::toward_upstream(&mut headers, toward);
    let (Said::As(upstream) | Said::Anew(upstream)) = body;
    if matches!(body, Said::Anew(_)) {
        // Betas, versions and organizations of the client's dialect mean nothing to another one.
        let own = match upstream {
            Dialect::Anthropic => "anthropic-",
            Dialect::Gemini => "x-goog-",
            Dialect::Cohere => "cohere-",
            Dialect::OpenAiChat | Dialect::OpenAiResponses => "openai-",
        };
        let foreign =
            |name: &str| ["anthropic-", "openai-", "x-goog-"].into_iter().any(|p| p != own && name.starts_with(p));
        let foreign: Vec<_> = headers.keys().filter(|n| foreign(n.as_str())).cloned().collect();
        foreign.iter().for_each(|n| {
            headers.remove(n);
        });
    }
    if let Some(authority) = uri.authority() {
        headers.insert(header::HOST, HeaderValue::try_from(authority.as_str()).map_err(|_| Refusal::UrlNotBuildable)?);
    }
    if ticket.head.method == Method::POST && !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(headers::HOPS, headers::small(ticket.hops as usize + 1));
    for (name, value) in extra {
        headers.insert(*name, HeaderValue::try_from(value).map_err(|_| Refusal::UrlNotBuildable)?);
    }
    if let Some((name, value)) = key.and_then(|k| credentials::auth_header(&provider.auth_for(upstream), k)) {
        headers.insert(name, value);
    }
    if toward == Toward::Cloudflare
        && let Some(token) = catalog.cloudflare.as_ref().and_then(|c| c.token.as_ref())
        && let Some((_, value)) = credentials::auth_header(&crate::provider::Auth::Bearer, token)
    {
        headers.insert(HeaderName::from_static("cf-aig-authorization"), value);
    }
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = ticket.head.method.clone();
    parts.uri = uri;
    parts.headers = headers;
    Ok(parts)
}
