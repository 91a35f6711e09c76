//! A stream's events, put together into the one reply that a client without streams would have got.

use bytes::Bytes;

use crate::dialect::{self, Dialect, ReplyContext, StreamDecoder};
use crate::hub::{Aliases, Event, Fold, Sequencer};
use crate::provider::Quirks;
use crate::sse::Batch;

/// The reply in `sse`, in the dialect of its client, as far as it goes, and whether that is all of it; none if it does not
/// read as one.
pub(super) fn reassemble(dialect: Dialect, sse: &str) -> Option<(String, bool)> {
    let whole = Batch::whole(Bytes::copy_from_slice(sse.as_bytes()));
    let mut decoder = StreamDecoder::new(dialect, &Quirks::OPENAI, Aliases::default());
    let (mut sequencer, mut fold) = (Sequencer::default(), Fold::default());
    let mut any = false;
    for (name, data) in whole.frames().filter_map(|frame| frame.parse()) {
        let mut events = Vec::new();
        decoder.push(name.as_deref(), &data, &mut events);
        let mut ordered = Vec::with_capacity(events.len());
        events.into_iter().for_each(|event| sequencer.push(event, &mut ordered));
        for event in &ordered {
            if matches!(event, Event::Error(_)) {
                // Its words matter as they are.
                return None;
            }
            any |= matches!(event, Event::BlockStart { .. });
            fold.push(event);
        }
    }
    if !any {
        return None;
    }
    let (mut rest, mut ordered) = (Vec::new(), Vec::new());
    decoder.finish(&mut rest);
    rest.into_iter().for_each(|event| sequencer.push(event, &mut ordered));
    ordered.iter().for_each(|event| fold.push(event));
    let reply = fold.finish();
    // The dialect puts its prefix before it again.
    let id = reply.id.text();
    let id = ["chatcmpl-", "msg_", "resp_"].iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(&id);
    let context = ReplyContext {
        id: id.to_owned(),
        client_model: reply.model.text().into_owned(),
        include_usage: true,
        show_thoughts: true,
        ..ReplyContext::default()
    };
    let whole = sequencer.ended();
    String::from_utf8(dialect::encode_reply(dialect, &reply, &context)).ok().map(|text| (text, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_short_says_so() {
        let start = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}"#;
        let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
        let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#;
        let stop = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#;
        let end = r#"{"type":"message_stop"}"#;
        for (events, whole) in [(&[start, block, delta] as &[&str], false), (&[start, block, delta, stop, end], true)] {
            let sse = events.iter().flat_map(|event| ["data: ", event, "\n\n"]).collect::<String>();
            let (text, is_whole) = reassemble(Dialect::Anthropic, &sse).unwrap();
            let reply: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&reply["id"], &reply["content"][0]["text"]), (&"msg_1".into(), &"Hi".into()));
            assert_eq!(is_whole, whole, "{text}");
        }
        assert_eq!(reassemble(Dialect::Anthropic, "data: nothing\n\n"), None);
    }
}
