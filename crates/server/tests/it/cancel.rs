//! A client that leaves: its upstream is told at once, and one record says so (pitfall 60). Nor does an upstream stay open
//! when the gateway itself gives up.

use std::time::{Duration, Instant};

use apex_testkit::{Outcome, Recorded, Script, Step};

use crate::gateway::{PATIENCE, Raw};
use crate::scripted::{Client, Scripted, begun};

/// The promise is 100 ms; a busy machine may be late to run us.
const AT_ONCE: Duration = Duration::from_millis(300);

/// The client leaves now; how long until the upstream sees that.
fn leave(both: &Scripted, raw: Raw, what: &str, seen: impl Fn(&Recorded) -> bool) {
    let left = Instant::now();
    drop(raw);
    both.upstream.wait_until(PATIENCE, |all| all.iter().all(&seen) && !all.is_empty());
    let took = left.elapsed();
    println!("{what}: the upstream is free after {took:.1?}");
    assert!(took < AT_ONCE, "{what}: {took:?}");
    let records = both.wait_for_records(1);
    assert_eq!(records[0]["outcome"], "client_gone", "{what}: {}", records[0]);
    let end = Instant::now() + PATIENCE;
    while both.upstream.open_connections() > 0 {
        assert!(Instant::now() < end, "{what}: the connection is still open");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_gone(request: &Recorded) -> bool {
    matches!(request.outcome, Outcome::ClientGone { .. })
}

#[test]
fn before_the_first_byte_of_a_stream() {
    for (client, model) in [(Client::Chat, "m#openai"), (Client::Messages, "m#openai"), (Client::Chat, "m#anthropic")] {
        let both = Scripted::start("");
        both.upstream.next(Script::hang());
        let mut raw = both.connect();
        raw.say(&client.post(model, true, ""));
        both.upstream.wait_for(1, PATIENCE);
        leave(&both, raw, &format!("before the first byte, {client:?} to {model}"), is_gone);
        assert_eq!(both.records()[0]["status"], 499);
    }
}

#[test]
fn in_the_middle_of_a_stream() {
    for (client, upstream, model) in [
        (Client::Chat, Client::Chat, "m#openai"),
        (Client::Messages, Client::Messages, "m#anthropic"),
        (Client::Messages, Client::Chat, "m#openai"),
        (Client::Chat, Client::Messages, "m#anthropic"),
    ] {
        let both = Scripted::start("");
        both.upstream.next(begun(upstream));
        let mut raw = both.connect();
        raw.say(&client.post(model, true, ""));
        raw.until("hello");
        leave(&both, raw, &format!("mid-stream, {client:?} to {model}"), is_gone);
        assert_eq!(both.records()[0]["status"], 200);
    }
}

#[test]
fn while_a_whole_reply_is_waited_for() {
    for (client, model) in
        [(Client::Chat, "m#openai"), (Client::Messages, "m#openai"), (Client::Messages, "m#anthropic")]
    {
        let both = Scripted::start("");
        both.upstream.next(Script::hang());
        let mut raw = both.connect();
        raw.say(&client.post(model, false, ""));
        both.upstream.wait_for(1, PATIENCE);
        leave(&both, raw, &format!("non-streamed, {client:?} to {model}"), is_gone);
    }
    // And in the middle of a document that is collected.
    let both = Scripted::start("");
    let mut script = Script::json(200, "{\"id\":\"c\",".repeat(100));
    script.steps[1] = Step::Bytes(b"{\"id\":".to_vec());
    both.upstream.next(script.then(Step::Hang));
    let mut raw = both.connect();
    raw.say(&Client::Messages.post("m#openai", false, ""));
    both.upstream.wait_for(1, PATIENCE);
    std::thread::sleep(Duration::from_millis(50));
    leave(&both, raw, "in the middle of a document", is_gone);
}

#[test]
fn in_passthrough() {
    for (what, script) in [("head awaited", Script::hang()), ("mid-stream", begun(Client::Chat))] {
        let both = Scripted::start("");
        both.upstream.next(script.clone());
        let mut raw = both.connect();
        raw.say(&Client::Chat.post("m", true, &both.passthrough()));
        both.upstream.wait_for(1, PATIENCE);
        if what == "mid-stream" {
            raw.until("hello");
        }
        leave(&both, raw, &format!("passthrough, {what}"), is_gone);
    }
}

#[test]
fn when_the_gateway_gives_up() {
    // Nothing came, nothing more came, and what came is no reply: the client stays, and the upstream is freed.
    let mut stops = Script::json(200, "{\"id\":\"c\",".repeat(100));
    stops.steps[1] = Step::Bytes(b"{\"id\":".to_vec());
    let stops = stops.then(Step::Hang);
    for (what, script, model, stream, status) in [
        ("no first byte", Script::hang(), "m#openai", true, 504),
        ("silence", begun(Client::Chat), "m#openai", true, 200),
        ("a document that stops", stops, "m#anthropic", false, 504),
    ] {
        let both = Scripted::start("[timeouts]\nfirst_byte = 0.2\nidle = 0.2");
        both.upstream.next(script);
        let (code, reply) = both.ask(&Client::Chat.post(model, stream, ""));
        assert_eq!(code, status, "{what}: {reply}");
        both.upstream.wait_until(PATIENCE, |all| all.iter().all(is_gone) && !all.is_empty());
        let end = Instant::now() + PATIENCE;
        while both.upstream.open_connections() > 0 {
            assert!(Instant::now() < end, "{what}: the connection is still open");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_ne!(both.wait_for_records(1)[0]["outcome"], "completed", "{what}");
    }
}

#[test]
fn while_uploading() {
    // The gateway reads the whole body first: its upstream hears nothing.
    for framing in [
        "content-length: 1000\r\n\r\n{\"model\":",
        "transfer-encoding: chunked\r\n\r\n9\r\n{\"model\":\r\n",
        "content-length: 1000\r\n\r\n",
    ] {
        let both = Scripted::start("");
        let mut raw = both.connect();
        raw.say(&format!(
            "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{framing}"
        ));
        std::thread::sleep(Duration::from_millis(50));
        let left = Instant::now();
        drop(raw);
        both.records_when(1, |_| true);
        println!("while uploading: the record is there after {:.1?}", left.elapsed());
        let records = both.wait_for_records(1);
        assert_eq!(records[0]["outcome"], "client_gone", "{}", records[0]);
        assert!(both.upstream.requests().is_empty());
    }
}

#[test]
fn while_uploading_through_a_passthrough() {
    for framing in ["content-length: 1000\r\n\r\n{\"model\":", "transfer-encoding: chunked\r\n\r\n9\r\n{\"model\":\r\n"]
    {
        let both = Scripted::start("");
        let mut raw = both.connect();
        let to = both.passthrough();
        raw.say(&format!(
            "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n{to}content-type: application/json\r\n{framing}"
        ));
        let end = Instant::now() + PATIENCE;
        while both.upstream.open_connections() == 0 {
            assert!(Instant::now() < end, "the upload is not passed on");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(50));
        leave(&both, raw, "passthrough, while uploading", |r| r.outcome == Outcome::Incomplete);
    }
}

#[test]
fn while_a_large_request_is_translated() {
    // That is done on another thread, with the exchange; what is left here knows enough for the record.
    let both = Scripted::start("");
    both.upstream.on_path("/chat/completions", Script::hang());
    let words = "word \\n".repeat(1 << 20);
    let body = format!(r#"{{"model":"m#openai","max_tokens":9,"messages":[{{"role":"user","content":"{words}"}}]}}"#);
    let mut raw = both.connect();
    raw.say(&crate::scripted::post("/v1/messages", &body, ""));
    std::thread::sleep(Duration::from_millis(100));
    drop(raw);
    let records = both.wait_for_records(1);
    assert_eq!(records[0]["outcome"], "client_gone", "{}", records[0]);
    assert_eq!(records[0]["status"], 499, "{}", records[0]);
    // On a fast machine the translation is over first.
    assert!(both.upstream.requests().len() < 2);
    let (code, reply) = both.ask(&Client::Messages.post("m#anthropic", false, ""));
    assert_eq!(code, 200, "{reply}");
}
