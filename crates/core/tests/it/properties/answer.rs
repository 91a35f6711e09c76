//! Answers as a model gives them, in pieces; and what a reader makes of one.

use apex_core::dialect::{Dialect, ReplyContext, StreamDecoder, StreamEncoder, decode_reply, encode_reply};
use apex_core::hub::{
    Aliases, Block, BlockStart, Delta, Event, Fold, Reply, Sequencer, Stop, StopReason, ToolKind, Usage,
};
use apex_core::json::JsonStr;
use apex_core::provider::Quirks;
use apex_core::sse::Framer;
use bytes::Bytes;
use proptest::prelude::*;

/// One block of an answer, its text in the pieces it comes in.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Call { name: &'static str, arguments: Vec<String> },
    Refusal(Vec<String>),
    Text(Vec<String>),
    Thought(Vec<String>),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) said: Vec<Said>,
    pub(super) stop: StopReason,
    /// Input that is not cached, input that is, output, the part of it that was thought.
    pub(super) tokens: (u64, u64, u64, u64),
    /// Calls beside each other come in turns, a piece of each.
    pub(super) interleaved: bool,
}

/// What a client shows or runs, texts of one kind beside each other put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) said: Vec<(&'static str, String)>,
    pub(super) stop: &'static str,
    /// All input, the cached part of it, output.
    pub(super) tokens: (u64, u64, u64),
}

/// Texts that are awkward to escape, to cut, or to frame.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{1,8}",
        2 => "[é😀\u{2028}\"\\\\/\n\r\t{}:,\u{1}\u{7f}]{1,6}",
        1 => Just("data: [DONE]\n\n".to_owned()),
        1 => Just("event: x\r\n\r\n: y".to_owned()),
    ]
}

/// A text, cut between any two characters.
fn pieces(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<String>> {
    (text, prop::collection::vec(any::<prop::sample::Index>(), 0..4)).prop_map(|(text, cuts)| {
        let chars: Vec<char> = text.chars().collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(chars.len() + 1)).chain([0, chars.len()]).collect();
        cuts.sort_unstable();
        cuts.windows(2).map(|pair| chars[pair[0]..pair[1]].iter().collect()).collect()
    })
}

/// The JSON of an object: numbers that no double holds, escapes of both kinds, keys said twice.
pub(super) fn arguments() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("123456789012345678901234567890".to_owned()),
        Just("1e2".to_owned()),
        Just("-0.0".to_owned()),
        Just("null".to_owned()),
        Just(r#""\u00e9\ud83d\ude00\/""#.to_owned()),
        text().prop_map(|t| serde_json::to_string(&t).unwrap()),
    ];
    let value = leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|list| format!("[{}]", list.join(", "))),
            inner.prop_map(|value| format!(r#"{{"k" : {value}}}"#)),
        ]
    });
    prop::collection::vec((prop::sample::select(vec!["a", "b", "é", "x y", "\\u0061"]), value), 0..3).prop_map(|all| {
        let members: Vec<String> = all.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        3 => pieces(text()).prop_map(Said::Text),
        2 => pieces(text()).prop_map(Said::Thought),
        3 => (prop::sample::select(vec!["f", "get_weather", "a-b"]), pieces(arguments()))
            .prop_map(|(name, arguments)| Said::Call { name, arguments }),
    ]
}

/// Any answer that a model of some provider can give.
pub(super) fn answer() -> impl Strategy<Value = Answer> {
    let said = prop_oneof![
        5 => prop::collection::vec(said(), 0..5),
        1 => pieces(text()).prop_map(|words| vec![Said::Refusal(words)]),
    ];
    let plain = prop::sample::select(vec![
        StopReason::ContentFilter,
        StopReason::ContextWindow,
        StopReason::EndTurn,
        StopReason::EndTurn,
        StopReason::MaxTokens,
        StopReason::StopSequence,
    ]);
    let tokens = (1u64..99, 0u64..9, 1u64..99, 0u64..9);
    (said, plain, tokens, any::<bool>()).prop_map(|(mut said, plain, tokens, interleaved)| {
        let has = |what: fn(&Said) -> bool| said.iter().any(what);
        let stop = if has(|s| matches!(s, Said::Call { .. })) {
            StopReason::ToolCalls
        } else if has(|s| matches!(s, Said::Refusal(_))) {
            StopReason::Refusal
        } else {
            plain
        };
        if stop == StopReason::ContentFilter && !said.iter().any(|s| matches!(s, Said::Text(_))) {
            // Without any, some clients are told the reason in words.
            said.push(Said::Text(vec!["so far".to_owned()]));
        }
        // What was thought is part of the output.
        let tokens = (tokens.0, tokens.1, tokens.2 + tokens.3, tokens.3);
        Answer { said, stop, tokens, interleaved }
    })
}

