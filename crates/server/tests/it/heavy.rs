//! A huge request does not hold up those beside it on the same thread.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use apex_testkit::Script;

use crate::gateway::{Raw, STREAM, event, local, status, upstream};
use crate::scripted::{Client, Scripted, post};

const PACE: Duration = Duration::from_millis(20);
/// What a stream may be held up is this part of the time that the huge request takes: a busy machine slows down both.
const PART: u32 = 200;
const TRIES: usize = 3;

/// How late the deltas of one stream were, from the upstream's write to the client's read.
#[derive(Debug)]
struct Delays(Vec<Duration>);

impl Delays {
    fn new(mut delays: Vec<Duration>) -> Self {
        delays.sort_unstable();
        Self(delays)
    }

    /// The median of the three worst: one pause of the machine is not ours.
    fn worst(&self) -> Duration {
        self.0[self.0.len() - 2]
    }

    fn p99(&self) -> Duration {
        self.0[(self.0.len() - 1) * 99 / 100]
    }

    fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }
}

/// The delays of a stream while `beside` runs; the stream is over after it.
fn delays(both: &Scripted, sent: &Arc<Mutex<Sent>>, beside: impl FnOnce() + Send) -> Delays {
    let (tell, told) = channel();
    *sent.lock().unwrap() = Sent { times: Some(tell), go_on: true };
    let received = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut raw = both.connect();
            raw.say(&Client::Chat.post("stream#local", true, ""));
            received(&mut raw)
        });
        thread::sleep(Duration::from_millis(300));
        beside();
        thread::sleep(Duration::from_millis(300));
        sent.lock().unwrap().go_on = false;
        reader.join().unwrap()
    });
    let written: Vec<Instant> = told.try_iter().collect();
    assert_eq!(written.len(), received.len(), "no delta is lost, none is joined to another for long");
    // Without the first: it waits for the head.
    Delays::new(received.iter().zip(&written).skip(1).map(|(r, w)| r.duration_since(*w)).collect())
}

