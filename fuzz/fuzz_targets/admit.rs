//! Heads: whatever a client sends, it is let in or refused in JSON; what is let in goes to a host the configuration or
//! the client's own header named, and no stored secret goes anywhere but to its owner.
#![no_main]

use std::sync::Arc;

use apex_core::admit::{Admission, Arrival, Target, admit};
use apex_core::catalog::{Catalog, Host, PassthroughMode};
use apex_core::exchange::{Exchange, Outgoing, Reach, Step};
use apex_core::json::RawValue;
use apex_core::settings::{Provider, Settings};
use apex_core::time::{Seed, Timestamp};
use http::{HeaderName, HeaderValue, request};
use libfuzzer_sys::fuzz_target;

const TOKEN: &str = "gateway-token-of-the-fuzzer";
/// Providers of each kind, and what their hosts end in.
const PROVIDERS: [(&str, &str); 6] = [
    ("openai", "api.openai.com"),
    ("anthropic", "api.anthropic.com"),
    ("google-ai-studio", "generativelanguage.googleapis.com"),
    ("cohere", "api.cohere.com"),
    ("azure-openai", "res.openai.azure.com"),
    ("workers-ai", "gateway.ai.cloudflare.com"),
];

// A request as HTTP/1.1 writes it, lines ending in LF.
fuzz_target!(|input: &[u8]| {
    let Some((head, body)) = parsed(input) else { return };
    let catalog = catalog();
    let arrival = Arrival { request_id: "req", now: Timestamp::default(), client: None, draining: false };
    let mut ticket = match admit(head, &catalog, &arrival) {
        Admission::Admitted(ticket) => ticket,
        Admission::Refused { whole, record } => {
            assert!(whole.parts.status.as_u16() >= 400 && record.status == whole.parts.status.as_u16());
            return readable(&whole.body, input);
        }
        Admission::Answered(whole) | Admission::Metrics(whole) => return silent(&whole.body, input),
    };
    let mut exchange = Exchange::new(&mut ticket, Arc::clone(&catalog), Seed(1));
    if matches!(ticket.target, Target::Passthrough(_)) && ticket.mapping.is_none() {
        exchange.begin_streaming(&mut ticket, body.to_vec().into(), Timestamp::default());
    } else {
        exchange.begin(&mut ticket, &body.to_vec().into(), Timestamp::default());
    }
    loop {
        match exchange.poll() {
            Step::Send(outgoing) => sent(&outgoing, matches!(ticket.target, Target::Passthrough(_))),
            Step::Emit(bytes) => readable(&bytes, input),
            Step::Read { .. } | Step::Finish { .. } => return,
            Step::Reply(_) | Step::Recall(_) | Step::Keep(_) => {}
        }
    }
});

/// Where a request goes, and what it carries there.
fn sent(outgoing: &Outgoing, passthrough: bool) {
    let host = &*outgoing.origin.host;
    assert_eq!(outgoing.head.uri.authority().map(|a| a.as_str()), Some(outgoing.origin.authority().as_str()));
    let owner = PROVIDERS.iter().find(|(_, own)| host == *own);
    match outgoing.reach {
        Reach::Configured if !passthrough => assert!(owner.is_some(), "an unknown host: {host}"),
        Reach::Configured => assert_eq!(host, "allowed.example"),
        Reach::Public => assert!(passthrough, "a client named the host, without a passthrough: {host}"),
        Reach::Mock => assert_eq!(host, "mock.invalid"),
    }
    for (name, value) in &outgoing.head.headers {
        // A client that knows a secret may put it into headers that mean nothing; where it would be used, it is refused.
        let credential = ["authorization", "x-api-key", "api-key", "x-goog-api-key"].contains(&name.as_str());
        if !(passthrough || credential) {
            continue;
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        let plain = text.strip_prefix("Bearer ").unwrap_or(&text);
        let holds = |secret: &str| if passthrough { text.contains(secret) } else { plain == secret };
        assert!(!holds(TOKEN), "the token leaves in {name}");
        for (provider, own) in PROVIDERS {
            assert!(host == own || !holds(&key(provider)), "the key of {provider} goes to {host} in {name}");
        }
    }
}

/// Nobody is told a stored key that they did not know.
fn silent(body: &[u8], input: &[u8]) {
    let (text, input) = (String::from_utf8_lossy(body), String::from_utf8_lossy(input));
    for key in PROVIDERS.map(|(provider, _)| key(provider)) {
        assert!(input.contains(&key) || !text.contains(&key), "a stored key is told: {text}");
    }
}

fn readable(body: &[u8], input: &[u8]) {
    silent(body, input);
    assert!(serde_json::from_slice::<&RawValue>(body).is_ok(), "no JSON: {}", String::from_utf8_lossy(body));
}

fn key(provider: &str) -> String {
    format!("stored-key-of-{provider}")
}

/// Request line, headers, an empty line, the body.
fn parsed(input: &[u8]) -> Option<(request::Parts, &[u8])> {
    let mut rest = input;
    let mut line = || {
        let at = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let (line, after) = rest.split_at(at);
        rest = after.get(1..).unwrap_or_default();
        line
    };
    let (method, target) = std::str::from_utf8(line()).ok()?.split_once(' ')?;
    let mut head = http::Request::builder().method(method).uri(target).body(()).ok()?.into_parts().0;
    loop {
        let field = line();
        let Some(colon) = field.iter().position(|b| *b == b':') else { break };
        let name = HeaderName::from_bytes(&field[..colon]).ok()?;
        head.headers.append(name, HeaderValue::from_bytes(field[colon + 1..].trim_ascii()).ok()?);
    }
    Some((head, rest))
}

fn catalog() -> Arc<Catalog> {
    thread_local! {
        static CATALOG: Arc<Catalog> = {
            let mut settings = Settings { gateway_token: Some(TOKEN.into()), ..Settings::default() };
            settings.passthrough.mode = Some("public".into());
            settings.passthrough.allow_hosts = vec!["allowed.example".into()];
            settings.cloudflare.account_id = Some("0123456789abcdef0123456789abcdef".into());
            settings.cloudflare.gateway_id = Some("gw".into());
            for (id, _) in PROVIDERS {
                let mut provider = Provider { api_key: Some(key(id)), via: Some("direct".into()), ..Provider::default() };
                match id {
                    "azure-openai" => provider.resource = Some("res".into()),
                    "workers-ai" => provider.via = Some("cloudflare".into()),
                    _ => {}
                }
                settings.providers.insert(id.into(), provider);
            }
            let catalog = Catalog::build(&settings, Host { loopback: true, native: true }).expect("a catalog");
            assert_eq!(catalog.passthrough.mode, PassthroughMode::Public);
            Arc::new(catalog)
        };
    }
    CATALOG.with(Arc::clone)
}
