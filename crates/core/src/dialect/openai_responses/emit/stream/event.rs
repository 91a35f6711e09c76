//! Events as bytes.

use crate::json::Obj;
use crate::sse::write_event;

/// One SSE event, numbered.
pub(super) fn event(sequence: &mut u64, name: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
    write_event(name, out, |o| {
        o.uint("sequence_number", *sequence);
        fill(o);
    });
    *sequence += 1;
}

pub(super) fn output_item(o: &mut Obj<'_>, index: u64, item: &[u8]) {
    o.uint("output_index", index);
    o.raw("item", std::str::from_utf8(item).unwrap_or("null"));
}

pub(super) fn place(o: &mut Obj<'_>, id: &str, index: u64, content: u64) {
    o.text("item_id", id);
    o.uint("output_index", index);
    o.uint("content_index", content);
}
