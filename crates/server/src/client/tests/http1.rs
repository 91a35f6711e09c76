use std::fmt::Write as _;
use std::task::{Context, Poll, Waker};

use apex_core::capture::Tee;
use apex_core::exchange::TransportErrorKind;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn a_connection_is_used_again() {
    run(async {
        let (listener, port) = listen().await;
        let server = spawn_local(async move {
            let mut tcp = accept(&listener).await;
            for text in ["one", "two", "three"] {
                let request = read_request(&mut tcp).await;
                assert!(request.starts_with("POST /v1/x?y=z HTTP/1.1\r\n"), "{request}");
                assert!(request.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{request}");
                assert!(request.ends_with(text) && request.contains(&format!("content-length: {}\r\n", text.len())));
                say(&mut tcp, OK).await;
            }
            tcp
        });
        let client = Client::default();
        for text in ["one", "two", "three"] {
            let (head, mut body) = post(&client, port, text).await.unwrap();
            assert_eq!(head.status, 200);
            assert_eq!(rest(&mut body).await.unwrap(), b"ok");
            assert_eq!(client.pool.idle(), 1);
        }
        server.await.unwrap();
    });
}

#[test]
fn a_body_left_at_its_end_gives_the_connection_back() {
    run(async {
        let (listener, port) = listen().await;
        spawn_local(async move {
            let mut tcp = accept(&listener).await;
            read_request(&mut tcp).await;
            say(&mut tcp, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
            sleep(Duration::from_secs(5)).await;
        });
        let client = Client::default();
        let (_, mut body) = post(&client, port, "").await.unwrap();
        sleep(Duration::from_millis(20)).await;
        assert_eq!(poll_fn(|cx| body.poll_chunk(cx)).await.unwrap().unwrap(), "ok");
        drop(body);
        assert_eq!(client.pool.idle(), 1);
    });
}

#[test]
fn a_closed_connection_is_not_used() {
    run(async {
        let (listener, port) = listen().await;
        spawn_local(async move {
            for _ in 0..2 {
                let mut tcp = accept(&listener).await;
                read_request(&mut tcp).await;
                say(&mut tcp, OK).await;
            }
        });
        let client = Client::default();
        for _ in 0..2 {
            let (_, mut body) = post(&client, port, "x").await.unwrap();
            rest(&mut body).await.unwrap();
            sleep(Duration::from_millis(20)).await;
        }
        client.reap();
        assert_eq!(client.pool.idle(), 0, "reaped");
    });
}

#[test]
fn silence_on_a_reused_connection_is_stale() {
    run(async {
        let (listener, port) = listen().await;
        spawn_local(async move {
            for partial in ["", "", "HTTP/1.1 2"] {
                let mut tcp = accept(&listener).await;
                read_request(&mut tcp).await;
                say(&mut tcp, OK).await;
                read_request(&mut tcp).await;
                say(&mut tcp, partial).await;
            }
            let mut tcp = accept(&listener).await;
            read_request(&mut tcp).await;
        });
        let client = Client::default();
        for stale in [true, true, false] {
            let (_, mut body) = post(&client, port, "x").await.unwrap();
            rest(&mut body).await.unwrap();
            let error = post(&client, port, "y").await.unwrap_err();
            assert_eq!((error.kind, error.stale), (TransportErrorKind::Reset, stale), "{error}");
        }
        let error = post(&client, port, "z").await.unwrap_err();
        assert_eq!((error.kind, error.stale), (TransportErrorKind::Reset, false), "a fresh one: {error}");
    });
}

#[test]
fn a_burst_is_drained_without_a_pause() {
    run(async {
        let (listener, port) = listen().await;
        spawn_local(async move {
            let mut tcp = accept(&listener).await;
            read_request(&mut tcp).await;
            let mut burst = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
            for n in 0..200 {
                let event = format!("data: {{\"n\":{n:04},\"text\":\"some words of an answer\"}}\n\n");
                let _ = write!(burst, "{:x}\r\n{event}\r\n", event.len());
            }
            burst.push_str("0\r\n\r\n");
            say(&mut tcp, &burst).await;
            sleep(Duration::from_secs(5)).await;
        });
        let client = Client::default();
        let (_, mut body) = post(&client, port, "").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        let mut polls = Vec::new();
        poll_fn(|cx| {
            let mut chunks = 0;
            loop {
                match body.poll_chunk(cx) {
                    Poll::Ready(Some(chunk)) => {
                        chunk.unwrap();
                        chunks += 1;
                    }
                    Poll::Ready(None) => {
                        polls.push(chunks);
                        return Poll::Ready(());
                    }
                    Poll::Pending => {
                        polls.push(chunks);
                        return Poll::Pending;
                    }
                }
            }
        })
        .await;
        assert!(polls.iter().sum::<i32>() >= 200, "{polls:?}");
        assert!(polls.len() <= 2, "chunks in each poll: {polls:?}");
    });
}

#[test]
fn dropping_closes_the_connection() {
    run(async {
        let (listener, port) = listen().await;
        let (asked, has_asked) = oneshot::channel();
        let server = spawn_local(async move {
            let mut tcp = accept(&listener).await;
            read_request(&mut tcp).await;
            asked.send(()).unwrap();
            assert!(closed(&mut tcp).await, "the future was dropped");
            let mut tcp = accept(&listener).await;
            read_request(&mut tcp).await;
            say(&mut tcp, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").await;
            assert!(closed(&mut tcp).await, "the body was dropped");
        });
        let client = Client::default();
        tokio::select! {
            _ = post(&client, port, "x") => panic!("nobody answered"),
            asked = has_asked => asked.unwrap(),
        }
        let (_, mut body) = post(&client, port, "x").await.unwrap();
        assert_eq!(poll_fn(|cx| body.poll_chunk(cx)).await.unwrap().unwrap(), "ok");
        assert!(body.poll_chunk(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(body);
        assert_eq!(client.pool.idle(), 0);
        server.await.unwrap();
    });
}

#[test]
fn answers_that_are_none() {
    let many = format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "a: b\r\n".repeat(101));
    let large = format!("HTTP/1.1 200 OK\r\na: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(70_000));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let broken = format!("{chunked}2\r\nok\r\nzz\r\n");
    let cut = format!("{chunked}2\r\nok\r\n");
    let cases = [
        ("SSH-2.0-OpenSSH\r\n", TransportErrorKind::Protocol),
        (&many, TransportErrorKind::Protocol),
        (&large, TransportErrorKind::Protocol),
        (&broken, TransportErrorKind::Protocol),
        (&cut, TransportErrorKind::Reset),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", TransportErrorKind::Reset),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok", TransportErrorKind::Protocol),
    ];
    for (answer, kind) in cases {
        let answer = answer.to_owned();
        run(async move {
            let (listener, port) = listen().await;
            let said = answer.clone();
            spawn_local(async move {
                let mut tcp = accept(&listener).await;
                read_request(&mut tcp).await;
                say(&mut tcp, &said).await;
            });
            let client = Client::default();
            let result = match post(&client, port, "x").await {
                Ok((_, mut body)) => rest(&mut body).await.map(|_| ()),
                Err(error) => Err(error),
            };
            let short = answer.get(..answer.len().min(90));
            assert_eq!(result.as_ref().map_err(|e| e.kind), Err(kind), "{short:?}: {result:?}");
            assert_eq!(client.pool.idle(), 0);
        });
    }
}

#[test]
fn informational_heads_and_trailers_are_dropped() {
    run(async {
        let (listener, port) = listen().await;
        spawn_local(async move {
            let mut tcp = accept(&listener).await;
            read_request(&mut tcp).await;
            say(&mut tcp, "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n").await;
            say(&mut tcp, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: t\r\n\r\n").await;
            say(&mut tcp, "2\r\nok\r\n0\r\nt: v\r\n\r\n").await;
            sleep(Duration::from_secs(5)).await;
        });
        let client = Client::default();
        let (head, mut body) = post(&client, port, "x").await.unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(rest(&mut body).await.unwrap(), b"ok");
        assert_eq!(client.pool.idle(), 1);
    });
}

#[test]
fn forbidden_addresses_are_not_connected_to() {
    run(async {
        let (listener, port) = listen().await;
        let mut network = network();
        network.hosts.insert("inside.example".to_owned(), vec!["127.0.0.1".parse().unwrap()]);
        let own = "127.0.0.1:1".parse().unwrap();
        let client = Client::default();
        for host in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "inside.example", "localhost"] {
            let outgoing = outgoing(false, host, port, Reach::Public);
            let error = client.send(outgoing, OutgoingBody::Bytes(None), &network, own).await.unwrap_err();
            assert_eq!(error.kind, TransportErrorKind::Forbidden, "{host}");
        }
        assert!(timeout(Duration::from_millis(50), listener.accept()).await.is_err());

        // The same name is fine where the operator wrote it.
        spawn_local(async move {
            let mut tcp = accept(&listener).await;
            read_request(&mut tcp).await;
            say(&mut tcp, OK).await;
            sleep(Duration::from_secs(5)).await;
        });
        let configured = outgoing(false, "inside.example", port, Reach::Configured);
        let (_, mut body) = client.send(configured, OutgoingBody::Bytes(None), &network, own).await.unwrap();
        rest(&mut body).await.unwrap();
        // And its connection is not for those who may not open one.
        let outgoing = outgoing(false, "inside.example", port, Reach::Public);
        let error = client.send(outgoing, OutgoingBody::Bytes(None), &network, own).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Forbidden);
    });
}

#[test]
fn nobody_listens() {
    run(async {
        let (listener, port) = listen().await;
        drop(listener);
        let error = post(&Client::default(), port, "x").await.unwrap_err();
        assert_eq!((error.kind, error.stale), (TransportErrorKind::Connect, false));
    });
}

#[test]
fn a_client_that_leaves_inside_its_body_aborts_the_request() {
    run(async {
        let (upstream, upstream_port) = listen().await;
        let (front, front_port) = listen().await;
        let seen = spawn_local(async move {
            let mut tcp = accept(&upstream).await;
            let mut read = Vec::new();
            while tcp.read_buf(&mut read).await.unwrap_or(0) > 0 {}
            String::from_utf8(read).unwrap()
        });
        let (tell, told) = oneshot::channel();
        let tell = std::cell::RefCell::new(Some(tell));
        spawn_local(async move {
            let tcp = accept(&front).await;
            let client = Client::default();
            let service = service_fn(|request: Request<hyper::body::Incoming>| {
                let (client, tell) = (client.clone(), tell.borrow_mut().take().unwrap());
                async move {
                    let body = OutgoingBody::Client { prefix: None, body: request.into_body(), tee: Tee::default() };
                    let outgoing = outgoing(false, "127.0.0.1", upstream_port, Reach::Configured);
                    // On its own, as the connection drops what it waits for when its client leaves.
                    spawn_local(async move {
                        let own = "127.0.0.1:1".parse().unwrap();
                        let _ = tell.send(client.send(outgoing, body, &network(), own).await.map(|_| ()));
                    });
                    sleep(Duration::from_secs(5)).await;
                    Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
                }
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await;
        });
        let mut tcp = TcpStream::connect(("127.0.0.1", front_port)).await.unwrap();
        say(&mut tcp, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
        sleep(Duration::from_millis(50)).await;
        drop(tcp);
        let error = told.await.unwrap().unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::ClientBody, "{error}");
        let request = seen.await.unwrap();
        assert!(request.ends_with("3\r\nabc\r\n"), "it must not look whole: {request}");
    });
}
