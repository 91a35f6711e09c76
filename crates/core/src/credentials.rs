//! Who may ask, and with whose key the upstream is asked.

use std::borrow::Cow;

use http::Uri;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::capture::MIN_TELLING;
use crate::catalog::Catalog;
use crate::provider::{Auth, Provider};
use crate::refusal::Refusal;
use crate::secret::Secret;

/// Headers that hold a key as it is.
static RAW: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];
static CLOUDFLARE: HeaderName = HeaderName::from_static("cf-aig-authorization");

/// Proof that the caller may use the gateway; needed to plan a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client's own provider key, if it brought one.
    pub own_key: Option<Secret>,
}

/// Decides whether a request opens the gateway, and finds the client's own provider key.
///
/// The gateway token may come as `Authorization: Bearer`, `x-api-key`, `api-key`, `x-goog-api-key`, `?key=` or
/// `cf-aig-authorization: Bearer`; one valid is enough. When it came in `cf-aig-authorization`, what stands beside it is the client's own key. In open mode whatever
/// the client brought is its own key.
pub fn authenticate(headers: &HeaderMap, uri: &Uri, catalog: &Catalog) -> Result<Caller, Refusal> {
    let query = key_of(uri);
    let [first, second, third] = RAW.each_ref().map(|name| raw(headers, name));
    let plain = [bearer(headers, &AUTHORIZATION), first, second, third, query.as_deref()];
    let cloudflare = bearer(headers, &CLOUDFLARE);
    let own = || {
        plain
            .iter()
            .copied()
            .flatten()
            .find(|key| !is_stored(key, catalog))
            .and_then(|key| std::str::from_utf8(key).ok())
            .and_then(Secret::new)
    };
    let Some(token) = &catalog.gateway_token else { return Ok(Caller { own_key: own() }) };
    // Every candidate is compared, so the time taken tells nothing about which one fits.
    let by_cloudflare = cloudflare.is_some_and(|c| token.matches(c));
    let by_plain = plain.iter().flatten().fold(false, |hit, c| token.matches(c) | hit);
    match (by_cloudflare, by_plain) {
        (true, _) => Ok(Caller { own_key: own() }),
        (false, true) => Ok(Caller { own_key: None }),
        (false, false) => Err(Refusal::InvalidApiKey),
    }
}

/// Is `value` the gateway token or any stored key? Such a value is never sent as a client's credential.
fn is_stored(value: &[u8], catalog: &Catalog) -> bool {
    secrets(catalog).any(|s| s.matches(value))
}

/// Everything the configuration holds that nobody else may see.
pub(crate) fn secrets(catalog: &Catalog) -> impl Iterator<Item = &Secret> {
    let cloudflare = catalog.cloudflare.as_ref().and_then(|c| c.token.as_ref());
    let keys = catalog.providers.values().filter_map(|p| p.api_key.as_ref());
    let telemetry = catalog.otel.iter().flat_map(|otel| &otel.secrets);
    let sinks = catalog.aepipe.iter().map(|sink| &sink.token).chain(telemetry);
    catalog.gateway_token.iter().chain(cloudflare).chain(keys).chain(sinks).chain(&catalog.idle_secrets)
}

/// Does a passthrough request carry a secret of the gateway in any header or in its URL?
pub fn leaks_secret(headers: &HeaderMap, uri: &Uri, catalog: &Catalog) -> bool {
    let target = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let decoded = percent_encoding::percent_decode_str(target).decode_utf8_lossy();
    secrets(catalog).any(|secret| {
        if secret.expose().len() < MIN_TELLING {
            // So short that it is part of innocent text: only the whole value counts.
            return headers
                .values()
                .any(|v| secret.matches(v.as_bytes()) || secret.matches(after_scheme(v.as_bytes())));
        }
        let finder = memchr::memmem::Finder::new(secret.expose().as_bytes());
        headers.values().any(|v| finder.find(v.as_bytes()).is_some())
            || finder.find(target.as_bytes()).is_some()
            || finder.find(decoded.as_bytes()).is_some()
    })
}

/// `Bearer x` is x, anything without a space is itself.
fn after_scheme(value: &[u8]) -> &[u8] {
    value.iter().position(|b| *b == b' ').and_then(|at| value.get(at + 1..)).unwrap_or(value)
}

/// Does `body` hold a key that the gateway attached?
pub fn echoes_secret(body: &[u8], catalog: &Catalog, own_key: Option<&Secret>) -> bool {
    // The client may see its own key again; short secrets would match by chance.
    let own = own_key.map(Secret::expose);
    secrets(catalog)
        .filter(|s| Some(s.expose()) != own && s.expose().len() >= MIN_TELLING)
        .any(|s| memchr::memmem::find(body, s.expose().as_bytes()).is_some())
}

/// The key for `provider`: the client's own, else the stored one.
pub fn provider_key<'k>(caller: &'k Caller, provider: &'k Provider, catalog: &Catalog) -> Option<&'k Secret> {
    if catalog.gateway_token.is_some() {
        caller.own_key.as_ref().or(provider.api_key.as_ref())
    } else {
        // Open mode: clients send placeholders, so a stored key goes first.
        provider.api_key.as_ref().or(caller.own_key.as_ref())
    }
}

