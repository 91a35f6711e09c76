//! Sources of an answer: <https://ai.google.dev/gemini-api/docs/google-search#understanding-grounding-metadata>.
//!
//! A support names a range of the answer in UTF-8 bytes; everybody else counts characters.

use crate::hub::{Citation, Event};
use crate::json::{Members, RawValue, elements};

use super::super::wire::{has, lenient, number, take, take_object};

/// Most sources that are told of one reply.
const MAX_SOURCES: usize = 1_000;

/// What was said of sources, until the text they belong to is complete.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// `groundingMetadata`, the latest: each one holds all before it.
    grounding: Option<String>,
    /// `citationMetadata`, in the same way.
    citations: Option<String>,
    told: Vec<(String, Option<(u64, u64)>)>,
}

impl Sources {
    /// Remembers what a candidate says of its sources.
    pub(super) fn take(&mut self, m: &mut Members<'_>) {
        if let Some(raw) = take(m, "groundingMetadata")
            && Members::of(raw).is_ok_and(|m| has(&m, "groundingChunks"))
        {
            self.grounding = Some(raw.get().to_owned());
        }
        if let Some(raw) = take(m, "citationMetadata") {
            self.citations = Some(raw.get().to_owned());
        }
    }

    /// Tells what is known and was not told yet, as sources of the block `key`. `said` is the whole text.
    pub(super) fn tell(&mut self, key: u32, said: &str, out: &mut Vec<Event<'_>>) {
        let (grounding, citations) = (self.grounding.take(), self.citations.take());
        let mut all = Vec::new();
        if let Some(m) = grounding.as_deref().and_then(|text| Members::parse(text).ok()) {
            all.extend(grounded(m, said));
        }
        if let Some(m) = citations.as_deref().and_then(|text| Members::parse(text).ok()) {
            all.extend(quoted(m, said));
        }
        all.into_iter().for_each(|c| self.one(key, c, out));
    }

    fn one(&mut self, key: u32, citation: Citation<'static>, out: &mut Vec<Event<'_>>) {
        let told = (citation.url.text().into_owned(), citation.range);
        if !citation.url.is_empty() && !self.told.contains(&told) && self.told.len() < MAX_SOURCES {
            self.told.push(told);
            out.push(Event::Citation { key, citation });
        }
    }
}

/// One citation per support and chunk; chunks that support nothing in particular, where there are no supports.
fn grounded(mut m: Members<'_>, said: &str) -> Vec<Citation<'static>> {
    let chunks: Vec<Option<Citation<'static>>> = list(&mut m, "groundingChunks").into_iter().map(chunk).collect();
    let supports = list(&mut m, "groundingSupports");
    if supports.is_empty() {
        return chunks.into_iter().flatten().collect();
    }
    let mut all = Vec::new();
    for raw in supports {
        let Ok(mut support) = Members::of(raw) else { continue };
        let mut segment = take_object(&mut support, "segment").ok().flatten().unwrap_or_default();
        let words = lenient(&mut segment, "text");
        let mut at = |key| take(&mut segment, key).and_then(number).and_then(|n| usize::try_from(n).ok());
        let (start, end) = (at("startIndex").unwrap_or(0), at("endIndex").unwrap_or(0));
        let range = place(said, start, end, &words.text());
        for index in list(&mut support, "groundingChunkIndices") {
            let source = number(index).and_then(|n| chunks.get(usize::try_from(n).ok()?)?.clone());
            if let Some(source) = source {
                let cited_text = (!words.is_empty()).then(|| words.clone().into_owned());
                all.push(Citation { cited_text, range, ..source });
            }
        }
    }
    all
}

/// `citationMetadata.citationSources` (`citations` elsewhere): what the model recited.
fn quoted(mut m: Members<'_>, said: &str) -> Vec<Citation<'static>> {
    let mut sources = list(&mut m, "citationSources");
    sources.append(&mut list(&mut m, "citations"));
    let read = |raw: &RawValue| {
        let mut m = Members::of(raw).ok()?;
        let (url, title) = (lenient(&mut m, "uri").into_owned(), lenient(&mut m, "title").into_owned());
        let mut at = |key| take(&mut m, key).and_then(number).and_then(|n| usize::try_from(n).ok());
        let range = characters(said, at("startIndex").unwrap_or(0), at("endIndex").unwrap_or(0));
        Some(Citation { url, title: (!title.is_empty()).then_some(title), cited_text: None, range })
    };
    sources.into_iter().filter_map(read).collect()
}

/// A source: a page, a place, or a document of the caller's store.
fn chunk(raw: &RawValue) -> Option<Citation<'static>> {
    let mut m = Members::of(raw).ok()?;
    let mut inner = ["web", "maps", "retrievedContext", "image"]
        .into_iter()
        .find_map(|key| take_object(&mut m, key).ok().flatten())?;
    let mut url = lenient(&mut inner, "uri");
    if url.is_empty() {
        url = lenient(&mut inner, "sourceUri");
    }
    let title = lenient(&mut inner, "title");
    let title = (!title.is_empty()).then(|| title.into_owned());
    Some(Citation { url: url.into_owned(), title, cited_text: None, range: None })
}

/// Where the bytes `start..end` of `said` are, in characters. Numbers that do not fit the quoted words are those of
/// another part: the words themselves tell the place.
fn place(said: &str, start: usize, end: usize, words: &str) -> Option<(u64, u64)> {
    if words.is_empty() || said.get(start..end) == Some(words) {
        return characters(said, start, end);
    }
    let at = said.find(words)?;
    characters(said, at, at + words.len())
}

fn characters(said: &str, start: usize, end: usize) -> Option<(u64, u64)> {
    let (before, inside) = (said.get(..start)?, said.get(start..end)?);
    let count = |text: &str| u64::try_from(text.chars().count()).unwrap_or(0);
    let from = count(before);
    (!inside.is_empty()).then(|| (from, from + count(inside)))
}

fn list<'a>(m: &mut Members<'a>, key: &str) -> Vec<&'a RawValue> {
    take(m, key).and_then(|raw| elements(raw).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_characters() {
        let said = "Ünïcode 😀 text.";
        assert_eq!(place(said, 0, 9, "Ünïcode"), Some((0, 7)));
        assert_eq!(place(said, 99, 120, "😀 text"), Some((8, 14)));
        assert_eq!(place(said, 1, 3, ""), None);
        assert_eq!(place(said, 0, 2, "gone"), None);
    }
}
