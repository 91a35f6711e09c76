//! Events that come together go out together: writes cost more than words.

use std::time::{Duration, Instant};

use apex_testkit::Script;

use crate::gateway::status;
use crate::scripted::{Chunked, Client, Scripted, events, text};

const EVENTS: usize = 200;
const MOST_CHUNKS: usize = 8;

#[test]
fn many_events_in_few_chunks() {
    for (client, upstream, model) in [
        (Client::Chat, Client::Chat, "m#openai"),
        (Client::Messages, Client::Messages, "m#anthropic"),
        (Client::Chat, Client::Messages, "m#anthropic"),
        (Client::Messages, Client::Chat, "m#openai"),
    ] {
        let both = Scripted::start("");
        let words = || (0..EVENTS).map(|n| format!("word {n} "));
        both.upstream.next(Script::sse(events(upstream, words())).burst());
        let mut raw = both.connect();
        raw.say(&client.post(model, true, ""));
        let reply = Chunked::read(&mut raw);
        assert_eq!(status(&reply.head), 200, "{}", reply.head);
        assert_eq!(text(&reply.body()), words().collect::<String>(), "{client:?} from {upstream:?}");
        println!(
            "{client:?} client, {upstream:?} upstream: {} chunks, {} reads for {EVENTS} deltas in one write",
            reply.chunks.len(),
            reply.reads
        );
        assert!(reply.chunks.len() <= MOST_CHUNKS, "{} chunks", reply.chunks.len());
        assert_eq!(both.wait_for_records(1)[0]["outcome"], "completed");
    }
}

#[test]
fn single_events_do_not_wait_for_more() {
    // A pause is not a reason to hold back what is there.
    let both = Scripted::start("");
    let words = (0..5).map(|n| format!("word {n} "));
    let script = Script::sse(events(Client::Messages, words)).paced(Duration::from_millis(60));
    both.upstream.next(script);
    let mut raw = both.connect();
    raw.say(&Client::Chat.post("m#anthropic", true, ""));
    let begun = Instant::now();
    raw.until("word 0 ");
    let first = begun.elapsed();
    let reply = raw.rest();
    assert!(reply.contains("word 4 "), "{reply}");
    assert!(begun.elapsed() > first + Duration::from_millis(200), "the pauses are seen");
}
