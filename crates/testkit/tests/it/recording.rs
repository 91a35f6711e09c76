use std::net::Shutdown;
use std::time::{Duration, Instant};

use apex_testkit::{Framing, Outcome, Script, Step, Upstream};
use socket2::SockRef;

use crate::peer::{Got, Peer};

const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_request_is_kept_byte_for_byte() {
    let upstream = Upstream::start();
    let head =
        "POST /v1/a%20b?x=1&x=2 HTTP/1.1\r\nHost: h\r\nX-Twice:  one \r\nx-twice: two\r\nContent-Length: 8\r\n\r\n";
    let mut peer = Peer::of(&upstream);
    peer.send(head);
    peer.send(b"{\"a\" :\xff}");
    peer.read_json();
    let request = &upstream.wait_for_outcomes(1, SOON)[0];
    assert_eq!((request.method.as_str(), request.version.as_str()), ("POST", "HTTP/1.1"));
    assert_eq!(request.target, "/v1/a%20b?x=1&x=2");
    assert_eq!((request.path(), request.query()), ("/v1/a%20b", Some("x=1&x=2")));
    assert_eq!(request.head, head.as_bytes());
    assert_eq!(request.body, b"{\"a\" :\xff}");
    assert_eq!(request.framing, Framing::ContentLength);
    let headers: Vec<(&str, &[u8])> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    assert_eq!(headers[1..3], [("X-Twice", b"one".as_slice()), ("x-twice", b"two".as_slice())]);
    assert!(matches!(request.outcome, Outcome::Answered { bytes_sent } if bytes_sent > 100));
}

#[test]
fn chunked_bodies_are_put_together() {
    let upstream = Upstream::start();
    let mut peer = Peer::of(&upstream);
    peer.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n1;ext=1\r\n");
    peer.send("e\r\n0\r\nTrailer: x\r\n\r\n");
    peer.read_json();
    let request = &upstream.requests()[0];
    assert_eq!(request.body, b"abcde");
    assert_eq!(request.framing, Framing::Chunked(vec![4, 1]));
}

#[test]
fn one_hundred_continue_comes_before_the_body() {
    let upstream = Upstream::start();
    let mut peer = Peer::of(&upstream);
    peer.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(peer.read(), Got::Bytes(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()));
    peer.send("ok");
    peer.read_json();
    assert_eq!(upstream.requests()[0].body, b"ok");
}

