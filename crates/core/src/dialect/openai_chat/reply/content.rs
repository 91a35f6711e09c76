//! What was said: text in all its forms, refusals and sources.

use std::borrow::Cow;

use crate::hub::media::{data_url, inside};
use crate::hub::{BlockStart, Citation, Delta, Event};
use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind};

use super::state::{Decoder, Open};

impl Decoder {
    /// `content`, `refusal`, `annotations` and the transcript of `audio`.
    pub(super) fn content<'f>(&mut self, body: &Members<'f>, out: &mut Vec<Event<'f>>) {
        if let Some(raw) = body.get("content") {
            match kind(raw) {
                Kind::Null => {}
                Kind::Array => self.chunks(raw, out),
                Kind::String => self.text(JsonStr::from_raw(raw).unwrap_or_default(), out),
                // Workers AI answers a JSON schema with the value itself.
                Kind::Bool | Kind::Number | Kind::Object => self.text(JsonStr::escape(raw.get()), out),
            }
        }
        if let Some(audio) = body.get("audio").and_then(|raw| Members::of(raw).ok()) {
            self.text(string(&audio, "transcript").unwrap_or_default(), out);
        }
        self.images(body, out);
        if let Some(refusal) = string(body, "refusal") {
            self.refuse(refusal, out);
        }
        for raw in body.get("annotations").and_then(|raw| elements(raw).ok()).unwrap_or_default() {
            if let Some(citation) = Members::of(raw).ok().and_then(|m| annotation(&m)) {
                self.cite(citation, out);
            }
        }
    }

    /// Pictures as OpenRouter tells them: <https://openrouter.ai/docs/features/multimodal/image-generation>.
    fn images<'f>(&mut self, body: &Members<'f>, out: &mut Vec<Event<'f>>) {
        for raw in body.get("images").and_then(|raw| elements(raw).ok()).unwrap_or_default() {
            let image = Members::of(raw).ok().and_then(|m| Members::of(m.get("image_url")?).ok());
            let url = image.and_then(|m| m.get("url").and_then(inside)).and_then(data_url);
            if let Some((media_type, data)) = url {
                let media_type = JsonStr::owned(&media_type);
                let key = self.start(BlockStart::Image { media_type, data }, out);
                out.push(Event::BlockStop { key });
            }
        }
    }

    /// Mistral's content arrays: <https://docs.mistral.ai/capabilities/reasoning/>.
    fn chunks<'f>(&mut self, raw: &'f RawValue, out: &mut Vec<Event<'f>>) {
        for chunk in elements(raw).unwrap_or_default() {
            let Ok(m) = Members::of(chunk) else { continue };
            match string(&m, "type").map(JsonStr::into_text).as_deref() {
                Some("text") => self.text(string(&m, "text").unwrap_or_default(), out),
                Some("thinking") => self.thinking(&m, out),
                Some("tool_reference") => {
                    if let Some(citation) = source(&m) {
                        self.cite(citation, out);
                    }
                }
                // `reference` has only numbers of sources that are told elsewhere.
                _ => {}
            }
        }
    }

    fn thinking<'f>(&mut self, m: &Members<'f>, out: &mut Vec<Event<'f>>) {
        let Some(raw) = m.get("thinking") else { return };
        if let Some(text) = JsonStr::from_raw(raw) {
            self.think(text, out);
            return;
        }
        for part in elements(raw).unwrap_or_default() {
            let text = Members::of(part).ok().and_then(|m| string(&m, "text"));
            self.think(text.unwrap_or_default(), out);
        }
    }

    fn refuse<'f>(&mut self, refusal: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        if refusal.is_empty() {
            return;
        }
        self.refusal.get_or_insert_default().push(&refusal);
        let key = if let Open::Refusal { key } = self.open {
            key
        } else {
            let key = self.start(BlockStart::Refusal, out);
            self.open = Open::Refusal { key };
            key
        };
        out.push(Event::Delta { key, delta: Delta::Refusal(refusal) });
    }

    /// One source, told once: some repeat the list in every chunk.
    fn cite<'f>(&mut self, citation: Citation<'f>, out: &mut Vec<Event<'f>>) {
        let Some(key) = self.text else { return };
        let told = (citation.url.text().into_owned(), citation.range);
        if !self.cited.contains(&told) {
            self.cited.push(told);
            out.push(Event::Citation { key, citation });
        }
    }

    /// Perplexity's top-level lists: `search_results` with titles, or bare URLs in `citations`.
    pub(super) fn remember_sources(&mut self, m: &Members<'_>) {
        if !self.sources.is_empty() {
            return;
        }
        let list = |key: &str| m.get(key).and_then(|raw| elements(raw).ok()).unwrap_or_default();
        let named = list("search_results").into_iter().filter_map(|raw| source(&Members::of(raw).ok()?));
        self.sources = named.map(Citation::into_owned).collect();
        if self.sources.is_empty() {
            let bare = list("citations").into_iter().filter_map(JsonStr::from_raw);
            self.sources = bare
                .map(|url| Citation { url: url.into_owned(), title: None, cited_text: None, range: None })
                .collect();
        }
    }

    pub(super) fn tell_sources(&mut self, out: &mut Vec<Event<'_>>) {
        for citation in std::mem::take(&mut self.sources) {
            self.cite(citation, out);
        }
    }
}

/// `{"type": "url_citation", "url_citation": {...}}`, or flat, as some send it.
fn annotation<'f>(m: &Members<'f>) -> Option<Citation<'f>> {
    let inner = m.get("url_citation").and_then(|raw| Members::of(raw).ok());
    let m = inner.as_ref().unwrap_or(m);
    let number = |key: &str| m.get(key).and_then(|raw| raw.get().parse().ok());
    let range = number("start_index").zip(number("end_index")).filter(|(start, end)| start < end);
    Some(Citation { range, cited_text: string(m, "content"), ..source(m)? })
}

fn source<'f>(m: &Members<'f>) -> Option<Citation<'f>> {
    let url = string(m, "url").filter(|url| !url.is_empty())?;
    Some(Citation { url, title: string(m, "title"), cited_text: None, range: None })
}

pub(super) fn string<'f>(m: &Members<'f>, key: &str) -> Option<JsonStr<'f>> {
    m.get(key).and_then(JsonStr::from_raw)
}

/// A string that says something: Mistral writes `"null"` where it means none.
pub(super) fn word<'f>(m: &Members<'f>, key: &str) -> Option<Cow<'f, str>> {
    string(m, key).map(JsonStr::into_text).filter(|text| !text.is_empty() && text != "null")
}
