//! Parts of contents: <https://ai.google.dev/api/caching#Part>.

use std::borrow::Cow;

use crate::hub::base64::{bytes, standard};
use crate::hub::opaque::is_sealed;
use crate::hub::{
    Aliases, Arguments, Document, Form, Image, MediaSource, Opaque, OpaqueKind, Part, Reasoning, Text, ToolCall,
    ToolKind, ToolResult,
};
use crate::json::{Ext, JsonStr, Kind, Members, RawValue, WireError, kind};

use super::super::wire::{has, keep, lenient, need_str, take, take_bool, take_list, take_str, take_text};

/// Calls of the history, to find the one a response answers: ids are optional in this dialect.
#[derive(Debug, Default)]
pub(super) struct Calls<'a> {
    list: Vec<Call<'a>>,
    /// Where the calls of the latest model content begin.
    step: usize,
}

#[derive(Debug)]
struct Call<'a> {
    id: JsonStr<'a>,
    name: String,
    answered: bool,
}

impl<'a> Calls<'a> {
    /// A model content begins.
    pub(super) fn step(&mut self) {
        self.step = self.list.len();
    }

    fn push(&mut self, id: JsonStr<'a>, name: &JsonStr<'_>) {
        self.list.push(Call { id, name: name.text().into_owned(), answered: false });
    }

    /// The id of the call that a response with this id or name answers: the nearest preceding one without an answer; among
    /// the calls of one content the first of that name.
    fn answer(&mut self, id: &JsonStr<'_>, name: &JsonStr<'_>) -> Option<JsonStr<'a>> {
        let (id, name) = (id.text(), name.text());
        let fits = |c: &Call<'_>| !c.answered && if id.is_empty() { c.name == name } else { c.id.text() == id };
        let newest = self.list.iter().skip(self.step).position(fits).map(|at| at + self.step);
        let at = newest.or_else(|| self.list.iter().rposition(fits))?;
        let call = self.list.get_mut(at)?;
        call.answered = true;
        Some(call.id.clone())
    }
}

/// The parts of content number `at`.
pub(super) fn parts<'a>(m: &mut Members<'a>, at: usize, calls: &mut Calls<'a>) -> Result<Vec<Part<'a>>, WireError> {
    let list = take_list(m, "parts")?;
    let mut parts = Vec::with_capacity(list.len());
    for (nth, raw) in list.into_iter().enumerate() {
        let read = part(raw, at, nth, calls).map_err(|e| e.under(format!("parts[{nth}]")))?;
        settle(read, &mut parts);
    }
    Ok(parts)
}

/// Reads a part into its turn. State of another maker's reasoning rides on the part behind it: it is put back before that
/// part, with the words it signs.
fn settle<'a>(read: Option<Part<'a>>, parts: &mut Vec<Part<'a>>) {
    let Some(mut part) = read else { return };
    let opaque = match &mut part {
        Part::Text(text) => &mut text.opaque,
        Part::ToolCall(call) => &mut call.opaque,
        Part::Document(_)
        | Part::Image(_)
        | Part::Reasoning(_)
        | Part::Refusal(_)
        | Part::ToolResult(_)
        | Part::Other { .. } => return parts.push(part),
    };
    if let Some(state) = opaque.take_if(|state| state.kind != OpaqueKind::GeminiSignature) {
        // The thought shown before it is the same reasoning.
        let shown = match parts.pop() {
            Some(Part::Reasoning(Reasoning::Thinking { text, signature: None, .. })) => text,
            other => {
                parts.extend(other);
                JsonStr::default()
            }
        };
        let ext = Ext::new();
        parts.push(Part::Reasoning(if state.kind == OpaqueKind::AnthropicRedacted {
            Reasoning::Redacted { data: state, ext }
        } else {
            let text = state.text.clone().unwrap_or(shown);
            Reasoning::Thinking { text, signature: Some(state), ext }
        }));
        if matches!(&part, Part::Text(text) if text.text.is_empty()) {
            return;
        }
    }
    parts.push(part);
}

