//! From an origin to an open connection: resolve once, check every address, connect to one that passed, greet.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use apex_core::address::is_public;
use apex_core::exchange::{Reach, TransportError, TransportErrorKind};
use apex_core::url::Origin;
use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::error::transport;
use super::stream::Stream;
use crate::config::Network;

/// Opens a connection to `origin`, within the time the network allows.
pub(super) async fn connect(
    origin: &Origin,
    reach: Reach,
    network: &Network,
    own: SocketAddr,
) -> Result<Stream, TransportError> {
    let open = async {
        let addresses = checked(resolve(origin, network).await?, reach, own)?;
        let tcp = dial(&addresses, network.connect).await?;
        if origin.secure { greet(tcp, origin, network).await } else { Ok(Stream::plain(tcp)) }
    };
    match timeout(network.connect, open).await {
        Ok(opened) => opened,
        Err(_) => Err(transport(TransportErrorKind::Connect, "too slow to connect")),
    }
}

async fn resolve(origin: &Origin, network: &Network) -> Result<Vec<SocketAddr>, TransportError> {
    let with_port = |ip: IpAddr| SocketAddr::new(ip, origin.port);
    if let Ok(ip) = origin.host.parse::<IpAddr>() {
        return Ok(vec![with_port(ip)]);
    }
    if let Some(fixed) = network.hosts.get(&*origin.host) {
        return Ok(fixed.iter().copied().map(with_port).collect());
    }
    let found = lookup_host((&*origin.host, origin.port)).await;
    let found: Vec<SocketAddr> = found.map_err(|error| transport(TransportErrorKind::Dns, error))?.collect();
    if found.is_empty() { Err(transport(TransportErrorKind::Dns, "the name has no address")) } else { Ok(found) }
}

/// The addresses that may be connected to.
fn checked(found: Vec<SocketAddr>, reach: Reach, own: SocketAddr) -> Result<Vec<SocketAddr>, TransportError> {
    match reach {
        Reach::Configured => Ok(found),
        Reach::Mock => Err(transport(TransportErrorKind::Forbidden, "the mock has no address")),
        Reach::Public => {
            let allowed = |address: &SocketAddr| is_public(address.ip()) && !is_own(*address, own);
            let passed: Vec<SocketAddr> = found.into_iter().filter(allowed).collect();
            if passed.is_empty() {
                return Err(transport(TransportErrorKind::Forbidden, "no address of the host is public"));
            }
            Ok(passed)
        }
    }
}

/// Would a connection to `address` come back to this server?
fn is_own(address: SocketAddr, own: SocketAddr) -> bool {
    if address.port() != own.port() {
        return false;
    }
    if !own.ip().is_unspecified() {
        return address.ip() == own.ip();
    }
    // Listening everywhere: the address is ours if the system would send from it. Connecting UDP sends nothing.
    let unspecified = SocketAddr::new(if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, 0);
    let probe = UdpSocket::bind(unspecified).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    probe.is_ok_and(|local| local.ip() == address.ip())
}

/// Tries the addresses in turn. One that does not answer may use up its share of the time, not all of it.
async fn dial(addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, TransportError> {
    let end = Instant::now() + limit;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut failure = transport(TransportErrorKind::Connect, "no address");
    for address in addresses {
        let share = end.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                // Without it small frames wait for acknowledgements.
                let _ = tcp.set_nodelay(true);
                return Ok(tcp);
            }
            Ok(Err(error)) => failure = transport(TransportErrorKind::Connect, error),
            Err(_) => failure = transport(TransportErrorKind::Connect, "no answer"),
        }
    }
    Err(failure)
}

async fn greet(tcp: TcpStream, origin: &Origin, network: &Network) -> Result<Stream, TransportError> {
    let name =
        ServerName::try_from((*origin.host).to_owned()).map_err(|error| transport(TransportErrorKind::Tls, error))?;
    let connector = TlsConnector::from(network.tls.clone());
    let tls = connector.connect(name, tcp).await.map_err(|error| transport(TransportErrorKind::Tls, error))?;
    Ok(Stream::tls(tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_reach_public_addresses_only() {
        let own: SocketAddr = "127.0.0.1:8787".parse().unwrap();
        let parse = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = parse(&["127.0.0.1:443", "8.8.8.8:443", "[::ffff:127.0.0.1]:443"]);
        assert_eq!(checked(mixed.clone(), Reach::Public, own).unwrap(), parse(&["8.8.8.8:443"]));
        assert_eq!(checked(mixed.clone(), Reach::Configured, own).unwrap(), mixed);
        let inside = parse(&["10.0.0.1:443", "169.254.169.254:80"]);
        assert_eq!(checked(inside, Reach::Public, own).unwrap_err().kind, TransportErrorKind::Forbidden);
    }

    #[test]
    fn the_server_is_not_its_own_upstream() {
        let own: SocketAddr = "8.8.8.8:8787".parse().unwrap();
        assert!(is_own(own, own));
        assert!(!is_own("8.8.8.8:443".parse().unwrap(), own));
        assert!(is_own("127.0.0.1:8787".parse().unwrap(), "0.0.0.0:8787".parse().unwrap()));
    }
}
