//! HTTP/1.1 by hand: every byte in is kept, every write out is one write.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::script::Step;

/// How often a silent connection is looked at for a peer that left.
const LOOK: Duration = Duration::from_millis(5);
/// How often an idle connection looks whether the upstream was stopped.
const IDLE_LOOK: Duration = Duration::from_millis(50);
const HEAD_LIMIT: usize = 1 << 20;

/// How the body was framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    ContentLength,
    /// The sizes of the chunks, without the last, empty one.
    Chunked(Vec<usize>),
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// More than `body.len()` when only the beginning was kept.
    pub(crate) body_len: u64,
    pub(crate) framing: Framing,
    /// False when the peer left before the body was whole.
    pub(crate) complete: bool,
    pub(crate) at: Instant,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }

    fn header_has(&self, name: &str, token: &str) -> bool {
        self.header(name).is_some_and(|value| String::from_utf8_lossy(value).to_ascii_lowercase().contains(token))
    }

    pub(crate) fn wants_close(&self) -> bool {
        self.header_has("connection", "close")
            || (self.version == "HTTP/1.0" && !self.header_has("connection", "keep-alive"))
    }
}

/// What became of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Played {
    /// All steps done; the connection may carry another request.
    Whole,
    /// All steps done; the connection is closed.
    Closed,
    Gone,
    Stopped,
}

/// Why reading a request stopped.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// The peer left, or the upstream was stopped, between requests.
    Over,
    Malformed(&'static str),
}

/// How request bodies are read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Not at all for now: what a slow upstream does to the one who sends.
    pub(crate) paused: AtomicBool,
    /// So many bytes of each body are kept, the rest is counted.
    pub(crate) keep: AtomicUsize,
}

impl Default for Reading {
    fn default() -> Self {
        Self { paused: AtomicBool::new(false), keep: AtomicUsize::new(usize::MAX) }
    }
}

#[derive(Debug)]
pub(crate) struct Connection<'a> {
    stream: TcpStream,
    input: Vec<u8>,
    stop: &'a AtomicBool,
    /// How many gates may open.
    gates: &'a AtomicUsize,
    pub(crate) bytes_sent: usize,
}

