//! What each Gemini generation takes and refuses, as data.
//!
//! From <https://ai.google.dev/gemini-api/docs/models>, <https://ai.google.dev/gemini-api/docs/thinking> and
//! <https://ai.google.dev/gemini-api/docs/gemini-3>. A name that is not listed counts as the newest generation.

use crate::hub::Effort;

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// `thinkingBudget`, in tokens: from `least` (0 where thinking can be turned off) to `most`.
    Budget { least: u64, most: u64, off: bool },
    /// `thinkingLevel`, one of these, least first. It cannot be turned off.
    Level(&'static [Effort]),
    /// Not at all.
    Never,
}

/// One row of the table.
#[expect(clippy::struct_excessive_bools, reason = "a row of yes-or-no columns, as in the provider's own documents")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    /// How its name begins.
    id: &'static str,
    pub(super) thinking: Thinking,
    /// The first call of each step must bring its thought signature back.
    pub(super) signatures: bool,
    /// Takes `id` in calls and their responses.
    pub(super) call_ids: bool,
    /// Takes media inside a function response, and a resolution on each part.
    pub(super) media_in_results: bool,
    /// Takes `parametersJsonSchema` and `responseJsonSchema`; older ones know the `OpenAPI` subset only.
    pub(super) json_schema: bool,
    /// Takes a JSON answer format beside functions.
    pub(super) format_with_functions: bool,
    /// Takes Google's own tools beside functions.
    pub(super) hosted_with_functions: bool,
    /// Takes `presencePenalty` and `frequencyPenalty`.
    pub(super) penalties: bool,
    /// Takes public `https` addresses in `fileData`.
    pub(super) public_files: bool,
    pub(super) max_output: u64,
}

const LOW_TO_HIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High];
const MINIMAL_TO_HIGH: &[Effort] = &[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High];

/// The third generation and whatever comes after it.
const NEWEST: Model = Model {
    id: "",
    thinking: Thinking::Level(LOW_TO_HIGH),
    signatures: true,
    call_ids: true,
    media_in_results: true,
    json_schema: true,
    format_with_functions: true,
    hosted_with_functions: true,
    penalties: false,
    public_files: true,
    max_output: 65_536,
};

const GEN_2_5: Model = Model {
    thinking: Thinking::Budget { least: 1, most: 24_576, off: true },
    signatures: false,
    call_ids: false,
    media_in_results: false,
    format_with_functions: false,
    hosted_with_functions: false,
    public_files: false,
    ..NEWEST
};

/// 2.0 and before.
const GEN_2: Model =
    Model { thinking: Thinking::Never, json_schema: false, penalties: true, max_output: 8_192, ..GEN_2_5 };

const MODELS: &[Model] = &[
    Model { id: "gemini-3-flash", thinking: Thinking::Level(MINIMAL_TO_HIGH), ..NEWEST },
    Model { id: "gemini-3-pro", thinking: Thinking::Level(&[Effort::Low, Effort::High]), ..NEWEST },
    Model { id: "gemini-3.1-flash", thinking: Thinking::Level(MINIMAL_TO_HIGH), ..NEWEST },
    Model { id: "gemini-3.5-flash", thinking: Thinking::Level(MINIMAL_TO_HIGH), ..NEWEST },
    Model { id: "gemini-2.5-pro", thinking: Thinking::Budget { least: 128, most: 32_768, off: false }, ..GEN_2_5 },
    Model {
        id: "gemini-2.5-flash-lite",
        thinking: Thinking::Budget { least: 512, most: 24_576, off: true },
        ..GEN_2_5
    },
    Model { id: "gemini-2.5-flash-image", thinking: Thinking::Never, ..GEN_2_5 },
    Model { id: "gemini-2.5", ..GEN_2_5 },
    Model { id: "gemini-2.0", ..GEN_2 },
    Model { id: "gemini-1", ..GEN_2 },
    Model { id: "gemma", ..GEN_2 },
    Model { id: "learnlm", ..GEN_2 },
];

impl Model {
    /// The row for `name`, with or without a prefix (`models/`, `google/`).
    pub(super) fn of(name: &str) -> &'static Self {
        let name = name.to_ascii_lowercase();
        let bare = name.rsplit('/').next().unwrap_or(&name);
        MODELS.iter().find(|m| bare.starts_with(m.id)).unwrap_or(&NEWEST)
    }

    /// The level to send for `wish`: itself, else the nearest lower one the model knows, else its lowest. `None` for
    /// models that take a budget or do not think.
    pub(super) fn level(&self, wish: Effort) -> Option<Effort> {
        let Thinking::Level(levels) = self.thinking else { return None };
        levels.iter().rev().find(|e| **e <= wish).or(levels.first()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_generation() {
        for (name, id) in [
            ("gemini-2.5-flash", "gemini-2.5"),
            ("models/gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
            ("gemini-2.5-flash-lite-preview-06-17", "gemini-2.5-flash-lite"),
            ("google/gemini-2.0-flash-001", "gemini-2.0"),
            ("gemini-1.5-pro", "gemini-1"),
            ("gemini-3-pro-preview", "gemini-3-pro"),
            ("gemini-3.1-pro-preview", ""),
            ("gemini-flash-latest", ""),
            ("gemini-4-ultra", ""),
        ] {
            assert_eq!(Model::of(name).id, id, "{name}");
        }
    }

    #[test]
    fn levels_round_down() {
        assert_eq!(Model::of("gemini-3-pro").level(Effort::Medium), Some(Effort::Low));
        assert_eq!(Model::of("gemini-3-pro").level(Effort::Max), Some(Effort::High));
        assert_eq!(Model::of("gemini-3-flash").level(Effort::Minimal), Some(Effort::Minimal));
        assert_eq!(Model::of("gemini-9").level(Effort::None), Some(Effort::Low));
        assert_eq!(Model::of("gemini-2.5-pro").level(Effort::High), None);
    }
}
