//! Puts events into the order every grammar accepts, whatever the upstream does.

use super::{BlockStart, Delta, ErrorKind, Event, Failure, Stop, StopReason, Usage};
use crate::json::JsonStr;

/// Most bytes held back while interleaved tool calls wait for each other.
const MAX_QUEUED: usize = 32 << 20;

/// The guard between a decoder and an encoder. Its output obeys: exactly one `Start`, first; at most one block open at
/// a time, deltas only inside the open block and of its kind; every block closed before `Stop`; one `Stop`, then one
/// `Usage` (if known), then `End`. Blocks that interleave are queued and replayed one after the other. Nothing is
/// closed that the upstream did not finish: a client runs a tool as soon as its block closes.
#[derive(Debug, Default)]
pub struct Sequencer {
    started: bool,
    ended: bool,
    open: Option<Open>,
    queue: Vec<Queued>,
    queued_bytes: usize,
    /// Text-like blocks that were closed to make room: more of their text opens a new block.
    closed: Vec<Open>,
    any_call: bool,
    stop: Option<Stop<'static>>,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    key: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Image,
    Reasoning,
    Redacted,
    Refusal,
    Text,
    ToolCall,
}

#[derive(Debug)]
struct Queued {
    key: u32,
    kind: Kind,
    events: Vec<Event<'static>>,
    stopped: bool,
}

