//! The client against small servers that say exactly what the test wants, byte by byte.

mod http1;
mod tls;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::time::Duration;

use apex_core::exchange::{self, Outgoing, Reach, TransportError};
use apex_core::url::Origin;
use apex_service::{OutgoingBody, Upstream};
use bytes::Bytes;
use http::{Request, response};
use tokio::io::{AsyncReadExt, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::timeout;

use super::{Client, UpstreamBody, tls_config};
use crate::config::Network;

fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(20), test).await.expect("the test hangs") });
}

fn network() -> Network {
    Network { hosts: BTreeMap::new(), tls: tls_config(None).unwrap(), connect: Duration::from_secs(2) }
}

/// A request of `text` to `host`.
fn outgoing(secure: bool, host: &str, port: u16, reach: Reach) -> Box<Outgoing> {
    let origin = Origin { secure, host: host.into(), port };
    let uri = format!("{origin}/v1/x?y=z");
    let request = Request::post(uri).header("host", origin.authority()).body(()).unwrap();
    let (head, ()) = request.into_parts();
    Box::new(Outgoing { origin, head, body: exchange::Body::Bytes(Bytes::new()), reach })
}

type Answer = Result<(response::Parts, UpstreamBody), TransportError>;

async fn post(client: &Client, port: u16, text: &'static str) -> Answer {
    let outgoing = outgoing(false, "127.0.0.1", port, Reach::Configured);
    let body = OutgoingBody::Bytes(Some(Bytes::from_static(text.as_bytes())));
    client.send(outgoing, body, &network(), "127.0.0.1:1".parse().unwrap()).await
}

/// The rest of the body, or the error it ends in.
async fn rest(body: &mut UpstreamBody) -> Result<Vec<u8>, TransportError> {
    let mut all = Vec::new();
    while let Some(chunk) = poll_fn(|cx| body.poll_chunk(cx)).await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.unwrap().0
}

/// Reads one request with a body as long as its content-length says.
async fn read_request(tcp: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                return text;
            }
        }
        assert!(tcp.read_buf(&mut read).await.unwrap() > 0, "closed inside a request: {text}");
    }
}

async fn say(tcp: &mut TcpStream, text: &str) {
    tcp.write_all(text.as_bytes()).await.unwrap();
}

/// Waits until the other side has closed.
async fn closed(tcp: &mut TcpStream) -> bool {
    let mut sink = [0; 1024];
    let gone = async {
        loop {
            match tcp.read(&mut sink).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    timeout(Duration::from_millis(100), gone).await.is_ok()
}
