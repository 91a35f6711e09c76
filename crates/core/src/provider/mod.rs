//! Providers as data.

mod model_rules;
mod quirk_rows;
mod quirks;
pub mod table;

pub use quirks::{
    Below, ContentForm, ForcedChoice, LimitField, ModelRule, Patch, Quirks, ReasoningField, Says, StreamUsage,
    StrictLimits, ToolId,
};

use std::time::Duration;

use crate::dialect::Dialect;
use crate::secret::Secret;
use crate::url::Base;

/// One provider as configured: a row of the table with the operator's fields over it.
#[derive(Clone, Debug)]
pub struct Provider {
    pub id: String,
    /// Served dialects, best first.
    pub dialects: Vec<Dialect>,
    /// Served dialects that lose more than a translation to the best one does; never chosen for conversations.
    pub lossy: &'static [Dialect],
    /// Where it is reached directly.
    pub base: Option<Base>,
    /// The operator wrote the base URL: it may need no key.
    pub own_base: bool,
    /// How the key travels; unsaid, the dialect decides.
    pub auth: Option<Auth>,
    /// The same in single dialects, unless `auth` says it for all.
    pub auth_beside: &'static [(Dialect, &'static str)],
    pub api_key: Option<Secret>,
    /// The environment variable that would set its key, for messages.
    pub key_variable: Option<&'static str>,
    pub via: Via,
    /// Its paths at Cloudflare AI Gateway; none is not reachable there.
    pub cloudflare: Option<CloudflarePath>,
    pub quirks: &'static Quirks,
    pub azure: Option<Azure>,
    pub endpoints: Endpoints,
    /// Path after the base, by endpoint, where it differs from the client's; see [`Provider::path`].
    pub paths: std::collections::BTreeMap<String, String>,
    /// Models for `/v1/models`.
    pub models: Vec<String>,
    /// The same as the provider itself listed them, where it was asked.
    pub fetched: Vec<String>,
    pub first_byte: Option<Duration>,
}

/// What a provider serves beside its dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// Nobody described it: it is asked.
    Any,
    Only(&'static [&'static str]),
}

impl Provider {
    /// How the key travels in requests of `dialect`.
    pub fn auth_for(&self, dialect: Dialect) -> Auth {
        match (&self.auth, self.auth_beside.iter().find(|(d, _)| *d == dialect)) {
            (Some(auth), _) => auth.clone(),
            (None, Some((_, header))) => Auth::Header(http::HeaderName::from_static(header)),
            (None, None) if dialect == Dialect::Gemini => Auth::Header(http::HeaderName::from_static("x-goog-api-key")),
            (None, None) => Auth::Bearer,
        }
    }

    /// The path of `endpoint` after the base, where it differs from the client's: its own, or `*`, which stands for all
    /// under `/v1/` that have none.
    pub fn path(&self, endpoint: &str) -> Option<std::borrow::Cow<'_, str>> {
        if let Some(own) = self.paths.get(endpoint) {
            return Some(std::borrow::Cow::Borrowed(own));
        }
        self.path_beside(endpoint)
    }

    /// The same of an endpoint that only shares its name with one that has a path.
    pub fn path_beside(&self, endpoint: &str) -> Option<std::borrow::Cow<'_, str>> {
        let any = self.paths.get("*").filter(|_| !endpoint.starts_with("v2/"))?;
        Some(std::borrow::Cow::Owned(any.replace('*', endpoint)))
    }

    /// Does it serve `endpoint`, as far as is known? An operator who wrote its path says that it does.
    pub fn serves(&self, endpoint: &str) -> bool {
        self.paths.contains_key(endpoint)
            || match self.endpoints {
                Endpoints::Any => true,
                Endpoints::Only(list) => list.contains(&endpoint),
            }
    }
}

/// How the key travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    Bearer,
    Header(http::HeaderName),
}

/// Which way a provider is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Cloudflare,
    Direct,
    /// The built-in mock: no network.
    Mock,
}

impl Via {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cloudflare => "cloudflare",
            Self::Direct => "direct",
            Self::Mock => "mock",
        }
    }
}

/// A provider's place at Cloudflare AI Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudflarePath {
    /// What follows `/v1/{account}/{gateway}/` on the native surface, for example `mistral/v1`. Empty: compat only.
    pub native: String,
    /// Its prefix in compat model names, for example `google-ai-studio`; none is not served there.
    pub compat: Option<&'static str>,
    /// Its Chat form lies beside its own API, and is had from the compat surface.
    pub chat_by_compat: bool,
}

/// Azure OpenAI's extra coordinates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure {
    pub resource: Option<String>,
    pub api_version: String,
    pub form: AzureForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AzureForm {
    /// `/openai/deployments/{model}/...?api-version=..`
    Deployment,
    /// `/openai/v1/...`, the model in the body.
    V1,
}