impl Sequencer {
    /// Takes one event and appends what may go out now.
    pub fn push<'e>(&mut self, event: Event<'e>, out: &mut Vec<Event<'e>>) {
        if self.ended {
            return;
        }
        if !self.started && !matches!(event, Event::Error(_) | Event::Ping | Event::Usage(_)) {
            self.started = true;
            if !matches!(event, Event::Start { .. }) {
                out.push(Event::Start { id: JsonStr::default(), model: JsonStr::default(), usage: self.usage });
            }
        } else if let Event::Start { usage, .. } = &event {
            // A second start (a retry inside the upstream) only brings numbers.
            self.usage.merge(usage);
            return;
        }
        match event {
            Event::Start { usage, .. } => {
                self.usage.merge(&usage);
                out.push(event);
            }
            // After the stop only numbers and sources of the last text are news. A plain end is taken back by what
            // follows it: older Gemini models say it with every piece.
            Event::BlockStart { .. } | Event::Delta { .. } if self.stopped_for_good() => {}
            Event::BlockStart { key, block } => self.start(key, block, out),
            Event::Delta { key, delta } => self.delta(key, delta, out),
            Event::BlockStop { key } => self.block_stop(key, out),
            Event::Citation { key, citation } => {
                if self.open.is_some_and(|o| o.key == key) {
                    out.push(Event::Citation { key, citation });
                } else if let Some(queued) = self.queue.iter_mut().find(|q| q.key == key) {
                    queued.events.push(Event::Citation { key, citation: citation.into_owned() });
                }
            }
            Event::Stop(stop) => self.hold_stop(stop, out),
            Event::Usage(usage) => self.usage.merge(&usage),
            Event::Ping => {}
            Event::Error(failure) => {
                self.ended = true;
                out.push(Event::Error(failure));
            }
            Event::End => self.end(out),
        }
    }

    /// Has the upstream said why it stopped?
    pub const fn stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// Stopped, for a reason after which nothing can come.
    fn stopped_for_good(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.reason != StopReason::EndTurn)
    }

    /// Has `End` gone out?
    pub const fn ended(&self) -> bool {
        self.ended
    }

    fn start<'e>(&mut self, key: u32, block: BlockStart<'e>, out: &mut Vec<Event<'e>>) {
        let kind = Kind::of(&block);
        self.any_call |= kind == Kind::ToolCall;
        match self.open {
            Some(open) if open.kind == Kind::ToolCall => {
                self.queued_bytes += block.len();
                let event = Event::BlockStart { key, block: block.into_owned() };
                self.queue.push(Queued { key, kind, events: vec![event], stopped: false });
                self.limit(out);
                return;
            }
            Some(open) => self.close(open, out),
            None => {}
        }
        self.open = Some(Open { key, kind });
        out.push(Event::BlockStart { key, block });
    }

    fn delta<'e>(&mut self, key: u32, delta: Delta<'e>, out: &mut Vec<Event<'e>>) {
        if let Some(open) = self.open
            && open.key == key
        {
            if open.kind.takes(&delta) {
                out.push(Event::Delta { key, delta });
            }
        } else if let Some(queued) = self.queue.iter_mut().find(|q| q.key == key && !q.stopped) {
            if !queued.kind.takes(&delta) {
                return;
            }
            self.queued_bytes += delta.len();
            queued.events.push(Event::Delta { key, delta: delta.into_owned() });
            self.limit(out);
        } else if let Some(at) = self.closed.iter().position(|c| c.key == key && c.kind.takes(&delta)) {
            let block = self.closed.swap_remove(at).kind.reopened();
            self.start(key, block, out);
            self.delta(key, delta, out);
        }
        // A fragment for a call that is closed, or was never opened, has no place any more.
    }

    /// Gives up on a reply that makes too much wait.
    fn limit(&mut self, out: &mut Vec<Event<'_>>) {
        if self.queued_bytes > MAX_QUEUED {
            self.ended = true;
            let status = http::StatusCode::BAD_GATEWAY;
            let what = "interleaved tool calls grew too large";
            out.push(Event::Error(Failure::upstream(ErrorKind::BadAnswer, status, what)));
        }
    }

    fn block_stop(&mut self, key: u32, out: &mut Vec<Event<'_>>) {
        if let Some(open) = self.open.filter(|o| o.key == key) {
            self.close(open, out);
            self.closed.retain(|c| c.key != key);
            self.replay(out);
        } else if let Some(queued) = self.queue.iter_mut().find(|q| q.key == key) {
            queued.stopped = true;
        }
    }

    fn close(&mut self, open: Open, out: &mut Vec<Event<'_>>) {
        self.open = None;
        if matches!(open.kind, Kind::Reasoning | Kind::Refusal | Kind::Text) {
            self.closed.push(open);
        }
        out.push(Event::BlockStop { key: open.key });
    }

    /// Opens what waited, in order of first appearance, up to the first block that is still growing.
    fn replay(&mut self, out: &mut Vec<Event<'_>>) {
        while self.open.is_none() && !self.queue.is_empty() {
            let queued = self.queue.remove(0);
            let open = Open { key: queued.key, kind: queued.kind };
            for event in &queued.events {
                let held = if let Event::Delta { delta, .. } = event {
                    delta.len()
                } else if let Event::BlockStart { block, .. } = event {
                    block.len()
                } else {
                    0
                };
                self.queued_bytes = self.queued_bytes.saturating_sub(held);
            }
            out.extend(queued.events);
            self.open = Some(open);
            // Text waits for nothing: what follows it closes it.
            if queued.stopped || (open.kind != Kind::ToolCall && !self.queue.is_empty()) {
                self.close(open, out);
            }
        }
    }

    fn hold_stop<'e>(&mut self, stop: Stop<'e>, out: &mut Vec<Event<'e>>) {
        match &mut self.stop {
            // Some providers say `stop` first and the reason (`tool_calls`, a filter) later.
            Some(held) if held.reason == StopReason::EndTurn => *held = stop.into_owned(),
            Some(_) => {}
            None => {
                // Sources may still come for a text (Gemini): it stays open to the end.
                if let Some(open) = self.open
                    && (open.kind != Kind::Text || !self.queue.is_empty())
                {
                    self.close(open, out);
                }
                self.queue.iter_mut().for_each(|q| q.stopped = true);
                self.replay(out);
                self.stop = Some(stop.into_owned());
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Event<'_>>) {
        if self.stop.is_none() {
            let reason = if self.any_call { StopReason::ToolCalls } else { StopReason::EndTurn };
            self.hold_stop(Stop::plain(reason, JsonStr::default()), out);
        }
        if let Some(open) = self.open {
            self.close(open, out);
        }
        out.extend(self.stop.clone().map(Event::Stop));
        if !self.usage.is_unknown() {
            out.push(Event::Usage(self.usage));
        }
        out.push(Event::End);
        self.ended = true;
    }
}

