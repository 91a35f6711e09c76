//! A Rust file split in what the rules look at: code, strings and comments. Not a parser: it only has to know where
//! strings and comments begin and end.

/// One line, seen three ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Without comments and without what stands inside string and character literals.
    pub(crate) code: String,
    /// Without comments.
    pub(crate) code_and_strings: String,
    pub(crate) comment: String,
}

/// The lines of a file, and where its tests begin.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) lines: Vec<Line>,
    tests: usize,
}

impl Source {
    pub(crate) fn of(text: &str) -> Self {
        let lines = split(text);
        let tests = lines
            .windows(2)
            .position(|pair| {
                matches!(pair, [cfg, module] if cfg.code.trim() == "#[cfg(test)]"
                    && module.code.trim_start().starts_with("mod ")
                    && module.code.trim_end().ends_with('{'))
            })
            .unwrap_or(lines.len());
        Self { lines, tests }
    }

    /// The lines before the test module, numbered from 1.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.all().take(self.tests)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (usize, &Line)> {
        (1..).zip(&self.lines)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    BlockComment { depth: u32 },
    Text,
    RawText { hashes: usize },
}

fn split(text: &str) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    let mut state = State::Code;
    let mut rest = text;
    let mut word = false; // whether the character before belongs to an identifier: `r"` after one is not a raw string
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        let was = state;
        if c == '\n' {
            if state == State::LineComment {
                state = State::Code;
            }
            lines.push(Line::default());
            rest = rest.get(taken..).unwrap_or_default();
            word = false;
            continue;
        }
        match state {
            State::Code => {
                if rest.starts_with("//") {
                    state = State::LineComment;
                } else if rest.starts_with("/*") {
                    (state, taken) = (State::BlockComment { depth: 1 }, 2);
                } else if c == '"' {
                    state = State::Text;
                } else if let Some((hashes, length)) = raw_text(rest).filter(|_| !word) {
                    (state, taken) = (State::RawText { hashes }, length);
                } else if let Some(length) = character(rest) {
                    taken = length;
                }
            }
            State::LineComment => {}
            State::BlockComment { depth } => {
                if rest.starts_with("*/") {
                    taken = 2;
                    state = if depth == 1 { State::Code } else { State::BlockComment { depth: depth - 1 } };
                } else if rest.starts_with("/*") {
                    (state, taken) = (State::BlockComment { depth: depth + 1 }, 2);
                }
            }
            State::Text => {
                if c == '\\' && !rest.starts_with("\\\n") {
                    taken += rest.chars().nth(1).map_or(0, char::len_utf8);
                } else if c == '"' {
                    state = State::Code;
                }
            }
            State::RawText { hashes } => {
                if c == '"' && rest.get(1..).is_some_and(|after| after.starts_with(&"#".repeat(hashes))) {
                    (state, taken) = (State::Code, 1 + hashes);
                }
            }
        }
        let (piece, after) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        rest = after;
        word = c.is_alphanumeric() || c == '_';
        let Some(line) = lines.last_mut() else { continue };
        let commented = |state: State| matches!(state, State::LineComment | State::BlockComment { .. });
        if commented(was) || commented(state) {
            line.comment.push_str(piece);
            continue;
        }
        line.code_and_strings.push_str(piece);
        let quote = was != state;
        if quote || was == State::Code {
            // A character literal is blanked, its quotes stay.
            line.code.push_str(if !quote && piece.len() > 1 && piece.starts_with('\'') { "''" } else { piece });
        }
    }
    lines
}

/// The number of `#` and the length of the opening `r#"`, `br"`, `cr"`.
fn raw_text(rest: &str) -> Option<(usize, usize)> {
    let after = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let open = after.trim_start_matches('#');
    let hashes = after.len() - open.len();
    open.starts_with('"').then(|| (hashes, rest.len() - open.len() + 1))
}

/// The length of a character literal: `'"'`, `'\''`, `'\u{22}'`; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    if let Some(escaped) = inside.strip_prefix('\\') {
        let first = escaped.chars().next()?.len_utf8();
        return Some(2 + first + escaped.get(first..)?.find('\'')? + 1);
    }
    let one = inside.chars().next()?.len_utf8();
    inside.get(one..)?.starts_with('\'').then_some(1 + one + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        split(text).into_iter().map(|line| line.code).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn strings_and_comments_are_not_code() {
        let cases = [
            ("let a = 1; // async", "let a = 1; "),
            ("/* async /* nested */ still */ b", " b"),
            ("f(\"async // \\\" no comment\") + c", "f(\"\") + c"),
            ("r#\"async \" here\"# + d", "r#\"\"# + d"),
            ("br\"async\\\" + d", "br\"\" + d"),
            ("for\"x\"", "for\"\""),
            ("match '\"' { '\\'' => e, '\\u{22}' => f }", "match '' { '' => e, '' => f }"),
            ("fn g<'a>(x: &'a str) -> &'a str", "fn g<'a>(x: &'a str) -> &'a str"),
            ("\"two\nasync lines\" h", "\"\n\" h"),
        ];
        for (text, want) in cases {
            assert_eq!(code(text), want, "{text}");
        }
    }

    #[test]
    fn comments_and_strings_are_kept_apart() {
        let lines = split("let s = \"{}\"; // why");
        assert_eq!(lines.first().unwrap().code_and_strings, "let s = \"{}\"; ");
        assert_eq!(lines.first().unwrap().comment, "// why");
    }

    #[test]
    fn the_test_module_is_not_shipped() {
        let source = Source::of("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n");
        assert_eq!(source.shipped().map(|(number, _)| number).last(), Some(1));
        let elsewhere = Source::of("#[cfg(test)]\nmod tests;\nfn a() {}");
        assert_eq!(elsewhere.shipped().count(), 3);
    }
}
