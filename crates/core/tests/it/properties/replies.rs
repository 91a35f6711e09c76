//! One dialect: what it writes it reads, and a stream and a whole reply say the same.

use apex_core::dialect::Dialect;
use apex_core::hub::{Block, Reply};
use proptest::prelude::*;

use super::answer::{Answer, Read, answer, read_stream, read_whole, stands_apart, stream, whole};

/// A reply without what means nothing.
fn bare(dialect: Dialect, mut reply: Reply) -> Reply {
    // An empty text says nothing; a stream has no way to leave one out once it has begun.
    reply.blocks.retain(|block| !matches!(block, Block::Text { text, opaque: None, .. } if text.is_empty()));
    if stands_apart(dialect) {
        reply.blocks.retain(|block| matches!(block, Block::ToolCall { .. }));
    }
    reply
}

fn reads_back(dialect: Dialect, answer: &Answer) -> Result<(), TestCaseError> {
    let want = answer.read().within(dialect);
    let (streamed, written) = (stream(dialect, answer), whole(dialect, answer));
    let (from_stream, from_whole) = (read_stream(dialect, streamed.as_bytes()), read_whole(dialect, &written));
    prop_assert_eq!(&Read::of(&from_stream).within(dialect), &want, "{} streamed: {}", dialect, streamed);
    prop_assert_eq!(&Read::of(&from_whole).within(dialect), &want, "{} whole: {}", dialect, written);
    prop_assert_eq!(bare(dialect, from_stream), bare(dialect, from_whole), "{}: {}\n{}", dialect, streamed, written);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// decode(encode(answer)) is the answer, streamed and whole, and `fold(stream)` is the whole.
    #[test]
    fn what_is_written_reads_back(answer in answer()) {
        for dialect in Dialect::ALL {
            reads_back(dialect, &answer)?;
        }
    }
}
