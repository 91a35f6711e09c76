use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use apex_core::exchange::TransportErrorKind;
use http_body::Frame;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::local::LocalExecutor;

static MADE: AtomicU32 = AtomicU32::new(0);

/// A certificate for `name`, its own root.
struct Certificate {
    dir: std::path::PathBuf,
    acceptor: TlsAcceptor,
}

impl Certificate {
    fn new(name: &str, alpn: &[&[u8]]) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("apex-tls-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        Self { dir, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// Trusts this certificate, and finds `up.example` here.
    fn network(&self) -> Network {
        let mut network = network();
        network.tls = tls_config(Some(&self.dir.join("cert.pem"))).unwrap();
        network.hosts.insert("up.example".to_owned(), vec!["127.0.0.1".parse().unwrap()]);
        network
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

async fn send(client: &Client, port: u16, network: &Network) -> Answer {
    let outgoing = outgoing(true, "up.example", port, Reach::Configured);
    let body = OutgoingBody::Bytes(Some(Bytes::from_static(b"hi")));
    client.send(outgoing, body, network, "127.0.0.1:1".parse().unwrap()).await
}

/// Serves HTTP/2 in TLS: `/v1/x` gives an endless body. Counts connections and bodies dropped.
fn serve_h2(listener: TcpListener, acceptor: TlsAcceptor, connections: Rc<Cell<u32>>, dropped: Rc<Cell<u32>>) {
    spawn_local(async move {
        loop {
            let tcp = accept(&listener).await;
            connections.set(connections.get() + 1);
            let (acceptor, dropped) = (acceptor.clone(), dropped.clone());
            spawn_local(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let service = service_fn(move |request: Request<Incoming>| {
                    assert_eq!(request.uri().authority().unwrap().host(), "up.example");
                    assert!(!request.headers().contains_key("host"));
                    let body = Endless { said: false, dropped: dropped.clone() };
                    async move { Ok::<_, Infallible>(http::Response::new(body)) }
                });
                let builder = hyper::server::conn::http2::Builder::new(LocalExecutor);
                let _ = builder.serve_connection(TokioIo::new(tls), service).await;
            });
        }
    });
}

struct Endless {
    said: bool,
    dropped: Rc<Cell<u32>>,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.said, true) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"hello")))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
    }
}

#[test]
fn http2_shares_one_connection_and_resets_what_is_dropped() {
    run(async {
        let certificate = Certificate::new("up.example", &[b"h2"]);
        let (listener, port) = listen().await;
        let (connections, dropped) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        serve_h2(listener, certificate.acceptor.clone(), connections.clone(), dropped.clone());
        let (client, network) = (Client::default(), certificate.network());
        let mut bodies = Vec::new();
        for _ in 0..3 {
            let (head, mut body) = send(&client, port, &network).await.unwrap();
            assert_eq!(head.status, 200);
            assert_eq!(poll_fn(|cx| body.poll_chunk(cx)).await.unwrap().unwrap(), "hello");
            bodies.push(body);
        }
        assert_eq!((connections.get(), dropped.get()), (1, 0));
        drop(bodies.pop());
        sleep(Duration::from_millis(100)).await;
        assert_eq!((connections.get(), dropped.get()), (1, 1), "one stream was reset");
    });
}

#[test]
fn http1_in_tls() {
    run(async {
        let certificate = Certificate::new("up.example", &[b"http/1.1"]);
        let (listener, port) = listen().await;
        let acceptor = certificate.acceptor.clone();
        spawn_local(async move {
            let mut tls = acceptor.accept(accept(&listener).await).await.unwrap();
            for _ in 0..2 {
                let mut read = Vec::new();
                while !read.ends_with(b"hi") {
                    assert!(tls.read_buf(&mut read).await.unwrap() > 0);
                }
                tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                tls.flush().await.unwrap();
            }
            sleep(Duration::from_secs(5)).await;
        });
        let (client, network) = (Client::default(), certificate.network());
        for _ in 0..2 {
            let (_, mut body) = send(&client, port, &network).await.unwrap();
            assert_eq!(rest(&mut body).await.unwrap(), b"ok");
        }
    });
}

#[test]
fn certificates_are_checked() {
    run(async {
        let trusted = Certificate::new("up.example", &[]);
        let other_name = Certificate::new("other.example", &[]);
        let unknown = Certificate::new("up.example", &[]);
        // (the server's, the root the client trusts)
        for (server, root) in [(&other_name, &other_name), (&unknown, &trusted)] {
            let (listener, port) = listen().await;
            let acceptor = server.acceptor.clone();
            spawn_local(async move {
                let _ = acceptor.accept(accept(&listener).await).await;
            });
            let error = send(&Client::default(), port, &root.network()).await.unwrap_err();
            assert_eq!(error.kind, TransportErrorKind::Tls, "{error}");
        }
    });
}
