//! What HTTP itself forbids is refused before anything reads the request, and the connection is closed.

use crate::gateway::{Gateway, status};

#[test]
fn refused_heads_close_the_connection() {
    let gateway = Gateway::start("");
    let long = format!("GET /{} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", "x".repeat(9000));
    let large = format!("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\na: {}\r\n\r\n", "x".repeat(70_000));
    let many = format!("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n{}\r\n", "a: b\r\n".repeat(101));
    let cases: &[(&str, u16)] = &[
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: u@a\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
        ("GET http://u@127.0.0.1/healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", 400),
        ("CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n", 400),
        ("POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /v1/messages HTTP/1.0\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost : 127.0.0.1\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\na: b\r\n c\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\na: \0\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
        (&long, 414),
        (&large, 431),
        (&many, 431),
    ];
    for (head, wanted) in cases {
        let mut raw = gateway.connect();
        raw.say(head);
        let answer = raw.rest();
        let short: String = head.chars().take(100).collect();
        assert_eq!(status(&answer), *wanted, "{short:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{short:?}: {answer}");
    }
    let mut raw = gateway.connect();
    raw.say("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    assert_eq!(status(&raw.response()), 200);
}

#[test]
fn two_framings_end_the_connection() {
    let gateway = Gateway::start("");
    let mut raw = gateway.connect();
    raw.say("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n");
    raw.say("content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    let answer = raw.rest();
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "the second request must not be seen: {answer}");
}

#[test]
fn a_broken_body_closes_the_connection() {
    let gateway = Gateway::start("");
    let mut raw = gateway.connect();
    raw.say("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n");
    raw.say("transfer-encoding: chunked\r\n\r\nzz\r\nGET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    let answer = raw.rest();
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert_eq!(status(&answer), 400, "{answer}");
}