/// The header that carries `key` to a provider.
pub fn auth_header(auth: &Auth, key: &Secret) -> Option<(HeaderName, HeaderValue)> {
    let (name, text) = match auth {
        Auth::Bearer => (AUTHORIZATION, ["Bearer ", key.expose()].concat()),
        Auth::Header(name) => (name.clone(), key.expose().to_owned()),
    };
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// `key` of the query, where Google's clients may put theirs.
fn key_of(uri: &Uri) -> Option<Cow<'_, [u8]>> {
    let value = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("key="))?;
    Some(Cow::from(percent_encoding::percent_decode_str(value))).filter(|key| !key.is_empty())
}

fn raw<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    headers.get(name).map(|v| v.as_bytes().trim_ascii()).filter(|v| !v.is_empty())
}

/// The token after `Bearer`, in any case.
fn bearer<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let value = raw(headers, name)?;
    let (scheme, token) = value.split_at_checked(7)?;
    (scheme.eq_ignore_ascii_case(b"bearer ")).then(|| token.trim_ascii()).filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Host;
    use crate::settings::{Provider as Written, Settings};

    fn catalog(token: Option<&str>) -> Catalog {
        let mut settings = Settings { gateway_token: token.map(str::to_owned), ..Settings::default() };
        settings
            .providers
            .insert("openai".into(), Written { api_key: Some("sk-stored-1".into()), ..Written::default() });
        Catalog::build(&settings, Host { loopback: true, native: true }).unwrap()
    }

    fn own(headers: &[(&'static str, &'static str)], catalog: &Catalog) -> Result<Option<String>, u16> {
        let headers = headers.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect();
        authenticate(&headers, &Uri::from_static("/v1/x"), catalog)
            .map(|c| c.own_key.map(|k| k.expose().to_owned()))
            .map_err(|r| r.status().as_u16())
    }

    #[test]
    fn one_valid_token_in_any_place_is_enough() {
        let catalog = catalog(Some("tok"));
        let key = |k: &str| Ok(Some(k.to_owned()));
        for (headers, want) in [
            (&[("authorization", "Bearer tok")][..], Ok(None)),
            (&[("authorization", "bearer  tok ")], Ok(None)),
            (&[("x-api-key", "tok")], Ok(None)),
            (&[("api-key", "tok")], Ok(None)),
            (&[("x-goog-api-key", "tok")], Ok(None)),
            (&[("cf-aig-authorization", "Bearer tok"), ("x-goog-api-key", "mine")], key("mine")),
            (&[("cf-aig-authorization", "Bearer tok")], Ok(None)),
            (&[("x-api-key", "other"), ("authorization", "Bearer tok")], Ok(None)),
            (&[("cf-aig-authorization", "Bearer tok"), ("authorization", "Bearer mine")], key("mine")),
            (&[("cf-aig-authorization", "Bearer tok"), ("x-api-key", "mine")], key("mine")),
            (
                &[("cf-aig-authorization", "Bearer tok"), ("authorization", "Bearer tok"), ("x-api-key", "mine")],
                key("mine"),
            ),
            (&[("cf-aig-authorization", "Bearer tok"), ("authorization", "Bearer sk-stored-1")], Ok(None)),
            (&[("cf-aig-authorization", "Bearer bad"), ("authorization", "Bearer mine")], Err(401)),
            (&[("authorization", "tok")], Err(401)),
            (&[("authorization", "Bearer tok2")], Err(401)),
            (&[("x-api-key", "")], Err(401)),
            (&[], Err(401)),
        ] {
            assert_eq!(own(headers, &catalog), want, "{headers:?}");
        }
    }

    #[test]
    fn the_query_opens_too() {
        let catalog = catalog(Some("t k"));
        for (uri, opens) in [("/v1/x?alt=sse&key=t%20k", true), ("/v1/x?key=other", false), ("/v1/x?xkey=t%20k", false)]
        {
            let found = authenticate(&HeaderMap::new(), &Uri::from_static(uri), &catalog);
            assert_eq!(found.is_ok_and(|c| c.own_key.is_none()), opens, "{uri}");
        }
    }

    #[test]
    fn in_open_mode_a_stored_key_goes_first() {
        let catalog = catalog(None);
        assert_eq!(own(&[("authorization", "Bearer mine")], &catalog), Ok(Some("mine".into())));
        assert_eq!(own(&[("x-api-key", "sk-stored-1")], &catalog), Ok(None));
        let caller = Caller { own_key: Secret::new("mine") };
        assert_eq!(provider_key(&caller, &catalog.providers["openai"], &catalog).unwrap().expose(), "sk-stored-1");
        assert_eq!(provider_key(&caller, &catalog.providers["groq"], &catalog).unwrap().expose(), "mine");
    }

    #[test]
    fn secrets_do_not_leave_in_passthrough() {
        let catalog = catalog(Some("gateway-token"));
        let uri = |s: &'static str| Uri::from_static(s);
        let headers = |n, v| HeaderMap::from_iter([(HeaderName::from_static(n), HeaderValue::from_static(v))]);
        assert!(leaks_secret(&headers("authorization", "Bearer gateway-token"), &uri("/v1/x"), &catalog));
        assert!(leaks_secret(&headers("x-custom", "sk-stored-1"), &uri("/v1/x"), &catalog));
        assert!(leaks_secret(&HeaderMap::new(), &uri("/v1/x?key=gateway%2Dtoken"), &catalog));
        assert!(!leaks_secret(&headers("authorization", "Bearer theirs"), &uri("/v1/x"), &catalog));
        let short = self::catalog(Some("k"));
        assert!(leaks_secret(&headers("authorization", "Bearer k"), &uri("/v1/x"), &short));
        assert!(!leaks_secret(&headers("user-agent", "okay"), &uri("/v1/k"), &short));
    }
}
