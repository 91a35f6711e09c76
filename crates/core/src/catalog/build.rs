//! From what was written to what it means, with every problem reported at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::otel;
use super::providers::mock_provider;
use super::{
    Aepipe, AllowedHost, Catalog, Cloudflare, Host, Limits, Metrics, Passthrough, PassthroughMode, Place, RequestLog,
    Responses, Surface, Timeouts,
};
use crate::capture::{Budget, CaptureLimits, Masks};
use crate::credentials;
use crate::price::Book;
use crate::provider::Provider;
use crate::provider::table::{ROWS, row};
use crate::refusal::echo;
use crate::secret::Secret;
use crate::settings::{Problem, Settings};
use crate::time::duration;
use crate::url::{Base, split_authority};

/// How often providers are asked for their models.
pub const FETCH_INTERVAL: Duration = Duration::from_secs(3600);

/// The id of the built-in provider.
pub(super) const MOCK: &str = "mock";

impl Catalog {
    /// What `settings` mean on `host`, or everything that is wrong with them.
    pub fn build(settings: &Settings, host: Host) -> Result<Self, Vec<Problem>> {
        let mut build = Build { settings, host, problems: Vec::new() };
        let catalog = build.catalog();
        if build.problems.is_empty() { Ok(catalog) } else { Err(build.problems) }
    }
}

/// A catalog being built.
pub(super) struct Build<'s> {
    pub(super) settings: &'s Settings,
    pub(super) host: Host,
    pub(super) problems: Vec<Problem>,
}

