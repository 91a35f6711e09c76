//! What differs from the recording and may, with the reason: nothing else does.

use std::fmt;

use super::Dialect;

/// One exception.
#[derive(Debug)]
pub struct Excuse {
    ids: &'static [&'static str],
    /// All of them, if empty.
    pub(super) clients: &'static [Dialect],
    pub(super) checks: &'static [&'static str],
    pub(super) why: &'static str,
}

/// Those that have no parts for what a code tool did, for sound or for pictures.
const NOT_GEMINI: &[Dialect] = &[Dialect::OpenAiChat, Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Cohere];

/// 401, 403, and 400 of Google's.
const REFUSED_KEYS: &[&str] = &[
    "20f76bb9bdaf803a",
    "224ffc54967c4dad",
    "2327a24f5c30495e",
    "27f7b2fa49bdce80",
    "3ab998e5196573aa",
    "3abb6666c43af060",
    "3efb0bbb929ee0b0",
    "4ea1ee200c0c959d",
    "5335e3710cc87ace",
    "58e7e64e62f83161",
    "5a3a9d2bd36837c9",
    "5cbf5a9e1b23d8c0",
    "635ec1338deef22e",
    "764463a2862061bd",
    "7d5945d06344423c",
    "801e7d1739484af7",
    "80f8a866b150e8d8",
    "875506d3ce0fae88",
    "934118e373a966ae",
    "956e2db4d709f94f",
    "9a1dba5522e2b044",
    "abd9126fed0f57c3",
    "bc90fc271914525d",
    "c365f901ee5f2db0",
    "cdcf0abf2f40dbc6",
    "e05f3ffc58d1c565",
    "e5212d892ce4bec1",
    "e6dfb1c86ded4564",
    "f377f703f97c82f3",
    "4d3d8ec4c540029e",
];

/// Of answers that are translated.
pub const EXCUSES: &[Excuse] = &[
    Excuse {
        ids: REFUSED_KEYS,
        clients: &[],
        checks: &["status"],
        why: "the provider refused the gateway's key, and the caller's was fine: 502",
    },
    Excuse {
        ids: &["c21f5d1318671601"],
        clients: &[Dialect::Anthropic, Dialect::Gemini, Dialect::Cohere],
        checks: &["status"],
        why: "no such model, told by a 400: it is 404 everywhere else",
    },
    Excuse {
        ids: &["40c1adb17817dcc4"],
        clients: &[Dialect::Anthropic, Dialect::Gemini, Dialect::Cohere],
        checks: &["status"],
        why: "a prompt refused for its content, told by a 403: it is 400 everywhere else",
    },
    Excuse {
        ids: &["875506d3ce0fae88"],
        clients: &[Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Gemini, Dialect::Cohere],
        checks: &["error"],
        why: "the key it quotes is the gateway's: it is masked",
    },
    Excuse {
        ids: &["b0b592ce1da14674", "e7245931fb662116", "c98811ca432db6c8", "389952cebfcc4008"],
        clients: &[Dialect::Anthropic],
        checks: &["error"],
        why: "a prompt that is too long is told in Anthropic's words, which Claude Code reads to compact it",
    },
    Excuse {
        ids: &["4f187076b9205084"],
        clients: &[Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Gemini, Dialect::Cohere],
        checks: &["calls"],
        why: "the token limit cut the second call in two: nobody can run it",
    },
    Excuse {
        ids: &["61efac58cf940849"],
        clients: NOT_GEMINI,
        checks: &["answer"],
        why: "the model failed without a word (`OTHER`): an error, and no empty answer",
    },
    Excuse {
        ids: &["3769a5cf404b4aba", "865b439a3958d9d9", "8674ed4a987faa6a", "74d7928fc504edea", "c087ad9d2fdacea3"],
        clients: NOT_GEMINI,
        checks: &["text"],
        why: "what Google's code tool ran and printed stands in the text, as Markdown",
    },
    Excuse {
        ids: &["0303dd074af71d64", "2466cc47b24b4616", "c3ffab587ece19e6", "5a020a39d67ada85"],
        clients: NOT_GEMINI,
        checks: &["text"],
        why: "a picture or a sound in the answer is named in the text, not sent",
    },
    Excuse {
        ids: &["3e38072c07a8e2d7", "1d943d48c9777a88"],
        clients: &[Dialect::Anthropic, Dialect::Cohere],
        checks: &["text"],
        why: "a picture that a tool made is named in the text, not sent",
    },
];

