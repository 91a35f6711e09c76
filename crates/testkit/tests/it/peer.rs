//! A client that sees every byte.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use apex_testkit::Upstream;
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
}

/// One read: what arrived, or how the connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Bytes(Vec<u8>),
    Fin,
    Rst,
}

impl Peer {
    pub(crate) fn of(upstream: &Upstream) -> Self {
        let stream = TcpStream::connect(upstream.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { stream }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) {
        self.send(format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    }

    pub(crate) fn read(&mut self) -> Got {
        let mut buffer = vec![0; 1 << 20];
        match self.stream.read(&mut buffer) {
            Ok(0) => Got::Fin,
            Ok(n) => Got::Bytes(buffer[..n].to_vec()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Got::Rst,
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads until the connection ends.
    pub(crate) fn read_all(&mut self) -> (String, Got) {
        let mut all = Vec::new();
        loop {
            match self.read() {
                Got::Bytes(more) => all.extend(more),
                end @ (Got::Fin | Got::Rst) => return (String::from_utf8_lossy(&all).into_owned(), end),
            }
        }
    }

    /// Reads until the text ends so.
    pub(crate) fn read_to(&mut self, ending: &str) -> String {
        let mut all = Vec::new();
        while !all.ends_with(ending.as_bytes()) {
            match self.read() {
                Got::Bytes(more) => all.extend(more),
                end @ (Got::Fin | Got::Rst) => panic!("{end:?} after {:?}", String::from_utf8_lossy(&all)),
            }
        }
        String::from_utf8(all).unwrap()
    }

    /// One JSON answer, framed by its length; the connection stays usable.
    pub(crate) fn read_json(&mut self) -> (u16, String, Value) {
        let mut all = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&all).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() == length.parse::<usize>().unwrap() {
                    let status = head[9..12].parse().unwrap();
                    return (status, head.to_owned(), serde_json::from_str(body).unwrap_or_default());
                }
            }
            match self.read() {
                Got::Bytes(more) => all.extend(more),
                end @ (Got::Fin | Got::Rst) => panic!("{end:?} after {text:?}"),
            }
        }
    }
}

/// The data of every event of a chunked stream.
pub(crate) fn events(answer: &str) -> Vec<Value> {
    let data = answer.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::from(data))).collect()
}

/// Asks on a connection of its own and reads to the end of the chunked answer.
pub(crate) fn stream(upstream: &Upstream, path: &str, body: &str) -> Vec<Value> {
    let mut peer = Peer::of(upstream);
    peer.post(path, body);
    events(&peer.read_to("\r\n0\r\n\r\n"))
}

pub(crate) fn ask(upstream: &Upstream, path: &str, body: &str) -> (u16, String, Value) {
    let mut peer = Peer::of(upstream);
    peer.post(path, body);
    peer.read_json()
}

/// A body with one member replaced.
pub(crate) fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}
