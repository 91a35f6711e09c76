//! Reasoning, the output limit and sampling, fitted to the model.
//!
//! <https://docs.anthropic.com/en/docs/build-with-claude/adaptive-thinking> and
//! <https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking>. A caller that said nothing about reasoning gets
//! no reasoning parameter.

use std::borrow::Cow;

use crate::hub::{Effort, ReasoningMode, ReasoningWish};
use crate::json::{JsonStr, Obj, RawValue};

use super::super::models::{Off, SamplingRule};
use super::Context;
use super::block::{Block, Message};
use super::members::Extras;
use super::turns::Conversation;

/// The least budget Anthropic takes.
const MIN_BUDGET: u64 = 1024;

/// What is sent.
#[derive(Debug)]
pub(super) struct Plan<'r> {
    thinking: Option<Thinking>,
    effort: Option<Effort>,
    /// `thinking.display`, as the caller wrote it.
    display: Option<JsonStr<'r>>,
    pub(super) max_tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thinking {
    Adaptive,
    BetweenTools,
    Disabled,
    Enabled { budget: u64 },
}

impl Plan<'_> {
    /// A fixed budget: forced tool choice is refused with it.
    pub(super) fn is_manual(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Enabled { .. }))
    }

    fn thinks(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Adaptive | Thinking::BetweenTools | Thinking::Enabled { .. }))
    }

    /// Writes `thinking` and `output_config` (with `format`, the JSON text of a structured output's shape).
    pub(super) fn write(&self, o: &mut Obj<'_>, format: Option<&str>) {
        if let Some(thinking) = self.thinking {
            o.obj("thinking", |o| {
                o.text("type", thinking.word());
                if let Thinking::Enabled { budget } = thinking {
                    o.uint("budget_tokens", budget);
                }
                if let Some(display) = self.display.as_ref().filter(|_| self.thinks()) {
                    o.str("display", display);
                }
            });
        }
        if self.effort.is_some() || format.is_some() {
            o.obj("output_config", |o| {
                if let Some(effort) = self.effort {
                    o.text("effort", effort.as_str());
                }
                if let Some(format) = format {
                    o.raw("format", format);
                }
            });
        }
    }
}

impl Thinking {
    const fn word(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::BetweenTools => "between_tools",
            Self::Disabled => "disabled",
            Self::Enabled { .. } => "enabled",
        }
    }
}

/// Decides on reasoning and on the output limit.
pub(super) fn plan<'r>(cx: &mut Context<'r>, conversation: &Conversation<'r>, extras: &Extras<'r>) -> Plan<'r> {
    let mut plan = Plan { thinking: None, effort: None, display: None, max_tokens: max_tokens(cx) };
    let (wish, name) = wish(cx, extras, &mut plan);
    let off = wish.mode == Some(ReasoningMode::Off) || wish.effort == Some(Effort::None);
    if off {
        turn_off(cx, &mut plan, name);
    } else if !cx.model.efforts.is_empty() {
        modern(cx, &mut plan, wish, name);
    } else if let Some(budget) = wish.budget.or_else(|| wish.effort.and_then(Effort::budget)) {
        manual(cx, &mut plan, budget, name);
    } else if wish.mode.is_some() {
        manual(cx, &mut plan, Effort::High.budget().unwrap_or(MIN_BUDGET), name);
    }
    if plan.is_manual() && needs_signed_thinking(&conversation.messages) {
        // The thinking of the tool loop in progress is lost: going on with a budget would be a 400.
        plan.thinking = None;
        cx.losses.approx(name);
    }
    plan
}

/// What the caller wants, and the member that says so. `thinking` in Anthropic's own form wins: who sends it means it.
fn wish<'r>(cx: &mut Context<'r>, extras: &Extras<'r>, plan: &mut Plan<'r>) -> (ReasoningWish, &'static str) {
    let mut wish = cx.request.reasoning;
    let Some(thinking) = &extras.thinking else { return (wish, "reasoning_effort") };
    let mut thinking = thinking.clone();
    wish.mode = match thinking.take_text("type").ok().flatten().as_deref() {
        Some("between_tools") => Some(ReasoningMode::BetweenTools),
        Some("disabled") => Some(ReasoningMode::Off),
        Some("enabled") => Some(ReasoningMode::Enabled),
        _ => Some(ReasoningMode::Adaptive),
    };
    wish.budget = thinking.take_u64("budget_tokens").ok().flatten();
    plan.display = thinking.take_str("display").ok().flatten();
    if thinking.iter().next().is_some() {
        cx.losses.drop("thinking");
    }
    (wish, "thinking")
}

fn turn_off(cx: &mut Context<'_>, plan: &mut Plan<'_>, name: &'static str) {
    match cx.model.off {
        Off::Disabled | Off::DisabledUpToHigh if cx.model.thinks_by_default => {
            plan.thinking = Some(Thinking::Disabled);
        }
        Off::Disabled | Off::DisabledUpToHigh => {}
        Off::BetweenTools => {
            plan.thinking = Some(Thinking::BetweenTools);
            cx.losses.approx(name);
        }
        Off::Never => {
            plan.effort = cx.model.effort(Effort::Low);
            cx.losses.approx(name);
        }
    }
}