/// One part: exactly one data member, and what stands beside it. A signature on a call or text stays with it; on a
/// thought it is the thought's.
fn part<'a>(raw: &'a RawValue, at: usize, nth: usize, calls: &mut Calls<'a>) -> Result<Option<Part<'a>>, WireError> {
    let mut m = Members::of(raw)?;
    let thought = take_bool(&mut m, "thought")?.unwrap_or(false);
    let opaque = take_str(&mut m, "thoughtSignature")?.and_then(signature);
    if has(&m, "text") {
        let text = need_str(&mut m, "text")?;
        let mut ext = Ext::new();
        keep("parts", m, &mut ext);
        return Ok(match thought {
            true if text.is_empty() && opaque.is_none() => None,
            true => Some(Part::Reasoning(Reasoning::Thinking { text, signature: opaque, ext })),
            false => Some(Part::Text(Text { text, opaque, cache: None, ext })),
        });
    }
    if let Some(inner) = take(&mut m, "functionCall") {
        let mut call = call(inner, at, nth, calls).map_err(|e| e.under("functionCall"))?;
        call.opaque = opaque;
        keep("parts", m, &mut call.ext);
        return Ok(Some(Part::ToolCall(call)));
    }
    if let Some(inner) = take(&mut m, "functionResponse") {
        let mut result = response(inner, at, nth, calls).map_err(|e| e.under("functionResponse"))?;
        keep("parts", m, &mut result.ext);
        return Ok(Some(Part::ToolResult(result)));
    }
    for key in ["inlineData", "fileData"] {
        if let Some(inner) = take(&mut m, key) {
            let mut ext = Ext::new();
            keep("parts", m, &mut ext);
            return media(inner, raw, key, ext).map(Some).map_err(|e| e.under(key));
        }
    }
    // A kind we do not know is kept as it is.
    match m.iter().find(|(_, raw)| kind(raw) != Kind::Null) {
        Some((key, _)) => Ok(Some(Part::Other { kind: Cow::Owned(key.to_owned()), raw })),
        None if opaque.is_some() => Ok(Some(Part::Text(Text { opaque, ..Text::default() }))),
        None => {
            Err(WireError::new("", "a part needs one of text, inlineData, fileData, functionCall, functionResponse"))
        }
    }
}