impl Build<'_> {
    pub(super) fn problem(&mut self, path: impl Into<String>, what: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), what: what.into() });
    }

    fn catalog(&mut self) -> Catalog {
        let settings = self.settings;
        let gateway_token = settings.gateway_token.as_deref().and_then(Secret::new);
        if gateway_token.is_none() && !(self.host.native && self.host.loopback) {
            self.problem(
                "gateway_token",
                "is needed unless the gateway listens on a loopback address only: set GATEWAY_TOKEN, or listen on 127.0.0.1",
            );
        }
        let cloudflare = self.cloudflare(gateway_token.as_ref());
        let mut providers = BTreeMap::new();
        let custom = settings.providers.keys().filter(|id| row(id).is_none() && *id != MOCK);
        let any_custom = custom.clone().next().is_some();
        for id in ROWS.iter().map(|r| r.id).chain(custom.map(String::as_str)) {
            if let Some(provider) = self.provider(id, cloudflare.as_ref()) {
                providers.insert(id.to_owned(), provider);
            }
        }
        let bare =
            self.host.native && self.host.loopback && gateway_token.is_none() && cloudflare.is_none() && !any_custom;
        let mock = settings.providers.get(MOCK).and_then(|p| p.enabled).unwrap_or(bare);
        if mock {
            providers.insert(MOCK.to_owned(), mock_provider());
        }
        self.names(&providers);
        let mut defaults: Vec<_> = settings.defaults.iter().map(|(p, id)| (p.clone(), id.clone())).collect();
        // The longest pattern is the most specific one; equal lengths keep the order of their text.
        defaults.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.len()));
        let (limits, aepipe, request_log) = (self.limits(), self.aepipe(), self.request_log());
        let stored = self.host.native && request_log.enabled && request_log.bodies;
        let capture = (aepipe.is_some() || stored).then(|| CaptureLimits {
            body: usize::try_from(limits.capture).unwrap_or(usize::MAX),
            budget: Budget::new(usize::try_from(limits.capture_total).unwrap_or(usize::MAX)),
        });
        let mut catalog = Catalog {
            prices: self.prices(&providers),
            metrics: self.metrics(),
            otel: otel::read(self),
            responses: self.responses(),
            fetch_models: self.fetch_models(),
            gateway_token,
            providers,
            default_provider: settings.default_provider.clone(),
            defaults,
            aliases: settings.aliases.clone(),
            cloudflare,
            passthrough: self.passthrough(),
            allow_origins: settings.allow_origins.clone(),
            timeouts: self.timeouts(),
            limits,
            mock,
            debug: settings.debug.unwrap_or(false),
            request_log,
            log_lines: settings.log.lines.unwrap_or(true),
            aepipe,
            capture,
            masks: Arc::default(),
            idle_secrets: Vec::new(),
        };
        catalog.idle_secrets = self.idle_secrets(&catalog);
        catalog.masks = Arc::new(Masks::new(credentials::secrets(&catalog)));
        catalog
    }

    /// Of all that is written down, what `catalog` has no use for.
    fn idle_secrets(&self, catalog: &Catalog) -> Vec<Secret> {
        let settings = &self.settings;
        let keys = settings.providers.values().filter_map(|provider| provider.api_key.as_deref());
        let tokens = [&settings.aepipe.token, &settings.cloudflare.token].into_iter().flatten().map(String::as_str);
        let is_used = |text: &str| credentials::secrets(catalog).any(|secret| secret.expose() == text);
        keys.chain(tokens).filter(|text| !is_used(text)).filter_map(Secret::new).collect()
    }

    /// Off unless both are there.
    fn aepipe(&mut self) -> Option<Aepipe> {
        let written = &self.settings.aepipe;
        let (token, url) = (written.token.as_deref().and_then(Secret::new)?, given(written.base_url.as_ref())?);
        let base = self.base("aepipe.base_url", &url)?;
        if http::HeaderValue::try_from(token.expose()).is_err() {
            self.problem("aepipe.token", "has characters that cannot be sent in a header");
        }
        Some(Aepipe { base, token, bodies: written.bodies.unwrap_or(true) })
    }

    fn cloudflare(&mut self, gateway_token: Option<&Secret>) -> Option<Cloudflare> {
        let cf = &self.settings.cloudflare;
        let (account_id, gateway_id) = match (given(cf.account_id.as_ref()), given(cf.gateway_id.as_ref())) {
            (Some(account), Some(gateway)) => (account, gateway),
            (None, None) => return None,
            (Some(_), None) => {
                // Workers AI needs only the account: not a mistake by itself.
                return None;
            }
            (None, Some(_)) => {
                self.problem("cloudflare.account_id", "is missing beside gateway_id: set ACCOUNT_ID");
                return None;
            }
        };
        for (key, id) in [("account_id", &account_id), ("gateway_id", &gateway_id)] {
            if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                self.problem(format!("cloudflare.{key}"), "may hold letters, digits, `-` and `_` only");
            }
        }
        let surface = match cf.surface.as_deref() {
            None | Some("native") => Surface::Native,
            Some("compat") => Surface::Compat,
            Some(_) => {
                self.problem("cloudflare.surface", "must be \"native\" or \"compat\"");
                Surface::Native
            }
        };
        let base =
            self.base("cloudflare.base_url", cf.base_url.as_deref().unwrap_or("https://gateway.ai.cloudflare.com/v1"))?;
        let token = cf.token.as_deref().and_then(Secret::new).or_else(|| gateway_token.cloned());
        Some(Cloudflare { account_id, gateway_id, token, surface, base })
    }

    pub(super) fn base(&mut self, path: &str, text: &str) -> Option<Base> {
        Base::parse(text).map_err(|why| self.problem(path, format!("{why}; write it as https://host/path"))).ok()
    }

    fn names(&mut self, providers: &BTreeMap<String, Provider>) {
        let known = || providers.keys().cloned().collect::<Vec<_>>().join(", ");
        if let Some(id) = &self.settings.default_provider
            && !providers.contains_key(id)
        {
            self.problem("default_provider", format!("names no provider; known: {}", known()));
        }
        for (pattern, id) in &self.settings.defaults {
            if !providers.contains_key(id) {
                self.problem(format!("defaults.\"{pattern}\""), format!("names no provider; known: {}", known()));
            }
        }
        for (alias, target) in &self.settings.aliases {
            let provider = target.rsplit_once('#');
            if !provider.is_some_and(|(model, id)| !model.is_empty() && providers.contains_key(id)) {
                self.problem(
                    format!("aliases.{alias}"),
                    format!("must be model#provider with a known provider; known: {}", known()),
                );
            }
        }
    }

    fn metrics(&self) -> Metrics {
        let written = &self.settings.metrics;
        let enabled = self.host.native && written.enabled.unwrap_or(true);
        Metrics { enabled, here: enabled && written.listen.is_none() }
    }

    fn prices(&mut self, providers: &BTreeMap<String, Provider>) -> Book {
        if self.settings.prices.file.is_some() && !self.host.native {
            self.problem("prices.file", "needs a file system: write the rows under prices.rows");
        }
        let rows = &self.settings.prices.rows;
        let unknown =
            rows.iter().enumerate().flat_map(|(number, row)| row.providers.iter().map(move |id| (number, id)));
        for (number, id) in unknown.filter(|(_, id)| !id.contains('*') && !providers.contains_key(*id)) {
            let known = providers.keys().cloned().collect::<Vec<_>>().join(", ");
            self.problem(
                format!("prices.rows[{number}].providers"),
                format!("`{}` names no provider; known: {known}", echo(id)),
            );
        }
        Book::new(rows, &mut self.problems)
    }

    fn passthrough(&mut self) -> Passthrough {
        let written = &self.settings.passthrough;
        let mode = match written.mode.as_deref() {
            Some("off") => PassthroughMode::Off,
            Some("allowlist") => PassthroughMode::Allowlist,
            Some("public") => PassthroughMode::Public,
            // As in the seeds on the Worker; on a native address that others can reach it would be an open relay.
            None if self.host.loopback || !self.host.native => PassthroughMode::Public,
            None => PassthroughMode::Allowlist,
            Some(_) => {
                self.problem("passthrough.mode", "must be \"off\", \"allowlist\" or \"public\"");
                PassthroughMode::Off
            }
        };
        let mut allow_hosts = Vec::new();
        for entry in &written.allow_hosts {
            let (secure, rest) = match entry.split_once("://") {
                Some(("http", rest)) => (false, rest),
                Some(("https", rest)) => (true, rest),
                Some(_) => (true, ""),
                None => (true, entry.as_str()),
            };
            match split_authority(rest.trim_end_matches('/')) {
                Some((host, port)) => allow_hosts.push(AllowedHost { host, port, secure }),
                None => self.problem(
                    "passthrough.allow_hosts",
                    format!("\"{entry}\" is not host, host:port or http://host:port"),
                ),
            }
        }
        Passthrough {
            mode,
            allow_hosts,
            allow_ports: written.allow_ports.clone(),
            max_concurrent: written.max_concurrent.unwrap_or(256),
            max_concurrent_per_client: written.max_concurrent_per_client.unwrap_or(64),
        }
    }

    pub(super) fn seconds(&mut self, path: &str, value: Option<f64>) -> Option<Duration> {
        let seconds = value?;
        if !(0.001..=31_536_000.0).contains(&seconds) {
            self.problem(path, "must be seconds between 0.001 and a year");
            return None;
        }
        Some(Duration::from_secs_f64(seconds))
    }

    fn timeouts(&mut self) -> Timeouts {
        let (written, default) = (self.settings.timeouts.clone(), Timeouts::default());
        let mut take = |key: &str, value, default| self.seconds(&format!("timeouts.{key}"), value).unwrap_or(default);
        Timeouts {
            connect: take("connect", written.connect, default.connect),
            first_byte: take("first_byte", written.first_byte, default.first_byte),
            idle: take("idle", written.idle, default.idle),
            total: take("total", written.total, default.total),
            client_head: take("client_head", written.client_head, default.client_head),
            client_write: take("client_write", written.client_write, default.client_write),
            drain: take("drain", written.drain, default.drain),
            keep_alive: take("keep_alive", written.keep_alive, default.keep_alive),
        }
    }

    fn request_log(&mut self) -> RequestLog {
        let (written, default) = (&self.settings.log, RequestLog::default());
        RequestLog {
            enabled: written.requests.unwrap_or(default.enabled),
            bodies: written.bodies.unwrap_or(default.bodies),
            max_age: self.age("log.max_age", written.max_age.as_ref(), default.max_age),
            max_size: self.size("log.max_size", written.max_size.as_ref(), default.max_size),
        }
    }

    fn responses(&mut self) -> Option<Responses> {
        let (written, default) = (&self.settings.responses, Responses::default());
        let place = match written.store.as_deref() {
            None | Some("off") => None,
            Some("disk") => Some(Place::Disk),
            Some("memory") => Some(Place::Memory),
            Some(_) => {
                self.problem("responses.store", "must be \"off\", \"memory\" or \"disk\"");
                None
            }
        };
        if place.is_some() && !self.host.native {
            self.problem("responses.store", "needs the native server: the Worker keeps no replies");
        }
        let rest = Responses {
            place: place.unwrap_or(default.place),
            max_age: self.age("responses.max_age", written.max_age.as_ref(), default.max_age),
            max_entries: written.max_entries.unwrap_or(default.max_entries),
            max_size: self.size("responses.max_size", written.max_size.as_ref(), default.max_size),
        };
        place.map(|_| rest)
    }

    fn fetch_models(&mut self) -> Option<Duration> {
        let written = &self.settings.models;
        let interval = self.age("models.interval", written.interval.as_ref(), FETCH_INTERVAL);
        if written.fetch == Some(true) && !self.host.native {
            self.problem("models.fetch", "needs the native server: write the models of each provider instead");
        }
        (written.fetch == Some(true)).then_some(interval)
    }

    fn age(&mut self, path: &str, written: Option<&String>, default: Duration) -> Duration {
        match written.map(|text| duration(text)) {
            None => default,
            Some(Some(age)) => age,
            Some(None) => {
                self.problem(path, "must be a time like \"30 days\", \"12 h\" or a number of seconds");
                default
            }
        }
    }

    fn size(&mut self, path: &str, written: Option<&String>, default: u64) -> u64 {
        match written.map(|text| bytes(text)) {
            None => default,
            Some(Some(bytes)) => bytes,
            Some(None) => {
                self.problem(path, "must be a size like \"64 MiB\", \"8 KiB\" or a number of bytes");
                default
            }
        }
    }

    fn limits(&mut self) -> Limits {
        let (written, default) = (self.settings.limits.clone(), Limits::default());
        let mut take =
            |key: &str, value: Option<&String>, default: u64| self.size(&format!("limits.{key}"), value, default);
        let small = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Limits {
            body: take("body", written.body.as_ref(), default.body),
            buffered_total: take("buffered_total", written.buffered_total.as_ref(), default.buffered_total),
            head: take("head", written.head.as_ref(), default.head),
            uri: small(take("uri", written.uri.as_ref(), default.uri as u64)),
            headers: written.headers.map_or(default.headers, usize::from),
            capture: take("capture", written.capture.as_ref(), default.capture),
            capture_total: take("capture_total", written.capture_total.as_ref(), default.capture_total),
        }
    }
}

