//! What each Claude generation takes and refuses, as data.
//!
//! From the per-model notes of <https://docs.anthropic.com/en/docs/about-claude/models/overview> and the migration
//! guides. A Claude id that is not listed counts as the newest generation: new models take less sampling and more
//! thinking, and a request that is too modest is answered, one that is too bold is a 400.

use crate::hub::Effort;

/// Sampling members a model takes besides their defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SamplingRule {
    /// `temperature` and `top_p` together.
    Both,
    /// `temperature` or `top_p`, not both.
    OneOf,
    /// Defaults only.
    Refused,
}

/// How thinking is turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Off {
    /// `thinking: {type: between_tools}` is the least it does, and only up to effort `high`.
    BetweenTools,
    /// `thinking: {type: disabled}`, at any effort.
    Disabled,
    /// `thinking: {type: disabled}`, only up to effort `high`.
    DisabledUpToHigh,
    /// It always thinks.
    Never,
}

/// One row of the table.
#[expect(clippy::struct_excessive_bools, reason = "a row of yes-or-no columns, as in the provider's own table")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    /// Name without vendor prefix, with dashes; versions and dates may follow.
    id: &'static str,
    pub(super) sampling: SamplingRule,
    /// Thinks without being asked.
    pub(super) thinks_by_default: bool,
    /// Takes `thinking: {type: enabled, budget_tokens}`.
    pub(super) budget: bool,
    pub(super) off: Off,
    /// Words `output_config.effort` takes, least first. A model that takes any takes `thinking: {type: adaptive}`.
    pub(super) efforts: &'static [Effort],
    /// Takes `tool_choice` of type `any` and `tool`.
    pub(super) forced_choice: bool,
    /// Takes a trailing assistant turn to continue.
    pub(super) prefill: bool,
    /// Takes role `system` in the middle.
    pub(super) mid_system: bool,
    /// Takes `output_config.format` and `strict` tools.
    pub(super) structured: bool,
    /// Newest hosted web search it takes.
    pub(super) web_search: &'static str,
    pub(super) max_output: u64,
}

const ALL: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh, Effort::Max];
const NO_XHIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Max];

/// The newest generation: what an unknown Claude id is taken for.
const NEWEST: Model = Model {
    id: "",
    sampling: SamplingRule::Refused,
    thinks_by_default: true,
    budget: false,
    off: Off::Never,
    efforts: ALL,
    forced_choice: false,
    prefill: false,
    mid_system: true,
    structured: true,
    web_search: "web_search_20260318",
    max_output: 128_000,
};

/// 4.7, 4.8 and 5: adaptive only, off unless asked.
const ADAPTIVE: Model =
    Model { thinks_by_default: false, off: Off::Disabled, forced_choice: true, mid_system: false, ..NEWEST };

/// 4.6: adaptive, budgets still taken.
const GEN_4_6: Model = Model {
    sampling: SamplingRule::OneOf,
    budget: true,
    efforts: NO_XHIGH,
    web_search: "web_search_20260209",
    ..ADAPTIVE
};

/// 4.5: budgets only.
const GEN_4_5: Model =
    Model { efforts: &[], prefill: true, web_search: "web_search_20250305", max_output: 64_000, ..GEN_4_6 };

/// 4.0 and 3.7.
const GEN_4: Model = Model { sampling: SamplingRule::Both, structured: false, ..GEN_4_5 };

/// Before there was thinking.
const GEN_3: Model = Model { budget: false, max_output: 4096, ..GEN_4 };