#[test]
fn keep_alive_counts_requests_and_connections() {
    let upstream = Upstream::start();
    let mut peer = Peer::of(&upstream);
    // Two at once: the second waits in the buffer while the first is answered.
    peer.send("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    upstream.wait_for_outcomes(2, SOON);
    let mut other = Peer::of(&upstream);
    other.send("GET /c HTTP/1.0\r\n\r\n");
    assert_eq!(other.read_all().1, Got::Fin);
    let seen: Vec<(String, u64, u64)> = upstream
        .take()
        .into_iter()
        .map(|request| (request.target, request.connection, request.request_on_connection))
        .collect();
    assert_eq!(seen, [("/a".into(), 0, 0), ("/b".into(), 0, 1), ("/c".into(), 1, 0)]);
    assert_eq!(upstream.connections(), 2);
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_client_that_leaves_is_noticed_at_once() {
    let head = Script::sse(["data: 1\n\n"]).steps[..2].to_vec();
    let cases: [(&str, Vec<Step>); 3] = [
        ("before the head", vec![Step::Hang]),
        ("in mid-stream", head.iter().cloned().chain([Step::Hang]).collect()),
        ("while it waits", head.iter().cloned().chain([Step::Sleep(Duration::from_mins(1))]).collect()),
    ];
    for (when, steps) in cases {
        for reset in [false, true] {
            let upstream = Upstream::start();
            upstream.next(Script::new(steps.clone()));
            let mut peer = Peer::of(&upstream);
            peer.post("/v1/chat/completions", "{}");
            upstream.wait_for(1, SOON);
            if steps.len() > 1 {
                peer.read_to("data: 1\n\n\r\n");
            }
            if reset {
                SockRef::from(&peer.stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            let left = Instant::now();
            drop(peer);
            let request = &upstream.wait_for_outcomes(1, SOON)[0];
            let Outcome::ClientGone { after, bytes_sent } = request.outcome else {
                panic!("{when}: {:?}", request.outcome)
            };
            let noticed = (request.at + after).saturating_duration_since(left);
            assert!(noticed < Duration::from_millis(100), "{when}: {noticed:?}");
            assert_eq!(bytes_sent > 0, steps.len() > 1, "{when}");
        }
    }
}

#[test]
fn a_gated_stream_waits_for_its_reader() {
    let upstream = Upstream::start();
    upstream.let_one_pass();
    let mut peer = Peer::of(&upstream);
    peer.post("/v1/chat/completions", r#"{"model":"x-gated-3","stream":true,"messages":[]}"#);
    let mut all = String::new();
    for n in 0..3 {
        while !all.contains(&format!("t{n} ")) {
            let Got::Bytes(more) = peer.read() else { panic!("it ended: {all}") };
            all.push_str(&String::from_utf8_lossy(&more));
        }
        assert!(!all.contains(&format!("t{} ", n + 1)), "{all}");
        upstream.let_one_pass();
    }
}

#[test]
fn a_client_that_leaves_in_its_own_body_is_incomplete() {
    let upstream = Upstream::start();
    let mut peer = Peer::of(&upstream);
    peer.send("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
    peer.stream.shutdown(Shutdown::Write).unwrap();
    let request = &upstream.wait_for_outcomes(1, SOON)[0];
    assert_eq!((request.outcome, request.body.as_slice()), (Outcome::Incomplete, b"abc".as_slice()));
}

#[test]
fn a_full_window_is_no_reason_to_miss_a_client_that_leaves() {
    let upstream = Upstream::start();
    upstream.next(Script::body(200, "text/plain", vec![b'x'; 64 << 20]));
    let mut peer = Peer::of(&upstream);
    peer.send("GET / HTTP/1.1\r\n\r\n");
    peer.read();
    drop(peer);
    let request = &upstream.wait_for_outcomes(1, SOON)[0];
    assert!(matches!(request.outcome, Outcome::ClientGone { .. }), "{:?}", request.outcome);
}

#[test]
fn rules_win_over_the_queue_and_the_queue_over_the_model() {
    let upstream = Upstream::start();
    upstream.on_model("m", Script::json(201, "{}"));
    upstream.on_path("/special", Script::json(202, "{}"));
    upstream.next(Script::json(203, "{}"));
    let mut peer = Peer::of(&upstream);
    let mut status = |path: &str, body: &str| {
        peer.post(path, body);
        peer.read_json().0
    };
    assert_eq!(status("/v1/chat/completions", r#"{"model":"m"}"#), 201);
    assert_eq!(status("/special?x", "{}"), 202);
    assert_eq!(status("/v1/chat/completions", r#"{"model":"other"}"#), 203);
    assert_eq!(status("/v1/chat/completions", r#"{"model":"other"}"#), 200);
    upstream.forget_scripts();
    assert_eq!(status("/v1/chat/completions", r#"{"model":"m-404"}"#), 404);
}

#[test]
fn the_control_endpoints_are_not_recorded() {
    let upstream = Upstream::start();
    let mut peer = Peer::of(&upstream);
    peer.post("/v1/chat/completions", r#"{"model":"m"}"#);
    peer.read_json();
    peer.send("GET /__requests HTTP/1.1\r\n\r\n");
    let (_, _, all) = peer.read_json();
    assert_eq!(all[0]["target"], "/v1/chat/completions");
    assert_eq!(all[0]["headers"][1], serde_json::json!(["content-length", "13"]));
    assert_eq!(all[0]["body"], r#"{"model":"m"}"#);
    assert_eq!(all[0]["outcome"]["kind"], "answered");
    peer.send("POST /__clear HTTP/1.1\r\n\r\n");
    peer.read_json();
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_head_rule_answers_before_the_body() {
    let upstream = Upstream::start();
    upstream.on_head(|request| request.path() == "/big", Script::json(413, "{}"));
    let mut peer = Peer::of(&upstream);
    peer.send("POST /big HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nabc");
    let (answer, end) = peer.read_all();
    assert!(answer.starts_with("HTTP/1.1 413 ") && end == Got::Fin);
    assert!(matches!(upstream.wait_for_outcomes(1, SOON)[0].outcome, Outcome::Answered { .. }));
}

#[test]
fn an_upstream_that_does_not_read_makes_the_sender_wait() {
    let upstream = Upstream::start();
    upstream.pause_reading(true);
    upstream.keep_of_bodies(10);
    let mut peer = Peer::of(&upstream);
    let size = 32 << 20;
    peer.send(format!("POST / HTTP/1.1\r\nContent-Length: {size}\r\n\r\n"));
    let sending = std::thread::spawn(move || {
        peer.send(vec![b'x'; size]);
        peer.read_json().0
    });
    std::thread::sleep(Duration::from_millis(50));
    assert!(!sending.is_finished() && upstream.requests().is_empty());
    upstream.pause_reading(false);
    assert_eq!(sending.join().unwrap(), 200);
    let request = &upstream.requests()[0];
    assert_eq!((request.body.len(), request.body_len), (10, size as u64));
}

#[test]
fn the_same_request_gets_the_same_bytes() {
    let upstream = Upstream::start();
    let body = r#"{"model":"gpt-5.5","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let mut peer = Peer::of(&upstream);
    peer.post("/v1/chat/completions", body);
    let (first, answer) = (peer.read_to("\r\n0\r\n\r\n"), upstream.requests()[0].answer());
    peer.post("/v1/chat/completions", body);
    let second = peer.read_to("\r\n0\r\n\r\n");
    let body = |answer: &str| answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    assert_eq!(body(&first), body(&second));
    for event in String::from_utf8(answer.whole_body()).unwrap().split("\n\n") {
        assert!(first.contains(event));
    }
}
