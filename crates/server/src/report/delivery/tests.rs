//! Whatever the other side does, the ledger balances, what waits is bounded, and it goes on when the other side is back.

use apex_core::report::aepipe::is_accepted;
use apex_core::url::Base;
use apex_testkit::{Script, Upstream};
use http::Method;

use super::super::Counts;
use super::*;
use crate::config::{Environment, Sources, load};

const MANNERS: Manners = Manners { between: b",", accepted: is_accepted };

/// Short times: how long a bound is does not matter here, only that it is kept.
const BOUNDS: Bounds = Bounds {
    waiting: 8,
    bytes: 1 << 10,
    batch: 4,
    batch_bytes: 512,
    gather: Duration::from_millis(20),
    answer: Duration::from_millis(200),
    retry: Duration::from_secs(5),
    pause: Duration::from_millis(10),
    longest_pause: Duration::from_millis(50),
};

const PATIENCE: Duration = Duration::from_secs(10);

fn delivery(to: &Upstream, bounds: Bounds) -> (Delivery, Arc<Ledger>) {
    let ledger = Ledger::new("test");
    let mut delivery = Delivery::new(ledger.clone(), MANNERS, bounds);
    let base = Base::parse(&to.url()).unwrap();
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = Method::POST;
    head.uri = base.join("/sink", None).unwrap();
    let network = load(&Sources::default(), &Environment::default(), None).unwrap().network;
    let wrap = Arc::new(|entries: &[u8]| [b"[", entries, b"]"].concat());
    delivery.aim(Destination { origin: base.origin, head, network, wrap });
    (delivery, ledger)
}

fn put(delivery: &mut Delivery, entry: &[u8]) {
    delivery.put(|out| out.extend_from_slice(entry));
}

fn settled(ledger: &Ledger) -> Counts {
    let end = Instant::now() + PATIENCE;
    loop {
        let counts = ledger.counts();
        assert!(Instant::now() < end, "{counts:?}");
        if counts.queued == 0 {
            return counts;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn taken() -> Script {
    Script::json(200, r#"{"ok":true,"written":1}"#)
}

fn counts(produced: u64, delivered: u64, dropped: u64) -> Counts {
    Counts { produced, delivered, dropped, queued: 0 }
}

#[test]
fn entries_go_in_batches() {
    let sink = Upstream::start();
    sink.on_path("/sink", taken());
    let (mut delivery, ledger) = delivery(&sink, BOUNDS);
    for n in 0..6 {
        put(&mut delivery, n.to_string().as_bytes());
    }
    assert_eq!(settled(&ledger), counts(6, 6, 0));
    let bodies: Vec<String> = sink.requests().iter().map(apex_testkit::Recorded::body_text).collect();
    let all: Vec<u64> = bodies.iter().flat_map(|body| serde_json::from_str::<Vec<u64>>(body).unwrap()).collect();
    assert_eq!(all, [0, 1, 2, 3, 4, 5]);
    assert!(bodies.len() <= 3, "{bodies:?}");
    delivery.finish(Instant::now());
}

#[test]
fn what_fails_is_tried_again_until_it_is_taken() {
    for failure in [
        Script::json(500, "{}"),
        Script::json(503, "{}").header("retry-after-ms", "5"),
        Script::json(429, "{}"),
        Script::json(200, "<html>"),
        Script::raw("not HTTP"),
        Script::json(200, r#"{"ok":true}"#).reset_after(2),
        Script::json(200, r#"{"ok":true}"#).cut_after(4),
        Script::hang(),
    ] {
        let sink = Upstream::start();
        sink.next(failure.clone());
        sink.next(taken());
        let (mut delivery, ledger) = delivery(&sink, BOUNDS);
        put(&mut delivery, b"1");
        assert_eq!(settled(&ledger), counts(1, 1, 0), "{failure:?}");
        assert_eq!(sink.requests().len(), 2, "{failure:?}");
        delivery.finish(Instant::now());
    }
}

#[test]
fn what_is_refused_is_dropped_and_the_next_is_delivered() {
    let sink = Upstream::start();
    sink.next(Script::json(401, r#"{"error":"unauthorized"}"#));
    sink.next(taken());
    let (mut delivery, ledger) = delivery(&sink, BOUNDS);
    put(&mut delivery, b"1");
    assert_eq!(settled(&ledger), counts(1, 0, 1));
    put(&mut delivery, b"2");
    assert_eq!(settled(&ledger), counts(2, 1, 1));
    delivery.finish(Instant::now());
}

#[test]
fn a_batch_is_given_up_after_a_while() {
    let sink = Upstream::start();
    sink.on_path("/sink", Script::json(500, "{}"));
    let (mut delivery, ledger) = delivery(&sink, Bounds { retry: Duration::from_millis(100), ..BOUNDS });
    put(&mut delivery, b"1");
    assert_eq!(settled(&ledger), counts(1, 0, 1));
    delivery.finish(Instant::now());
}

#[test]
fn what_waits_is_bounded_in_number_and_bytes() {
    for (entry, fit) in [(1, 8), (300, 3)] {
        let sink = Upstream::start();
        sink.on_path("/sink", Script::hang());
        let (mut delivery, ledger) =
            delivery(&sink, Bounds { gather: PATIENCE, batch: 100, batch_bytes: 1 << 20, ..BOUNDS });
        for _ in 0..50 {
            put(&mut delivery, &vec![b'1'; entry]);
        }
        let now = ledger.counts();
        assert_eq!((now.produced, now.queued, now.dropped), (50, fit, 50 - fit));
        // The other side never answers, and the end comes: it is not waited for longer than allowed.
        delivery.finish(Instant::now() + Duration::from_millis(50));
        assert_eq!(ledger.counts(), counts(50, 0, 50));
        put(&mut delivery, b"1");
        assert_eq!(ledger.counts(), counts(51, 0, 51));
    }
}

#[test]
fn the_end_delivers_what_is_left() {
    let sink = Upstream::start();
    // The first try fails, and its pause would outlast the end.
    sink.next(Script::json(500, "{}"));
    sink.next(taken());
    sink.next(taken());
    let bounds = Bounds { gather: PATIENCE, pause: PATIENCE, longest_pause: PATIENCE, retry: PATIENCE * 2, ..BOUNDS };
    let (mut delivery, ledger) = delivery(&sink, bounds);
    for _ in 0..6 {
        put(&mut delivery, b"1");
    }
    sink.wait_for(1, PATIENCE);
    delivery.finish(Instant::now() + PATIENCE);
    assert_eq!(ledger.counts(), counts(6, 6, 0));
}

#[test]
fn a_sink_that_is_not_there_costs_records_only() {
    let gone = Upstream::start();
    let (mut delivery, ledger) = delivery(&gone, Bounds { retry: Duration::from_millis(50), ..BOUNDS });
    drop(gone);
    for _ in 0..20 {
        put(&mut delivery, b"1");
    }
    let now = settled(&ledger);
    assert_eq!((now.produced, now.delivered, now.dropped), (20, 0, 20));
    delivery.finish(Instant::now());
}
