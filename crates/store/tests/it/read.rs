//! Finding exchanges again.

use std::time::Duration;

use apex_core::record::{Mode, Outcome, Record};
use apex_core::time::Timestamp;
use apex_store::{FILE, Filter, Found, ReadError, Reader, StatusFilter};

use crate::{Dir, record, write};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// Five exchanges, one a second.
fn five() -> Dir {
    let base = |id: &str, second, outcome, status, provider: &str, model: &str| Record {
        started: at(second),
        outcome,
        status,
        provider: Some(provider.to_owned()),
        client_model: Some(format!("{model}#{provider}")),
        upstream_model: Some(model.to_owned()),
        ..record(id)
    };
    let dir = Dir::new();
    write(
        &dir,
        [
            base("req_aa1", 100, Outcome::Completed, 200, "openai", "gpt-5.5"),
            base("req_aa2", 101, Outcome::UpstreamError, 529, "anthropic", "claude-opus-4.7"),
            base("req_ab3", 102, Outcome::Truncated, 200, "anthropic", "claude-sonnet-4-6"),
            Record { mode: Mode::Passthrough, ..base("req_ab4", 103, Outcome::Relayed, 200, "zenmux.ai", "gpt[5]?") },
            base("req_c5", 104, Outcome::Refused, 401, "openai", "gpt-5.5"),
        ],
    );
    dir
}

#[test]
fn filters() {
    let dir = five();
    let reader = Reader::open(dir.path()).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let all = Filter::default;
    for (what, filter, wanted) in [
        ("all", all(), "aa1 aa2 ab3 ab4 c5"),
        ("since", Filter { since: Some(at(102)), ..all() }, "ab3 ab4 c5"),
        ("until", Filter { until: Some(at(102)), ..all() }, "aa1 aa2"),
        ("provider", Filter { provider: text("anthropic"), ..all() }, "aa2 ab3"),
        ("model as sent", Filter { model: text("gpt-5.5"), ..all() }, "aa1 c5"),
        ("model as asked", Filter { model: text("gpt-5.5#openai"), ..all() }, "aa1 c5"),
        ("models", Filter { model: text("claude-*"), ..all() }, "aa2 ab3"),
        ("models, literally", Filter { model: text("gpt[5]?*"), ..all() }, "ab4"),
        ("status", Filter { status: Some(StatusFilter::Exactly(401)), ..all() }, "c5"),
        ("statuses", Filter { status: Some(StatusFilter::Class(5)), ..all() }, "aa2"),
        ("outcome", Filter { outcome: text("truncated"), ..all() }, "ab3"),
        ("mode", Filter { mode: text("passthrough"), ..all() }, "ab4"),
        ("errors", Filter { errors: true, ..all() }, "aa2 ab3 c5"),
        ("both", Filter { errors: true, provider: text("openai"), ..all() }, "c5"),
        ("SQL", Filter { provider: text("' OR 1 --"), ..all() }, ""),
    ] {
        let found = reader.newest(&filter, 10).unwrap();
        let ids: Vec<&str> =
            found.iter().map(|entry| entry.text("request_id").unwrap().trim_start_matches("req_")).collect();
        assert_eq!(ids.join(" "), wanted, "{what}");
    }
    let newest = reader.newest(&all(), 2).unwrap();
    assert_eq!(newest.iter().map(|entry| entry.row).collect::<Vec<_>>(), [4, 5], "the newest, oldest first");
    let next = reader.after(2, &all(), 2).unwrap();
    assert_eq!(next.iter().map(|entry| entry.row).collect::<Vec<_>>(), [3, 4], "the next, oldest first");
    assert_eq!(reader.last_row().unwrap(), 5);
}

#[test]
fn an_id_or_its_beginning() {
    let dir = five();
    let reader = Reader::open(dir.path()).unwrap();
    let one = |id: &str| match reader.find(id).unwrap() {
        Found::One(entry) => entry.text("request_id").unwrap().to_owned(),
        other @ (Found::None | Found::Several(_)) => panic!("{id}: {other:?}"),
    };
    assert_eq!(one("req_aa1"), "req_aa1");
    assert_eq!(one("req_c"), "req_c5");
    assert_eq!(reader.find("req_aa").unwrap(), Found::Several(vec!["req_aa1".into(), "req_aa2".into()]));
    for id in ["req_x", "req_aa11", "%", "*"] {
        assert_eq!(reader.find(id).unwrap(), Found::None, "{id}");
    }
}

#[test]
fn reading_needs_a_log_and_changes_nothing() {
    let dir = Dir::new();
    assert!(matches!(Reader::open(dir.path()), Err(ReadError::Missing(path)) if path == dir.path().join(FILE)));
    std::fs::create_dir(dir.path()).unwrap();
    std::fs::write(dir.path().join(FILE), "this is no database at all, but it is a file").unwrap();
    assert!(matches!(Reader::open(dir.path()), Err(ReadError::Foreign(_))));

    let dir = five();
    let path = dir.path().join(FILE);
    let before = std::fs::read(&path).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.newest(&Filter::default(), 10).unwrap()[0].time("duration_ms"), Some(Duration::ZERO));
    drop(reader);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