impl Kind {
    const fn of(block: &BlockStart<'_>) -> Self {
        match block {
            BlockStart::Image { .. } => Self::Image,
            BlockStart::Reasoning => Self::Reasoning,
            BlockStart::Redacted { .. } => Self::Redacted,
            BlockStart::Refusal => Self::Refusal,
            BlockStart::Text => Self::Text,
            BlockStart::ToolCall { .. } => Self::ToolCall,
        }
    }

    const fn takes(self, delta: &Delta<'_>) -> bool {
        matches!(
            (self, delta),
            (Self::Reasoning, Delta::Reasoning(_) | Delta::Signature(_))
                | (Self::Refusal, Delta::Refusal(_))
                | (Self::Text, Delta::Text(_) | Delta::Signature(_))
                | (Self::ToolCall, Delta::Arguments(_))
        )
    }

    const fn reopened(self) -> BlockStart<'static> {
        match self {
            Self::Reasoning => BlockStart::Reasoning,
            Self::Refusal => BlockStart::Refusal,
            // Calls, images and redacted blocks are never among the closed ones.
            Self::Image | Self::Redacted | Self::Text | Self::ToolCall => BlockStart::Text,
        }
    }
}

impl BlockStart<'_> {
    /// Bytes that come with the beginning.
    fn len(&self) -> usize {
        match self {
            Self::Image { data, .. } => data.as_escaped().len(),
            Self::Reasoning | Self::Redacted { .. } | Self::Refusal | Self::Text | Self::ToolCall { .. } => 0,
        }
    }
}

