//! Heads and bodies of an exchange, for the sinks that want them: bounded copies, made only when the configuration asks
//! for them, and shown only after every secret was masked.

mod body;
mod masks;
mod stream;

use std::sync::{Arc, Mutex, PoisonError};

use http::{header, request, response};

pub use body::{Budget, Copied};
pub(crate) use masks::MIN_TELLING;
pub use masks::Masks;

use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::redact;

/// What is copied of each exchange.
#[derive(Clone, Debug)]
pub struct CaptureLimits {
    /// Bytes of each body.
    pub body: usize,
    /// Memory for all copies together.
    pub budget: Arc<Budget>,
}

/// A stream may be this many times as long as a body before it is cut: put together, it shrinks.
const STREAM: usize = 4;

/// What was captured.
#[derive(Clone, Debug, Default)]
pub enum Capture {
    /// No sink wants it.
    #[default]
    Off,
    /// As it came, secrets included: nobody reads it.
    Raw(Box<Raw>),
    Shown(Box<Shown>),
}

/// Copies as they came.
#[derive(Clone, Debug)]
pub struct Raw {
    limits: CaptureLimits,
    masks: Arc<Masks>,
    /// The client's credentials: it may quote them.
    own: Own,
    target: String,
    request_head: String,
    request: Tee,
    response_head: String,
    /// The reply's `content-encoding`, if it has one.
    encoding: Option<http::HeaderValue>,
    is_stream: bool,
    response: Copied,
}

/// Copies without secrets, as text.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Path and query of the request.
    pub target: String,
    /// One `name: value` a line.
    pub request_head: String,
    pub request: Body,
    pub response_head: String,
    pub response: Body,
}

/// A body as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    pub text: String,
    /// Its length on the wire.
    pub bytes: u64,
    /// `text` is not all of it.
    pub truncated: bool,
    /// A stream whose events were put together into one reply.
    pub reassembled: bool,
}

/// A body that passes by elsewhere is copied here.
#[derive(Clone, Debug, Default)]
pub struct Tee(Arc<Mutex<Copied>>);

impl Tee {
    /// Takes the next bytes.
    pub fn push(&self, bytes: &[u8]) {
        // A thread that panicked with the lock held left a shorter copy: still one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }

    /// Bytes that passed by.
    pub fn total(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total()
    }
}

impl Capture {
    pub(crate) fn begin(head: &request::Parts, limits: &CaptureLimits, catalog: &Catalog) -> Self {
        Self::Raw(Box::new(Raw {
            masks: Arc::clone(&catalog.masks),
            own: Own(redact::credentials(head)),
            target: redact::uri(&head.uri),
            request_head: redact::lines(&head.headers),
            request: Tee(Arc::new(Mutex::new(limits.copy(limits.body)))),
            response_head: String::new(),
            encoding: None,
            is_stream: false,
            response: limits.copy(limits.body),
            limits: limits.clone(),
        }))
    }

    /// Where the request's body is copied to.
    pub(crate) fn tee(&self) -> Tee {
        match self {
            Self::Raw(raw) => raw.request.clone(),
            // Counts only.
            Self::Off | Self::Shown(_) => Tee::default(),
        }
    }

    /// Takes the whole body of the request.
    pub(crate) fn request(&self, bytes: &[u8]) {
        if let Self::Raw(raw) = self {
            raw.request.push(bytes);
        }
    }

    /// Takes the head of the reply, as the client gets it.
    pub(crate) fn reply(&mut self, head: &response::Parts) {
        if let Self::Raw(raw) = self {
            raw.response_head = redact::lines(&head.headers);
            raw.encoding = head.headers.get(header::CONTENT_ENCODING).cloned();
            let kind = head.headers.get(header::CONTENT_TYPE).map_or(&b""[..], |v| v.as_bytes());
            raw.is_stream = kind.starts_with(b"text/event-stream");
            if raw.is_stream {
                raw.response = raw.limits.copy(raw.limits.body.saturating_mul(STREAM));
            }
        }
    }

    /// Takes the next bytes of the reply.
    pub(crate) fn response(&mut self, bytes: &[u8]) {
        if let Self::Raw(raw) = self {
            raw.response.push(bytes);
        }
    }

    /// What may be shown.
    pub fn shown(&self) -> Option<&Shown> {
        match self {
            Self::Shown(shown) => Some(shown),
            Self::Off | Self::Raw(_) => None,
        }
    }

    pub(crate) fn seal(&mut self, dialect: Option<Dialect>) {
        if let Self::Raw(raw) = self {
            *self = Self::Shown(Box::new(raw.show(dialect)));
        }
    }
}

impl CaptureLimits {
    fn copy(&self, limit: usize) -> Copied {
        Copied::new(limit, Arc::clone(&self.budget))
    }
}

impl Raw {
    fn show(&mut self, dialect: Option<Dialect>) -> Shown {
        let (masks, own) = (&self.masks, &self.own.0);
        let mask = |text: &mut String| {
            masks.mask(text, own);
            std::mem::take(text)
        };
        let request = std::mem::take(&mut *self.request.0.lock().unwrap_or_else(PoisonError::into_inner));
        let response = std::mem::take(&mut self.response);
        let reply = body::text(response, self.encoding.as_ref(), self.limits.body.saturating_mul(STREAM));
        let mut reply = match dialect.filter(|_| self.is_stream).and_then(|d| stream::reassemble(d, &reply.text)) {
            Some((text, whole)) => Body { text, reassembled: true, truncated: reply.truncated || !whole, ..reply },
            None => reply,
        };
        let mut asked = body::text(request, None, self.limits.body);
        for body in [&mut asked, &mut reply] {
            masks.mask(&mut body.text, own);
            if body.truncated {
                masks.mask_cut(&mut body.text, own);
            }
            body.cut(self.limits.body);
        }
        Shown {
            target: mask(&mut self.target),
            request_head: mask(&mut self.request_head),
            request: asked,
            response_head: mask(&mut self.response_head),
            response: reply,
        }
    }
}

/// Credentials that are not printed.
#[derive(Clone, Default)]
struct Own(Vec<String>);

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
