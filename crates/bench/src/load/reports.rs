//! What a gateway reports while it is measured, and whom to: sinks that are as good, or as bad, as they come.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::http::Inbox;

/// What is switched on, by name. Metrics always are.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the configuration")]
pub(crate) struct Reports {
    pub(crate) name: &'static str,
    lines: bool,
    requests: bool,
    bodies: bool,
    aepipe: bool,
    traces: bool,
    sink: Sink,
}

/// How an aepipe or a collector behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sink {
    Good,
    /// Nobody listens.
    Down,
    /// It answers after half a minute.
    Slow,
    /// It answers 500.
    Failing,
    /// It resets the connection in the middle of its answer.
    Resetting,
}

const OFF: Reports = Reports {
    name: "off",
    lines: false,
    requests: false,
    bodies: false,
    aepipe: false,
    traces: false,
    sink: Sink::Good,
};
const ALL: Reports =
    Reports { name: "all", lines: true, requests: true, bodies: true, aepipe: true, traces: true, sink: Sink::Good };

pub(crate) const REPORTS: &[Reports] = &[
    OFF,
    Reports { name: "lines", lines: true, ..OFF },
    Reports { name: "requests", requests: true, ..OFF },
    Reports { name: "bodies", requests: true, bodies: true, ..OFF },
    Reports { name: "aepipe", bodies: true, aepipe: true, ..OFF },
    Reports { name: "points", aepipe: true, ..OFF },
    Reports { name: "traces", traces: true, ..OFF },
    ALL,
    Reports { name: "down", sink: Sink::Down, ..ALL },
    Reports { name: "slow", sink: Sink::Slow, ..ALL },
    Reports { name: "failing", sink: Sink::Failing, ..ALL },
    Reports { name: "resetting", sink: Sink::Resetting, ..ALL },
];

impl Reports {
    /// Starts the sink, and says what is to be written into a gateway's configuration.
    pub(crate) async fn start(self) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        if self.sink != Sink::Down {
            spawn_local(serve(listener, self.sink));
        }
        Ok(self.configuration(address))
    }

    fn configuration(self, sink: SocketAddr) -> String {
        let Self { lines, requests, bodies, aepipe, traces, .. } = self;
        let log = format!("[log]\nlines = {lines}\nrequests = {requests}\nbodies = {}\n", requests && bodies);
        let aepipe = aepipe
            .then(|| format!("[aepipe]\nbase_url = \"http://{sink}\"\ntoken = \"aepipe-token\"\nbodies = {bodies}\n"));
        let traces = traces.then(|| format!("[otel]\nendpoint = \"http://{sink}\"\n"));
        [Some(log), aepipe, traces].into_iter().flatten().collect()
    }
}

async fn serve(listener: TcpListener, sink: Sink) {
    while let Ok((socket, _)) = listener.accept().await {
        // A gateway that ends its connection is done.
        spawn_local(async move { connection(socket, sink).await });
    }
}

async fn connection(mut socket: TcpStream, sink: Sink) -> io::Result<()> {
    let mut inbox = Inbox::default();
    loop {
        let head = inbox.head(&mut socket).await?;
        inbox.body(&mut socket, &head, |_| {}).await?;
        let is_trace = head.path().ends_with("/traces");
        let (kind, body) =
            if is_trace { ("application/x-protobuf", "") } else { ("application/json", r#"{"ok":true,"written":1}"#) };
        let status = if sink == Sink::Failing { "500 Internal Server Error" } else { "200 OK" };
        let answer =
            format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        match sink {
            Sink::Slow => sleep(Duration::from_secs(30)).await,
            Sink::Resetting => {
                socket.write_all(answer.as_bytes().get(..20).unwrap_or_default()).await?;
                socket.set_zero_linger()?;
                return Ok(());
            }
            Sink::Good | Sink::Down | Sink::Failing => {}
        }
        socket.write_all(answer.as_bytes()).await?;
    }
}