impl Delta<'_> {
    /// Bytes of the piece, as escaped.
    pub fn len(&self) -> usize {
        match self {
            Self::Arguments(s) | Self::Reasoning(s) | Self::Refusal(s) | Self::Text(s) => s.as_escaped().len(),
            Self::Signature(state) => state.data.as_escaped().len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hub::ToolKind;

    fn call(key: u32) -> Event<'static> {
        let name = JsonStr::owned(&format!("f{key}"));
        Event::BlockStart {
            key,
            block: BlockStart::ToolCall { id: name.clone(), name, kind: ToolKind::Function, opaque: None },
        }
    }
    fn text(key: u32) -> Event<'static> {
        Event::BlockStart { key, block: BlockStart::Text }
    }
    fn args(key: u32, s: &str) -> Event<'static> {
        Event::Delta { key, delta: Delta::Arguments(JsonStr::owned(s)) }
    }
    fn say(key: u32, s: &str) -> Event<'static> {
        Event::Delta { key, delta: Delta::Text(JsonStr::owned(s)) }
    }
    fn stop(reason: StopReason) -> Event<'static> {
        Event::Stop(Stop::plain(reason, JsonStr::default()))
    }

    /// One letter per event: what came out, in short.
    fn run(events: Vec<Event<'static>>) -> String {
        let (mut sequencer, mut out) = (Sequencer::default(), Vec::new());
        events.into_iter().for_each(|e| sequencer.push(e, &mut out));
        out.iter()
            .map(|e| match e {
                Event::Start { .. } => "S ".to_owned(),
                Event::BlockStart { key, .. } => format!("[{key} "),
                Event::Delta { delta: Delta::Arguments(s) | Delta::Text(s), .. } => format!("{} ", s.text()),
                Event::Delta { .. } => "? ".to_owned(),
                Event::BlockStop { key } => format!("{key}] "),
                Event::Citation { .. } => "c ".to_owned(),
                Event::Stop(s) => format!("{:?} ", s.reason),
                Event::Usage(u) => format!("u{} ", u.output.unwrap_or(0)),
                Event::Ping => "p ".to_owned(),
                Event::Error(_) => "E ".to_owned(),
                Event::End => ".".to_owned(),
            })
            .collect()
    }

    #[test]
    fn interleaved_calls_come_one_after_the_other() {
        let events = vec![
            call(1),
            args(1, "a"),
            call(2),
            args(2, "x"),
            args(1, "b"),
            args(2, "y"),
            Event::BlockStop { key: 1 },
            args(2, "z"),
            stop(StopReason::ToolCalls),
            Event::End,
        ];
        assert_eq!(run(events), "S [1 a b 1] [2 x y z 2] ToolCalls .");
    }

    #[test]
    fn text_makes_room_and_comes_back() {
        let events = vec![
            text(0),
            say(0, "a"),
            call(1),
            args(1, "{}"),
            say(0, "b"),
            Event::BlockStop { key: 1 },
            say(0, "c"),
            Event::End,
        ];
        // `b` came while the call was open and text 0 was closed: it waits for the call.
        assert_eq!(run(events), "S [0 a 0] [1 {} 1] [0 b c 0] ToolCalls .");
    }

    #[test]
    fn order_is_made_of_disorder() {
        let usage = |n| Event::Usage(Usage { output: Some(n), ..Usage::default() });
        let events = vec![
            say(9, "lost"),
            usage(1),
            text(0),
            say(0, "a"),
            stop(StopReason::EndTurn),
            say(0, "more"),
            stop(StopReason::ToolCalls),
            say(0, "late"),
            stop(StopReason::EndTurn),
            usage(5),
            Event::End,
            Event::End,
            text(3),
        ];
        assert_eq!(run(events), "S [0 a more 0] ToolCalls u5 .");
        assert_eq!(
            run(vec![
                call(1),
                args(1, "{"),
                Event::Error(Failure::upstream(ErrorKind::ServerError, http::StatusCode::BAD_GATEWAY, "x")),
                Event::End
            ]),
            "S [1 { E "
        );
    }

    proptest! {
        /// Whatever comes in, what goes out obeys the grammar.
        #[test]
        fn output_is_always_in_order(steps in prop::collection::vec((0u8..9, 0u32..4), 0..40)) {
            let (mut sequencer, mut out) = (Sequencer::default(), Vec::new());
            for (what, key) in steps {
                let event = match what {
                    0 => Event::Start { id: JsonStr::default(), model: JsonStr::default(), usage: Usage::default() },
                    1 => text(key),
                    2 => call(key),
                    3 => say(key, "t"),
                    4 => args(key, "a"),
                    5 => Event::BlockStop { key },
                    6 => Event::Usage(Usage { output: Some(1), ..Usage::default() }),
                    7 => stop(StopReason::EndTurn),
                    _ => if key == 0 { Event::End } else { Event::Ping },
                };
                sequencer.push(event, &mut out);
            }
            let (mut open, mut started, mut stops, mut ended) = (None, 0, 0, 0);
            for event in &out {
                prop_assert!(ended == 0);
                match event {
                    Event::Start { .. } => { started += 1; }
                    Event::BlockStart { key, .. } => { prop_assert!(open.is_none() && stops == 0); open = Some(*key); }
                    Event::Delta { key, .. } | Event::Citation { key, .. } => prop_assert_eq!(open, Some(*key)),
                    Event::BlockStop { key } => { prop_assert_eq!(open, Some(*key)); open = None; }
                    Event::Stop(_) => { prop_assert!(open.is_none()); stops += 1; }
                    Event::Usage(_) => prop_assert_eq!(stops, 1),
                    Event::End => ended += 1,
                    Event::Ping | Event::Error(_) => {}
                }
                prop_assert_eq!(started, 1);
            }
            prop_assert!(stops <= 1);
        }
    }
}
