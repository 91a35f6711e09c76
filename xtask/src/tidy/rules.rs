//! The rules. A new one is a row of the table and a case in the tests.

use super::source::Line;
use super::{File, Finding, Weight};

pub(crate) struct Rule {
    /// What is promised: printed beside each finding.
    pub(crate) why: &'static str,
    pub(crate) applies: fn(&File) -> bool,
    pub(crate) find: fn(&File) -> Vec<Finding>,
}

pub(crate) const TABLE: &[Rule] = &[
    Rule {
        why: "core never waits",
        applies: |file| file.path.starts_with("crates/core/src/"),
        find: |file| words(file, &["async", ".await"]),
    },
    Rule {
        why: "only the exchange makes steps and only the driver takes them",
        applies: |file| {
            file.path.starts_with("crates/")
                && !file.path.starts_with("crates/testkit/") // its scripts have steps of their own
                && file.path.contains("/src/")
                && !may_step(&file.path)
        },
        find: |file| words(file, &["Step::"]),
    },
    Rule {
        why: "a dialect meets another only in the hub",
        applies: |file| dialect_of(&file.path).is_some(),
        find: foreign_dialects,
    },
    Rule {
        why: "shells never build error JSON: core/reply does, in the caller's dialect",
        applies: |file| {
            let shells = ["crates/service/src/", "crates/server/src/", "crates/worker/src/"];
            !file.is_test() && shells.iter().any(|shell| file.path.starts_with(shell))
        },
        find: error_json,
    },
    Rule {
        why: "a file is read in one sitting: aim at 100-300 lines, talk at 400, split at 800",
        applies: |file| file.source.is_some() && !file.is_test(),
        find: size,
    },
    Rule {
        why: "nothing unfinished, ignored or left over is committed",
        applies: |file| file.source.is_some(),
        find: |file| everywhere(file, &["todo!(", "unimplemented!(", "#[ignore", "dbg!("]),
    },
    Rule {
        why: "work to do has an issue number",
        applies: |file| {
            [".rs", ".py", ".js", ".mjs", ".ts", ".sh", ".toml", ".yml"].iter().any(|end| file.path.ends_with(end))
        },
        find: unnumbered,
    },
    Rule { why: "the project runs on every machine, not on one", applies: |_| true, find: machine_paths },
    Rule {
        why: "a crate begins by saying what it is",
        applies: |file| file.path.ends_with("src/lib.rs"),
        find: |file| whole(file.text.starts_with("//!"), "does not begin with `//!`"),
    },
    Rule {
        why: "wire types link the spec they follow",
        applies: |file| file.path.starts_with("crates/core/src/dialect/") && file.path.ends_with("/wire.rs"),
        find: |file| whole(file.text.contains("https://"), "has no link to the spec"),
    },
    Rule {
        why: "snapshots are reviewed before they are committed",
        applies: |file| file.path.ends_with(".snap.new") || file.path.ends_with(".pending-snap"),
        find: |_| vec![Finding::new(0, "a pending snapshot: run `cargo insta review`")],
    },
];

fn may_step(path: &str) -> bool {
    ["crates/core/src/exchange", "crates/service/src/drive"].iter().any(|place| path.starts_with(place))
}

/// The words in shipped code.
fn words(file: &File, wanted: &[&str]) -> Vec<Finding> {
    file.source.iter().flat_map(super::source::Source::shipped).flat_map(|line| on_line(line, wanted)).collect()
}

/// The words in all code, tests included.
fn everywhere(file: &File, wanted: &[&str]) -> Vec<Finding> {
    file.source.iter().flat_map(super::source::Source::all).flat_map(|line| on_line(line, wanted)).collect()
}

fn on_line((number, line): (usize, &Line), wanted: &[&str]) -> Vec<Finding> {
    let said = wanted.iter().filter(|word| has_word(&line.code, word));
    said.map(|word| Finding::new(number, format!("`{word}`"))).collect()
}

/// Whether the word stands alone: `MyStep::` is not `Step::`, `asynchronous` is not `async`.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        let joined_before = word.starts_with(part) && before.is_some_and(part);
        let joined_after = word.ends_with(part) && after.is_some_and(part);
        !joined_before && !joined_after
    })
}

