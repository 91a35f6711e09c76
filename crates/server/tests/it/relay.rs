//! The way to an upstream and back: connections used again, bursts in few writes, cancellation at once.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::gateway::{Gateway, STREAM, answer, chat, event, local, status, stop, upstream};

#[test]
fn upstream_connections_are_used_again() {
    let (tell, told) = channel();
    let address = upstream(move |mut raw, number| {
        loop {
            let text = raw.request();
            tell.send((number, text)).unwrap();
            raw.say(&answer());
        }
    });
    let dir = crate::gateway::Dir::new();
    dir.write("apex.toml", &local(address));
    let gateway = Gateway::start_in(dir, &["--listen", "127.0.0.1:0", "--threads", "1"]);
    for _ in 0..3 {
        assert_eq!(gateway.chat("m#local").0, 200);
        let (connection, text) = told.recv().unwrap();
        assert_eq!(connection, 0, "{text}");
        assert!(text.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("authorization: Bearer sk-upstream\r\n"), "{text}");
    }
}

#[test]
fn a_stale_connection_is_not_the_clients_problem() {
    let address = upstream(|mut raw, number| {
        raw.request();
        raw.say(&answer());
        raw.request();
        if number > 0 {
            raw.say(&answer());
        }
    });
    let dir = crate::gateway::Dir::new();
    dir.write("apex.toml", &local(address));
    let gateway = Gateway::start_in(dir, &["--listen", "127.0.0.1:0", "--threads", "1"]);
    assert_eq!(gateway.chat("m#local").0, 200);
    let (status, text) = gateway.chat("m#local");
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("x-apex-attempts: 2"), "{text}");
}

#[test]
fn a_burst_leaves_in_few_pieces() {
    let address = upstream(|mut raw, _| {
        raw.request();
        let events: String = (0..200).map(|n| event(&format!("word {n} "))).collect();
        raw.say(&format!("{STREAM}{events}{}", stop()));
        thread::sleep(Duration::from_secs(5));
    });
    let gateway = Gateway::start(&local(address));
    let (status, text) = gateway.chat("stream#local");
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("word 199 ") && text.contains("[DONE]"));
    // hyper writes each frame it is given as one chunk, so chunks are writes.
    let is_size = |line: &&str| !line.is_empty() && line.bytes().all(|b| b.is_ascii_hexdigit());
    let chunks = text.split("\r\n").filter(is_size).count();
    assert!(chunks <= 6, "{chunks} chunks for 200 events");
}

#[test]
fn a_client_that_leaves_cancels_its_upstream() {
    for partial in ["", STREAM] {
        let (arrived, has_arrived) = channel();
        let (gone, is_gone) = channel();
        let gone = Arc::new(Mutex::new(gone));
        let address = upstream(move |mut raw, _| {
            raw.request();
            raw.say(partial);
            if !partial.is_empty() {
                raw.say(&event("hello"));
            }
            arrived.send(()).unwrap();
            let _ = raw.rest();
            gone.lock().unwrap().send(Instant::now()).unwrap();
        });
        let gateway = Gateway::start(&local(address));
        let mut raw = gateway.connect();
        raw.say(&chat("stream#local", ""));
        has_arrived.recv().unwrap();
        if !partial.is_empty() {
            raw.until("hello");
        }
        thread::sleep(Duration::from_millis(50));
        let left = Instant::now();
        drop(raw);
        let noticed = is_gone.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(noticed - left < Duration::from_millis(100), "{:?}", noticed - left);
        gateway.wait_for_log("client_gone");
    }
}

#[test]
fn a_cut_stream_is_told_and_broken_off() {
    let address = upstream(|mut raw, _| {
        raw.request();
        raw.say(&format!("{STREAM}{}", event("hello")));
    });
    let gateway = Gateway::start(&local(address));
    let mut raw = gateway.connect();
    raw.say(&chat("stream#local", ""));
    let text = raw.rest();
    assert_eq!(status(&text), 200, "{text}");
    assert!(text.contains("hello") && text.contains("\"error\""), "{text}");
    assert!(!text.ends_with("0\r\n\r\n") && !text.contains("[DONE]"), "it must not look whole: {text}");
}

#[test]
fn clients_do_not_reach_inside() {
    let (tell, told) = channel();
    let address = upstream(move |_, _| tell.send(()).unwrap());
    let gateway = Gateway::start("[upstream.hosts]\n\"inside.example\" = [\"127.0.0.1\", \"::1\", \"10.0.0.1\"]");
    for host in ["127.0.0.1", "inside.example", "localhost", "[::1]", "169.254.169.254"] {
        let host = if host == "inside.example" { host.to_owned() } else { format!("{host}:{}", address.port()) };
        let mut raw = gateway.connect();
        raw.say("GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n");
        raw.say(&format!("x-apex-ai-proxy-provider: {host}\r\n\r\n"));
        let text = raw.rest();
        assert!([400, 403].contains(&status(&text)), "{host}: {text}");
    }
    assert!(told.try_recv().is_err(), "nobody may have connected");
}
