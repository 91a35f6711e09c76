//! Why the gateway does not do what was asked: one closed set, each with its status, code and sentence.

use http::StatusCode;

use crate::hub::{ErrorKind, Failure, Untranslatable};
use crate::json::WireError;
use crate::multipart::FormError;
use crate::splice::DocumentError;

/// A refusal of the gateway. Sentences are constant per code, plus at most one bounded echo of a name.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    #[error("the request body is larger than {limit} bytes")]
    BodyTooLarge { limit: u64 },
    #[error("the request body did not arrive whole")]
    BodyUnreadable,
    #[error("the request body did not arrive in time")]
    BodyTooSlow,
    #[error("{0}; send one JSON object with each of its members once")]
    Document(DocumentError),
    #[error(
        "provider `{provider}` does not serve {endpoint} (it serves {served}); use one that does, or another endpoint"
    )]
    EndpointNotServed { provider: String, endpoint: String, served: String },
    #[error(
        "this request carries a credential of the gateway, which must not leave for a host named by a header; send that host's own key instead"
    )]
    GatewayCredentialInPassthrough,
    #[error("{0}; send a multipart/form-data body as SDKs write it")]
    Form(FormError),
    #[error(
        "the request head is larger than {limit} bytes or has more than {headers} headers; send fewer or shorter ones"
    )]
    HeadTooLarge { limit: u64, headers: usize },
    #[error(
        "host `{host}` may not be reached through this gateway; ask its operator to add it to passthrough.allow_hosts"
    )]
    HostNotAllowed { host: String },
    #[error(
        "no valid gateway token; send it as `Authorization: Bearer <token>`, `x-api-key` or `cf-aig-authorization`"
    )]
    InvalidApiKey,
    #[error("X-APEX-AI-PROXY-MAPPING is malformed: {what}; write from1#to1,from2#to2")]
    InvalidMapping { what: &'static str },
    #[error("{what}")]
    InvalidModel { what: String, status: StatusCode },
    #[error("X-APEX-AI-PROXY-PROVIDER is not host[:port][/base/path]")]
    InvalidProviderHost,
    #[error("{0}")]
    InvalidRequest(WireError),
    #[error("the request went through more than {max} gateways: it seems to run in a circle")]
    LoopDetected { max: u32 },
    #[error("this path does not take {method}; use {allow}")]
    MethodNotAllowed { method: String, allow: &'static str },
    #[error("this response was not made in the background, and is complete: it cannot be {what}")]
    NotInBackground { what: &'static str },
    #[error(
        "no such endpoint: {path}; the gateway serves /v1/chat/completions, /v1/messages, /v1/responses, /v1/embeddings, /v1/models, and what else a provider has under /v1/"
    )]
    NotFound { path: String },
    #[error(
        "web pages of this origin may not call the gateway; add the origin to allow_origins or set a gateway token"
    )]
    OriginNotAllowed,
    #[error("the gateway holds too much request data at the moment; try again in a few seconds")]
    Overloaded,
    /// `others` are providers of this gateway that serve it.
    #[error("provider `{provider}` does not serve {endpoint}; {others}")]
    OtherEndpointNotServed { provider: String, endpoint: String, others: String },
    #[error("passthrough is switched off on this gateway")]
    PassthroughOff,
    #[error(
        "previous response `{id}` is not known: it was not stored, is forgotten, or belongs to other credentials; send the whole conversation in `input`"
    )]
    PreviousResponseNotFound { id: String },
    /// `hint` says what is missing, and how to give it.
    #[error("provider `{provider}` {hint}")]
    ProviderNotConfigured { provider: String, hint: String },
    #[error(
        "{endpoint} names no model, so nothing says which provider to ask: name one in the header `x-apex-provider` (or set default_provider), or go past the gateway's keys with X-APEX-AI-PROXY-PROVIDER: <host>"
    )]
    ProviderNotNamed { endpoint: String },
    #[error("response `{id}` is not known: it was not stored, is forgotten, or belongs to other credentials")]
    ResponseNotFound { id: String },
    #[error("x-apex-strict: this request would be adjusted ({adjustments}); change it or leave the header out")]
    Strict { adjustments: String, param: Option<String> },
    #[error("too many passthrough requests at the same time; try again in a moment")]
    TooManyRequests,
    #[error("{0}")]
    Untranslatable(Untranslatable),
    #[error("the gateway does not know this host name; in open mode it answers to loopback names only")]
    UnknownHost,
    #[error("unknown provider `{provider}` in the header x-apex-provider. {known}")]
    UnknownProvider { provider: String, known: String },
    #[error("content type must be application/json, without content encoding")]
    UnsupportedMediaType,
    #[error("WebSocket is not offered here; use HTTP")]
    UpgradeRequired,
    #[error("the request URI is longer than {limit} bytes")]
    UriTooLong { limit: usize },
    #[error("the URL for the upstream could not be built from this model name or path")]
    UrlNotBuildable,
}

