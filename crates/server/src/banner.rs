//! What the operator sees when the server is ready. The last line is a contract: scripts wait for it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use apex_core::catalog::{Catalog, PassthroughMode};
use apex_core::models;
use apex_core::provider::Provider;

use crate::config::Loaded;

/// All lines of it.
pub(crate) fn banner(loaded: &Loaded, address: SocketAddr) -> String {
    let catalog = &loaded.catalog;
    let scheme = if loaded.bind.tls.is_some() { "https" } else { "http" };
    let base = format!("{scheme}://{address}");
    let mut out = format!("apex-ai-proxy {}\n", env!("CARGO_PKG_VERSION"));
    let file = loaded.file.as_ref().map_or_else(|| "none (environment only)".to_owned(), |f| f.display().to_string());
    let _ = writeln!(out, "  configuration  {file}");
    let log = match &loaded.data_dir {
        Some(dir) if catalog.request_log.enabled => dir.join(apex_store::FILE).display().to_string(),
        Some(_) => "off".to_owned(),
        None => "none: there is no data directory".to_owned(),
    };
    let _ = writeln!(out, "  request log    {log}");
    let token = if catalog.gateway_token.is_some() { "a gateway token is required" } else { "open, no token" };
    let _ = writeln!(out, "  clients        {token}");
    let ready: Vec<String> = live(catalog).map(|p| format!("{} ({})", p.id, p.via.as_str())).collect();
    let ready = if ready.is_empty() { "none has a key; clients may bring theirs".to_owned() } else { ready.join(", ") };
    let _ = writeln!(out, "  providers      {ready}");
    let passthrough = match catalog.passthrough.mode {
        PassthroughMode::Allowlist => "hosts in passthrough.allow_hosts only",
        PassthroughMode::Off => "off",
        PassthroughMode::Public => "any public host",
    };
    let _ = writeln!(out, "  passthrough    {passthrough}");
    let some = |provider: &Provider| format!("MODEL#{}", provider.id);
    let any = || live(catalog).next().map_or_else(|| "MODEL#PROVIDER".to_owned(), some);
    let model = if catalog.mock { "echo#mock".to_owned() } else { any() };
    let token = if catalog.gateway_token.is_some() { " -H \"authorization: Bearer $GATEWAY_TOKEN\"" } else { "" };
    let _ = writeln!(
        out,
        "  try            curl {base}/v1/chat/completions{token} -H 'content-type: application/json' \
         -d '{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'"
    );
    let _ = writeln!(out, "listening on {base}");
    out
}

/// Providers that have what they need to be asked.
pub(crate) fn live(catalog: &Catalog) -> impl Iterator<Item = &Provider> {
    catalog.providers.values().filter(|provider| models::is_live(provider))
}