impl Answer {
    /// Its events, as a decoder tells them.
    pub(super) fn events(&self) -> Vec<Event<'static>> {
        let mut all = vec![Event::Start {
            id: JsonStr::written("up_1"),
            model: JsonStr::written("upstream-model"),
            usage: Usage::default(),
        }];
        let mut waiting: Vec<(u32, &[String])> = Vec::new();
        for (key, said) in (0u32..).zip(&self.said) {
            let (block, pieces) = match said {
                Said::Call { name, arguments } => {
                    let id = JsonStr::owned(&format!("call_{key}"));
                    let (name, kind) = (JsonStr::written(name), ToolKind::Function);
                    (BlockStart::ToolCall { id, name, kind, opaque: None }, arguments)
                }
                Said::Refusal(words) => (BlockStart::Refusal, words),
                Said::Text(words) => (BlockStart::Text, words),
                Said::Thought(words) => (BlockStart::Reasoning, words),
            };
            let call = matches!(said, Said::Call { .. });
            if !(call && self.interleaved) {
                Self::turns(&mut waiting, &mut all);
            }
            all.push(Event::BlockStart { key, block });
            if call && self.interleaved {
                waiting.push((key, pieces));
                continue;
            }
            all.extend(pieces.iter().map(|piece| Event::Delta { key, delta: said.delta(piece) }));
            all.push(Event::BlockStop { key });
        }
        Self::turns(&mut waiting, &mut all);
        let (input, cached, output, thought) = self.tokens;
        let sequence = (self.stop == StopReason::StopSequence).then(|| JsonStr::written("STOP"));
        all.push(Event::Stop(Stop { sequence, ..Stop::plain(self.stop, JsonStr::default()) }));
        all.push(Event::Usage(Usage {
            input_uncached: Some(input),
            cache_read: Some(cached),
            output: Some(output),
            reasoning: Some(thought),
            ..Usage::default()
        }));
        all.push(Event::End);
        all
    }

    /// The arguments of the calls that wait, in turns.
    fn turns(waiting: &mut Vec<(u32, &[String])>, all: &mut Vec<Event<'static>>) {
        let longest = waiting.iter().map(|(_, pieces)| pieces.len()).max().unwrap_or(0);
        for at in 0..longest {
            for (key, pieces) in waiting.iter() {
                if let Some(piece) = pieces.get(at) {
                    all.push(Event::Delta { key: *key, delta: Delta::Arguments(JsonStr::owned(piece)) });
                }
            }
        }
        all.extend(waiting.drain(..).map(|(key, _)| Event::BlockStop { key }));
    }

    pub(super) fn read(&self) -> Read {
        Read::of(&folded(self.events()))
    }
}

impl Said {
    fn delta(&self, piece: &str) -> Delta<'static> {
        let piece = JsonStr::owned(piece);
        match self {
            Self::Call { .. } => Delta::Arguments(piece),
            Self::Refusal(_) => Delta::Refusal(piece),
            Self::Text(_) => Delta::Text(piece),
            Self::Thought(_) => Delta::Reasoning(piece),
        }
    }
}

impl Read {
    pub(super) fn of(reply: &Reply) -> Self {
        // Who refused, the model or a filter, only some dialects tell.
        let refused = reply.blocks.iter().any(|block| matches!(block, Block::Refusal(_)));
        let stop = match reply.stop.as_ref().map(|stop| stop.reason) {
            Some(StopReason::Refusal | StopReason::ContentFilter) => "refused",
            Some(StopReason::EndTurn) if refused => "refused",
            other => other.map_or("none", StopReason::as_str),
        };
        let mut read = Self { stop, ..Self::default() };
        let usage = &reply.usage;
        read.tokens = (usage.input_total(), usage.cache_read.unwrap_or(0), usage.output.unwrap_or(0));
        for block in &reply.blocks {
            let (kind, text) = match block {
                Block::Text { text, .. } => ("text", text.text().into_owned()),
                Block::Reasoning { text, .. } => ("thought", text.text().into_owned()),
                Block::Refusal(text) => ("refusal", text.text().into_owned()),
                Block::ToolCall { name, arguments, .. } => ("call", format!("{} {}", name.text(), arguments.text())),
                Block::Image { .. } | Block::Redacted { .. } => continue,
            };
            match read.said.last_mut().filter(|last| last.0 == kind && kind != "call") {
                Some((_, last)) => last.push_str(&text),
                None => read.said.push((kind, text)),
            }
        }
        read.said.retain(|(_, text)| !text.is_empty());
        read
    }

