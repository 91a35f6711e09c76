//! What the documents say of providers is what the rows say. `APEX_GOLDEN=write` writes the tables of
//! `docs/translation.md` anew.

use apex_core::dialect::Dialect;
use apex_core::provider::table::{ROWS, Row};
use apex_core::provider::{LimitField, Patch, Quirks, ReasoningField, Says, StreamUsage};

#[allow(clippy::disallowed_methods, reason = "documents are read by tests only")]
fn read(path: &str) -> String {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(file).unwrap().replace("\r\n", "\n")
}

/// Compares the rows of the table that begins with `head`.
#[allow(clippy::disallowed_methods, reason = "documents are read and written by tests only")]
fn check(path: &str, head: &str, rows: &[String]) {
    let text = read(path);
    let begin = text.find(&format!("\n{head}\n|--")).unwrap_or_else(|| panic!("{path} has no table {head}")) + 1;
    let length = text[begin..].find("\n\n").unwrap();
    let rule = text[begin..].lines().nth(1).unwrap();
    let want = format!("{head}\n{rule}\n{}", rows.join("\n"));
    if text[begin..begin + length] == want {
        return;
    }
    if std::env::var("APEX_GOLDEN").is_ok_and(|v| v == "write") {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
        std::fs::write(file, [&text[..begin], want.as_str(), &text[begin + length..]].concat()).unwrap();
        return;
    }
    panic!("{path} does not say what the rows of the providers say; run with APEX_GOLDEN=write:\n{want}");
}

/// Those that are spoken to in Chat, if only where an operator asks for it.
fn chat_rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(|row| row.dialects.contains(&Dialect::OpenAiChat))
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn takes(id: &str, q: &Quirks) -> String {
    let limit = match q.limit {
        LimitField::MaxCompletionTokens => "`max_completion_tokens`",
        LimitField::MaxTokens => "`max_tokens`",
    };
    let least = if q.min_output > 1 { format!(", least {}", q.min_output) } else { String::new() };
    let usual = q.default_output.map_or_else(String::new, |n| format!(", else {n}"));
    let mut words: Vec<&str> = q.effort_words.iter().flatten().copied().collect();
    words.dedup();
    let off = if q.thinking_member { "; off by `thinking`" } else { "" };
    let reasoning = match q.reasoning_field {
        ReasoningField::Details => "`reasoning_details`, with signatures",
        ReasoningField::None => "no",
        ReasoningField::Reasoning => "`reasoning`",
        ReasoningField::ReasoningContent if q.reasoning_backfill => "`reasoning_content`, always with calls",
        ReasoningField::ReasoningContent => "`reasoning_content`",
        ReasoningField::ThinkingPart => "thinking parts",
    };
    let tools = match (q.tools, q.max_tools) {
        (false, _) => "no".to_owned(),
        (true, usize::MAX) => "yes".to_owned(),
        (true, most) => most.to_string(),
    };
    let stop = if q.drop.contains(&"stop") { "refused".to_owned() } else { q.max_stop.to_string() };
    let schema = match (q.json_schema, q.format_beside_tools) {
        (false, _) => "in words",
        (true, false) => "in words beside tools",
        (true, true) => "yes",
    };
    [
        id,
        &format!("{limit}{least}{usual}"),
        if q.stream_usage == StreamUsage::Ask { "asked" } else { "unasked" },
        &format!("{}{off}", words.join(", ")),
        reasoning,
        &tools,
        yes(q.strict_tools),
        schema,
        yes(q.file_parts),
        &stop,
        yes(q.top_k),
        &q.user_field.map_or_else(|| "no".to_owned(), |field| format!("`{field}`")),
    ]
    .iter()
    .fold(String::from("|"), |row, cell| row + " " + cell + " |")
}

