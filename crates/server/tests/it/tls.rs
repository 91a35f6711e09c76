//! TLS towards clients.

use std::io;
use std::sync::Arc;

use http::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::gateway::{Dir, Gateway};

fn certificate(dir: &Dir) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["gateway.example".to_owned()]).unwrap();
    dir.write("cert.pem", &made.cert.pem());
    dir.write("key.pem", &made.signing_key.serialize_pem());
    made.cert.der().clone()
}

async fn connect(gateway: &Gateway, root: &CertificateDer<'static>, alpn: &str) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let tcp = TcpStream::connect(gateway.address).await?;
    let name = ServerName::try_from("gateway.example").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

fn start() -> (Gateway, CertificateDer<'static>) {
    let dir = Dir::new();
    let root = certificate(&dir);
    dir.write("apex.toml", "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"");
    (Gateway::start_in(dir, &["--listen", "127.0.0.1:0"]), root)
}

#[tokio::test(flavor = "current_thread")]
async fn both_protocols_in_tls() {
    let (gateway, root) = start();
    assert!(gateway.url.starts_with("https://127.0.0.1:"), "{}", gateway.url);
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let h2 = version == Version::HTTP_2;
        let io = TokioIo::new(connect(&gateway, &root, if h2 { "h2" } else { "http/1.1" }).await.unwrap());
        let request = Request::get(if h2 { "https://127.0.0.1/healthz" } else { "/healthz" });
        let request = request.header("host", "127.0.0.1").body(String::new()).unwrap();
        let response = if h2 {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        };
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_new_certificate_needs_no_restart() {
    let (gateway, first) = start();
    let second = certificate(&gateway.dir);
    gateway.wait_for_log("configuration reloaded");
    assert!(connect(&gateway, &second, "h2").await.is_ok());
    assert!(connect(&gateway, &first, "h2").await.is_err());
}

#[test]
fn wrong_files_are_told() {
    let dir = Dir::new();
    dir.write(
        "apex.toml",
        "[tls]\ncert = \"nowhere.pem\"\nkey = \"nowhere.pem\"\n[upstream]\nroot_ca = \"nothing.pem\"",
    );
    let out = crate::gateway::output(&dir, &["check"], &[]);
    let text = String::from_utf8(out.stderr).unwrap();
    assert!(text.contains("tls.cert: ") && text.contains("upstream.root_ca: "), "{text}");
}
