//! Every key of the configuration has its place in `docs/configuration.md`.

use apex_core::settings::Settings;
use serde_json::{Value, json};

const DOCUMENT: &str = include_str!("../../../../docs/configuration.md");

/// The keys that may stand where `wrap` puts a key nobody knows; none where any key may.
fn keys(wrap: impl Fn(Value) -> Value) -> Option<Vec<String>> {
    let error = serde_json::from_value::<Settings>(wrap(json!({ "?": 1 }))).err()?.to_string();
    let known = error.strip_prefix("unknown field `?`, expected ")?;
    Some(known.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The first cells of the tables below the heading `heading`; none without it.
fn rows(heading: &str) -> Vec<&'static str> {
    let rest = DOCUMENT.split_once(&format!("\n### {heading}\n")).map_or("", |(_, rest)| rest);
    let section = rest.split("\n#").next().unwrap_or_default();
    section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect()
}

#[test]
fn every_key_has_a_row() {
    let mut missing = Vec::new();
    let mut check = |heading: &str, keys: &[String]| {
        let rows = rows(heading);
        let found = |key: &&String| rows.iter().any(|row| row.contains(&format!("`{key}`")));
        missing.extend(keys.iter().filter(|key| !found(key)).map(|key| format!("{heading} {key}")));
    };
    let (mut plain, mut tables) = (Vec::new(), 0);
    for key in keys(|unknown| unknown).unwrap() {
        if key == "providers" {
            check("`[providers.ID]`", &keys(|unknown| json!({ "providers": { "p": unknown } })).unwrap());
        } else if let Some(inner) = keys(|unknown| json!({ &key: unknown })) {
            check(&format!("`[{key}]`"), &inner);
            tables += 1;
        } else if key == "aliases" || key == "defaults" {
            check(&format!("`[{key}]`"), &[]);
        } else {
            plain.push(key);
        }
    }
    check("Top level", &plain);
    assert!(missing.is_empty(), "without a row in docs/configuration.md: {missing:#?}");
    assert!(tables > 8 && plain.len() > 4, "the keys were found: {tables} tables, {plain:?}");
}
