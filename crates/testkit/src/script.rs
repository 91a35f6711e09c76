//! What one answer looks like on the wire, step by step.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The steps of one answer. After the last one the connection stays open when the head announced
/// `content-length` or a finished chunked body, and is closed otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub steps: Vec<Step>,
}

/// One thing the upstream does. Each writing step is exactly one write to the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Status line and headers, in this order and case.
    Head {
        status: u16,
        reason: String,
        headers: Vec<(String, String)>,
    },
    /// Bytes as they are: a body under `content-length`, or anything at all.
    Bytes(Vec<u8>),
    /// One HTTP chunk.
    Chunk(Vec<u8>),
    /// Many HTTP chunks in one write.
    Burst(Vec<Vec<u8>>),
    /// The last, empty chunk.
    EndChunks,
    Sleep(Duration),
    /// Waits for one `Upstream::let_one_pass` (or `POST /__next`), which lets one gate of one answer open.
    Gate,
    /// FIN, whatever was promised.
    Close,
    /// RST (`SO_LINGER` 0).
    Reset,
    /// Silence until the peer leaves.
    Hang,
}

/// What happens when a body is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// FIN in the middle of the framing.
    Close,
    /// RST in the middle of the framing.
    Reset,
    /// The framing ends as if the body were whole.
    End,
}

impl Script {
    pub fn new(steps: impl Into<Vec<Step>>) -> Self {
        Self { steps: steps.into() }
    }