/// Opaque state of a part. The field is bytes: an envelope of ours stands in it as base64 of its text.
fn signature(field: JsonStr<'_>) -> Option<Opaque<'_>> {
    match envelope(&field) {
        Some(envelope) => Opaque::read(OpaqueKind::GeminiSignature, envelope),
        None if field == super::super::wire::SKIP_SIGNATURE => None,
        None => Opaque::read(OpaqueKind::GeminiSignature, field),
    }
}

/// The envelope of ours that stands in the field, if one does.
pub(in super::super) fn envelope(field: &JsonStr<'_>) -> Option<JsonStr<'static>> {
    let text = bytes(field).and_then(|b| String::from_utf8(b).ok())?;
    Some(JsonStr::owned(&text)).filter(is_sealed)
}

fn call<'a>(raw: &'a RawValue, at: usize, nth: usize, calls: &mut Calls<'a>) -> Result<ToolCall<'a>, WireError> {
    let mut m = Members::of(raw)?;
    let name = need_str(&mut m, "name")?;
    let given = lenient(&mut m, "id");
    let id = if given.is_empty() { minted(at, nth, &name) } else { given };
    let arguments = match take(&mut m, "args") {
        Some(args) if kind(args) == Kind::Object => Arguments::Json(args),
        Some(_) => return Err(WireError::new("args", "expected an object")),
        None => Arguments::Escaped(JsonStr::default()),
    };
    calls.push(id.clone(), &name);
    let mut ext = Ext::new();
    keep("functionCall", m, &mut ext);
    Ok(ToolCall { id, name, arguments, kind: ToolKind::Function, opaque: None, cache: None, ext })
}

/// An id for a call that came without: a pure function of its place, so that every later turn makes the same one.
fn minted(at: usize, nth: usize, name: &JsonStr<'_>) -> JsonStr<'static> {
    // `#` is not legal in an id, so this is always hashed.
    Aliases::id(&JsonStr::owned(&format!("{at}#{nth}#{}", name.text())), 64).into_owned()
}

fn response<'a>(raw: &'a RawValue, at: usize, nth: usize, calls: &mut Calls<'a>) -> Result<ToolResult<'a>, WireError> {
    let mut m = Members::of(raw)?;
    let (id, name) = (lenient(&mut m, "id"), lenient(&mut m, "name"));
    if name.is_empty() && id.is_empty() {
        return Err(WireError::new("name", "missing required member"));
    }
    let call_id = match calls.answer(&id, &name) {
        Some(found) => found,
        None if id.is_empty() => minted(at, nth, &name),
        None => id,
    };
    let mut result =
        ToolResult { call_id, parts: Vec::new(), form: Form::Parts, is_error: None, cache: None, ext: Ext::new() };
    if let Some(raw) = take(&mut m, "response") {
        let (text, is_error) = answer(raw)?;
        result.is_error = is_error.then_some(true);
        result.parts.push(Part::Text(Text { text, ..Text::default() }));
    }
    for (n, raw) in take_list(&mut m, "parts")?.into_iter().enumerate() {
        let inner = part(raw, at, nth, &mut Calls::default()).map_err(|e| e.under(format!("parts[{n}]")))?;
        result.parts.extend(inner);
    }
    if matches!(result.parts.as_slice(), [Part::Text(_)]) {
        result.form = Form::Text;
    }
    keep("functionResponse", m, &mut result.ext);
    Ok(result)
}

/// The text of a response, and whether the tool failed: `{"output": "..."}` and `{"error": "..."}` are the documented
/// forms; any other object goes as its JSON text.
fn answer(raw: &RawValue) -> Result<(JsonStr<'_>, bool), WireError> {
    let m = Members::of(raw).map_err(|e| e.under("response"))?;
    let mut members = m.iter();
    let only = members.next().filter(|_| members.next().is_none());
    Ok(match only {
        Some((key @ ("output" | "error"), value)) => {
            (JsonStr::from_raw(value).unwrap_or_else(|| JsonStr::escape(value.get())), key == "error")
        }
        _ => (JsonStr::escape(raw.get()), false),
    })
}

/// Media, by its type: images and documents are what every dialect knows; sound and film only some.
fn media<'a>(inner: &'a RawValue, whole: &'a RawValue, key: &str, ext: Ext<'a>) -> Result<Part<'a>, WireError> {
    let mut m = Members::of(inner)?;
    let media_type = take_text(&mut m, "mimeType")?.unwrap_or_default();
    let source = if key == "inlineData" {
        MediaSource::Base64 { media_type: media_type.clone(), data: standard(need_str(&mut m, "data")?) }
    } else {
        let uri = need_str(&mut m, "fileUri")?;
        // Ids of Google's Files API are addresses on its own host, which nobody else can read.
        let own = uri.text().contains("generativelanguage.googleapis.com") || !uri.text().starts_with("http");
        if own { MediaSource::File(uri) } else { MediaSource::Url(uri) }
    };
    let title = take_str(&mut m, "displayName")?;
    let top = media_type.split('/').next().unwrap_or_default().to_ascii_lowercase();
    Ok(match top.as_str() {
        "image" => Part::Image(Image { source, detail: None, cache: None, ext }),
        "application" | "text" | "" => Part::Document(Document { source, title, cache: None, ext }),
        _ => Part::Other { kind: Cow::Owned(top), raw: whole },
    })
}
