//! Blocks only Anthropic knows, as text: what a server-side tool did is history worth reading, though no call that a
//! client could answer (<https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview>).

use std::borrow::Cow;
use std::fmt::Write;

use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind};

/// A line that Claude Code puts before the system prompt; it changes with every version and means nothing elsewhere.
pub const BILLING: &str = "x-anthropic-billing-header";

/// What becomes of a block.
#[derive(Debug)]
pub enum Rendered {
    /// It means nothing here.
    Nothing,
    /// Leaving it out would lose the conversation.
    Refused(&'static str),
    Text(String),
}

/// Does a request's `thread` go on with one that its provider keeps?
pub fn continues(thread: &RawValue) -> bool {
    Members::of(thread).ok().and_then(|m| m.get("type")).and_then(JsonStr::from_raw).is_some_and(|t| t == "continue")
}

/// Renders the block `raw` of this kind.
pub fn render(kind: &str, raw: &RawValue) -> Rendered {
    let Ok(m) = Members::of(raw) else { return Rendered::Nothing };
    let text = match kind {
        "audio" | "video" => return Rendered::Refused("the target takes no sound and no film"),
        "browser_state" => format!("[browser state] {}", raw.get()),
        "compaction" => match text_of(&m, "content") {
            Some(summary) => format!("Summary of earlier conversation: {summary}"),
            None => {
                return Rendered::Refused("an encrypted summary of the conversation can only go back to its author");
            }
        },
        "search_result" => search_result(&m),
        "server_tool_use" => {
            let name = text_of(&m, "name").unwrap_or_default();
            format!("\n[called {name} with {}]\n", m.get("input").map_or("{}", RawValue::get))
        }
        "tool_reference" => format!("[tool: {}]", text_of(&m, "tool_name").unwrap_or_default()),
        "tool_search_tool_result" => format!("\n[found tools:{}]\n", lines(&m, "tool_references", &["tool_name"])),
        "web_fetch_tool_result" => fetched(&m),
        "web_search_tool_result" => format!("\n[search results:{}]\n", lines_of(m.get("content"), &["title", "url"])),
        other if other.ends_with("code_execution_tool_result") => executed(&m),
        _ => return Rendered::Nothing,
    };
    Rendered::Text(text)
}

fn text_of<'a>(m: &Members<'a>, key: &str) -> Option<Cow<'a, str>> {
    m.get(key).and_then(JsonStr::from_raw).map(JsonStr::into_text)
}

fn inner<'a>(m: &Members<'a>, key: &str) -> Option<Members<'a>> {
    m.get(key).and_then(|raw| Members::of(raw).ok())
}

fn search_result(m: &Members<'_>) -> String {
    let mut out = String::new();
    for key in ["title", "source"] {
        if let Some(text) = text_of(m, key) {
            let _ = writeln!(out, "{text}");
        }
    }
    let blocks = m.get("content").and_then(|raw| elements(raw).ok()).unwrap_or_default();
    let texts = blocks.into_iter().filter_map(|b| text_of(&Members::of(b).ok()?, "text"));
    texts.for_each(|text| out.push_str(&text));
    out
}

fn fetched(m: &Members<'_>) -> String {
    let Some(content) = inner(m, "content") else { return String::new() };
    let url = text_of(&content, "url").or_else(|| text_of(&content, "error_code")).unwrap_or_default();
    let data = inner(&content, "content")
        .and_then(|document| inner(&document, "source"))
        .filter(|source| text_of(source, "type").is_some_and(|t| t == "text"))
        .and_then(|source| text_of(&source, "data"));
    format!("\n[fetched {url}]\n{}", data.unwrap_or_default())
}

fn executed(m: &Members<'_>) -> String {
    let Some(content) = inner(m, "content") else { return String::new() };
    let mut out = "\n[code execution result]\n".to_owned();
    for key in ["stdout", "stderr", "content", "error_code"] {
        if let Some(text) = text_of(&content, key).filter(|t| !t.is_empty()) {
            let _ = writeln!(out, "{text}");
        }
    }
    out
}

fn lines(m: &Members<'_>, key: &str, fields: &[&str]) -> String {
    lines_of(inner(m, "content").and_then(|content| content.get(key)), fields)
}

/// One line per element, made of the fields it has; an object instead of a list is an error.
fn lines_of(list: Option<&RawValue>, fields: &[&str]) -> String {
    let mut out = String::new();
    let Some(raw) = list else { return out };
    if kind(raw) == Kind::Object {
        let code = Members::of(raw).ok().and_then(|m| text_of(&m, "error_code"));
        let _ = write!(out, " error {}", code.unwrap_or_default());
        return out;
    }
    for element in elements(raw).unwrap_or_default() {
        let Ok(m) = Members::of(element) else { continue };
        let found: Vec<_> = fields.iter().filter_map(|f| text_of(&m, f)).collect();
        let _ = write!(out, "\n- {}", found.join(" "));
    }
    out
}