/// Models that take an effort.
fn modern(cx: &mut Context<'_>, plan: &mut Plan<'_>, wish: ReasoningWish, name: &'static str) {
    let model = cx.model;
    if let (Some(ReasoningMode::Enabled), Some(budget), true) = (wish.mode, wish.budget, model.budget) {
        return manual(cx, plan, budget, name);
    }
    let wanted = wish.effort.or_else(|| wish.budget.map(|b| Effort::of_budget(b, cx.request.max_tokens)));
    plan.effort = wanted.and_then(|e| model.effort(e));
    if plan.effort != wanted || (wish.effort.is_none() && wish.budget.is_some()) {
        cx.losses.approx(name);
    }
    plan.thinking = match wish.mode {
        Some(ReasoningMode::BetweenTools) if model.off == Off::BetweenTools => {
            // It goes with at most effort `high`.
            plan.effort = plan.effort.map(|e| e.min(Effort::High));
            Some(Thinking::BetweenTools)
        }
        Some(ReasoningMode::Adaptive | ReasoningMode::Enabled) => Some(Thinking::Adaptive),
        _ if wanted.is_some() && !model.thinks_by_default => Some(Thinking::Adaptive),
        Some(ReasoningMode::BetweenTools | ReasoningMode::Off) | None => None,
    };
}

/// Models that take a budget: at least 1024 and less than the output limit.
fn manual(cx: &mut Context<'_>, plan: &mut Plan<'_>, budget: u64, name: &'static str) {
    if !cx.model.budget || plan.max_tokens <= MIN_BUDGET {
        return cx.losses.drop(name);
    }
    let fitted = budget.clamp(MIN_BUDGET, plan.max_tokens - 1);
    if fitted != budget {
        cx.losses.approx(name);
    }
    plan.thinking = Some(Thinking::Enabled { budget: fitted });
}

/// With a fixed budget, the assistant turn of a tool loop in progress must begin with its thinking.
fn needs_signed_thinking(messages: &[Message<'_>]) -> bool {
    let answers = messages.iter().rev().take_while(|m| m.role != "assistant");
    if !answers.clone().any(|m| m.blocks.iter().any(Block::is_tool_result)) {
        return false;
    }
    let reply = messages.iter().rev().skip(answers.count()).take_while(|m| m.role == "assistant").last();
    reply.and_then(|m| m.blocks.first()).is_some_and(|b| !b.is_thinking())
}

/// The caller's limit, at most the model's; the model's where the caller set none (a small constant would cut answers).
fn max_tokens(cx: &mut Context<'_>) -> u64 {
    let most = cx.model.max_output;
    match cx.request.max_tokens {
        Some(asked) if asked > most => {
            cx.losses.approx("max_completion_tokens");
            most
        }
        Some(asked) => asked,
        None => most,
    }
}

/// Sampling members that the model takes, as they were spelled where that is in range.
pub(super) fn sampling<'r>(
    cx: &mut Context<'r>,
    plan: &Plan<'_>,
    extras: &Extras<'r>,
) -> Vec<(&'static str, Cow<'r, str>)> {
    let given = cx.request.sampling;
    // Thinking takes default sampling only, whatever the model.
    let rule = if plan.thinks() { SamplingRule::Refused } else { cx.model.sampling };
    let mut kept = Vec::new();
    for (name, raw) in [("temperature", given.temperature), ("top_p", given.top_p)] {
        // 1 is the default of both: leaving it out changes nothing.
        let Some((raw, value)) = raw.and_then(|r| Some((r, number(r)?))) else { continue };
        let default = (value - 1.0).abs() < f64::EPSILON;
        match rule {
            SamplingRule::Refused if default => {}
            SamplingRule::OneOf if default && name == "top_p" => {}
            SamplingRule::OneOf if name == "top_p" && !kept.is_empty() => cx.losses.drop(name),
            SamplingRule::Refused => cx.losses.drop(name),
            SamplingRule::Both | SamplingRule::OneOf if value > 1.0 => {
                cx.losses.approx(name);
                kept.push((name, Cow::Borrowed("1")));
            }
            SamplingRule::Both | SamplingRule::OneOf => kept.push((name, Cow::Borrowed(raw.get()))),
        }
    }
    if let Some(top_k) = extras.top_k {
        match rule {
            SamplingRule::Refused => cx.losses.drop("top_k"),
            SamplingRule::Both | SamplingRule::OneOf => kept.push(("top_k", Cow::Borrowed(top_k.get()))),
        }
    }
    kept
}

fn number(raw: &RawValue) -> Option<f64> {
    raw.get().parse().ok()
}