/// When each delta was there.
fn received(raw: &mut Raw) -> Vec<Instant> {
    let (mut times, mut text, mut buffer) = (Vec::new(), String::new(), vec![0; 1 << 16]);
    loop {
        match raw.0.read(&mut buffer) {
            Ok(0) => return times,
            Ok(n) => {
                let now = Instant::now();
                text.push_str(&String::from_utf8_lossy(&buffer[..n]));
                let deltas = text.matches("tick").count();
                times.resize(deltas, now);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// What the paced upstream is asked to do, and whom it tells when it wrote.
struct Sent {
    times: Option<Sender<Instant>>,
    go_on: bool,
}

fn paced() -> (std::net::SocketAddr, Arc<Mutex<Sent>>) {
    let sent = Arc::new(Mutex::new(Sent { times: None, go_on: false }));
    let shared = sent.clone();
    let address = upstream(move |mut raw, _| {
        raw.until("\r\n\r\n");
        raw.0.set_nodelay(true).unwrap();
        raw.say(STREAM);
        let piece = event("tick");
        let tell = shared.lock().unwrap().times.take().unwrap();
        while shared.lock().unwrap().go_on {
            thread::sleep(PACE);
            tell.send(Instant::now()).unwrap();
            raw.say(&piece);
        }
        raw.say(&crate::gateway::stop());
    });
    (address, sent)
}

/// 60 MiB of conversation: texts with escapes, tool calls and results, and a picture.
fn conversation() -> String {
    let text = "All work and no play makes \\\"Jack\\\" a dull boy.\\n\u{e9}".repeat(2_000);
    let turn = format!(
        r#"{{"role":"user","content":[{{"type":"text","text":"{text}"}}]}},{{"role":"assistant","content":[{{"type":"text","text":"{text}"}},{{"type":"tool_use","id":"toolu_1","name":"f","input":{{"a":"{text}"}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_1","content":"{text}"}}]}},"#
    );
    let picture = "A".repeat(4 << 20);
    let mut body = String::with_capacity(61 << 20);
    body.push_str(r#"{"model":"m#openai","max_tokens":100,"messages":["#);
    while body.len() < 55 << 20 {
        body.push_str(&turn);
    }
    let _ = write!(
        body,
        r#"{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{picture}"}}}}]}}]}}"#
    );
    while body.len() < 60 << 20 {
        body.push(' ');
    }
    body
}

/// Something else that wants a core: what a stream then suffers is the machine's doing, and the measure for ours.
fn another_program(runs: Duration) {
    let end = Instant::now() + runs;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// Read on the stream's thread, the huge request would hold it up for most of the time it takes. The verdict is about
/// that part, not about milliseconds; a pause of the machine is given three tries.
#[test]
fn sixty_mebibytes_beside_a_stream() {
    let (address, sent) = paced();
    let both = Scripted::start_with("", &local(address), &["--threads", "1"]);
    both.upstream.keep_of_bodies(100);
    let answer = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"read"},"finish_reason":"stop"}]}"#;
    both.upstream.on_path("/chat/completions", Script::json(200, answer));
    let request = post("/v1/messages", &conversation(), "");

    let told = tries(&both, &sent, &request, "read", PART);
    let received = both.upstream.requests();
    assert!(received.iter().all(|r| r.body_len > 55 << 20), "translated whole");
    verdict(&told, PART);
}

/// Cutting texts into tokens is slow; the first count of a process reads the vocabulary, too.
#[test]
fn a_large_count_beside_a_stream() {
    let (address, sent) = paced();
    let both = Scripted::start_with(
        "[providers.plain]\nbase_url = \"http://127.0.0.1:1/v1\"\n",
        &local(address),
        &["--threads", "1"],
    );
    let text = "All work and no play makes Jack a dull boy. ".repeat(20_000);
    let body = format!(r#"{{"model":"m#plain","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    assert!(body.len() < 1 << 20, "not moved away for its size");
    // It is over sooner than the other: pauses of the machine are a larger part of it.
    let part = PART / 10;
    let request = post("/v1/messages/count_tokens", &body, "");
    verdict(&tries(&both, &sent, &request, "input_tokens", part), part);
}

/// How much later deltas of a stream were beside `request`, whose answer has `word`, and how long that took.
fn tries(both: &Scripted, sent: &Arc<Mutex<Sent>>, request: &str, word: &str, part: u32) -> Vec<(Duration, Duration)> {
    let mut told = Vec::new();
    for number in 1..=TRIES {
        let alone = delays(both, sent, || another_program(Duration::from_secs(4)));
        let begun = Instant::now();
        let mut took = Duration::ZERO;
        let beside = delays(both, sent, || {
            let mut raw = both.connect();
            raw.0.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
            raw.0.write_all(request.as_bytes()).unwrap();
            let reply = raw.rest();
            took = begun.elapsed();
            assert_eq!(status(&reply), 200, "{reply}");
            assert!(reply.contains(word), "{reply}");
        });
        let more = beside.worst().saturating_sub(alone.worst());
        println!(
            "try {number}: {} MiB in {took:.1?}; delay of a delta alone: median {:.1?}, p99 {:.1?}, worst {:.1?} (of {}); \
             beside it: median {:.1?}, p99 {:.1?}, worst {:.1?} (of {}); more: {more:.1?}",
            request.len() >> 20,
            alone.median(),
            alone.p99(),
            alone.worst(),
            alone.0.len(),
            beside.median(),
            beside.p99(),
            beside.worst(),
            beside.0.len(),
        );
        told.push((more, took));
        if more < took / part {
            break;
        }
    }
    told
}

fn verdict(told: &[(Duration, Duration)], part: u32) {
    let held_up = |(more, took): &(Duration, Duration)| *more >= *took / part;
    assert!(!told.iter().all(held_up), "a stream is held up by (of the time it took): {told:?}");
}
