//! What fails and may: one line each, with the reason.

/// `(recording, check, why)`.
pub(super) const KNOWN: &[(&str, &str, &str)] = &[
    ("002af126d77c33df", "own dialect", "the retired `functions` are sent as `tools`, the same by another name"),
    ("11a4fc711e983c8a", "own dialect", "the retired `functions` are sent as `tools`, the same by another name"),
    ("4c81ad1c832bb110", "own dialect", "the retired `functions` are sent as `tools`, the same by another name"),
    ("61efac58cf940849", "translate", "the model failed without a word (`OTHER`): an error, and no empty answer"),
    (
        "4f187076b9205084",
        "stream and whole",
        "the token limit cut the second call in two: a stream has shown its beginning, a whole reply leaves it out",
    ),
    ("3769a5cf404b4aba", "decode", "a cache at Google: only Google can read it"),
    ("8e327a41065d3527", "decode", "a cache at Google: only Google can read it"),
    ("3f65b2ac3b0c3aac", "decode", "log probabilities are not translated"),
    ("6a50c2613033424f", "silent loss", "the words of a thought of another model: told as `messages.thinking`"),
    ("551dcb9b7d7ecc71", "silent loss", "a plan of calls is a thought: told as `messages.thinking`"),
    ("c4f51662a6f1bfe5", "silent loss", "a stop sequence of blanks is told as `stop`"),
    ("8606b002c12587da", "silent loss", "reasoning given twice, under both names: told under the other one"),
    ("3c10e58b73782032", "silent loss", "reasoning given twice, under both names: told under the other one"),
];

/// The place of `(id, check)` in the list.
pub(super) fn reason(id: &str, check: &str) -> Option<usize> {
    KNOWN.iter().position(|(i, c, _)| *i == id && *c == check)
}
