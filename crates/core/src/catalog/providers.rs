//! One provider, from its row and what was written.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderName;

use super::Cloudflare;
use super::build::{Build, MOCK, given};
use crate::dialect::Dialect;
use crate::provider::table::{RESPONSES_AND_CHAT, row};
use crate::provider::{Auth, Azure, AzureForm, CloudflarePath, Endpoints, Provider, Quirks, Via};
use crate::secret::Secret;
use crate::settings;
use crate::url::Base;

/// Azure's API version where none is configured.
const AZURE_API_VERSION: &str = "2025-04-01-preview";

impl Build<'_> {
    /// The provider `id`: its row of the table with what was written over it.
    pub(super) fn provider(&mut self, id: &str, cloudflare: Option<&Cloudflare>) -> Option<Provider> {
        let (settings, row) = (self.settings, row(id));
        let none = settings::Provider::default();
        let written = settings.providers.get(id).unwrap_or(&none);
        let at = |key: &str| format!("providers.{id}.{key}");
        if id.is_empty() || id.contains('#') || id.chars().any(|c| c.is_control() || c.is_whitespace() || c == ',') {
            self.problem(format!("providers.{id}"), "a provider id may not be empty or hold `#`, `,` or white space");
            return None;
        }
        let azure = (id == "azure-openai").then(|| self.azure(written));
        let served = match &azure {
            // Older API versions of the other form do not know Responses well enough to prefer it.
            Some(Azure { form: AzureForm::V1, .. }) => RESPONSES_AND_CHAT,
            _ => row.map_or(&[][..], |r| r.dialects),
        };
        let dialects = self.dialects(id, written, served);
        let mut base = self.provider_base(id, written, row.map(|r| r.base_url), azure.as_ref());
        // Users of Google's compatible endpoint write its folder after the base URL.
        if let (Some(row), Some(base)) = (row, &mut base)
            && row.dialects.contains(&Dialect::Gemini)
            && let Some(above) = base.path.strip_suffix("/openai")
        {
            base.path = above.to_owned();
        }
        if row.is_none() && written.base_url.is_none() {
            self.problem(at("base_url"), "a custom provider needs one, for example \"http://127.0.0.1:9000/v1\"");
        }
        let auth = match written.auth.as_deref().or_else(|| row.and_then(|r| r.auth_header)) {
            Some("bearer") => Some(Auth::Bearer),
            None if row.is_none() && dialects.first() == Some(&Dialect::Anthropic) => {
                Some(Auth::Header(HeaderName::from_static("x-api-key")))
            }
            None => None,
            Some(name) => {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    Some(Auth::Header(name))
                } else {
                    self.problem(at("auth"), "must be \"bearer\" or a header name");
                    None
                }
            }
        };
        let path = written.cloudflare_path.as_deref().map(|p| CloudflarePath {
            native: p.trim_matches('/').to_owned(),
            compat: row.and_then(|r| r.compat),
            chat_by_compat: false,
        });
        let cloudflare_path = path.or_else(|| row.map(crate::provider::table::Row::cloudflare_path));
        let via = self.via(id, written, cloudflare, cloudflare_path.as_ref());
        Some(Provider {
            id: id.to_owned(),
            lossy: row.filter(|_| written.dialects.is_none()).map_or(&[], |r| r.lossy),
            dialects,
            base,
            own_base: written.base_url.is_some(),
            auth,
            auth_beside: row.map_or(&[], |r| r.auth_beside),
            api_key: written.api_key.as_deref().and_then(Secret::new),
            key_variable: row.and_then(|r| r.key_variables.first().copied()),
            via,
            cloudflare: cloudflare_path,
            quirks: row.map_or(&Quirks::COMPATIBLE, |r| r.quirks),
            azure,
            endpoints: row.map_or(Endpoints::Any, |r| Endpoints::Only(r.endpoints)),
            paths: paths(row.map_or(&[], |r| r.paths), &written.paths),
            models: if written.models.is_empty() {
                row.map_or_else(Vec::new, |r| r.models.iter().map(|m| (*m).to_owned()).collect())
            } else {
                written.models.clone()
            },
            fetched: Vec::new(),
            first_byte: self
                .seconds(&at("first_byte"), written.first_byte)
                .or_else(|| row.and_then(|r| r.first_byte).map(Duration::from_secs)),
        })
    }

    fn dialects(&mut self, id: &str, written: &settings::Provider, default: &[Dialect]) -> Vec<Dialect> {
        let Some(names) = &written.dialects else {
            return if default.is_empty() { vec![Dialect::OpenAiChat] } else { default.to_vec() };
        };
        let mut dialects = Vec::new();
        for name in names {
            match name.parse() {
                Ok(dialect) => dialects.push(dialect),
                Err(()) => self.problem(
                    format!("providers.{id}.dialects"),
                    format!(
                        "does not know \"{name}\": a dialect is one of {}",
                        Dialect::ALL.map(Dialect::as_str).join(", ")
                    ),
                ),
            }
        }
        if names.is_empty() {
            self.problem(format!("providers.{id}.dialects"), "must name at least one dialect");
        }
        dialects
    }

    fn provider_base(
        &mut self,
        id: &str,
        written: &settings::Provider,
        row_url: Option<&str>,
        azure: Option<&Azure>,
    ) -> Option<Base> {
        if let Some(url) = &written.base_url {
            let mut base = self.base(&format!("providers.{id}.base_url"), url)?;
            // Written as its OpenAI clients know it: the row's paths begin further up.
            let chat = row(id).and_then(|r| r.paths.iter().find(|(endpoint, _)| *endpoint == "chat/completions"));
            let above = chat.and_then(|(endpoint, path)| path.strip_suffix(endpoint)).map(|p| p.trim_end_matches('/'));
            if let Some(shorter) = above.and_then(|above| base.path.strip_suffix(above)) {
                base.path = shorter.to_owned();
            }
            return Some(base);
        }
        let url = row_url?;
        if url.contains("{resource}") {
            let resource = azure?.resource.as_ref()?;
            return Base::parse(&url.replace("{resource}", resource)).ok();
        }
        if url.contains("{account}") {
            let account = given(self.settings.cloudflare.account_id.as_ref())?;
            return Base::parse(&url.replace("{account}", &account)).ok();
        }
        Base::parse(url).ok()
    }

    fn azure(&mut self, written: &settings::Provider) -> Azure {
        let resource = given(written.resource.as_ref());
        if let Some(resource) = &resource
            && (resource.len() > 63 || !resource.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        {
            self.problem("providers.azure-openai.resource", "may hold letters, digits and `-` only, 63 at most");
        }
        let form = match written.form.as_deref() {
            None | Some("deployment") => AzureForm::Deployment,
            Some("v1") => AzureForm::V1,
            Some(_) => {
                self.problem("providers.azure-openai.form", "must be \"deployment\" or \"v1\"");
                AzureForm::Deployment
            }
        };
        let api_version = given(written.api_version.as_ref());
        if let Some(version) = &api_version
            && !version.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        {
            self.problem("providers.azure-openai.api_version", "must look like 2024-10-21 or 2025-04-01-preview");
        }
        Azure { resource, api_version: api_version.unwrap_or_else(|| AZURE_API_VERSION.to_owned()), form }
    }

    fn via(
        &mut self,
        id: &str,
        written: &settings::Provider,
        cloudflare: Option<&Cloudflare>,
        path: Option<&CloudflarePath>,
    ) -> Via {
        let reachable = cloudflare.is_some() && path.is_some();
        match written.via.as_deref() {
            Some("direct") => Via::Direct,
            Some("cloudflare") if reachable => Via::Cloudflare,
            Some("cloudflare") => {
                let why = if cloudflare.is_none() {
                    "needs ACCOUNT_ID and GATEWAY_ID"
                } else {
                    "needs cloudflare_path for a custom provider"
                };
                self.problem(format!("providers.{id}.via"), why);
                Via::Direct
            }
            Some(_) => {
                self.problem(format!("providers.{id}.via"), "must be \"direct\" or \"cloudflare\"");
                Via::Direct
            }
            None if reachable => Via::Cloudflare,
            None => Via::Direct,
        }
    }
}

/// The row's paths with what was written over them.
fn paths(row: &[(&str, &str)], written: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let row = row.iter().map(|(endpoint, path)| ((*endpoint).to_owned(), (*path).to_owned()));
    let written =
        written.iter().map(|(k, v)| (k.trim_matches('/').to_owned(), format!("/{}", v.trim_start_matches('/'))));
    row.chain(written).collect()
}

/// The built-in provider: no network, every dialect.
pub(super) fn mock_provider() -> Provider {
    Provider {
        id: MOCK.to_owned(),
        dialects: vec![Dialect::OpenAiChat, Dialect::Anthropic],
        lossy: &[],
        base: None,
        own_base: true,
        auth: None,
        auth_beside: &[],
        api_key: None,
        key_variable: None,
        via: Via::Mock,
        cloudflare: None,
        quirks: &Quirks::OPENAI,
        azure: None,
        endpoints: Endpoints::Only(&[]),
        paths: BTreeMap::new(),
        models: vec!["echo".to_owned(), "script".to_owned()],
        fetched: Vec::new(),
        first_byte: None,
    }
}
