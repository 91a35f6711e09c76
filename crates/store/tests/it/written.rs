//! What goes in comes out, whatever it is and whoever else writes.

use std::sync::Arc;
use std::time::Duration;

use apex_core::capture::{self, Capture, Shown};
use apex_core::dialect::Dialect;
use apex_core::hub::Usage;
use apex_core::record::line::{Value, fields};
use apex_core::record::{Attempt, Mode, Outcome, Record};
use apex_core::time::Timestamp;
use apex_store::{Body, Cell, Counts, FILE, Filter, Reader, Retention, Store};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use rusqlite::Connection;

use crate::{ALL, Dir, now, record, until, write};

fn cells(record: &Record) -> Vec<(&'static str, Cell)> {
    let cell = |value: Value<'_>| match value {
        Value::Millis(time) => Cell::Millis(time),
        Value::Number(number) => Cell::Number(number),
        Value::Text(text) => Cell::Text(text.to_owned()),
        Value::Truth(truth) => Cell::Truth(truth),
    };
    fields(record).map(|(name, value)| (name, cell(value))).collect()
}

fn time() -> impl Strategy<Value = Duration> {
    (0_u64..100_000_000_000).prop_map(Duration::from_micros)
}

fn count() -> impl Strategy<Value = u64> {
    0..i64::MAX as u64 / 4
}