    /// Head and body, with `content-length`.
    pub fn body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = vec![header("content-type", content_type), header("content-length", &body.len().to_string())];
        Self::new([head(status, headers), Step::Bytes(body)])
    }

    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::body(status, "application/json", body)
    }

    /// A stream of server-sent events, one HTTP chunk each. The events are whole: with their blank line.
    pub fn sse(events: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        let headers =
            vec![header("content-type", "text/event-stream; charset=utf-8"), header("transfer-encoding", "chunked")];
        let mut steps = vec![head(200, headers)];
        steps.extend(events.into_iter().map(|event| Step::Chunk(event.into())));
        steps.push(Step::EndChunks);
        Self::new(steps)
    }

    /// Nothing at all until the peer leaves.
    pub fn hang() -> Self {
        Self::new([Step::Hang])
    }

    /// Bytes that need not be HTTP, then FIN.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new([Step::Bytes(bytes.into()), Step::Close])
    }

    /// Appends a response header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(headers) = self.headers_mut() {
            headers.push(header(name, value));
        }
        self
    }

    /// Puts response headers in front of those already there.
    #[must_use]
    pub fn headers_first(mut self, first: impl IntoIterator<Item = (String, String)>) -> Self {
        if let Some(headers) = self.headers_mut() {
            headers.splice(0..0, first);
        }
        self
    }

    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        if let Some(headers) = self.headers_mut() {
            headers.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
        }
        self
    }

    #[must_use]
    pub fn status(mut self, code: u16) -> Self {
        if let Some(Step::Head { status, reason, .. }) = self.steps.iter_mut().find(|step| is_head(step)) {
            *status = code;
            reason_for(code).clone_into(reason);
        }
        self
    }

    /// Frames the body by its length; the writes stay where they were.
    #[must_use]
    pub fn content_length(self) -> Self {
        let length = self.whole_body().len();
        let steps = self.map_pieces(|pieces| pieces.into_iter().map(Step::Bytes).collect());
        steps
            .without_header("transfer-encoding")
            .without_header("content-length")
            .header("content-length", &length.to_string())
    }

    /// Frames the body in chunks, one per write.
    #[must_use]
    pub fn chunked(self) -> Self {
        let mut script = self.map_pieces(|pieces| pieces.into_iter().map(Step::Chunk).collect());
        script.steps.push(Step::EndChunks);
        script
            .without_header("content-length")
            .without_header("transfer-encoding")
            .header("transfer-encoding", "chunked")
    }

    /// No framing: the body ends when the connection does, as in HTTP/1.0.
    #[must_use]
    pub fn until_close(self) -> Self {
        let mut script = self.map_pieces(|pieces| pieces.into_iter().map(Step::Bytes).collect());
        script.steps.push(Step::Close);
        script.without_header("content-length").without_header("transfer-encoding").header("connection", "close")
    }

    /// Splits the whole body anew, every `size` bytes, without regard to what is in it.
    #[must_use]
    pub fn chunked_every(self, size: usize) -> Self {
        let body = self.whole_body();
        let mut script = self.map_pieces(|_| Vec::new());
        script.steps.extend(body.chunks(size.max(1)).map(|piece| Step::Chunk(piece.to_vec())));
        script.steps.push(Step::EndChunks);
        script
            .without_header("content-length")
            .without_header("transfer-encoding")
            .header("transfer-encoding", "chunked")
    }

    /// All chunks in one write.
    #[must_use]
    pub fn burst(self) -> Self {
        let mut script = self.map_pieces(|pieces| vec![Step::Burst(pieces)]);
        script.steps.push(Step::EndChunks);
        script
            .without_header("content-length")
            .without_header("transfer-encoding")
            .header("transfer-encoding", "chunked")
    }

    /// Compresses the body, flushed after every piece so that each write still carries its events.
    #[must_use]
    pub fn gzip(self) -> Self {
        let chunked = self.steps.contains(&Step::EndChunks);
        let script = self.map_pieces(|pieces| gzip_pieces(&pieces).into_iter().map(Step::Bytes).collect());
        let script = script.header("content-encoding", "gzip");
        if chunked { script.chunked() } else { script.content_length() }
    }

    /// Closes (FIN) after this many bytes of body, in the middle of whatever was promised.
    #[must_use]
    pub fn cut_after(self, bytes: usize) -> Self {
        self.shorten(bytes, Cut::Close)
    }

    /// Resets (RST) after this many bytes of body.
    #[must_use]
    pub fn reset_after(self, bytes: usize) -> Self {
        self.shorten(bytes, Cut::Reset)
    }

    /// Ends the body properly after this many bytes.
    #[must_use]
    pub fn end_after(self, bytes: usize) -> Self {
        self.shorten(bytes, Cut::End)
    }

    /// Waits before each piece of the body but the first.
    #[must_use]
    pub fn paced(self, pause: Duration) -> Self {
        let mut first = true;
        let mut steps = Vec::with_capacity(self.steps.len() * 2);
        for step in self.steps {
            if matches!(step, Step::Bytes(_) | Step::Chunk(_) | Step::Burst(_)) && !std::mem::take(&mut first) {
                steps.push(Step::Sleep(pause));
            }
            steps.push(step);
        }
        Self { steps }
    }

    /// Waits before the first step.
    #[must_use]
    pub fn after(mut self, pause: Duration) -> Self {
        self.steps.insert(0, Step::Sleep(pause));
        self
    }

    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The body without its framing.
    pub fn whole_body(&self) -> Vec<u8> {
        self.steps.iter().flat_map(pieces_of).flatten().collect()
    }

    fn headers_mut(&mut self) -> Option<&mut Vec<(String, String)>> {
        self.steps.iter_mut().find_map(|step| if let Step::Head { headers, .. } = step { Some(headers) } else { None })
    }

    /// Rewrites the body pieces; sleeps and endings between them are gone, what is before the first stays.
    fn map_pieces(self, map: impl FnOnce(Vec<Vec<u8>>) -> Vec<Step>) -> Self {
        let pieces: Vec<Vec<u8>> = self.steps.iter().flat_map(pieces_of).collect();
        let before = self.steps.into_iter().take_while(|step| matches!(step, Step::Head { .. } | Step::Sleep(_)));
        let mut steps: Vec<Step> = before.collect();
        steps.extend(map(pieces));
        Self { steps }
    }

    fn shorten(self, bytes: usize, cut: Cut) -> Self {
        let total = self.whole_body().len();
        if cut == Cut::End && !self.steps.contains(&Step::EndChunks) {
            let body: Vec<u8> = self.whole_body().into_iter().take(bytes).collect();
            return self.map_pieces(|_| vec![Step::Bytes(body)]).content_length();
        }
        let mut left = bytes.min(total);
        let mut steps = Vec::with_capacity(self.steps.len());
        for step in self.steps {
            let (step, used) = match step {
                Step::Bytes(mut piece) => {
                    piece.truncate(left);
                    let used = piece.len();
                    (Step::Bytes(piece), used)
                }
                Step::Chunk(mut piece) => {
                    piece.truncate(left);
                    let used = piece.len();
                    (Step::Chunk(piece), used)
                }
                Step::Burst(pieces) => {
                    let mut kept = Vec::new();
                    let mut used = 0;
                    for mut piece in pieces {
                        piece.truncate(left - used);
                        used += piece.len();
                        if !piece.is_empty() {
                            kept.push(piece);
                        }
                    }
                    (Step::Burst(kept), used)
                }
                Step::EndChunks | Step::Close | Step::Reset | Step::Hang => break,
                other @ (Step::Head { .. } | Step::Sleep(_) | Step::Gate) => {
                    steps.push(other);
                    continue;
                }
            };
            if used > 0 {
                steps.push(step);
            }
            left -= used;
            if left == 0 {
                break;
            }
        }
        if cut == Cut::Reset {
            // A reset throws away what the peer has not read yet.
            steps.push(Step::Sleep(BEFORE_RESET));
        }
        steps.push(match cut {
            Cut::Close => Step::Close,
            Cut::Reset => Step::Reset,
            Cut::End => Step::EndChunks,
        });
        Self { steps }
    }
}

const BEFORE_RESET: Duration = Duration::from_millis(10);

pub(crate) fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

pub(crate) fn head(status: u16, headers: Vec<(String, String)>) -> Step {
    Step::Head { status, reason: reason_for(status).to_owned(), headers }
}

fn is_head(step: &Step) -> bool {
    matches!(step, Step::Head { .. })
}

fn pieces_of(step: &Step) -> Vec<Vec<u8>> {
    match step {
        Step::Bytes(piece) | Step::Chunk(piece) => vec![piece.clone()],
        Step::Burst(pieces) => pieces.clone(),
        Step::Head { .. } | Step::EndChunks | Step::Sleep(_) | Step::Gate | Step::Close | Step::Reset | Step::Hang => {
            Vec::new()
        }
    }
}

fn gzip_pieces(pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut out = Vec::with_capacity(pieces.len() + 1);
    for piece in pieces {
        // Writing to a Vec does not fail.
        let _ = encoder.write_all(piece).and_then(|()| encoder.flush());
        out.push(std::mem::take(encoder.get_mut()));
    }
    out.push(encoder.finish().unwrap_or_default());
    out
}

fn reason_for(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        204 => "No Content",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
