//! Content blocks of requests: <https://docs.anthropic.com/en/api/messages#body-messages-content>.

use crate::hub::{
    Arguments, CacheMark, Document, Form, Image, MediaSource, Opaque, OpaqueKind, Part, Reasoning, Text, ToolCall,
    ToolKind, ToolResult, opaque,
};
use crate::json::{JsonStr, Kind, Members, RawValue, WireError, elements, kind};

use super::request::absent;

/// Blocks inside blocks that are followed: a result in a turn, a document in a result, its content.
const MAX_DEPTH: u8 = 8;

/// Content as a string or a list of blocks.
pub(super) fn content(raw: &RawValue) -> Result<(Vec<Part<'_>>, Form), WireError> {
    content_at(raw, 0)
}

fn content_at(raw: &RawValue, depth: u8) -> Result<(Vec<Part<'_>>, Form), WireError> {
    if depth > MAX_DEPTH {
        return Err(WireError::new("", "blocks are nested too deeply"));
    }
    if let Some(text) = JsonStr::from_raw(raw) {
        return Ok((vec![plain(text)], Form::Text));
    }
    let mut parts: Vec<_> = elements(raw)
        .map_err(|_| WireError::new("", "expected a string or an array of blocks"))?
        .into_iter()
        .enumerate()
        .map(|(at, block)| part(block, depth + 1).map_err(|e| e.under(format!("[{at}]"))))
        .collect::<Result<_, _>>()?;
    opaque::settle(&mut parts);
    Ok((parts, Form::Parts))
}

fn plain(text: JsonStr<'_>) -> Part<'_> {
    Part::Text(Text { text, ..Text::default() })
}

/// One block. A kind we do not know is kept as it is; a known kind with a bad body is an error.
fn part(raw: &RawValue, depth: u8) -> Result<Part<'_>, WireError> {
    let mut m = Members::of(raw)?;
    let kind = m.need_text("type")?;
    Ok(match kind.as_ref() {
        "document" => Part::Document(document(m, depth)?),
        "image" => Part::Image(image(m, depth)?),
        "redacted_thinking" => Part::Reasoning(redacted(m)?),
        "text" => Part::Text(text(m)?),
        "thinking" => Part::Reasoning(thinking(m)?),
        "tool_result" => Part::ToolResult(tool_result(m, depth)?),
        "tool_use" => Part::ToolCall(tool_use(m)?),
        _ => Part::Other { kind, raw },
    })
}

fn text(mut m: Members<'_>) -> Result<Text<'_>, WireError> {
    Ok(Text { text: m.need_str("text")?, opaque: None, cache: mark(&mut m), ext: m.into_rest() })
}

/// An envelope of ours without state, or a damaged one, leaves text that nobody signed.
fn redacted(mut m: Members<'_>) -> Result<Reasoning<'_>, WireError> {
    let data = Opaque::read(OpaqueKind::AnthropicRedacted, m.need_str("data")?);
    let ext = m.into_rest();
    Ok(match data {
        Some(data) => Reasoning::Redacted { data, ext },
        None => Reasoning::Thinking { text: JsonStr::default(), signature: None, ext },
    })
}

/// Unsigned thinking is another provider's, and Anthropic must never see it.
fn thinking(mut m: Members<'_>) -> Result<Reasoning<'_>, WireError> {
    let signature = m.take_str("signature")?.and_then(|s| Opaque::read(OpaqueKind::AnthropicSignature, s));
    Ok(Reasoning::Thinking { text: m.need_str("thinking")?, signature, ext: m.into_rest() })
}

fn tool_use(mut m: Members<'_>) -> Result<ToolCall<'_>, WireError> {
    let input = m.take("input").ok_or_else(|| WireError::new("input", "missing required member"))?;
    if kind(input) != Kind::Object {
        return Err(WireError::new("input", "expected an object"));
    }
    Ok(ToolCall {
        id: m.need_str("id")?,
        name: m.need_str("name")?,
        arguments: Arguments::Json(input),
        kind: ToolKind::Function,
        opaque: None,
        cache: mark(&mut m),
        ext: m.into_rest(),
    })
}

fn tool_result(mut m: Members<'_>, depth: u8) -> Result<ToolResult<'_>, WireError> {
    let (parts, form) = match m.take("content") {
        Some(raw) => content_at(raw, depth).map_err(|e| e.under("content"))?,
        None => absent(),
    };
    Ok(ToolResult {
        call_id: m.need_str("tool_use_id")?,
        parts,
        form,
        is_error: m.take_bool("is_error")?,
        cache: mark(&mut m),
        ext: m.into_rest(),
    })
}

fn image(mut m: Members<'_>, depth: u8) -> Result<Image<'_>, WireError> {
    let source = source(&mut m, depth)?;
    Ok(Image { source, detail: None, cache: mark(&mut m), ext: m.into_rest() })
}

fn document(mut m: Members<'_>, depth: u8) -> Result<Document<'_>, WireError> {
    let source = source(&mut m, depth)?;
    Ok(Document { source, title: m.take_str("title")?, cache: mark(&mut m), ext: m.into_rest() })
}

fn source<'a>(m: &mut Members<'a>, depth: u8) -> Result<MediaSource<'a>, WireError> {
    let raw = m.take("source").ok_or_else(|| WireError::new("source", "missing required member"))?;
    media(raw, depth).map_err(|e| e.under("source"))
}

/// A source with members we do not know is kept whole: it cannot be translated without losing them.
fn media(raw: &RawValue, depth: u8) -> Result<MediaSource<'_>, WireError> {
    let mut m = Members::of(raw)?;
    let source = match m.need_text("type")?.as_ref() {
        "base64" => MediaSource::Base64 { media_type: m.need_text("media_type")?, data: m.need_str("data")? },
        "content" => {
            let blocks = m.take("content").ok_or_else(|| WireError::new("content", "missing required member"))?;
            match content_at(blocks, depth).map_err(|e| e.under("content"))? {
                (parts, Form::Parts) => MediaSource::Blocks(parts),
                _ => return Ok(MediaSource::Other(raw)),
            }
        }
        "file" => MediaSource::File(m.need_str("file_id")?),
        "text" => {
            m.take("media_type");
            MediaSource::Text(m.need_str("data")?)
        }
        "url" => MediaSource::Url(m.need_str("url")?),
        _ => return Ok(MediaSource::Other(raw)),
    };
    Ok(if m.iter().next().is_some() { MediaSource::Other(raw) } else { source })
}

fn mark<'a>(m: &mut Members<'a>) -> Option<CacheMark<'a>> {
    m.take("cache_control").map(CacheMark)
}
