//! A provider that costs next to nothing: every answer is ready before it is asked for.

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use apex_bench::wire::{self, Api, Content};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::{spawn_local, yield_now};
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsAcceptor;

use crate::http::Inbox;
use crate::scenario::{DELTAS, PACED, now_micros};

/// Between two deltas of a paced stream.
pub(crate) const PACE: Duration = Duration::from_millis(100);

/// Accepts for as long as the program runs, in TLS if there is something to show.
pub(crate) async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>) {
    let answers = Rc::new(Answers::new());
    while let Ok((socket, _)) = listener.accept().await {
        let (answers, acceptor) = (answers.clone(), acceptor.clone());
        // One that ends its connection is done.
        spawn_local(async move {
            socket.set_nodelay(true)?;
            match acceptor {
                None => connection(socket, &answers).await,
                Some(acceptor) => connection(acceptor.accept(socket).await?, &answers).await,
            }
        });
    }
}

async fn connection(mut socket: impl AsyncRead + AsyncWrite + Unpin, answers: &Answers) -> io::Result<()> {
    let mut inbox = Inbox::default();
    let mut body = Vec::new();
    loop {
        let head = inbox.head(&mut socket).await?;
        body.clear();
        inbox.body(&mut socket, &head, |piece| body.extend_from_slice(piece)).await?;
        let api = if head.path().ends_with("/messages") { Api::Messages } else { Api::Chat };
        let has = |word: &str| memmem::find(&body, word.as_bytes()).is_some();
        if has("bench-paced") {
            let slow = if has("bench-paced-slow") { 5 } else { 1 };
            paced(&mut socket, api, PACE * slow).await?;
        } else if has("bench-burst") {
            socket.write_all(answers.whole(api, "burst", has("bench-burst-tool"))).await?;
        } else if has("bench-stream") {
            for event in answers.events(api, has("bench-stream-tool")) {
                socket.write_all(event).await?;
                socket.flush().await?;
                // Each delta is a write of its own, and the others have their turn between two.
                yield_now().await;
            }
        } else {
            let kind = if has("bench-refuse") { "refused" } else { "json" };
            socket.write_all(answers.whole(api, kind, false)).await?;
        }
        socket.flush().await?;
    }
}

/// Deltas that tell when they were sent.
async fn paced(socket: &mut (impl AsyncWrite + Unpin), api: Api, pace: Duration) -> io::Result<()> {
    let mut events = wire::events(api, 1, Content::Text);
    let word = wire::token(0);
    let at = events.iter().position(|event| memmem::find(event, word.as_bytes()).is_some()).unwrap_or(0);
    let end = events.split_off(at + 1);
    let delta = String::from_utf8_lossy(&events.pop().unwrap_or_default()).into_owned();
    socket.write_all(&[HEAD.as_bytes(), &chunk(&events.concat())].concat()).await?;
    let mut due = Instant::now();
    for _ in 0..PACED {
        due += pace;
        sleep_until(due).await;
        let told = delta.replace(&word, &format!(" at{}", now_micros()));
        socket.write_all(&chunk(told.as_bytes())).await?;
    }
    socket.write_all(&[&chunk(&end.concat())[..], LAST].concat()).await
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n";
const LAST: &[u8] = b"0\r\n\r\n";

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// What is said, as it goes over the wire.
struct Answers {
    whole: BTreeMap<(bool, &'static str, bool), Vec<u8>>,
    events: BTreeMap<(bool, bool), Vec<Vec<u8>>>,
}

impl Answers {
    fn new() -> Self {
        let (mut whole, mut events) = (BTreeMap::new(), BTreeMap::new());
        for api in [Api::Chat, Api::Messages] {
            for (kind, status, body) in
                [("json", "200 OK", wire::reply(api)), ("refused", "429 Too Many Requests", wire::refusal(api))]
            {
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                whole.insert((api == Api::Chat, kind, false), [head.as_bytes(), &body].concat());
            }
            for (tool, content) in [(false, Content::Text), (true, Content::Tool)] {
                let all = wire::events(api, DELTAS, content);
                let mut pieces: Vec<Vec<u8>> = all.iter().map(|event| chunk(event)).collect();
                let burst = [HEAD.as_bytes(), &pieces.concat(), LAST].concat();
                whole.insert((api == Api::Chat, "burst", tool), burst);
                if let Some(first) = pieces.first_mut() {
                    first.splice(..0, HEAD.bytes());
                }
                pieces.push(LAST.to_vec());
                events.insert((api == Api::Chat, tool), pieces);
            }
        }
        Self { whole, events }
    }

    fn whole(&self, api: Api, kind: &'static str, tool: bool) -> &[u8] {
        self.whole.get(&(api == Api::Chat, kind, tool)).map_or(&[], Vec::as_slice)
    }

    fn events(&self, api: Api, tool: bool) -> &[Vec<u8>] {
        self.events.get(&(api == Api::Chat, tool)).map_or(&[], Vec::as_slice)
    }
}
