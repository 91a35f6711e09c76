//! The head of a request for an upstream, with the credential that opens it.

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Uri, request};

use crate::admit::Ticket;
use crate::catalog::Catalog;
use crate::credentials::{self, Caller};
use crate::dialect::Dialect;
use crate::headers::{self, Toward};
use crate::provider::{Provider, Via};
use crate::refusal::Refusal;
use crate::secret::Secret;

/// In which dialect a request goes out.
#[derive(Clone, Copy)]
pub(super) enum Said {
    /// The client's own words.
    As(Dialect),
    /// A translation.
    Anew(Dialect),
}

/// The head for the upstream: the client's own, taken out of the ticket and changed.
pub(super) fn head(
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

pub(super) fn key_for<'k>(
    caller: &'k Caller,
    provider: &'k Provider,
    catalog: &Catalog,
) -> Result<Option<&'k Secret>, Refusal> {
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