const DIALECTS: &str = "crates/core/src/dialect/";

/// The dialect a file belongs to; what the dialects share (`dialect/mod.rs`) belongs to none.
fn dialect_of(path: &str) -> Option<&str> {
    let (name, _) = path.strip_prefix(DIALECTS)?.split_once('/')?;
    Some(name)
}

/// Paths that climb to another dialect: `dialect::b`, `super::super::b`, and groups of them.
///
/// The names of the dialects are a list: the rule must not depend on which folders were read before.
fn foreign_dialects(file: &File) -> Vec<Finding> {
    const NAMES: &[&str] = &[
        "anthropic",
        "openai",
        "openai_chat",
        "openai_responses",
        "chat",
        "responses",
        "messages",
        "gemini",
        "cohere",
    ];
    let own = dialect_of(&file.path).unwrap_or_default();
    let lines = file.source.iter().flat_map(super::source::Source::shipped);
    lines
        .flat_map(|(number, line)| {
            let code: String = line.code.split_whitespace().collect();
            let foreign = NAMES.iter().filter(|name| **name != own && mentions(&code, own, name));
            foreign.map(|name| Finding::new(number, format!("`{own}` uses `{name}`"))).collect::<Vec<_>>()
        })
        .collect()
}

fn mentions(code: &str, own: &str, other: &str) -> bool {
    // `super::super::x` may also be a module inside the dialect's own folder, when the file lies deeper; none does.
    ["dialect::", "super::super::"].iter().any(|climb| {
        code.split(climb).skip(1).any(|after| {
            let group = after.strip_prefix('{').and_then(|rest| rest.split('}').next());
            let heads = group.unwrap_or(after).split(',').take(if group.is_some() { usize::MAX } else { 1 });
            heads
                .map(|path| path.split(|c: char| !c.is_alphanumeric() && c != '_').next())
                .any(|head| head == Some(other) && head != Some(own))
        })
    })
}

/// `{"error": ..` in a literal, raw or escaped, or in `json!`.
fn error_json(file: &File) -> Vec<Finding> {
    let lines = file.source.iter().flat_map(super::source::Source::shipped);
    lines
        .filter(|(_, line)| {
            let dense: String = line.code_and_strings.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect();
            dense.contains("\"error\":{") || dense.contains("{\"error\"")
        })
        .map(|(number, _)| Finding::new(number, "an error object in JSON"))
        .collect()
}

fn size(file: &File) -> Vec<Finding> {
    let lines = file.text.lines().count();
    let weight = match lines {
        ..=400 => return Vec::new(),
        401..=800 => Weight::Warns,
        _ => Weight::Fails,
    };
    vec![Finding { line: 0, what: format!("{lines} lines"), weight }]
}

fn unnumbered(file: &File) -> Vec<Finding> {
    let bare = |text: &str| {
        has_word(text, MARK)
            && !text.split(MARK).skip(1).all(|after| {
                let after = after.trim_start_matches(['(', ' ', ':']);
                after.strip_prefix('#').is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
            })
    };
    let numbers: Vec<usize> = match &file.source {
        Some(source) => source.all().filter(|(_, line)| bare(&line.comment)).map(|(number, _)| number).collect(),
        None => (1..).zip(file.text.lines()).filter(|(_, line)| bare(line)).map(|(number, _)| number).collect(),
    };
    numbers.into_iter().map(|number| Finding::new(number, format!("`{MARK}` without an issue number"))).collect()
}

const MARK: &str = "TODO";

/// A path below somebody's home is a path of one machine. `https://host/home/` is not: something stands before it.
fn machine_paths(file: &File) -> Vec<Finding> {
    const HOMES: &[&str] = &["/home/", "/Users/", "/root/", "C:\\Users\\", "file:///"];
    if file.path.starts_with("xtask/src/tidy/") {
        return Vec::new();
    }
    let starts = |text: &str, at: usize| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| c.is_whitespace() || "\"'`(=:,[{<".contains(c))
    };
    (1..)
        .zip(file.text.lines())
        .flat_map(|(number, line)| {
            let found = HOMES.iter().filter(|home| line.match_indices(**home).any(|(at, _)| starts(line, at)));
            found.map(|home| Finding::new(number, format!("a path of one machine: `{home}`"))).collect::<Vec<_>>()
        })
        .collect()
}