const MODELS: &[Model] = &[
    Model { id: "claude-haiku-5-5", off: Off::DisabledUpToHigh, forced_choice: true, ..NEWEST },
    Model { id: "claude-sonnet-5-5", off: Off::BetweenTools, ..NEWEST },
    Model { id: "claude-opus-5-5", ..NEWEST },
    Model { id: "claude-fable-5-1", ..NEWEST },
    Model { id: "claude-fable-5", forced_choice: true, ..NEWEST },
    Model { id: "claude-opus-5", off: Off::DisabledUpToHigh, forced_choice: true, ..NEWEST },
    Model { id: "claude-sonnet-5", thinks_by_default: true, ..ADAPTIVE },
    Model { id: "claude-opus-4-8", ..ADAPTIVE },
    Model { id: "claude-opus-4-7", ..ADAPTIVE },
    Model { id: "claude-opus-4-6", ..GEN_4_6 },
    Model { id: "claude-sonnet-4-6", ..GEN_4_6 },
    Model { id: "claude-opus-4-5", ..GEN_4_5 },
    Model { id: "claude-sonnet-4-5", ..GEN_4_5 },
    Model { id: "claude-haiku-4-5", ..GEN_4_5 },
    Model { id: "claude-opus-4-1", sampling: SamplingRule::OneOf, structured: true, max_output: 32_000, ..GEN_4 },
    Model { id: "claude-opus-4-0", max_output: 32_000, ..GEN_4 },
    Model { id: "claude-opus-4", max_output: 32_000, ..GEN_4 },
    Model { id: "claude-sonnet-4-0", ..GEN_4 },
    Model { id: "claude-sonnet-4", ..GEN_4 },
    Model { id: "claude-3-7-sonnet", ..GEN_4 },
    Model { id: "claude-3-5-sonnet", max_output: 8192, ..GEN_3 },
    Model { id: "claude-3-5-haiku", max_output: 8192, ..GEN_3 },
    Model { id: "claude-3-opus", ..GEN_3 },
    Model { id: "claude-3-sonnet", ..GEN_3 },
    Model { id: "claude-3-haiku", ..GEN_3 },
];

impl Model {
    /// The row for `name`: with or without a vendor's prefix (`anthropic/`, `us.anthropic.`), with dots or dashes.
    pub(super) fn of(name: &str) -> &'static Self {
        let name = name.to_ascii_lowercase().replace('.', "-");
        let bare = name.find("claude-").and_then(|at| name.get(at..)).unwrap_or(&name);
        MODELS.iter().find(|m| m.matches(bare)).unwrap_or(&NEWEST)
    }

    /// `claude-opus-4` names `claude-opus-4-20250514` but not a later `claude-opus-4-9`.
    fn matches(&self, bare: &str) -> bool {
        let Some(rest) = bare.strip_prefix(self.id) else { return false };
        let Some(rest) = rest.strip_prefix('-') else { return !rest.starts_with(|c: char| c.is_ascii_alphanumeric()) };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits == 0 || digits > 2
    }

    /// The effort to send for `wish`: itself, else the nearest lower one the model knows, else its lowest.
    pub(super) fn effort(&self, wish: Effort) -> Option<Effort> {
        self.efforts.iter().rev().find(|e| **e <= wish).or(self.efforts.first()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_generation() {
        for (name, id) in [
            ("claude-opus-4-20250514", "claude-opus-4"),
            ("claude-opus-4.7", "claude-opus-4-7"),
            ("anthropic/claude-sonnet-5-5", "claude-sonnet-5-5"),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
            ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
            ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
            ("claude-opus-4-9", ""),
            ("claude-sonnet-50", ""),
            ("claude-x", ""),
            ("something", ""),
        ] {
            assert_eq!(Model::of(name).id, id, "{name}");
        }
    }

    #[test]
    fn effort_rounds_down() {
        assert_eq!(Model::of("claude-opus-4-6").effort(Effort::Xhigh), Some(Effort::High));
        assert_eq!(Model::of("claude-opus-4-6").effort(Effort::Max), Some(Effort::Max));
        assert_eq!(Model::of("claude-opus-5-5").effort(Effort::Minimal), Some(Effort::Low));
        assert_eq!(Model::of("claude-sonnet-4-5").effort(Effort::High), None);
    }
}
