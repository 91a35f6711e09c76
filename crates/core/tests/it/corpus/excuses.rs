//! What differs from the recording and may, with the reason: nothing else does.

use std::fmt;

use apex_core::dialect::Dialect;

/// One exception.
pub(super) struct Excuse {
    ids: &'static [&'static str],
    /// All of them, if empty.
    clients: &'static [Dialect],
    check: &'static str,
    why: &'static str,
}

/// Those that have no parts for what a code tool did, for sound or for pictures.
const NOT_GEMINI: &[Dialect] = &[Dialect::OpenAiChat, Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Cohere];

pub(super) const EXCUSES: &[Excuse] = &[
    Excuse {
        ids: &["875506d3ce0fae88"],
        clients: &[Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Gemini, Dialect::Cohere],
        check: "error",
        why: "the key it quotes is the gateway's: it is masked",
    },
    Excuse {
        ids: &["b0b592ce1da14674", "e7245931fb662116", "c98811ca432db6c8", "389952cebfcc4008"],
        clients: &[Dialect::Anthropic],
        check: "error",
        why: "a prompt that is too long is told in Anthropic's words, which Claude Code reads to compact it",
    },
    Excuse {
        ids: &["4f187076b9205084"],
        clients: &[Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Gemini, Dialect::Cohere],
        check: "calls",
        why: "the token limit cut the second call in two: nobody can run it",
    },
    Excuse {
        ids: &["61efac58cf940849"],
        clients: NOT_GEMINI,
        check: "answer",
        why: "the model failed without a word (`OTHER`): an error, and no empty answer",
    },
    Excuse {
        ids: &["3769a5cf404b4aba", "865b439a3958d9d9", "8674ed4a987faa6a", "74d7928fc504edea", "c087ad9d2fdacea3"],
        clients: NOT_GEMINI,
        check: "text",
        why: "what Google's code tool ran and printed stands in the text, as Markdown",
    },
    Excuse {
        ids: &["0303dd074af71d64", "2466cc47b24b4616", "c3ffab587ece19e6", "5a020a39d67ada85"],
        clients: NOT_GEMINI,
        check: "text",
        why: "a picture or a sound in the answer is named in the text, not sent",
    },
    Excuse {
        ids: &["3e38072c07a8e2d7", "1d943d48c9777a88"],
        clients: &[Dialect::Anthropic, Dialect::Cohere],
        check: "text",
        why: "a picture that a tool made is named in the text, not sent",
    },
];

/// The place in the list of what excuses this.
pub(super) fn reason(id: &str, client: Dialect, check: &str) -> Option<usize> {
    EXCUSES
        .iter()
        .position(|e| e.check == check && e.ids.contains(&id) && (e.clients.is_empty() || e.clients.contains(&client)))
}

impl fmt::Display for Excuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients: Vec<_> = self.clients.iter().map(|c| c.as_str()).collect();
        let clients = if clients.is_empty() { "every client".to_owned() } else { clients.join(", ") };
        write!(f, "{} ({}, {clients}): {}", self.check, self.ids.join(" "), self.why)
    }
}
