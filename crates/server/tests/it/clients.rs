//! Clients of all manners: patient, slow, deaf, in HTTP/2.

use std::io::Read as _;
use std::thread;
use std::time::{Duration, Instant};

use http::{Request, Version};
use hyper::body::Body as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::gateway::{Gateway, STREAM, chat, local, status, upstream};

#[test]
fn a_connection_serves_many_requests() {
    let gateway = Gateway::start("");
    let mut raw = gateway.connect();
    for _ in 0..3 {
        raw.say(&chat("echo#mock", ""));
        let answer = raw.response();
        assert!(status(&answer) == 200 && answer.contains("hi"), "{answer}");
    }
    // Pipelined.
    raw.say(&chat("echo#mock", "").repeat(2));
    assert_eq!((status(&raw.response()), status(&raw.response())), (200, 200));
}

#[test]
fn a_head_must_come_in_time() {
    let gateway = Gateway::start("[timeouts]\nclient_head = 0.4");
    for said in ["", "GET /healthz HTTP/1.1\r\nhost: 127", "PRI * HTTP/2.0\r\n"] {
        let mut raw = gateway.connect();
        raw.say(said);
        let start = Instant::now();
        assert_eq!(raw.rest(), "", "{said:?}");
        let took = start.elapsed();
        assert!(took > Duration::from_millis(250) && took < Duration::from_secs(2), "{said:?}: {took:?}");
    }
    // One byte now and then makes no difference.
    let mut raw = gateway.connect();
    let start = Instant::now();
    let mut one = [0];
    raw.0.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    raw.say("GET /healthz HTTP/1.1\r\na: ");
    loop {
        raw.say("x");
        match raw.0.read(&mut one) {
            Ok(0) => break,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            _ => assert!(start.elapsed() < Duration::from_secs(2), "still open"),
        }
    }
}

#[test]
fn a_client_that_takes_nothing_is_left() {
    // Much more than all buffers on the way.
    let address = upstream(|mut raw, _| {
        raw.until("\r\n\r\n");
        raw.say(STREAM);
        let piece = crate::gateway::event(&"x".repeat(60_000));
        for _ in 0..2000 {
            raw.say(&piece);
        }
    });
    let gateway = Gateway::start(&format!("{}\n[timeouts]\nclient_write = 0.5", local(address)));
    let mut raw = gateway.connect();
    raw.say(&chat("stream#local", ""));
    gateway.wait_for_log("client_gone");
}

#[tokio::test(flavor = "current_thread")]
async fn a_stream_of_http2_that_nobody_reads_is_left() {
    let address = upstream(|mut raw, _| {
        raw.request();
        raw.say(STREAM);
        let piece = crate::gateway::event(&"x".repeat(60_000));
        for _ in 0..200 {
            raw.say(&piece);
        }
        let _ = raw.rest();
    });
    let gateway = Gateway::start(&format!("{}\n[timeouts]\nclient_write = 0.5", local(address)));
    let tcp = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await.unwrap();
    let connection = tokio::spawn(connection);
    let body = r#"{"model":"m#local","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let request = Request::post(format!("http://{}/v1/chat/completions", gateway.address));
    let request = request.header("content-type", "application/json").body(body.to_owned()).unwrap();
    let unread = sender.send_request(request).await.unwrap();
    assert_eq!(unread.status().as_u16(), 200);
    // Its window is full, and its pings are answered: only the stream stands still.
    let _ = connection.await;
    gateway.wait_for_log("client_gone");
    drop(unread);
}

#[test]
fn too_many_clients_wait_their_turn() {
    let gateway = Gateway::start_with_files(32);
    let crowd: Vec<_> = (0..40).map(|_| gateway.connect()).collect();
    gateway.wait_for_log("cannot accept connections");
    thread::sleep(Duration::from_millis(500));
    let said = gateway.log().matches("cannot accept connections").count();
    assert!(said < 10, "it must not spin: said so {said} times");
    drop(crowd);
    assert_eq!(gateway.chat("echo#mock").0, 200);
}

#[test]
fn an_early_answer_does_not_wait_for_the_body() {
    let gateway = Gateway::start("");
    let mut raw = gateway.connect();
    raw.say("POST /nowhere HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000000\r\n\r\n");
    let answer = raw.until("\r\n\r\n");
    assert_eq!(status(&answer), 404, "{answer}");
}

#[tokio::test(flavor = "current_thread")]
async fn http2_without_tls() {
    let gateway = Gateway::start("");
    let tcp = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    for (path, wanted) in [("/healthz", 200), ("/nowhere", 404)] {
        let uri = format!("http://{}{path}", gateway.address);
        let request = Request::get(uri).body(String::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (wanted, Version::HTTP_2));
        assert!(!response.body().is_end_stream());
    }
    let uri = format!("http://u@{}/healthz", gateway.address);
    let refused = sender.send_request(Request::get(uri).body(String::new()).unwrap()).await.unwrap();
    assert_eq!(refused.status().as_u16(), 400);
}

#[test]
fn the_preface_may_come_in_pieces() {
    let gateway = Gateway::start("");
    let mut raw = gateway.connect();
    for piece in ["P", "RI * HTTP/2.0\r\n", "\r\nSM\r\n\r\n"] {
        raw.say(piece);
        thread::sleep(Duration::from_millis(20));
    }
    raw.say_bytes(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let mut frame = [0; 9];
    raw.0.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "settings: {frame:?}");
    // And a method that begins alike is a method.
    let mut raw = gateway.connect();
    raw.say("P");
    thread::sleep(Duration::from_millis(20));
    raw.say("UT /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
    assert_eq!(status(&raw.rest()), 405);
}
