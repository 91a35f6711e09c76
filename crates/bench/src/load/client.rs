//! The clients: they keep asking, check every answer, and note how long it took.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use apex_bench::wire::{self, Api};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{Sleep, sleep};
use tokio_rustls::TlsConnector;

use crate::http::{Head, Inbox};
use crate::scenario::{Kind, Naming, SCENARIOS, STEP, Scenario, Wire, now_micros};
use crate::tls::{self, Identity};

/// What all clients of one window saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answers: u64,
    pub(crate) deltas: u64,
    pub(crate) wrong: u64,
    /// Microseconds from the request to the end of the answer.
    pub(crate) took: Vec<u32>,
    /// Microseconds from a paced delta's sending to its arrival.
    pub(crate) delays: Vec<u32>,
    /// What was wrong, once.
    pub(crate) complaint: Option<String>,
}

/// Asks for as long as the result lives.
#[derive(Debug)]
pub(crate) struct Load {
    seen: Rc<RefCell<Seen>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(scenario: &Scenario, address: SocketAddr, identity: &Identity) -> Self {
        let request: Rc<[u8]> = request(scenario).into();
        let seen = Rc::new(RefCell::new(Seen::default()));
        let begun = Instant::now();
        let tls = (scenario.wire != Wire::Plain).then(|| identity.connector());
        let client = |number| {
            let tls = tls.clone();
            let (request, seen, scenario) = (request.clone(), seen.clone(), *scenario);
            spawn_local(async move {
                if scenario.kind == Kind::Paced {
                    sleep(STEP * u32::try_from(number).unwrap_or(0)).await;
                }
                loop {
                    if let Err(error) = talk(&scenario, address, tls.as_ref(), &request, &seen, begun, number).await {
                        let mut seen = seen.borrow_mut();
                        seen.wrong += 1;
                        seen.complaint.get_or_insert_with(|| error.to_string());
                    }
                }
            })
        };
        Self { tasks: (0..scenario.connections).map(client).collect(), seen: seen.clone() }
    }

