//! Free text out of the JSON it was wrapped in: tools without a schema travel as functions with one string, `input`.

use std::mem;

use crate::json::{JsonStr, escape_into};

/// Reads the text of `{"input": "..."}` while it arrives. Fragments go in as they stand in the upstream's JSON string and
/// come out the same way: what is inside the inner string is already escaped, so it is copied, not decoded.
///
/// An escape or a surrogate pair that a fragment cuts in two is held until it is whole. A value that is no string comes
/// out as its JSON text; arguments that are no object come out as they are.
#[derive(Clone, Debug, Default)]
pub struct Unwrap {
    state: State,
    /// The key being read, as escaped.
    key: String,
    /// The beginning of an escape inside the text.
    held: String,
    /// A high surrogate at the end of the last fragment.
    outer: String,
    /// `input` was found: a second one is ignored.
    found: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    BeforeObject,
    BeforeKey,
    InKey {
        escaped: bool,
    },
    BeforeColon,
    BeforeValue,
    /// Inside the string that is wanted.
    InText,
    /// Inside another value; `shown` when it is `input`, though no string.
    InValue {
        depth: u32,
        string: bool,
        escaped: bool,
        shown: bool,
    },
    AfterValue,
    /// Not an object: everything is passed on.
    Raw,
    Done,
}