impl Refusal {
    /// Machine-readable code; stable.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyUnreadable | Self::InvalidRequest(_) | Self::NotInBackground { .. } | Self::UrlNotBuildable => {
                "invalid_request"
            }
            Self::BodyTooSlow => "request_timeout",
            Self::Document(_) => "invalid_json",
            Self::EndpointNotServed { .. } | Self::OtherEndpointNotServed { .. } => "endpoint_not_served",
            Self::Form(_) => "invalid_form",
            Self::GatewayCredentialInPassthrough => "gateway_credential_in_passthrough",
            Self::HeadTooLarge { .. } => "head_too_large",
            Self::HostNotAllowed { .. } | Self::PassthroughOff => "host_not_allowed",
            Self::InvalidApiKey => "invalid_api_key",
            Self::InvalidMapping { .. } => "invalid_mapping",
            Self::InvalidModel { .. } => "invalid_model",
            Self::InvalidProviderHost => "invalid_provider_host",
            Self::LoopDetected { .. } => "loop_detected",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::NotFound { .. } => "not_found",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::Overloaded => "overloaded",
            Self::PreviousResponseNotFound { .. } => "previous_response_not_found",
            Self::ProviderNotConfigured { .. } => "provider_not_configured",
            Self::ProviderNotNamed { .. } => "provider_not_named",
            Self::ResponseNotFound { .. } => "response_not_found",
            Self::Strict { .. } => "adjustment_refused",
            Self::TooManyRequests => "rate_limited",
            Self::Untranslatable(_) => "unsupported_parameter",
            Self::UnknownHost => "unknown_host",
            Self::UnknownProvider { .. } => "unknown_provider",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UpgradeRequired => "upgrade_required",
            Self::UriTooLong { .. } => "uri_too_long",
        }
    }

    /// Status and kind.
    const fn class(&self) -> (StatusCode, ErrorKind) {
        use ErrorKind as Kind;
        match self {
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Kind::TooLarge),
            Self::BodyTooSlow => (StatusCode::REQUEST_TIMEOUT, Kind::Timeout),
            Self::NotFound { .. } | Self::ProviderNotNamed { .. } | Self::ResponseNotFound { .. } => {
                (StatusCode::NOT_FOUND, Kind::NotFound)
            }
            Self::BodyUnreadable
            | Self::Document(_)
            | Self::EndpointNotServed { .. }
            | Self::Form(_)
            | Self::GatewayCredentialInPassthrough
            | Self::InvalidMapping { .. }
            | Self::InvalidProviderHost
            | Self::InvalidRequest(_)
            | Self::NotInBackground { .. }
            | Self::OtherEndpointNotServed { .. }
            | Self::PreviousResponseNotFound { .. }
            | Self::ProviderNotConfigured { .. }
            | Self::Strict { .. }
            | Self::UnknownProvider { .. }
            | Self::Untranslatable(_)
            | Self::UrlNotBuildable => (StatusCode::BAD_REQUEST, Kind::InvalidRequest),
            Self::HostNotAllowed { .. } | Self::OriginNotAllowed | Self::PassthroughOff => {
                (StatusCode::FORBIDDEN, Kind::Permission)
            }
            Self::HeadTooLarge { .. } => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Kind::InvalidRequest),
            Self::InvalidApiKey => (StatusCode::UNAUTHORIZED, Kind::Auth),
            Self::InvalidModel { status, .. } => {
                (*status, if status.as_u16() == 404 { Kind::NotFound } else { Kind::InvalidRequest })
            }
            Self::LoopDetected { .. } => (StatusCode::LOOP_DETECTED, Kind::ServerError),
            Self::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, Kind::MethodNotAllowed),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, Kind::Unavailable),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, Kind::RateLimit),
            Self::UnknownHost => (StatusCode::MISDIRECTED_REQUEST, Kind::InvalidRequest),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Kind::UnsupportedMedia),
            Self::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, Kind::InvalidRequest),
            Self::UriTooLong { .. } => (StatusCode::URI_TOO_LONG, Kind::InvalidRequest),
        }
    }

    pub const fn status(&self) -> StatusCode {
        self.class().0
    }

    /// The value of `allow`, for a 405.
    pub const fn allow(&self) -> Option<&'static str> {
        if let Self::MethodNotAllowed { allow, .. } = self { Some(allow) } else { None }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a new refusal names no field unless it says so here")]
    fn param(&self) -> Option<String> {
        match self {
            Self::Document(DocumentError::Duplicate(name)) | Self::Form(FormError::Duplicate(name)) => {
                Some((*name).to_owned())
            }
            Self::InvalidModel { .. } => Some("model".to_owned()),
            Self::InvalidRequest(e) => Some(e.path.clone()).filter(|p| !p.is_empty()),
            Self::PreviousResponseNotFound { .. } => Some("previous_response_id".to_owned()),
            Self::Strict { param, .. } => param.clone(),
            Self::Untranslatable(e) => Some(e.param.clone()),
            _ => None,
        }
    }

    /// The same as a failure, ready for a dialect's envelope.
    pub fn to_failure(&self) -> Failure {
        let (status, kind) = self.class();
        let mut failure = Failure::gateway(kind, status, self.code(), self.to_string());
        failure.param = self.param();
        // SDKs repeat 409, 429 and 5xx by themselves, Claude Code also 400 and 401: only waiting can help here.
        let may_retry = matches!(status.as_u16(), 408 | 429) || status.is_server_error();
        failure.should_retry = (!may_retry).then_some(false);
        failure.retry_after_ms = matches!(status.as_u16(), 429 | 503).then_some(2_000);
        failure
    }
}

/// A name a client gave, fit for a message: printable, at most 64 characters.
pub fn echo(name: &str) -> String {
    if name.len() <= 64 && name.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return name.to_owned();
    }
    let mut out: String = name.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if name.chars().nth(64).is_some() {
        out.push('…');
    }
    out
}
