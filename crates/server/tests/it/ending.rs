//! The end of a server: what has begun is finished.

use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::gateway::{Gateway, PATIENCE, Raw, STREAM, chat, event, local, stop, upstream};

/// A stream under way through `gateway`; it ends when the sender is told to.
fn streaming(config: &str) -> (Gateway, Raw, std::sync::mpsc::Sender<()>) {
    let (go, may_go) = channel();
    let may_go: Arc<Mutex<Receiver<()>>> = Arc::new(Mutex::new(may_go));
    let address = upstream(move |mut raw, _| {
        raw.until("\r\n\r\n");
        raw.say(&format!("{STREAM}{}", event("hello")));
        if may_go.lock().unwrap().recv().is_ok() {
            raw.say(&stop());
        }
        let _ = raw.rest();
    });
    let gateway = Gateway::start(&format!("{}\n{config}", local(address)));
    let mut raw = gateway.connect();
    raw.say(&chat("stream#local", ""));
    raw.until("hello");
    (gateway, raw, go)
}

#[test]
fn what_has_begun_is_finished() {
    let (mut gateway, mut raw, go) = streaming("");
    let mut idle = gateway.connect();
    idle.say("GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    idle.response();
    gateway.signal("TERM");
    gateway.wait_for_log("finishing what has begun");
    assert_eq!(idle.rest(), "", "an idle connection is closed");
    assert!(gateway.wait(Duration::from_millis(300)).is_none(), "the stream is not over");
    assert!(TcpStream::connect(gateway.address).is_err(), "nobody is let in any more");
    go.send(()).unwrap();
    assert!(raw.rest().contains("[DONE]"));
    assert_eq!(gateway.wait(PATIENCE).unwrap().code(), Some(0));
    gateway.wait_for_log("\"outcome\":\"completed\"");
}

#[test]
fn it_does_not_wait_for_ever() {
    let (mut gateway, mut raw, _go) = streaming("[timeouts]\ndrain = 0.3");
    gateway.signal("INT");
    assert_eq!(gateway.wait(PATIENCE).unwrap().code(), Some(0));
    assert!(!raw.rest().contains("[DONE]"));
    gateway.wait_for_log("\"message\":\"exchange\"");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut gateway, _raw, _go) = streaming("");
    gateway.signal("TERM");
    gateway.wait_for_log("finishing what has begun");
    assert!(gateway.wait(Duration::from_millis(200)).is_none());
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(2)).unwrap().code(), Some(0));
}

#[test]
fn nothing_to_finish() {
    let mut gateway = Gateway::start("");
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(2)).unwrap().code(), Some(0));
}
