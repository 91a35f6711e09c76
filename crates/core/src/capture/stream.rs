//! A stream's events, put together into the one reply that a client without streams would have got.

use bytes::Bytes;

use crate::dialect::{self, Dialect, ReplyContext, StreamDecoder};
use crate::hub::{Aliases, Event, Fold, Sequencer};
use crate::provider::Quirks;
use crate::sse::Batch;

/// The reply in `sse`, in the dialect of its client, as far as it goes; none if it does not read as one.
pub(super) fn reassemble(dialect: Dialect, sse: &str) -> Option<String> {
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
    let reply = fold.finish();
    let context = ReplyContext {
        client_model: reply.model.text().into_owned(),
        include_usage: true,
        show_thoughts: true,
        ..ReplyContext::default()
    };
    String::from_utf8(dialect::encode_reply(dialect, &reply, &context)).ok()
}