    /// What was seen since the last time.
    pub(crate) fn take(&self) -> Seen {
        self.seen.take()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// One connection, for as long as it is good.
async fn talk(
    scenario: &Scenario,
    address: SocketAddr,
    tls: Option<&TlsConnector>,
    request: &[u8],
    seen: &RefCell<Seen>,
    begun: Instant,
    number: usize,
) -> io::Result<()> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    match tls {
        None => ask(socket, scenario, request, seen, begun, number).await,
        Some(tls) => ask(tls.connect(tls::name()?, socket).await?, scenario, request, seen, begun, number).await,
    }
}

/// One request after the other.
async fn ask(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    scenario: &Scenario,
    request: &[u8],
    seen: &RefCell<Seen>,
    begun: Instant,
    number: usize,
) -> io::Result<()> {
    let mut inbox = Inbox::default();
    let mut body = Vec::new();
    let mut turn = 0_u32;
    loop {
        let mut start = Instant::now();
        if let Kind::Rate(rate) = scenario.kind {
            // Each has its place in the second, and counts from when it was due: a late start is part of the wait.
            let each = Duration::from_secs(1) / rate;
            let nth = u32::try_from(number).unwrap_or(0) + turn * u32::try_from(scenario.connections).unwrap_or(1);
            let due = begun + each * nth;
            if let Some(wait) = due.checked_duration_since(start) {
                sleep(wait).await;
            }
            start = due;
            turn += 1;
        }
        socket.write_all(request).await?;
        socket.flush().await?;
        body.clear();
        let head = if scenario.kind == Kind::Slow {
            Slow::new(&mut socket).answer(&mut inbox, &mut body).await?
        } else {
            let head = inbox.head(&mut socket).await?;
            let paced = scenario.kind == Kind::Paced;
            inbox
                .body(&mut socket, &head, |piece| {
                    if paced {
                        note_delays(piece, &mut seen.borrow_mut());
                    }
                    body.extend_from_slice(piece);
                })
                .await?;
            head
        };
        let mut seen = seen.borrow_mut();
        if head.status() != scenario.status() || !is_whole(scenario, &body) {
            let text = String::from_utf8_lossy(body.get(..300).unwrap_or(&body)).into_owned();
            return Err(io::Error::other(format!("{} {text}", head.status())));
        }
        seen.answers += 1;
        seen.deltas += scenario.deltas() as u64;
        seen.took.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

fn is_whole(scenario: &Scenario, body: &[u8]) -> bool {
    match scenario.kind {
        Kind::Json | Kind::Rate(_) => memmem::find(body, wire::SAID.as_bytes()).is_some() && body.ends_with(b"}"),
        Kind::Refused => memmem::find(body, wire::REFUSED.as_bytes()).is_some() && body.ends_with(b"}"),
        Kind::Stream | Kind::Slow => wire::is_whole_stream(scenario.from, body, scenario.deltas()),
        Kind::Paced => {
            memmem::find_iter(body, b" at").count() == scenario.deltas()
                && wire::is_whole_stream(scenario.from, body, 0)
        }
    }
}

fn note_delays(piece: &[u8], seen: &mut Seen) {
    let now = now_micros();
    for at in memmem::find_iter(piece, b" at") {
        let digits = piece.get(at + 3..at + 19).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(sent) = digits.and_then(|digits| digits.parse::<u64>().ok()) {
            seen.delays.push(u32::try_from(now.saturating_sub(sent)).unwrap_or(u32::MAX));
        }
    }
}

/// A client that takes little at a time, and then pauses.
struct Slow<'s, S> {
    socket: &'s mut S,
    pause: Pin<Box<Sleep>>,
}

impl<'s, S: AsyncRead + Unpin> Slow<'s, S> {
    fn new(socket: &'s mut S) -> Self {
        Self { socket, pause: Box::pin(sleep(Duration::ZERO)) }
    }

    async fn answer(&mut self, inbox: &mut Inbox, body: &mut Vec<u8>) -> io::Result<Head> {
        let head = inbox.head(self).await?;
        inbox.body(self, &head, |piece| body.extend_from_slice(piece)).await?;
        Ok(head)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Slow<'_, S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.pause.as_mut().poll(cx));
        let mut little = [0; 4096];
        let mut part = ReadBuf::new(&mut little);
        ready!(Pin::new(&mut *self.socket).poll_read(cx, &mut part))?;
        buf.put_slice(part.filled());
        self.pause.as_mut().reset(tokio::time::Instant::now() + Duration::from_millis(10));
        Poll::Ready(Ok(()))
    }
}

/// The request of every client, head and body.
fn request(scenario: &Scenario) -> Vec<u8> {
    let provider = match (scenario.to, scenario.wire) {
        (Api::Chat, Wire::Plain) => "chat",
        (Api::Chat, Wire::Tls) => "chat-tls",
        (Api::Chat, Wire::Http2) => "chat-h2",
        _ => "messages",
    };
    let (model, mapping) = match scenario.naming {
        Naming::Alias => ("quick".to_owned(), String::new()),
        Naming::Mapping => {
            (format!("slow#{provider}"), format!("x-apex-ai-proxy-mapping: slow#{}\r\n", scenario.model))
        }
        Naming::Provider => (format!("{}#{provider}", scenario.model), String::new()),
    };
    let body = wire::request(scenario.from, &model, scenario.prompt, scenario.is_stream());
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\naccept-encoding: gzip, deflate\r\nconnection: keep-alive\r\nuser-agent: OpenAI/Python 2.9.0\r\nx-stainless-lang: python\r\nanthropic-version: 2023-06-01\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n{mapping}content-length: {}\r\n\r\n",
        scenario.from.path(&model, scenario.is_stream()),
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// What opens the gateway.
pub(crate) const TOKEN: &str = "bench-token";

/// What the alias `quick` stands for.
pub(crate) fn alias() -> String {
    format!("{}#chat", SCENARIOS.first().map_or("", |scenario| scenario.model))
}