enum Looked {
    Quiet,
    Arrived,
    Gone,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(stream: TcpStream, stop: &'a AtomicBool, gates: &'a AtomicUsize) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(IDLE_LOOK))?;
        Ok(Self { stream, input: Vec::new(), stop, gates, bytes_sent: 0 })
    }

    pub(crate) fn read_head(&mut self) -> Result<Request, ReadFailure> {
        let end = loop {
            if let Some(end) = find(&self.input, b"\r\n\r\n") {
                break end;
            }
            if self.input.len() > HEAD_LIMIT {
                return Err(ReadFailure::Malformed("head too large"));
            }
            if !self.fill() {
                return Err(ReadFailure::Over);
            }
        };
        let head: Vec<u8> = self.input.drain(..end + 4).collect();
        parse_head(head).ok_or(ReadFailure::Malformed("bad head"))
    }

    pub(crate) fn read_body(&mut self, request: &mut Request, reading: &Reading) -> Result<(), ReadFailure> {
        if request.header_has("expect", "100-continue") && self.send(b"HTTP/1.1 100 Continue\r\n\r\n").is_err() {
            return Err(ReadFailure::Over);
        }
        if request.header_has("transfer-encoding", "chunked") {
            self.read_chunked(request, reading)?;
        } else if let Some(length) = request.header("content-length") {
            let length = String::from_utf8_lossy(length).trim().parse::<usize>();
            let length = length.map_err(|_| ReadFailure::Malformed("bad content-length"))?;
            request.framing = Framing::ContentLength;
            request.complete = self.take(length, request, reading);
        }
        request.at = Instant::now();
        Ok(())
    }

    fn read_chunked(&mut self, request: &mut Request, reading: &Reading) -> Result<(), ReadFailure> {
        let mut sizes = Vec::new();
        loop {
            let Some(line) = self.read_line() else {
                request.complete = false;
                break;
            };
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16).map_err(|_| ReadFailure::Malformed("bad chunk size"))?;
            if size == 0 {
                while let Some(trailer) = self.read_line() {
                    if trailer.is_empty() {
                        break;
                    }
                }
                break;
            }
            sizes.push(size);
            if !self.take(size, request, reading) {
                request.complete = false;
                break;
            }
            match self.read_line() {
                Some(rest) if rest.is_empty() => {}
                Some(_) => return Err(ReadFailure::Malformed("chunk without its line end")),
                None => {
                    request.complete = false;
                    break;
                }
            }
        }
        request.framing = Framing::Chunked(sizes);
        Ok(())
    }

    /// Moves so many bytes into the body; false when the peer left before.
    fn take(&mut self, size: usize, request: &mut Request, reading: &Reading) -> bool {
        let mut left = size;
        while left > 0 {
            while reading.paused.load(Ordering::Relaxed) && !self.stop.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK);
            }
            if self.input.is_empty() && !self.fill() {
                return false;
            }
            let have = left.min(self.input.len());
            let keep = reading.keep.load(Ordering::Relaxed).saturating_sub(request.body.len()).min(have);
            request.body.extend(self.input.get(..keep).unwrap_or_default());
            self.input.drain(..have);
            request.body_len += u64::try_from(have).unwrap_or_default();
            left -= have;
        }
        true
    }

    fn read_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.input, b"\r\n") {
                let line: Vec<u8> = self.input.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Waits for more input; false when there will be none.
    fn fill(&mut self) -> bool {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            match self.look(IDLE_LOOK) {
                Looked::Arrived => return true,
                Looked::Gone => return false,
                Looked::Quiet => {}
            }
        }
    }

    fn look(&mut self, wait: Duration) -> Looked {
        let mut buffer = [0; 16 * 1024];
        if self.stream.set_read_timeout(Some(wait.max(Duration::from_micros(100)))).is_err() {
            return Looked::Gone;
        }
        match self.stream.read(&mut buffer) {
            Ok(0) => Looked::Gone,
            Ok(n) => {
                self.input.extend_from_slice(buffer.get(..n).unwrap_or_default());
                Looked::Arrived
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                Looked::Quiet
            }
            Err(_) => Looked::Gone,
        }
    }

    /// Stays silent for so long, or forever; tells early when the peer leaves.
    fn wait(&mut self, pause: Option<Duration>) -> Result<(), Played> {
        let start = Instant::now();
        loop {
            let left = pause.map_or(LOOK, |pause| pause.saturating_sub(start.elapsed()));
            if left.is_zero() {
                return Ok(());
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(Played::Stopped);
            }
            if let Looked::Gone = self.look(left.min(LOOK)) {
                return Err(Played::Gone);
            }
        }
    }

    fn gone_already(&mut self) -> bool {
        if self.stream.set_nonblocking(true).is_err() {
            return true;
        }
        let gone = matches!(self.look(LOOK), Looked::Gone);
        self.stream.set_nonblocking(false).is_err() || gone
    }

    /// One write, unless the peer's window is full.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Played> {
        if self.gone_already() {
            return Err(Played::Gone);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(n) => {
                    self.bytes_sent += n;
                    rest = rest.get(n..).unwrap_or_default();
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                    if self.stop.load(Ordering::Relaxed) {
                        return Err(Played::Stopped);
                    }
                    if self.gone_already() {
                        return Err(Played::Gone);
                    }
                }
                Err(_) => return Err(Played::Gone),
            }
        }
        Ok(())
    }

    /// Plays an answer. `HEAD` gets the head only.
    pub(crate) fn play(&mut self, steps: &[Step], request: &Request) -> Played {
        self.bytes_sent = 0;
        match self.play_steps(steps, request.method == "HEAD") {
            Ok(Played::Whole) if request.wants_close() => {
                self.close();
                Played::Closed
            }
            Ok(end) | Err(end) => end,
        }
    }

    fn play_steps(&mut self, steps: &[Step], head_only: bool) -> Result<Played, Played> {
        let mut framed = false;
        for step in steps {
            match step {
                Step::Head { status, reason, headers } => {
                    framed = headers.iter().any(|(name, value)| {
                        name.eq_ignore_ascii_case("content-length")
                            || (name.eq_ignore_ascii_case("transfer-encoding") && value.contains("chunked"))
                    });
                    self.send(&encode_head(*status, reason, headers))?;
                }
                Step::Bytes(_) | Step::Chunk(_) | Step::Burst(_) | Step::EndChunks if head_only => {}
                Step::Bytes(bytes) => self.send(bytes)?,
                Step::Chunk(piece) => self.send(&encode_chunk(piece))?,
                Step::Burst(pieces) => {
                    let all: Vec<u8> = pieces.iter().flat_map(|piece| encode_chunk(piece)).collect();
                    self.send(&all)?;
                }
                Step::EndChunks => self.send(b"0\r\n\r\n")?,
                Step::Sleep(pause) => self.wait(Some(*pause))?,
                Step::Close => {
                    self.close();
                    return Ok(Played::Closed);
                }
                Step::Reset => {
                    let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                    return Ok(Played::Closed);
                }
                Step::Gate => {
                    let one = |gates: usize| gates.checked_sub(1);
                    while self.gates.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one).is_err() {
                        self.wait(Some(LOOK))?;
                    }
                }
                Step::Hang => self.wait(None)?,
            }
        }
        if framed {
            return Ok(Played::Whole);
        }
        self.close();
        Ok(Played::Closed)
    }

    /// FIN; what the peer still sends is read away for a moment, since unread input would turn the FIN into a RST.
    pub(crate) fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(200) && !self.stop.load(Ordering::Relaxed) {
            if let Looked::Gone = self.look(LOOK) {
                break;
            }
        }
    }

    pub(crate) fn refuse(&mut self, why: &str) {
        let body = format!("malformed request: {why}\n");
        let answer =
            format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        let _ = self.send(answer.as_bytes());
        self.close();
    }
}

fn parse_head(head: Vec<u8>) -> Option<Request> {
    let text = head.strip_suffix(b"\r\n\r\n")?;
    let mut lines = split_lines(text).into_iter();
    let first = String::from_utf8_lossy(lines.next()?).into_owned();
    let mut words = first.split(' ');
    let (method, target, version) = (words.next()?.to_owned(), words.next()?.to_owned(), words.next()?.to_owned());
    if words.next().is_some() || !version.starts_with("HTTP/1.") || method.is_empty() {
        return None;
    }
    let mut headers = Vec::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
        headers.push((String::from_utf8_lossy(name).into_owned(), value.trim_ascii().to_vec()));
    }
    Some(Request {
        method,
        target,
        version,
        headers,
        head,
        body: Vec::new(),
        body_len: 0,
        framing: Framing::None,
        complete: true,
        at: Instant::now(),
    })
}

fn split_lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = find(rest, b"\r\n") {
        lines.push(rest.get(..end).unwrap_or_default());
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    lines.push(rest);
    lines
}

fn encode_head(status: u16, reason: &str, headers: &[(String, String)]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} {reason}\r\n");
    for (name, value) in headers {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(value);
        out.push_str("\r\n");
    }
    out.push_str("\r\n");
    out.into_bytes()
}

fn encode_chunk(piece: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", piece.len()).into_bytes();
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
    out
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
