//! Names and ids that a target would refuse, and the way back.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::json::JsonStr;

/// Replacements made in one request. Aliases are pure functions of the original, so a stateless gateway makes the same
/// ones on every later turn (prompt caches and call/result pairing depend on it).
#[derive(Clone, Debug, Default)]
pub struct Aliases {
    /// `(sent, original)` tool names, decoded text.
    names: Vec<(String, String)>,
    /// Names of free-text tools sent as functions with one `input` string.
    lowered: Vec<String>,
    /// The tool that stands in for structured output, if one does.
    json_tool: Option<String>,
}

impl Aliases {
    /// The name to send for `original`: itself where it fits `limit` and `[A-Za-z0-9_-]`, else a stable alias.
    pub fn name<'a>(&mut self, original: &JsonStr<'a>, limit: usize) -> JsonStr<'a> {
        let text = original.text();
        let clean = !text.is_empty()
            && text.len() <= limit
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if clean {
            return original.clone();
        }
        let sent = alias_name(&text, limit);
        if !self.names.iter().any(|(s, _)| *s == sent) {
            self.names.push((sent.clone(), text.into_owned()));
        }
        JsonStr::owned(&sent)
    }

    /// The name to send for `original`: itself where it fits `limit` and `is_legal`, else a stable alias that begins with
    /// `_`.
    pub fn fitted<'a>(&mut self, original: &JsonStr<'a>, limit: usize, is_legal: impl Fn(&str) -> bool) -> JsonStr<'a> {
        let text = original.text();
        if !text.is_empty() && text.len() <= limit && is_legal(&text) {
            return original.clone();
        }
        let sent = format!("_{}", alias_name(&text, limit.saturating_sub(1)));
        if !self.names.iter().any(|(s, _)| *s == sent) {
            self.names.push((sent.clone(), text.into_owned()));
        }
        JsonStr::owned(&sent)
    }

    /// The caller's name for a tool name the upstream used.
    pub fn original<'a>(&self, sent: JsonStr<'a>) -> JsonStr<'a> {
        if self.names.is_empty() {
            return sent;
        }
        let text = sent.text();
        match self.names.iter().find(|(s, _)| *s == text) {
            Some((_, original)) => JsonStr::owned(original),
            None => sent,
        }
    }

    /// Marks `name` (as sent) as a free-text tool in disguise.
    pub fn lower(&mut self, name: &str) {
        self.lowered.push(name.to_owned());
    }

    /// Was the tool `name` (as sent) a free-text tool?
    pub fn is_lowered(&self, name: &JsonStr<'_>) -> bool {
        !self.lowered.is_empty() && self.lowered.iter().any(|l| *name == l.as_str())
    }

    /// Marks `name` (as sent) as the tool whose arguments are the structured answer.
    pub fn set_json_tool(&mut self, name: &str) {
        self.json_tool = Some(name.to_owned());
    }

    /// Is `name` (as sent) the tool whose arguments are the structured answer?
    pub fn is_json_tool(&self, name: &JsonStr<'_>) -> bool {
        self.json_tool.as_deref().is_some_and(|j| *name == j)
    }

    /// The tool id to send: itself where it is non-empty, `[a-zA-Z0-9_-]+` and at most `limit` long, else an alias.
    pub fn id<'a>(original: &JsonStr<'a>, limit: usize) -> JsonStr<'a> {
        let text = original.text();
        if !text.is_empty()
            && text.len() <= limit
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        {
            return original.clone();
        }
        JsonStr::owned(&format!("gw_{}", &digest(&text)[..24]))
    }

    /// Exactly `length` characters of `[A-Za-z0-9]`, as Mistral wants its ids: the id itself if it is so already.
    pub fn id_alnum<'a>(original: &JsonStr<'a>, length: usize) -> JsonStr<'a> {
        let text = original.text();
        if text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric()) && text != "null" {
            return original.clone();
        }
        JsonStr::owned(digest(&text).get(..length).unwrap_or_default())
    }
}

fn alias_name(text: &str, limit: usize) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).collect();
    let keep = limit.saturating_sub(9).min(55);
    format!("{}_{}", &clean.get(..keep.min(clean.len())).unwrap_or_default(), &digest(text)[..8])
}

/// The SHA-256 of a text in hexadecimal digits: what stands for an id that does not fit.
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut out, byte| {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let mut a = Aliases::default();
        let long = "x".repeat(80);
        assert_eq!(a.name(&JsonStr::escape("get_weather"), 64).text(), "get_weather");
        let sent = a.name(&JsonStr::escape(&long), 64);
        assert_eq!(sent.text().len(), 64);
        assert_eq!(a.name(&JsonStr::escape(&long), 64), sent);
        assert_eq!(a.original(sent).text(), long);
        let dotted = a.name(&JsonStr::escape("mcp.server/tool"), 64);
        assert_ne!(dotted, a.name(&JsonStr::escape("mcp_server_tool."), 64));
        assert_eq!(a.original(dotted).text(), "mcp.server/tool");
        assert_eq!(a.original(JsonStr::escape("plain")).text(), "plain");
    }

    #[test]
    fn ids_are_stable_and_legal() {
        assert_eq!(Aliases::id(&JsonStr::escape("call_1"), 64).text(), "call_1");
        let odd = Aliases::id(&JsonStr::escape("functions.x:0"), 64);
        assert_eq!(odd, Aliases::id(&JsonStr::escape("functions.x:0"), 64));
        assert!(odd.text().starts_with("gw_"));
        assert_eq!(Aliases::id_alnum(&JsonStr::escape("toolu_01"), 9).text().len(), 9);
        assert_eq!(Aliases::id_alnum(&JsonStr::escape("abcDEF123"), 9).text(), "abcDEF123");
    }
}