/// `text`, unless it is empty.
pub(super) fn given(text: Option<&String>) -> Option<String> {
    text.filter(|t| !t.is_empty()).cloned()
}

/// `"64 MiB"`, `"8KiB"`, `"1000"`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Via;
    use crate::settings;

    const LOCAL: Host = Host { loopback: true, native: true };
    const OPEN: Host = Host { loopback: false, native: true };

    fn problems(settings: &Settings, host: Host) -> Vec<String> {
        Catalog::build(settings, host).err().unwrap_or_default().into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn nothing_configured_gives_the_mock_and_every_row() {
        let catalog = Catalog::build(&Settings::default(), LOCAL).unwrap();
        assert_eq!(catalog.providers.len(), ROWS.len() + 1);
        assert!(catalog.mock && catalog.passthrough.mode == PassthroughMode::Public);
        assert!(catalog.providers.values().all(|p| p.via != Via::Cloudflare));
        assert!(catalog.providers["azure-openai"].base.is_none());
    }

    #[test]
    fn a_public_address_needs_a_token() {
        assert_eq!(problems(&Settings::default(), OPEN), ["gateway_token"]);
        let settings = Settings { gateway_token: Some("t".into()), ..Settings::default() };
        let catalog = Catalog::build(&settings, OPEN).unwrap();
        assert!(!catalog.mock && catalog.passthrough.mode == PassthroughMode::Allowlist);
    }

    #[test]
    fn cloudflare_is_the_default_way_once_configured() {
        let mut settings = Settings::default();
        settings.cloudflare.account_id = Some("acc".into());
        settings.cloudflare.gateway_id = Some("gw".into());
        settings.gateway_token = Some("t".into());
        settings
            .providers
            .insert("groq".into(), settings::Provider { via: Some("direct".into()), ..Default::default() });
        let catalog = Catalog::build(&settings, LOCAL).unwrap();
        assert_eq!(catalog.providers["openai"].via, Via::Cloudflare);
        assert_eq!(catalog.providers["groq"].via, Via::Direct);
        assert!(catalog.cloudflare.unwrap().token.unwrap().matches(b"t"));
        assert!(catalog.providers["workers-ai"].base.as_ref().unwrap().path.contains("/accounts/acc/"));
    }

    #[test]
    fn every_problem_is_reported() {
        let mut settings = Settings { default_provider: Some("nope".into()), ..Settings::default() };
        settings.cloudflare.gateway_id = Some("gw".into());
        settings.aliases.insert("fast".into(), "gpt-5.5".into());
        settings.defaults.insert("x*".into(), "nobody".into());
        settings.passthrough.mode = Some("on".into());
        settings.passthrough.allow_hosts = vec!["a b".into()];
        settings.timeouts.idle = Some(0.0);
        settings.limits.body = Some("64 XB".into());
        settings.log.max_age = Some("30 moons".into());
        settings.log.max_size = Some("0".into());
        settings.responses.store = Some("paper".into());
        settings.responses.max_age = Some("for ever".into());
        settings.providers.insert(
            "my".into(),
            settings::Provider {
                dialects: Some(vec!["morse".into()]),
                via: Some("cloudflare".into()),
                ..Default::default()
            },
        );
        settings.providers.insert(
            "azure-openai".into(),
            settings::Provider { resource: Some("httpbin.org#".into()), form: Some("x".into()), ..Default::default() },
        );
        settings.providers.insert(
            "openai".into(),
            settings::Provider {
                base_url: Some("api.openai.com".into()),
                auth: Some("a b".into()),
                ..Default::default()
            },
        );
        let found = problems(&settings, LOCAL);
        for want in [
            "cloudflare.account_id",
            "default_provider",
            "aliases.fast",
            "defaults.\"x*\"",
            "passthrough.mode",
            "passthrough.allow_hosts",
            "timeouts.idle",
            "limits.body",
            "log.max_age",
            "log.max_size",
            "responses.store",
            "responses.max_age",
            "providers.my.dialects",
            "providers.my.base_url",
            "providers.my.via",
            "providers.azure-openai.resource",
            "providers.azure-openai.form",
            "providers.openai.base_url",
            "providers.openai.auth",
        ] {
            assert!(found.iter().any(|f| f == want), "{want} not in {found:?}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("64 MiB"), Some(64 << 20));
        assert_eq!(bytes("8KiB"), Some(8192));
        assert_eq!(bytes("1000"), Some(1000));
        for bad in ["", "0", "x", "1 TB", "-1", "99999999999999999999"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
