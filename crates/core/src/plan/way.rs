//! Where a request goes: the dialect that is spoken there, the model's name, the URL.

use http::Uri;

use super::{in_path, other};
use crate::catalog::{Catalog, Surface};
use crate::dialect::{self, Dialect};
use crate::name::ModelRef;
use crate::provider::{AzureForm, Provider, Via};
use crate::refusal::Refusal;
use crate::route::Operation;
use crate::url::{Origin, segment, uri};

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

/// The prefix of the model's name when the request goes over Cloudflare's compat surface.
fn compat_prefix(provider: &Provider, operation: Operation, catalog: &Catalog) -> Option<&'static str> {
    let (cloudflare, path) = (catalog.cloudflare.as_ref()?, provider.cloudflare.as_ref()?);
    let beside = operation == Operation::ChatCompletions && path.chat_by_compat;
    let wanted = cloudflare.surface == Surface::Compat || path.native.is_empty() || beside;
    // Where the provider speaks Responses unasked, there is a path for it.
    let responses = Dialect::OpenAiResponses;
    let served = provider.dialects.contains(&responses) && !provider.lossy.contains(&responses);
    let served = !path.native.is_empty() && served;
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

pub(super) fn origin(provider: &Provider, catalog: &Catalog) -> Origin {
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
pub(super) struct Path<'p> {
    pub(super) operation: Operation,
    /// What is spoken there.
    pub(super) dialect: Dialect,
    /// The endpoint's own path after `/v1/`.
    pub(super) endpoint: &'p str,
    /// Over Cloudflare's compat surface.
    pub(super) compat: bool,
    pub(super) query: Option<&'p str>,
}

/// The URL of `path` at `provider`.
pub(super) fn url(provider: &Provider, path: &Path<'_>, name: &ModelRef, catalog: &Catalog) -> Result<Uri, Refusal> {
    let Path { operation, dialect, endpoint, compat, query } = *path;
    let missing = |hint: &str| Refusal::ProviderNotConfigured { provider: provider.id.clone(), hint: hint.to_owned() };
    // Cohere's chat is `/v2/chat`; `/v1/chat` is another endpoint.
    let first_version = matches!(operation, Operation::Unlisted(_)) && !endpoint.starts_with("v2/");
    let another = first_version && endpoint == Operation::CohereChat.path();
    let own_path = || if another { provider.path_beside(endpoint) } else { provider.path(endpoint) };
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
            let (path, query) = match (&provider.azure, own_path()) {
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
                (None, None) if dialect == Dialect::Cohere && provider.dialects.contains(&dialect) => {
                    let version = if first_version { "/v1/" } else { "/v2/" };
                    let own = base.path.ends_with("/v2") || (first_version && base.path.ends_with("/v1"));
                    let version = if own { "/" } else { version };
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
                    let own = own_path();
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
