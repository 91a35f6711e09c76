//! The many shapes of an error body.

use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind};

/// What a body says, in whatever shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) message: String,
    /// `type`.
    pub(super) kind: Option<String>,
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    /// Google's status word.
    pub(super) word: Option<String>,
    /// A code that is an HTTP status.
    pub(super) status: Option<u16>,
    pub(super) retry_ms: Option<u64>,
    /// Google's `API_KEY_INVALID`.
    pub(super) key_invalid: bool,
    /// Google: the quota that ran out is a day's.
    pub(super) per_day: bool,
    /// Cloudflare's envelope, `success: false`.
    pub(super) cloudflare: bool,
}

impl Shape {
    /// Reads a body that is JSON; `None` for anything else.
    pub(super) fn read(body: &str) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(body.trim()).ok()?;
        let mut shape = Self::default();
        match kind(raw) {
            Kind::Array => shape.envelope(elements(raw).ok()?.first()?),
            Kind::Object => shape.envelope(raw),
            Kind::String => shape.message = text(raw)?,
            Kind::Null | Kind::Bool | Kind::Number => return None,
        }
        Some(shape)
    }

    fn envelope(&mut self, raw: &RawValue) {
        let Ok(mut m) = Members::of(raw) else { return };
        self.cloudflare = m.take("success").is_some_and(|s| s.get() == "false");
        let inner = m.take("error").or_else(|| m.take("errors"));
        match inner.map(|e| (kind(e), e)) {
            Some((Kind::Object, error)) => self.object(error),
            Some((Kind::Array, list)) => {
                if let Some(first) = elements(list).ok().and_then(|l| l.first().copied()) {
                    self.item(first);
                }
            }
            Some((Kind::String, error)) => {
                self.message = text(error).unwrap_or_default();
                self.code(m.take("code"));
            }
            Some((Kind::Null | Kind::Bool | Kind::Number, _)) | None => self.flat(m),
        }
    }

    fn item(&mut self, raw: &RawValue) {
        match text(raw) {
            Some(message) => self.message = message,
            None => self.object(raw),
        }
    }

    /// `{message, type, param, code}` at the top: Cohere, Cerebras, Mistral, vLLM, `FastAPI`.
    fn flat(&mut self, mut m: Members<'_>) {
        if let Some(detail) = m.take("detail") {
            self.detail(detail);
        }
        if let Some(raw) = m.take("raw_status_code") {
            self.status = raw.get().parse().ok();
        }
        self.members(m);
    }

    fn object(&mut self, raw: &RawValue) {
        if let Ok(m) = Members::of(raw) {
            self.members(m);
        }
    }

    fn members(&mut self, mut m: Members<'_>) {
        if let Some(raw) = m.take("message") {
            match kind(raw) {
                Kind::String => self.message = text(raw).unwrap_or_default(),
                Kind::Object => {
                    // Mistral: `message: {detail: [..]}`.
                    if let Some(detail) = Members::of(raw).ok().and_then(|mut m| m.take("detail")) {
                        self.detail(detail);
                    }
                }
                Kind::Null | Kind::Bool | Kind::Number | Kind::Array => {}
            }
        }
        self.kind = m.take("type").and_then(text).filter(|t| t != "error").or(self.kind.take());
        self.param = m.take("param").and_then(text).or(self.param.take());
        self.code(m.take("code"));
        self.word = m.take("status").and_then(text);
        for detail in m.take_array("details").ok().flatten().unwrap_or_default() {
            self.google_detail(detail);
        }
        if let Ok(Some(metadata)) = m.take_object("metadata") {
            self.openrouter(metadata);
        }
        if let Ok(Some(mut inner)) = m.take_object("innererror") {
            // Azure: the reason behind a general code.
            let filtered = inner.take("content_filter_result").is_some();
            if filtered && self.code.is_none() {
                self.code = Some("content_filter".to_owned());
            }
        }
    }

    /// A code is a word, a number, or a number in quotes; a number between 400 and 599 is a status.
    fn code(&mut self, raw: Option<&RawValue>) {
        let Some(raw) = raw else { return };
        let code = text(raw).or_else(|| (kind(raw) == Kind::Number).then(|| raw.get().to_owned()));
        self.status = code.as_deref().and_then(|c| c.parse().ok()).filter(|s| (400..600).contains(s)).or(self.status);
        self.code = code;
    }

    fn google_detail(&mut self, raw: &RawValue) {
        let Ok(mut m) = Members::of(raw) else { return };
        if let Some(delay) = m.take("retryDelay").and_then(text) {
            self.retry_ms = super::retry::duration_ms(&delay);
        }
        self.key_invalid |= m.take("reason").and_then(text).as_deref() == Some("API_KEY_INVALID");
        self.per_day |= raw.get().contains("PerDay");
    }

    /// `metadata.raw` may hold the provider's own error, as JSON in a string or as a sentence, behind "Provider returned error".
    fn openrouter(&mut self, mut metadata: Members<'_>) {
        let Some(raw) = metadata.take("raw").and_then(text) else { return };
        let inner = match Self::read(&raw) {
            Some(inner) => inner.message,
            // A sentence; a page of HTML is none.
            None if raw.trim_start().starts_with(['<', '{', '[']) => return,
            None => raw.trim().to_owned(),
        };
        if !inner.is_empty() {
            self.message = format!("{}: {inner}", self.message);
        }
    }

    /// `FastAPI`'s `detail`: a text, or a list of places and what is wrong there.
    fn detail(&mut self, raw: &RawValue) {
        if let Some(message) = text(raw) {
            self.message = message;
            return;
        }
        let mut lines = Vec::new();
        for item in elements(raw).unwrap_or_default() {
            let Ok(mut m) = Members::of(item) else { continue };
            let place: Vec<_> = m
                .take_array("loc")
                .ok()
                .flatten()
                .unwrap_or_default()
                .into_iter()
                .map(|l| text(l).unwrap_or_else(|| l.get().to_owned()))
                .collect();
            self.param = place.last().cloned();
            lines.push(format!("{}: {}", place.join("."), m.take("msg").and_then(text).unwrap_or_default()));
        }
        self.message = lines.join("; ");
    }
}

fn text(raw: &RawValue) -> Option<String> {
    JsonStr::from_raw(raw).map(|s| s.into_text().into_owned())
}