#[test]
fn what_chat_providers_take() {
    let mut rows: Vec<String> = chat_rows().map(|row| takes(&format!("`{}`", row.id), row.quirks)).collect();
    rows.push(takes("custom", &Quirks::COMPATIBLE));
    check(
        "docs/translation.md",
        "| provider | limit | stream usage | efforts | earlier reasoning goes back as | tools | strict tools | schema | documents | stop | top_k | user id as |",
        &rows,
    );
}

/// `thinking.type` is `disabled`, and so on.
fn condition(all: &[Says]) -> String {
    let one = |says: &Says| {
        let place = says.inner.map_or_else(|| says.member.to_owned(), |inner| format!("{}.{inner}", says.member));
        let words: Vec<String> = says.words.iter().map(|word| format!("`{word}`")).collect();
        format!("`{place}` is {}{}", if says.is { "" } else { "not " }, words.join(" or "))
    };
    all.iter().map(one).collect::<Vec<_>>().join(" and ")
}

/// What is removed, and what else is done.
fn told(patch: &Patch) -> (Option<String>, Option<String>) {
    match patch {
        Patch::Add(name, json, _) => (None, Some(format!("`{name}` of {json} where there is none"))),
        Patch::Drop(name) => (Some(format!("`{name}`")), None),
        Patch::DropBelow(below) => {
            let but = below.but.map_or_else(String::new, |role| format!(" (but role `{role}`)"));
            (Some(format!("`{}`{but}", below.path.join("."))), None)
        }
        Patch::DropInside(name, inner) => (Some(format!("`{name}.{inner}`")), None),
        Patch::Rename(from, to) => (None, Some(format!("`{from}` is called `{to}`"))),
        Patch::Set(name, json) => (None, Some(format!("`{name}` becomes `{json}`"))),
        Patch::When(says, then) => {
            let (removed, otherwise) = told(then);
            let when = |text: String| format!("{text} where {}", condition(says));
            (removed.map(when), otherwise.map(when))
        }
    }
}

#[test]
fn field_patches() {
    let mut rows = Vec::new();
    let mut row = |who: String, patches: &[Patch]| {
        if patches.is_empty() {
            return;
        }
        let (removed, otherwise): (Vec<_>, Vec<_>) = patches.iter().map(told).unzip();
        let list = |all: Vec<Option<String>>| all.into_iter().flatten().collect::<Vec<_>>().join(", ");
        rows.push(format!("| {who} | {} | {} |", list(removed), list(otherwise)).replace("|  |", "| |"));
    };
    for provider in ROWS {
        row(format!("`{}`", provider.id), provider.quirks.relay_patches);
        row(format!("`{}`, Messages", provider.id), provider.quirks.messages_patches);
    }
    check("docs/translation.md", "| provider | removed | otherwise |", &rows);
}

/// The table of the README names every provider, with what it speaks unasked and its keys.
#[test]
fn the_readme() {
    let text = read("README.md");
    for row in ROWS {
        let line = text.lines().find(|l| l.starts_with(&format!("| `{}` |", row.id)));
        let line = line.unwrap_or_else(|| panic!("README.md has no row for `{}`", row.id));
        let cells: Vec<&str> = line.split('|').collect();
        for dialect in row.dialects {
            let name = match dialect {
                Dialect::Anthropic => "Messages",
                Dialect::Cohere => "its own v2 Chat",
                Dialect::Gemini => "Gemini",
                Dialect::OpenAiChat => "Chat",
                Dialect::OpenAiResponses => "Responses",
            };
            assert!(cells[2].contains(name), "`{}` speaks {name}, and README.md does not say so", row.id);
            let asked = cells[2].contains(&format!("dialects = [\"{dialect}\"]"));
            assert_eq!(asked, row.lossy.contains(dialect), "`{}`, {name}: is it served unasked?", row.id);
        }
        for variable in row.key_variables {
            assert!(cells[3].contains(&format!("`{variable}`")), "`{}`: README.md has no {variable}", row.id);
        }
        assert!(cells[4].contains(&format!("#{}`", row.id)), "`{}`: README.md has no example", row.id);
    }
}