prop_compose! {
    /// Texts of any characters, among them NUL, quotes and escapes.
    fn any_record()(
        texts in ("\\PC*", "(?s).*", of("(?s).*"), of("(?s).*"), of("(?s).*"), of("(?s).*")),
        times in (time(), of(time()), of(time())),
        sizes in (count(), count(), count()),
        tokens in (of(count()), of(count()), of(count()), of(count())),
        status in 0_u16..1000, stream: bool, passthrough: bool, dialect: bool,
        started in count(),
    ) -> Record {
        Record {
            request_id: texts.0,
            path: texts.1,
            label: texts.2.clone(),
            provider: texts.3.clone(),
            client_model: texts.4.clone(),
            upstream_model: texts.5.clone(),
            error: texts.3,
            detail: texts.5,
            started: Timestamp::from_micros(started),
            duration: times.0,
            upstream_head: times.1,
            first_byte: times.2,
            request_bytes: sizes.0,
            upstream_bytes: sizes.1,
            response_bytes: sizes.2,
            usage: Usage {
                input_uncached: tokens.0,
                cache_read: tokens.1,
                output: tokens.2,
                reasoning: tokens.3,
                ..Usage::default()
            },
            status,
            upstream_status: stream.then_some(status),
            stream,
            mode: if passthrough { Mode::Passthrough } else { Mode::Gateway },
            client_dialect: dialect.then_some(Dialect::Anthropic),
            outcome: if stream { Outcome::Completed } else { Outcome::Refused },
            ..Record::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back_as_they_went(records in vec(any_record(), 1..40)) {
        let dir = Dir::new();
        let n = records.len() as u64;
        prop_assert_eq!(write(&dir, records.clone()), Counts { produced: n, delivered: n, dropped: 0, queued: 0 });
        let entries = Reader::open(dir.path()).unwrap().newest(&Filter::default(), 100).unwrap();
        prop_assert_eq!(entries.len(), records.len());
        for (entry, record) in entries.iter().zip(&records) {
            prop_assert_eq!(entry.started, record.started);
            prop_assert_eq!(&entry.fields, &cells(record));
        }
    }
}

#[test]
fn attempts_and_bodies_come_along_and_go_along() {
    let dir = Dir::new();
    let ms = Duration::from_millis;
    let attempts = vec![
        Attempt {
            target: "https://a.example/v1/x\"y".into(),
            error: Some("connect"),
            ended: Some(ms(5)),
            ..Attempt::default()
        },
        Attempt {
            target: "https://a.example/v1".into(),
            started: ms(6),
            head: Some(ms(9)),
            status: Some(200),
            ..Attempt::default()
        },
    ];
    let body = |text: &str, truncated| capture::Body { text: text.into(), bytes: 9, truncated, reassembled: truncated };
    let shown = Shown {
        target: "/v1/messages?key=***".into(),
        request_head: "a: b\nc: d".into(),
        request: body("{\"model\":1}", false),
        response_head: "e: f".into(),
        response: body("\u{0}hello", true),
    };
    let full = Record { attempts, capture: Capture::Shown(Box::new(shown)), ..record("full") };
    write(&dir, [record("bare"), full.clone()]);
    let reader = Reader::open(dir.path()).unwrap();
    let [bare, entry] = &reader.newest(&Filter::default(), 2).unwrap()[..] else { panic!("two") };
    assert_eq!((bare.tries.as_deref(), reader.bodies(bare.row).unwrap()), (None, None));
    assert_eq!(
        entry.tries.as_deref(),
        Some(
            r#"[{"target":"https://a.example/v1/x\"y","started_ms":0.000,"ended_ms":5.000,"error":"connect"},{"target":"https://a.example/v1","started_ms":6.000,"head_ms":9.000,"status":200}]"#
        )
    );
    let bodies = reader.bodies(entry.row).unwrap().unwrap();
    assert_eq!((bodies.target.as_str(), bodies.request_head.as_str()), ("/v1/messages?key=***", "a: b\nc: d"));
    assert_eq!(bodies.request, Body { text: "{\"model\":1}".into(), truncated: false, reassembled: false });
    assert_eq!(bodies.response, Body { text: "\u{0}hello".into(), truncated: true, reassembled: true });

    // Switched off: captured for another sink, not kept here. And with a row its bodies are forgotten.
    let none = Retention { bodies: false, max_age: Duration::from_micros(1), ..ALL };
    let store = Store::start(dir.path().to_owned(), none).unwrap();
    store.put(Arc::new(full));
    let all = || {
        Connection::open(dir.path().join(FILE))
            .unwrap()
            .query_row("SELECT count(*) FROM bodies", (), |r| r.get::<_, i64>(0))
    };
    until("they are kept", || all() == Ok(0) && store.counts().delivered == 1);
    store.finish();
}

#[test]
fn two_gateways_share_a_directory() {
    let dir = Dir::new();
    let start = || Store::start(dir.path().to_owned(), ALL).unwrap();
    let (one, two) = (start(), start());
    for n in 0..500 {
        one.put(Arc::new(record(&format!("one_{n}"))));
        two.put(Arc::new(record(&format!("two_{n}"))));
    }
    for store in [one, two] {
        assert_eq!(store.finish(), Counts { produced: 500, delivered: 500, dropped: 0, queued: 0 });
    }
    assert_eq!(Reader::open(dir.path()).unwrap().newest(&Filter::default(), 2000).unwrap().len(), 1000);
}

#[test]
fn a_locked_database_is_waited_for() {
    let dir = Dir::new();
    write(&dir, [record("first")]);
    let other = Connection::open(dir.path().join(FILE)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let store = Store::start(dir.path().to_owned(), ALL).unwrap();
    store.put(Arc::new(record("second")));
    // Long enough for one try to fail, by the writer's own patience with locks.
    until("it does not wait", || store.counts() == Counts { produced: 1, queued: 1, ..Counts::default() });
    other.execute_batch("ROLLBACK").unwrap();
    until("it is never written", || store.counts().delivered == 1);
    assert_eq!(store.finish(), Counts { produced: 1, delivered: 1, dropped: 0, queued: 0 });
}

#[test]
fn a_directory_that_cannot_be_made_costs_nothing_but_the_log() {
    let dir = Dir::new();
    std::fs::write(dir.path(), "a file").unwrap();
    let store = Store::start(dir.path().join("below"), ALL).unwrap();
    for n in 0..10 {
        store.put(Arc::new(record(&n.to_string())));
    }
    assert_eq!(store.finish(), Counts { produced: 10, delivered: 0, dropped: 10, queued: 0 });
    std::fs::remove_file(dir.path()).unwrap();
}

#[test]
fn what_is_no_request_log_is_left_alone() {
    for (what, make) in [
        ("text", (|path| std::fs::write(path, "not a database, but long enough to be looked at").unwrap()) as fn(&_)),
        ("another program's", |path| Connection::open(path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap()),
        ("of a later version", |path| {
            Connection::open(path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        }),
    ] {
        let dir = Dir::new();
        std::fs::create_dir(dir.path()).unwrap();
        let path = dir.path().join(FILE);
        make(path.as_path());
        let before = std::fs::read(&path).unwrap();
        assert_eq!(write(&dir, [record("a")]), Counts { produced: 1, dropped: 1, ..Counts::default() }, "{what}");
        let after = std::fs::read(&path).unwrap();
        // SQLite may note in the header of a database how it is written; its content stays.
        assert_eq!(
            (before.len(), &before[100.min(before.len())..]),
            (after.len(), &after[100.min(after.len())..]),
            "{what}"
        );
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Dir::new();
    let store = Store::start(dir.path().to_owned(), ALL).unwrap();
    store.put(Arc::new(record("a")));
    until("it is never written", || store.counts().delivered == 1);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dir.path()), 0o700);
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 1, "{files:?}");
    assert!(files.iter().all(|path| mode(path) == 0o600), "{files:?}");
    store.finish();
    // A file that was made readable to others is taken back.
    let path = dir.path().join(FILE);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    write(&dir, [record("b")]);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn records_are_there_within_a_second() {
    let dir = Dir::new();
    let store = Store::start(dir.path().to_owned(), ALL).unwrap();
    // Without an end, and while more come in: a death at any moment costs what is younger than a second.
    let begun = now();
    while now().since(begun) < Duration::from_millis(1500) {
        store.put(Arc::new(record("a")));
        std::thread::sleep(Duration::from_millis(5));
    }
    let reader = Reader::open(dir.path()).unwrap();
    let newest = reader.newest(&Filter::default(), 1).unwrap().pop().unwrap();
    assert!(now().since(newest.started) < Duration::from_secs(1));
    store.finish();
}
