//! What a full or foreign file does to the log.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use super::*;
use crate::store::Counts;
use crate::{Filter, Reader, Retention};

/// A writer, and a thread that never was.
fn writer(dir: &Path) -> (Writer, Sender<Message>, Arc<Shared>) {
    let (sender, messages) = channel();
    let shared = Arc::new(Shared::default());
    shared.retain(Retention { max_age: Duration::from_secs(3600), max_size: 1 << 30, bodies: false });
    (Writer::new(dir.to_owned(), messages, shared.clone()), sender, shared)
}

fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("apex-store-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

fn record(number: usize) -> Arc<Record> {
    let started = Timestamp::from_micros(1_795_308_060_000_000 + number as u64);
    // Each fills a page.
    Arc::new(Record { request_id: format!("req_{number:04}"), path: "/".repeat(4000), started, ..Record::default() })
}

fn put(writer: &mut Writer, records: impl Iterator<Item = usize>) {
    for number in records {
        assert!(writer.shared.produce(&record(number)));
        writer.pending.push_back(record(number));
    }
}

#[test]
fn a_full_disk_stops_the_log_and_nothing_is_counted_twice() {
    let dir = dir("full");
    let (mut writer, _sender, shared) = writer(&dir);
    writer.open().unwrap();
    put(&mut writer, 0..10);
    writer.write(false);
    assert_eq!(shared.counts(), Counts { produced: 10, delivered: 10, dropped: 0, queued: 0 });

    // No page more: what a full disk answers.
    let pages: i64 = writer.connection.as_ref().unwrap().pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
    let limit = |writer: &Writer| {
        let sql = format!("PRAGMA max_page_count = {}", pages + 2);
        writer.connection.as_ref().unwrap().query_row(&sql, (), |_| Ok(())).unwrap();
    };
    limit(&writer);
    put(&mut writer, 10..30);
    writer.write(false);
    assert_eq!(writer.told.as_ref().unwrap().0, "the disk is full");
    assert_eq!(shared.counts(), Counts { produced: 30, delivered: 10, dropped: 0, queued: 20 });

    // Not before its time is it tried again.
    writer.ill.as_mut().unwrap().retry = Instant::now() + Duration::from_secs(60);
    writer.write(false);
    assert_eq!(shared.counts().queued, 20);

    // There is room again: everything that waited is written, once.
    writer.ill.as_mut().unwrap().retry = Instant::now();
    writer.write(false);
    assert!(writer.ill.is_none());
    assert_eq!(shared.counts(), Counts { produced: 30, delivered: 30, dropped: 0, queued: 0 });
    let ids: Vec<String> = Reader::open(&dir)
        .unwrap()
        .newest(&Filter::default(), 100)
        .unwrap()
        .iter()
        .map(|entry| entry.text("request_id").unwrap().to_owned())
        .collect();
    assert_eq!(ids, (0..30).map(|n| format!("req_{n:04}")).collect::<Vec<_>>());

    // Full until the end: lost, and counted.
    limit(&writer);
    put(&mut writer, 30..50);
    writer.write(true);
    assert_eq!(shared.counts(), Counts { produced: 50, delivered: 30, dropped: 20, queued: 0 });
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_deleted_file_is_made_anew() {
    let dir = dir("deleted");
    let (mut writer, _sender, shared) = writer(&dir);
    put(&mut writer, 0..1);
    writer.write(false);
    std::fs::remove_dir_all(&dir).unwrap();
    writer.look = Instant::now();
    writer.forget(0);
    put(&mut writer, 1..2);
    writer.write(false);
    assert_eq!(shared.counts().delivered, 2);
    assert_eq!(Reader::open(&dir).unwrap().newest(&Filter::default(), 10).unwrap().len(), 1);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn waiting_records_are_bounded_in_number_and_size() {
    let (mut writer, _sender, shared) = writer(&dir("bounds"));
    let large = Arc::new(Record { trace: Some("x".repeat(4 << 20)), ..Record::default() });
    let mut fit = 0;
    for _ in 0..20 {
        if shared.produce(&large) {
            fit += 1;
            writer.pending.push_back(large.clone());
        }
    }
    assert_eq!(fit, 7, "32 MiB hold seven of 4 MiB and a little");
    let small = Arc::new(Record::default());
    let small_ones = (0..20_000).filter(|_| shared.produce(&small)).count();
    assert!((1000..=16_377).contains(&small_ones), "{small_ones}");
    let counts = shared.counts();
    assert_eq!(counts.produced, counts.delivered + counts.dropped + counts.queued);
    assert_eq!(counts.queued, 7 + small_ones as u64);
}
