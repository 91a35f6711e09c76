//! Settings put into a file that holds others: every line that is not about them stays as it is.

use std::fmt::Write as _;

use apex_core::json::{Span, scan_object};
use toml_edit::{DocumentMut, Item, TableLike};

use super::clients::Form;

/// `text` with `settings` in it, or why that cannot be done.
pub(super) fn merge(form: Form, text: &str, settings: &str) -> Result<String, String> {
    match form {
        Form::Json if text.trim().is_empty() => Ok(settings.to_owned()),
        Form::Json => json(text, settings, 0),
        Form::Toml => toml(text, settings),
        Form::Yaml => Ok(yaml(text, settings)),
        Form::Whole if text.trim().is_empty() || text == settings => Ok(settings.to_owned()),
        Form::Whole => Err("has settings already, and what is wanted is a part of a list: add it by hand".to_owned()),
    }
}

/// Objects are merged, everything else is replaced. `depth` is how far the object is indented.
fn json(text: &str, settings: &str, depth: usize) -> Result<String, String> {
    let odd = |_| "is no plain JSON object (comments cannot be kept): add the settings by hand".to_owned();
    let have = scan_object(text).map_err(odd)?;
    let want = scan_object(settings).map_err(odd)?;
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let mut out = String::with_capacity(text.len() + settings.len());
    let mut done = 0;
    for old in &have {
        let Some(new) = want.iter().find(|new| new.name(settings) == old.name(text)) else { continue };
        let (old_value, new_value) = (old.text(text), new.text(settings));
        let both = old_value.starts_with('{') && new_value.starts_with('{');
        out.push_str(part(done..old.value.start));
        out.push_str(&if both { json(old_value, new_value, depth + 1)? } else { new_value.to_owned() });
        done = old.value.end;
    }
    let missing = |new: &&Span| !have.iter().any(|old| old.name(text) == new.name(settings));
    let added: Vec<_> = want.iter().filter(missing).collect();
    if added.is_empty() {
        out.push_str(part(done..text.len()));
        return Ok(out);
    }
    // Behind the last member, or behind the brace.
    let end = have.last().map_or_else(|| text.find('{').map_or(0, |at| at + 1), |last| last.value.end);
    out.push_str(part(done..end));
    let indent = "  ".repeat(depth + 1);
    for (at, new) in added.iter().enumerate() {
        let comma = if have.is_empty() && at == 0 { "" } else { "," };
        let key = settings.get(new.key.clone()).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = write!(out, "{comma}\n{indent}{key}: {}", new.text(settings));
    }
    let rest = part(end..text.len());
    if !rest.trim_start_matches([' ', '\t']).starts_with(['\r', '\n']) {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
    out.push_str(rest.trim_start_matches([' ', '\t']));
    Ok(out)
}

fn toml(text: &str, settings: &str) -> Result<String, String> {
    let parse = |text: &str| text.parse::<DocumentMut>().map_err(|error| format!("is not valid TOML: {error}"));
    let (mut document, settings) = (parse(text)?, parse(settings)?);
    table(document.as_table_mut(), settings.as_table());
    Ok(document.to_string())
}

fn table(have: &mut dyn TableLike, want: &dyn TableLike) {
    for (key, new) in want.iter() {
        match (have.get_mut(key), new) {
            (Some(old), new) if old.is_table_like() && new.is_table_like() => {
                if let (Some(old), Some(new)) = (old.as_table_like_mut(), new.as_table_like()) {
                    table(old, new);
                }
            }
            (Some(Item::Value(old)), Item::Value(new)) => {
                // What stands around the value, a comment behind it, stays.
                let decor = old.decor().clone();
                *old = new.clone();
                *old.decor_mut() = decor;
            }
            (_, new) => drop(have.insert(key, new.clone())),
        }
    }
}

/// A line of the same key is replaced, others are added at the end.
fn yaml(text: &str, settings: &str) -> String {
    let key = |line: &str| line.split_once(':').map(|(key, _)| key.to_owned());
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for new in settings.lines() {
        match lines.iter_mut().find(|old| key(old).is_some() && key(old) == key(new)) {
            Some(old) => new.clone_into(old),
            None => lines.push(new.to_owned()),
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_what_it_does_not_know() {
        let settings = r#"{"env": {"A": "1", "B": "2"}, "helper": "h"}"#;
        for (before, after) in [
            ("", settings.to_owned()),
            ("{}\n", "{\n  \"env\": {\"A\": \"1\", \"B\": \"2\"},\n  \"helper\": \"h\"\n}\n".to_owned()),
            (
                "{\n  \"z\": [1, 1e2],\n  \"env\": {\n    \"X\": \"x\",\n    \"A\": \"old\"\n  }\n}\n",
                "{\n  \"z\": [1, 1e2],\n  \"env\": {\n    \"X\": \"x\",\n    \"A\": \"1\",\n    \"B\": \"2\"\n  },\n  \"helper\": \"h\"\n}\n".to_owned(),
            ),
        ] {
            let merged = merge(Form::Json, before, settings).unwrap();
            assert_eq!(merged, after);
            serde_json::from_str::<serde_json::Value>(&merged).unwrap();
            assert_eq!(merge(Form::Json, &merged, settings).unwrap(), merged);
        }
        assert!(merge(Form::Json, "{ // mine\n}", settings).unwrap_err().contains("by hand"));
        assert!(merge(Form::Json, "[]", settings).is_err());
    }

    #[test]
    fn toml_keeps_comments_and_order() {
        let merged = merge(
            Form::Toml,
            "# top\nb = 1\na = \"x\" # why\n[t.u]\nk = 1\n",
            "a = \"y\"\n[t.v]\nn = 2\n[t.u]\nk = 3\n",
        )
        .unwrap();
        for kept in ["# top\nb = 1\na = \"y\" # why\n", "[t.u]\nk = 3\n", "[t.v]\nn = 2\n"] {
            assert!(merged.contains(kept), "{merged}");
        }
        assert!(merge(Form::Toml, "= no", "a = 1").is_err());
    }

    #[test]
    fn a_whole_file_is_not_touched() {
        assert_eq!(merge(Form::Whole, "\n", "models: []\n").unwrap(), "models: []\n");
        assert_eq!(merge(Form::Whole, "models: []\n", "models: []\n").unwrap(), "models: []\n");
        assert!(merge(Form::Whole, "name: mine\n", "models: []\n").unwrap_err().contains("by hand"));
    }

    #[test]
    fn yaml_replaces_lines_of_the_same_key() {
        assert_eq!(
            merge(Form::Yaml, "# mine\nmodel: old\nx: 1\n", "base: u\nmodel: new\n").unwrap(),
            "# mine\nmodel: new\nx: 1\nbase: u\n"
        );
    }
}
