use std::io::Read;
use std::time::{Duration, Instant};

use apex_testkit::{Script, Step, Upstream};
use flate2::read::GzDecoder;

use crate::peer::{Got, Peer};

const EVENTS: [&str; 3] = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];

fn play(script: Script) -> (String, Got) {
    let upstream = Upstream::start();
    upstream.next(script);
    let mut peer = Peer::of(&upstream);
    peer.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    peer.read_all()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn the_head_is_written_as_given() {
    let (answer, _) =
        play(Script::json(429, "{}").header("Retry-After", "2").headers_first([("X-A".into(), "1".into())]));
    let head = "HTTP/1.1 429 Too Many Requests\r\nX-A: 1\r\ncontent-type: application/json\r\ncontent-length: 2\r\nRetry-After: 2\r\n";
    assert_eq!(answer, format!("{head}\r\n{{}}"));
}

#[test]
fn framings_differ_and_the_body_does_not() {
    let chunked = "b\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\nd\r\ndata: three\n\n\r\n0\r\n\r\n";
    assert_eq!(body(&play(Script::sse(EVENTS)).0), chunked);
    assert_eq!(body(&play(Script::sse(EVENTS).burst()).0), chunked);
    assert_eq!(body(&play(Script::sse(EVENTS).content_length()).0), EVENTS.concat());
    assert_eq!(body(&play(Script::sse(EVENTS).until_close()).0), EVENTS.concat());
    let (split, _) = play(Script::json(200, "abcde").chunked_every(2));
    assert_eq!(body(&split), "2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n");
    assert!(split.contains("transfer-encoding: chunked") && !split.contains("content-length"));
}

#[test]
fn each_piece_is_a_write_of_its_own() {
    let upstream = Upstream::start();
    let pause = Duration::from_millis(30);
    upstream.next(Script::sse(EVENTS).paced(pause));
    upstream.next(Script::sse(EVENTS).burst());
    let mut peer = Peer::of(&upstream);
    peer.send("GET / HTTP/1.1\r\n\r\n");
    peer.read_to("data: one\n\n\r\n");
    let start = Instant::now();
    assert_eq!(peer.read(), Got::Bytes(b"b\r\ndata: two\n\n\r\n".to_vec()));
    assert!(start.elapsed() >= pause / 2);
    peer.read_to("0\r\n\r\n");
}

#[test]
fn a_cut_body_ends_in_fin_and_a_reset_one_in_rst() {
    let (answer, end) = play(Script::json(200, "0123456789").cut_after(4));
    assert_eq!((body(&answer), &end), ("0123", &Got::Fin));
    assert!(answer.contains("content-length: 10"));
    let (answer, end) = play(Script::sse(EVENTS).cut_after(15));
    assert_eq!((body(&answer), end), ("b\r\ndata: one\n\n\r\n4\r\ndata\r\n", Got::Fin));
    let (answer, end) = play(Script::sse(EVENTS).end_after(15));
    assert_eq!((body(&answer), end), ("b\r\ndata: one\n\n\r\n4\r\ndata\r\n0\r\n\r\n", Got::Fin));
    let (answer, _) = play(Script::json(200, "0123456789").end_after(4));
    assert!(answer.contains("content-length: 4") && answer.ends_with("\r\n\r\n0123"));
    let (answer, end) = play(Script::sse(EVENTS).reset_after(15));
    assert_eq!((body(&answer), end), ("b\r\ndata: one\n\n\r\n4\r\ndata\r\n", Got::Rst));
    assert_eq!(play(Script::new([Step::Reset])).1, Got::Rst);
    assert_eq!(play(Script::raw("junk")), ("junk".into(), Got::Fin));
}

#[test]
fn gzip_carries_each_event_in_its_own_write() {
    let script = Script::sse(EVENTS).gzip();
    let pieces: Vec<&Step> = script.steps.iter().filter(|step| matches!(step, Step::Chunk(_))).collect();
    assert_eq!(pieces.len(), EVENTS.len() + 1);
    let mut plain = String::new();
    GzDecoder::new(script.whole_body().as_slice()).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, EVENTS.concat());
}

#[test]
fn head_gets_no_body() {
    let upstream = Upstream::start();
    let mut peer = Peer::of(&upstream);
    peer.send("HEAD /api/hello HTTP/1.1\r\nConnection: close\r\n\r\n");
    let (answer, _) = peer.read_all();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"));
}

#[test]
fn a_malformed_request_is_refused() {
    let upstream = Upstream::start();
    let mut peer = Peer::of(&upstream);
    peer.send("HELO there\r\n\r\n");
    let (answer, end) = peer.read_all();
    assert!(answer.starts_with("HTTP/1.1 400 "));
    assert_eq!(end, Got::Fin);
}
