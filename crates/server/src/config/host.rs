//! The part of the configuration that only the native server has: where it listens, and how it reaches upstreams.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use apex_core::settings::Settings;
use tokio_rustls::TlsAcceptor;

use super::env::Environment;
use super::problem::{Problem, dotted};
use crate::{client, tls};

/// Where the server listens.
#[derive(Clone)]
pub(crate) struct Bind {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<TlsAcceptor>,
    /// Files to look at for changes.
    pub(crate) files: Vec<PathBuf>,
    /// Where the metrics have a listener of their own.
    pub(crate) metrics: Option<SocketAddr>,
}

impl std::fmt::Debug for Bind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bind").field("address", &self.address).field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

/// How upstreams are reached.
#[derive(Debug)]
pub(crate) struct Network {
    /// Fixed addresses by host name.
    pub(crate) hosts: BTreeMap<String, Vec<IpAddr>>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// For finding, reaching and greeting a host together.
    pub(crate) connect: Duration,
}

/// Is this address only reachable from this machine?
pub(super) fn loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

pub(super) fn bind(settings: &Settings, beside: &Path, problems: &mut Vec<Problem>) -> Option<Bind> {
    let before = problems.len();
    let address = settings.listen.as_deref().and_then(|text| {
        let parsed = parse_listen(text);
        if parsed.is_none() {
            let problem = Problem::new("listen", format!("`{}` is not host:port", text.escape_debug()));
            let port = text.rsplit(':').next().and_then(|p| p.parse::<u16>().ok()).unwrap_or(8787);
            problems.push(problem.hint(format!("try 127.0.0.1:{port}")));
        }
        parsed
    });
    let mut acceptor = None;
    let mut files = Vec::new();
    match settings.tls.as_ref().map(|tls| (tls.cert.as_deref(), tls.key.as_deref())) {
        None | Some((None, None)) => {}
        Some((Some(_), None)) => problems.push(Problem::new("tls.key", "is missing beside tls.cert")),
        Some((None, Some(_))) => problems.push(Problem::new("tls.cert", "is missing beside tls.key")),
        Some((Some(cert), Some(key))) => {
            let (cert, key) = (beside.join(cert), beside.join(key));
            match tls::acceptor(&cert, &key) {
                Ok(made) => acceptor = Some(made),
                Err((path, what)) => problems.push(Problem::new(path, what)),
            }
            files.extend([cert, key]);
        }
    }
    let metrics = metrics(settings, problems);
    let address = address.filter(|_| problems.len() == before)?;
    Some(Bind { address, tls: acceptor, files, metrics })
}

fn metrics(settings: &Settings, problems: &mut Vec<Problem>) -> Option<SocketAddr> {
    let text = settings.metrics.listen.as_deref().filter(|_| settings.metrics.enabled.unwrap_or(true))?;
    let Some(address) = parse_listen(text) else {
        let problem = Problem::new("metrics.listen", format!("`{}` is not host:port", text.escape_debug()));
        problems.push(problem.hint("try 127.0.0.1:9464"));
        return None;
    };
    if !loopback(address) && !settings.metrics.public.unwrap_or(false) {
        let problem = Problem::new("metrics.listen", "is an address that others can reach, and asks for no token");
        problems.push(problem.hint("listen on 127.0.0.1, or set metrics.public = true"));
    }
    Some(address)
}

pub(super) fn network(settings: &Settings, beside: &Path, problems: &mut Vec<Problem>) -> Option<Network> {
    let before = problems.len();
    let mut hosts = BTreeMap::new();
    for (name, addresses) in &settings.upstream.hosts {
        let mut parsed = Vec::new();
        for text in addresses {
            if let Ok(address) = text.parse::<IpAddr>() {
                parsed.push(address);
            } else {
                let what = format!("`{}` is not an IP address", text.escape_debug());
                problems.push(Problem::new(dotted(&["upstream".into(), "hosts".into(), name.clone()]), what));
            }
        }
        hosts.insert(name.to_ascii_lowercase(), parsed);
    }
    let root_ca = settings.upstream.root_ca.as_ref().map(|path| beside.join(path));
    let tls = client::tls_config(root_ca.as_deref())
        .map_err(|what| problems.push(Problem::new("upstream.root_ca", what)))
        .ok()?;
    let connect = settings.timeouts.connect.unwrap_or(5.0);
    let connect = Duration::try_from_secs_f64(connect).unwrap_or(Duration::from_secs(5));
    (problems.len() == before).then_some(Network { hosts, tls, connect })
}

/// The directory that was named, from `beside`; else ours in the user's data directory, where the system has one.
pub(super) fn data_dir(settings: &Settings, beside: &Path, environment: &Environment) -> Option<PathBuf> {
    if let Some(named) = settings.data_dir.as_deref().filter(|dir| !dir.is_empty()) {
        return Some(beside.join(named));
    }
    let variable = |name| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = |below: &str| variable("HOME").map(|home| home.join(below));
    let user = variable("XDG_DATA_HOME").or_else(|| {
        if cfg!(windows) {
            variable("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            home("Library/Application Support")
        } else {
            home(".local/share")
        }
    });
    user.map(|dir| dir.join("apex-ai-proxy"))
}

/// `address:port`, or `localhost:port`.
fn parse_listen(text: &str) -> Option<SocketAddr> {
    let local =
        || text.strip_prefix("localhost:")?.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    text.parse().ok().or_else(local)
}