impl Unwrap {
    /// Takes a fragment of the arguments and returns the text that is certain by now.
    pub fn push(&mut self, fragment: &JsonStr<'_>) -> JsonStr<'static> {
        let mut whole = JsonStr::default();
        if !self.outer.is_empty() {
            whole.push(&JsonStr::written(&mem::take(&mut self.outer)));
        }
        whole.push(fragment);
        let escaped = whole.as_escaped();
        let keep = escaped.len() - lone_high(escaped);
        let (now, later) = escaped.split_at_checked(keep).unwrap_or((escaped, ""));
        later.clone_into(&mut self.outer);
        let mut out = Vec::new();
        for c in JsonStr::written(now).text().chars() {
            self.step(c, &mut out);
        }
        JsonStr::written(&String::from_utf8(out).unwrap_or_default()).into_owned()
    }

    fn step(&mut self, c: char, out: &mut Vec<u8>) {
        let blank = matches!(c, ' ' | '\n' | '\r' | '\t');
        match self.state {
            State::BeforeObject | State::BeforeValue if blank => {}
            State::BeforeObject if c == '{' => self.state = State::BeforeKey,
            State::BeforeObject | State::Raw => {
                self.state = State::Raw;
                escape(c, out);
            }
            State::BeforeKey | State::AfterValue => match c {
                '"' => {
                    self.key.clear();
                    self.state = State::InKey { escaped: false };
                }
                '}' => self.state = State::Done,
                _ => {}
            },
            State::InKey { escaped } => match c {
                '"' if !escaped => self.state = State::BeforeColon,
                _ => {
                    self.key.push(c);
                    self.state = State::InKey { escaped: c == '\\' && !escaped };
                }
            },
            State::BeforeColon => {
                if c == ':' {
                    self.state = State::BeforeValue;
                }
            }
            State::BeforeValue => self.begin_value(c, out),
            State::InText => self.text(c, out),
            State::InValue { .. } => self.value(c, out),
            State::Done => {}
        }
    }

    fn begin_value(&mut self, c: char, out: &mut Vec<u8>) {
        let shown = !self.found && JsonStr::written(&self.key) == "input";
        self.found |= shown;
        if shown && c == '"' {
            self.state = State::InText;
        } else {
            self.state = State::InValue { depth: 0, string: false, escaped: false, shown };
            self.value(c, out);
        }
    }

    /// One character of a value that is skipped or shown as it is.
    fn value(&mut self, c: char, out: &mut Vec<u8>) {
        let State::InValue { mut depth, mut string, mut escaped, shown } = self.state else { return };
        if string {
            match c {
                '"' if !escaped => string = false,
                _ => escaped = c == '\\' && !escaped,
            }
        } else {
            match c {
                '"' => string = true,
                '{' | '[' => depth += 1,
                '}' if depth == 0 => return self.state = State::Done,
                ',' if depth == 0 => return self.state = State::AfterValue,
                '}' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.state = State::InValue { depth, string, escaped, shown };
        if shown {
            escape(c, out);
        }
    }

    /// One character of the wanted string.
    fn text(&mut self, c: char, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            self.held.push(c);
            return self.settle(out);
        }
        match c {
            '\\' => self.held.push(c),
            '"' => self.state = State::AfterValue,
            // A raw control character is not legal here, but models write it.
            _ => escape_control(c, out),
        }
    }

    /// Passes on what is held once it is a whole escape, or a whole pair of them.
    fn settle(&mut self, out: &mut Vec<u8>) {
        let held = self.held.clone();
        let mut chars = held.chars().skip(1);
        let Some(code) = chars.next() else { return };
        if code != 'u' {
            self.held.clear();
            if matches!(code, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') {
                return out.extend_from_slice(held.as_bytes());
            }
            escape('\\', out);
            return escape(code, out);
        }
        let digits: String = chars.by_ref().take(4).collect();
        if digits.len() < 4 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return;
        }
        let unit = u32::from_str_radix(&digits, 16).ok();
        if !unit.is_some_and(|u| (0xD800..0xDC00).contains(&u)) {
            self.held.clear();
            return match unit {
                Some(0xDC00..0xE000) | None => out.extend_from_slice("\u{fffd}".as_bytes()),
                Some(_) => out.extend_from_slice(held.as_bytes()),
            };
        }
        let rest: String = chars.collect();
        if rest.len() < 6 && "\\u".starts_with(rest.get(..rest.len().min(2)).unwrap_or("-")) {
            return;
        }
        let low = rest.strip_prefix("\\u").and_then(|d| u32::from_str_radix(d, 16).ok());
        self.held.clear();
        if low.is_some_and(|l| (0xDC00..0xE000).contains(&l)) {
            return out.extend_from_slice(held.as_bytes());
        }
        out.extend_from_slice("\u{fffd}".as_bytes());
        for c in rest.chars() {
            self.text(c, out);
        }
    }
}

/// Length of a high surrogate's escape at the very end, which only the next fragment can complete.
fn lone_high(escaped: &str) -> usize {
    let Some(tail) = escaped.len().checked_sub(6).and_then(|at| escaped.get(at..)) else { return 0 };
    let high = tail.strip_prefix("\\u").and_then(|d| u32::from_str_radix(d, 16).ok());
    if !high.is_some_and(|u| (0xD800..0xDC00).contains(&u)) {
        return 0;
    }
    // After an odd number of backslashes it is plain text.
    let before = escaped.get(..escaped.len() - 6).unwrap_or_default();
    let slashes = before.bytes().rev().take_while(|b| *b == b'\\').count();
    if slashes % 2 == 0 { 6 } else { 0 }
}

fn escape(c: char, out: &mut Vec<u8>) {
    escape_into(c.encode_utf8(&mut [0; 4]), out);
}

fn escape_control(c: char, out: &mut Vec<u8>) {
    if c < ' ' {
        escape(c, out);
    } else {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `arguments` cut into pieces of `size` characters.
    fn unwrap(arguments: &str, size: usize) -> String {
        let mut unwrap = Unwrap::default();
        let mut out = JsonStr::default();
        let chars: Vec<char> = arguments.chars().collect();
        for piece in chars.chunks(size) {
            let text: String = piece.iter().collect();
            let part = unwrap.push(&JsonStr::escape(&text));
            assert!(!part.text().contains('\u{fffd}') || arguments.contains("ud800"), "{arguments} {size}");
            out.push(&part);
        }
        out.text().into_owned()
    }

    #[test]
    fn gives_the_text_however_it_is_cut() {
        for (arguments, text) in [
            (r#"{"input":"plain"}"#, "plain"),
            (r#" { "input" : "a\n\"b\"\\ \u00e9 \ud83d\ude00" } "#, "a\n\"b\"\\ é 😀"),
            (r#"{"x":{"input":"no","a":["}",1]},"input":"yes","input":"again"}"#, "yes"),
            (r#"{"\u0069nput":"k"}"#, "k"),
            (r#"{"input":{"a":[1,"}"]},"z":1}"#, r#"{"a":[1,"}"]}"#),
            (r#"{"input":12}"#, "12"),
            ("*** Begin Patch\n", "*** Begin Patch\n"),
            (r#"{"input":"\ud800x"}"#, "\u{fffd}x"),
            (r#"{"input":""}"#, ""),
            ("{}", ""),
            ("", ""),
        ] {
            for size in [1, 2, 3, 7, 1000] {
                assert_eq!(unwrap(arguments, size), text, "{arguments} {size}");
            }
        }
    }

    #[test]
    fn joins_a_pair_that_two_fragments_share() {
        let mut u = Unwrap::default();
        let first = u.push(&JsonStr::written(r#"{\"input\":\"\ud83d"#));
        assert!(first.is_empty());
        assert_eq!(u.push(&JsonStr::written(r#"\ude00!\"}"#)).text(), "😀!");
    }
}