/// Of answers that clients of the same dialect get as they were recorded, byte for byte: what a provider writes beside
/// the format it follows.
pub const RELAYED: &[Excuse] = &[
    Excuse {
        ids: &["0399f2a20766de11", "09eb220d1055a891"],
        clients: &[Dialect::OpenAiChat],
        checks: &["error"],
        why: "an error in a 200 passes as it came",
    },
    Excuse {
        ids: &["1b92a0f81117e5de", "40c1adb17817dcc4", "ef1d905c2b943ee7"],
        clients: &[Dialect::OpenAiChat],
        checks: &["error"],
        why: "OpenRouter's message; what the provider behind it said stands beside it",
    },
    Excuse {
        ids: &["7dcc19bc532e053c", "e41b6aff074dd6e0"],
        clients: &[Dialect::OpenAiChat],
        checks: &["usage"],
        why: "Azure counted the cached part beside the rest",
    },
    Excuse {
        ids: &[
            "1d6cce1f13a06c11",
            "1edb917c01295909",
            "23530ff05e198207",
            "43c2dd6610e12369",
            "7d4284be0b9ef5e4",
            "a87cfcacc0bc7d15",
            "e72a33e27816bb94",
            "fa7d2f1a43e6d34c",
        ],
        clients: &[Dialect::OpenAiChat],
        checks: &["usage"],
        why: "xAI counts reasoning beside the answer",
    },
    Excuse {
        ids: &["4b74ed1a58838153"],
        clients: &[Dialect::OpenAiChat],
        checks: &["usage"],
        why: "Mistral has a name of its own for cached tokens",
    },
    Excuse {
        ids: &["0b943ec38ba3b57f", "568e11bf4311840c", "5c1396cd33ed1bfd"],
        clients: &[Dialect::OpenAiChat],
        checks: &["text"],
        why: "Mistral's content is a list of parts where it thinks",
    },
    Excuse {
        ids: &["93df9c400015df37"],
        clients: &[Dialect::OpenAiChat],
        checks: &["text"],
        why: "Workers AI answers with an object, and not its text",
    },
    Excuse {
        ids: &["8d5edfefe6b45b96", "af9f8a927b2a7588"],
        clients: &[Dialect::OpenAiChat],
        checks: &["calls"],
        why: "no arguments are an empty text",
    },
    Excuse {
        ids: &["4f187076b9205084"],
        clients: &[Dialect::OpenAiChat],
        checks: &["calls"],
        why: "the token limit cut the second call in two",
    },
    Excuse {
        ids: &["4745bfda7093baee", "78f05dc4fdf53a97"],
        clients: &[Dialect::OpenAiChat],
        checks: &["calls", "stop"],
        why: "Snowflake sends an empty `function_call` and an empty reason in place of none",
    },
    Excuse {
        ids: &["494b5a4583e495af", "da2b752b0444028e"],
        clients: &[Dialect::OpenAiChat],
        checks: &["stop"],
        why: "a call that was demanded by name ends with `stop`",
    },
    Excuse {
        ids: &["021bd2983d4571da"],
        clients: &[Dialect::OpenAiResponses],
        checks: &["calls", "stop"],
        why: "ChatGPT's last event does not repeat the items",
    },
    Excuse {
        ids: &["bf7b8cc944f25c11"],
        clients: &[Dialect::OpenAiResponses],
        checks: &["stop"],
        why: "a status of its own, `complete`",
    },
    Excuse {
        ids: &["0303dd074af71d64"],
        clients: &[Dialect::Gemini],
        checks: &["stop"],
        why: "no reason to stop was sent",
    },
    Excuse {
        ids: &["0ef3bb44940f97e9"],
        clients: &[Dialect::Gemini],
        checks: &["stop"],
        why: "the call is there, and the reason says it was unexpected",
    },
    Excuse {
        ids: &["249b0ceb3c799359", "42a1673d085372bc", "727df186f5cc1411", "74809d901f597bf0", "d8c13eece67d7c78"],
        clients: &[Dialect::Gemini],
        checks: &["text", "calls", "stop", "usage"],
        why: "a list of partial replies, which this SDK never asks for",
    },
];

impl Excuse {
    fn excuses(&self, id: &str, client: Dialect, check: &str) -> bool {
        self.checks.contains(&check)
            && self.ids.contains(&id)
            && (self.clients.is_empty() || self.clients.contains(&client))
    }

    pub(super) fn find(id: &str, client: Dialect, check: &str) -> Option<&'static Self> {
        EXCUSES.iter().chain(RELAYED).find(|excuse| excuse.excuses(id, client, check))
    }
}

/// The place in [`EXCUSES`] of what excuses this.
pub fn reason(id: &str, client: Dialect, check: &str) -> Option<usize> {
    EXCUSES.iter().position(|excuse| excuse.excuses(id, client, check))
}

impl fmt::Display for Excuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients: Vec<_> = self.clients.iter().map(|c| c.as_str()).collect();
        let clients = if clients.is_empty() { "every client".to_owned() } else { clients.join(", ") };
        write!(f, "{} ({}, {clients}): {}", self.checks.join(", "), self.ids.join(" "), self.why)
    }
}
