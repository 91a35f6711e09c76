//! Where traces go, from what was written.

use http::HeaderName;

use super::Otel;
use super::build::{Build, given};
use crate::secret::Secret;

/// Off without an endpoint, and on the Worker.
pub(super) fn read(build: &mut Build<'_>) -> Option<Otel> {
    let written = &build.settings.otel;
    let (base, traces) = (given(written.endpoint.as_ref()), given(written.traces_endpoint.as_ref()));
    if !build.host.native {
        return None;
    }
    let traces = match (base, traces) {
        (_, Some(url)) => build.base("otel.traces_endpoint", &url)?,
        (Some(url), None) => {
            let base = build.base("otel.endpoint", &url)?;
            base.below("/v1/traces")
        }
        (None, None) => return None,
    };
    let mut headers = Vec::new();
    for (name, value) in pairs(build, "otel.headers", written.headers.as_deref()) {
        let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()).ok();
        let value = Secret::new(value).filter(|v| http::HeaderValue::try_from(v.expose()).is_ok());
        match name.zip(value) {
            Some(pair) => headers.push(pair),
            None => build.problem("otel.headers", "holds a name or a value that no header can have"),
        }
    }
    let mut resource = pairs(build, "otel.resource_attributes", written.resource_attributes.as_deref());
    let own = given(written.service_name.as_ref());
    if let Some(name) = own.or_else(|| resource.iter().all(|(n, _)| n != SERVICE).then(|| "apex-ai-proxy".to_owned())) {
        resource.retain(|(n, _)| n != SERVICE);
        resource.insert(0, (SERVICE.to_owned(), name));
    }
    let ratio = written.ratio.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&ratio) {
        build.problem("otel.ratio", "must be a number from 0 to 1");
    }
    let secrets = headers.iter().filter_map(|(_, value)| Secret::new(bare(value.expose()))).collect();
    Some(Otel { traces, headers, secrets, resource, ratio })
}

/// `a=1,b=2`, values percent-encoded
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables>).
fn pairs(build: &mut Build<'_>, path: &str, text: Option<&str>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for pair in text.unwrap_or_default().split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let decoded = pair.split_once('=').and_then(|(name, value)| {
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
            Some((name.trim().to_owned(), value.into_owned())).filter(|(name, _)| !name.is_empty())
        });
        match decoded {
            Some(pair) => pairs.push(pair),
            None => build.problem(path, "must be name=value pairs with commas between them"),
        }
    }
    pairs
}

/// `Bearer x` is x.
fn bare(value: &str) -> &str {
    const SCHEMES: &[&str] = &["api-key", "basic", "bearer", "token"];
    let scheme = value.split_once(' ').filter(|(scheme, _)| SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()));
    scheme.map_or(value, |(_, rest)| rest.trim())
}

const SERVICE: &str = crate::semconv::attribute::SERVICE_NAME;

#[cfg(test)]
mod tests {
    use crate::catalog::{Catalog, Host};
    use crate::settings::{Otel, Settings};

    fn build(otel: Otel) -> Result<Option<super::Otel>, Vec<String>> {
        let settings = Settings { otel, ..Settings::default() };
        let catalog = Catalog::build(&settings, Host { loopback: true, native: true });
        catalog.map(|c| c.otel).map_err(|problems| problems.into_iter().map(|p| p.path).collect())
    }

    #[test]
    fn what_is_written() {
        let text = |text: &str| Some(text.to_owned());
        assert!(build(Otel { headers: text("a=b"), ..Otel::default() }).unwrap().is_none());
        let otel = build(Otel {
            endpoint: text("http://127.0.0.1:4318/base/"),
            headers: text("Authorization=Bearer%20x, b = c"),
            resource_attributes: text("deployment.environment=prod,service.name=mine"),
            ..Otel::default()
        });
        let otel = otel.unwrap().unwrap();
        assert_eq!((otel.traces.path.as_str(), otel.traces.origin.port), ("/base/v1/traces", 4318));
        let headers: Vec<_> = otel.headers.iter().map(|(n, v)| (n.as_str(), v.expose())).collect();
        assert_eq!(headers, [("authorization", "Bearer x"), ("b", "c")]);
        assert_eq!(otel.resource[1], ("service.name".to_owned(), "mine".to_owned()));
        let whole = Otel {
            endpoint: text("http://a"),
            traces_endpoint: text("https://b/c"),
            service_name: text("n"),
            ..Otel::default()
        };
        let otel = build(whole).unwrap().unwrap();
        assert_eq!((&*otel.traces.origin.host, otel.traces.path.as_str()), ("b", "/c"));
        assert_eq!(otel.resource, [("service.name".to_owned(), "n".to_owned())]);
        let wrong = Otel {
            endpoint: text("http://a"),
            headers: text("a b=c,d"),
            resource_attributes: text("=x"),
            ratio: Some(2.0),
            ..Otel::default()
        };
        let found = build(wrong).unwrap_err();
        assert_eq!(found, ["otel.headers", "otel.headers", "otel.resource_attributes", "otel.ratio"]);
        assert_eq!(build(Otel { endpoint: text("localhost:4318"), ..Otel::default() }).unwrap_err(), ["otel.endpoint"]);
    }
}
