//! Relative links in Markdown lead to files that exist.

use std::path::Path;

use super::{File, Finding, has_extension};

pub(crate) fn broken(root: &Path, file: &File) -> Vec<Finding> {
    if !has_extension(&file.path, "md") {
        return Vec::new();
    }
    let folder = root.join(&file.path).parent().map_or_else(|| root.to_owned(), Path::to_owned);
    targets(&file.text)
        .into_iter()
        .filter(|(_, target)| {
            let path = decoded(target.split(['#', '?']).next().unwrap_or_default());
            let place = path.strip_prefix('/').map_or_else(|| folder.join(&path), |from_root| root.join(from_root));
            !path.is_empty() && !place.exists()
        })
        .map(|(line, target)| Finding::new(line, format!("`{target}` does not exist")))
        .collect()
}

/// Relative targets with their lines: `[text](target "title")`, `![..](..)`, `[id]: target`, `src="target"`.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        if fence.is_some() || mark.is_some() {
            continue;
        }
        let line = without_code(line);
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let defined = line.trim_start().starts_with('[').then(|| line.split_once("]: ")).flatten().map(|(_, to)| to);
        let attributes = ["src=\"", "href=\""].into_iter().flat_map(|name| line.split(name).skip(1));
        let attributes = attributes.filter_map(|rest| rest.split('"').next());
        for target in inline.chain(defined).chain(attributes) {
            let target = target.split_whitespace().next().unwrap_or_default();
            let target = target.trim_start_matches('<').trim_end_matches('>');
            if !target.is_empty() && !has_scheme(target) {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// The line without its `code spans`: an example of a link is not a link.
fn without_code(line: &str) -> String {
    let mut pieces = line.split('`');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    let rest: Vec<&str> = pieces.collect();
    for pair in rest.chunks(2) {
        match pair {
            [_, after] => out.push_str(after),
            [unclosed] => out.push_str(unclosed),
            _ => {}
        }
    }
    out
}

fn has_scheme(target: &str) -> bool {
    target.starts_with("//")
        || target
            .split_once(':')
            .is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+'))
}

/// `%20` and the like; what is no escape stays.
fn decoded(target: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = target.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = rest.get(1..3).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match escape {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = rest.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        targets(text).into_iter().map(|(_, target)| target).collect()
    }

    #[test]
    fn finds_relative_targets_only() {
        assert_eq!(of("see [a](docs/a.md#x) and ![b](b.png \"B\")"), ["docs/a.md#x", "b.png"]);
        assert_eq!(of("[c]: ../c.md"), ["../c.md"]);
        assert_eq!(of("<img src=\"d.svg\">"), ["d.svg"]);
        assert!(of("[w](https://example.com) [m](mailto:a@b.c) `[x](y.md)`").is_empty());
        assert!(of("```md\n[x](y.md)\n```").is_empty());
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = File::new("README.md", "[ok](Cargo.toml) [anchor](#here)\n[gone](no/such.md)".to_owned());
        let found = broken(root, &file);
        assert_eq!(found, [Finding::new(2, "`no/such.md` does not exist")]);
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(decoded("a%20b%"), "a b%");
    }
}
