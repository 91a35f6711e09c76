//! What is kept, and what is forgotten.

use std::sync::Arc;
use std::time::Duration;

use apex_core::record::Record;
use apex_store::{Cell, FILE, Filter, Reader, Retention, Store};
use rusqlite::Connection;

use crate::{ALL, Dir, now, record, until, write};

#[test]
fn what_is_too_old_is_forgotten() {
    let dir = Dir::new();
    let old = |n: u64| Record { started: now() - Duration::from_secs(7200 + n), ..record("old") };
    write(&dir, (0..1000).map(old).chain([record("young")]));
    let store = Store::start(dir.path().to_owned(), Retention { max_age: Duration::from_secs(3600), ..ALL }).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    until("it keeps them", || reader.newest(&Filter::default(), 2000).unwrap().len() == 1);
    assert_eq!(reader.newest(&Filter::default(), 1).unwrap()[0].text("request_id"), Some("young"));
    store.finish();
}

#[test]
fn a_file_that_is_too_large_shrinks() {
    const LIMIT: u64 = 1 << 20;
    let dir = Dir::new();
    let large = |n: usize| Record { path: "/".repeat(4000), ..record(&format!("req_{n:04}")) };
    assert_eq!(write(&dir, (0..2000).map(large)).delivered, 2000);
    let size = || dir.path().join(FILE).metadata().unwrap().len();
    assert!(size() > 7 * LIMIT, "{}", size());
    let store = Store::start(dir.path().to_owned(), Retention { max_size: LIMIT, ..ALL }).unwrap();
    // A few pages may stay free for what comes next.
    until("it does not shrink", || size() <= 2 * LIMIT);
    store.finish();
    let entries = Reader::open(dir.path()).unwrap().newest(&Filter::default(), 3000).unwrap();
    assert!((50..300).contains(&entries.len()), "{}", entries.len());
    assert_eq!(entries.last().unwrap().text("request_id"), Some("req_1999"), "the newest are kept");
}

#[test]
fn a_file_that_shrinks_does_not_grow_by_what_is_written_meanwhile() {
    const LIMIT: u64 = 1 << 20;
    let dir = Dir::new();
    let large = |n: usize| Record { path: "/".repeat(4000), ..record(&format!("req_{n:05}")) };
    assert_eq!(write(&dir, (0..3000).map(large)).delivered, 3000);
    let size = || dir.path().join(FILE).metadata().unwrap().len();
    let before = size();
    let store = Store::start(dir.path().to_owned(), Retention { max_size: LIMIT, ..ALL }).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let oldest =
        || reader.newest(&Filter::default(), 20_000).unwrap().last().unwrap().text("request_id") != Some("req_00000");
    until("it forgets nothing", oldest);
    (3000..7000).for_each(|n| store.put(Arc::new(large(n))));
    until("they are not written", || store.counts().delivered == 4000);
    store.finish();
    assert!(size() < before + before / 2, "{} of {before} bytes", size());
}

#[test]
fn the_limits_can_change_while_it_runs() {
    let dir = Dir::new();
    write(&dir, [Record { started: now() - Duration::from_secs(7200), ..record("old") }]);
    let store = Store::start(dir.path().to_owned(), ALL).unwrap();
    store.retain(Retention { max_age: Duration::from_secs(3600), ..ALL });
    store.put(Arc::new(record("young")));
    let reader = Reader::open(dir.path()).unwrap();
    let ids = || reader.newest(&Filter::default(), 10).unwrap().len();
    until("it is kept", || ids() == 1 && store.counts().delivered == 1);
    store.finish();
}

/// Logs as versions before this one made them.
const OLDER: &[(&str, &str)] =
    &[("version 1", include_str!("../fixtures/v1.sql")), ("version 2", include_str!("../fixtures/v2.sql"))];

#[test]
fn every_older_log_is_read_and_written_on() {
    for (version, sql) in OLDER {
        let dir = Dir::new();
        std::fs::create_dir(dir.path()).unwrap();
        let path = dir.path().join(FILE);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        // Read as it is, before a newer gateway ever ran.
        let old = Reader::open(dir.path()).unwrap().newest(&Filter::default(), 10).unwrap();
        assert_eq!(old.len(), 2, "{version}");
        assert_eq!(old[0].text("request_id"), Some("req_1"), "{version}");
        assert_eq!(old[0].get("duration_ms"), Some(&Cell::Millis(Duration::from_micros(812_345))), "{version}");
        // Then brought up to date, with nothing lost.
        let counts = write(&dir, [record("req_new")]);
        assert_eq!((counts.delivered, counts.dropped), (1, 0), "{version}");
        let all = Reader::open(dir.path()).unwrap().newest(&Filter::default(), 10).unwrap();
        assert_eq!(all[..2], old, "{version}");
        assert_eq!(all[2].text("request_id"), Some("req_new"), "{version}");
        assert_eq!(schema(&path), schema_when_new(), "{version}");
    }
}

/// The tables and indexes, however they came to be: columns that were added later are not spelled as the first ones.
fn schema(path: &std::path::Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'
               UNION ALL SELECT m.tbl_name, m.name FROM sqlite_schema m WHERE m.type = 'index' ORDER BY 1, 2";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn schema_when_new() -> Vec<(String, String)> {
    let dir = Dir::new();
    write(&dir, []);
    schema(&dir.path().join(FILE))
}