    /// What is left of it in `dialect`, for every reader of it.
    pub(super) fn within(mut self, dialect: Dialect) -> Self {
        // A refusal is the text of an answer that was refused; OpenAI has words of their own for it.
        if !matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses) {
            self.said.iter_mut().filter(|(kind, _)| *kind == "refusal").for_each(|(kind, _)| *kind = "text");
        }
        // Only one tells which stop sequence it was, and the limit of the answer from that of the model.
        self.stop = match self.stop {
            "stop_sequence" if dialect != Dialect::Anthropic => "end_turn",
            "context_window" if dialect != Dialect::Anthropic => "max_tokens",
            other => other,
        };
        if stands_apart(dialect) {
            let of =
                |kind: &str| self.said.iter().filter(|(k, _)| *k == kind).map(|(_, t)| t.as_str()).collect::<String>();
            let mut said: Vec<_> = ["thought", "text", "refusal"]
                .into_iter()
                .map(|kind| (kind, of(kind)))
                .filter(|(_, t)| !t.is_empty())
                .collect();
            said.extend(self.said.iter().filter(|(kind, _)| *kind == "call").cloned());
            self.said = said;
        }
        self
    }
}

/// Texts, thoughts and calls stand apart in it: which came first cannot be said.
pub(super) const fn stands_apart(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::OpenAiChat | Dialect::Cohere)
}

pub(super) fn sequenced(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let (mut sequencer, mut out) = (Sequencer::default(), Vec::new());
    events.into_iter().for_each(|e| sequencer.push(e, &mut out));
    assert!(sequencer.ended(), "no end: {out:?}");
    out
}

pub(super) fn folded(events: Vec<Event<'_>>) -> Reply {
    let mut fold = Fold::default();
    sequenced(events).iter().for_each(|e| fold.push(e));
    fold.finish()
}

fn context() -> ReplyContext {
    ReplyContext {
        client_model: "m".into(),
        id: "0123456789abcdefghijklmn".into(),
        created: 1,
        include_usage: true,
        show_thoughts: true,
        request_id: "req".into(),
        provider: "p".into(),
        upstream_model: "um".into(),
        ..ReplyContext::default()
    }
}

/// Told in `dialect` as a whole.
pub(super) fn whole(dialect: Dialect, answer: &Answer) -> String {
    String::from_utf8(encode_reply(dialect, &folded(answer.events()), &context())).unwrap()
}

/// Told in `dialect` as a stream.
pub(super) fn stream(dialect: Dialect, answer: &Answer) -> String {
    let (mut encoder, mut out) = (StreamEncoder::new(dialect, context()), Vec::new());
    sequenced(answer.events()).iter().for_each(|e| encoder.push(e, &mut out));
    String::from_utf8(out).unwrap()
}

/// A whole reply of `dialect`, read.
pub(super) fn read_whole(dialect: Dialect, body: &str) -> Reply {
    folded(decode_reply(dialect, body, &Quirks::OPENAI, &Aliases::default()).unwrap_or_else(|e| panic!("{e}: {body}")))
}

/// A stream of `dialect`, read.
pub(super) fn read_stream(dialect: Dialect, bytes: &[u8]) -> Reply {
    let mut decoder = StreamDecoder::new(dialect, &Quirks::OPENAI, Aliases::default());
    let mut events: Vec<Event<'static>> = Vec::new();
    let mut framer = Framer::default();
    let batch = framer.push(&Bytes::copy_from_slice(bytes));
    for (name, data) in batch.frames().filter_map(|frame| frame.parse()) {
        let mut now = Vec::new();
        decoder.push(name.as_deref(), &data, &mut now);
        events.extend(now.into_iter().map(Event::into_owned));
    }
    decoder.finish(&mut events);
    folded(events)
}