fn whole(fine: bool, otherwise: &str) -> Vec<Finding> {
    if fine { Vec::new() } else { vec![Finding::new(0, otherwise)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many findings the table has for a file.
    fn findings(path: &str, text: &str) -> usize {
        let file = File::new(path, text.to_owned());
        TABLE.iter().filter(|rule| (rule.applies)(&file)).map(|rule| (rule.find)(&file).len()).sum()
    }

    #[test]
    fn what_the_rules_find_and_what_they_leave_alone() {
        let cases: &[(&str, &str, usize)] = &[
            ("crates/core/src/plan.rs", "async fn a() {}", 1),
            ("crates/core/src/plan.rs", "//! No async here.\nfn asynchronous() {}", 0),
            ("crates/service/src/drive.rs", "async fn a() { Step::Read }", 0),
            ("crates/service/src/lib.rs", "//! x\nmatch s { Step::Read => 1 }", 1),
            ("crates/core/src/exchange/mod.rs", "Step::Read", 0),
            ("crates/core/src/plan.rs", "NextStep::Read", 0),
            ("crates/core/src/plan.rs", "#[cfg(test)]\nmod tests {\n Step::Read\n}", 0),
            ("crates/core/tests/it/exchange.rs", "Step::Read", 0),
            ("crates/core/src/dialect/anthropic/request.rs", "use crate::dialect::openai_chat::wire;", 1),
            ("crates/core/src/dialect/anthropic/request.rs", "use super::super::openai_chat;", 1),
            ("crates/core/src/dialect/anthropic/request.rs", "use crate::dialect::{Kind, openai_chat::wire};", 1),
            (
                "crates/core/src/dialect/anthropic/request.rs",
                "use crate::dialect::anthropic::wire; use super::wire;",
                0,
            ),
            ("crates/core/src/dialect/mod.rs", "use crate::dialect::openai_chat;", 0),
            ("crates/server/src/http.rs", "let b = r#\"{ \"error\": {} }\"#;", 1),
            ("crates/server/src/http.rs", "let b = \"{\\\"error\\\":{}}\";", 1),
            ("crates/server/src/http.rs", "// {\"error\": {}}\nlet error = map.get(\"error\");", 0),
            ("crates/core/src/reply.rs", "\"{\\\"error\\\":{}}\"", 0),
            ("crates/core/src/plan.rs", "todo!()", 1),
            ("crates/core/tests/it/main.rs", "#[ignore = \"slow\"]\nfn a() { dbg!(1) }", 2),
            ("crates/core/src/plan.rs", "// TODO later", 1),
            ("crates/core/src/plan.rs", "// TODO(#12): later", 0),
            ("e2e/js/a.mjs", "// TODO #7 later", 0),
            ("e2e/js/a.mjs", "// TODO: later", 1),
            ("docs/a.md", "see `/home/me/x`", 1),
            ("docs/a.md", "see https://example.com/home/x", 0),
            ("crates/core/src/lib.rs", "mod a;", 1),
            ("crates/core/src/dialect/anthropic/wire.rs", "struct A;", 1),
            ("crates/core/src/dialect/anthropic/wire.rs", "//! <https://docs.anthropic.com/en/api/messages>", 0),
            ("crates/core/tests/it/a.snap.new", "", 1),
        ];
        for (path, text, want) in cases {
            assert_eq!(findings(path, text), *want, "{path}: {text}");
        }
    }

    #[test]
    fn long_files_warn_and_longer_ones_fail() {
        let weight = |lines: usize| {
            let file = File::new("crates/core/src/a.rs", "\n".repeat(lines));
            size(&file).first().map(|finding| finding.weight)
        };
        assert_eq!(weight(400), None);
        assert_eq!(weight(401), Some(Weight::Warns));
        assert_eq!(weight(801), Some(Weight::Fails));
        assert_eq!(findings("crates/core/tests/it/long.rs", &"\n".repeat(2000)), 0);
    }
}
