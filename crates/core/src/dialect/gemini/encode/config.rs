//! Limits, sampling, thinking and the form of the answer, fitted to the model.
//!
//! <https://ai.google.dev/api/generate-content#v1beta.GenerationConfig> and
//! <https://ai.google.dev/gemini-api/docs/thinking>. A caller that said nothing about reasoning gets no parameter of it.

use std::borrow::Cow;

use super::super::models::Thinking;
use super::super::schema;
use super::super::wire::{MAX_STOP, has, take, take_bool, take_object, take_text};
use super::Context;
use crate::dialect::Dialect;
use crate::hub::{Effort, OutputFormat, ReasoningMode, Untranslatable};
use crate::json::{Ext, JsonStr, Kind, Members, Obj, RawValue, elements, kind};

/// Members that clients of other dialects send for Gemini, or that need more than a word.
#[derive(Debug, Default)]
pub(super) struct Extras<'r> {
    /// Members of the request that go along as they are: `safetySettings`, and all of Gemini's own.
    pub(super) passed: Ext<'r>,
    /// Members inside `generationConfig` that go along as they are.
    config: Ext<'r>,
    /// `thinking_config` as Google's compatible endpoint takes it.
    thinking: Option<Members<'r>>,
    /// The thoughts are not to be shown.
    hide_thoughts: bool,
    pub(super) web_search: bool,
    tier: Option<&'static str>,
}

impl<'r> Extras<'r> {
    /// Sorts the caller's leftovers.
    pub(super) fn read(cx: &mut Context<'r>) -> Result<Self, Untranslatable> {
        let mut this = Self::default();
        let request = cx.request;
        if request.n.is_some_and(|n| n > 1) {
            return Err(Untranslatable::new("n", "one choice is translated; send n requests instead"));
        }
        for (key, raw) in &request.ext {
            if kind(raw) != Kind::Null && !this.take(cx, key, raw)? {
                cx.losses.drop(key.clone().into_owned());
            }
        }
        Ok(this)
    }

    /// Takes one member; `false` when it has no place in a request to Gemini.
    fn take(&mut self, cx: &mut Context<'r>, key: &'r str, raw: &'r RawValue) -> Result<bool, Untranslatable> {
        if cx.request.origin == Dialect::Gemini {
            match key.strip_prefix("generationConfig.") {
                Some(inner) => self.config.push((Cow::Borrowed(inner), raw)),
                None => self.passed.push((Cow::Borrowed(key), raw)),
            }
            return Ok(true);
        }
        match key {
            "audio" => return Err(Untranslatable::new(key, "answers in audio are not translated")),
            "modalities" => {
                let other = elements(raw).unwrap_or_default().iter().any(|m| m.get() != "\"text\"");
                if other {
                    return Err(Untranslatable::new(key, "only answers in text are translated"));
                }
            }
            "logprobs" | "top_logprobs" => {
                if !matches!(raw.get(), "false" | "0") {
                    return Err(Untranslatable::new(key, "log probabilities are not translated"));
                }
            }
            "extra_body" | "google" => self.google(key, raw)?,
            "safety_settings" | "safetySettings" => self.passed.push((Cow::Borrowed("safetySettings"), raw)),
            "speed" if raw.get() == "\"fast\"" => {
                cx.losses.approx("speed");
                self.tier = Some("priority");
            }
            "thinking.display" => self.hide_thoughts = raw.get() == "\"omitted\"",
            "web_search_options" => self.web_search = true,
            "reasoning.summary" | "reasoning.generate_summary" | "model" | "stream_options" => {}
            "store" if raw.get() == "false" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `google` at the top, or inside `extra_body`: what users of Google's compatible endpoint send.
    fn google(&mut self, key: &'r str, raw: &'r RawValue) -> Result<(), Untranslatable> {
        let bad = |_| Untranslatable::new(key, "expected an object");
        let mut m = Members::of(raw).map_err(bad)?;
        if key == "extra_body"
            && let Some(inner) = take_object(&mut m, "google").map_err(bad)?
        {
            m = inner;
        }
        self.thinking = take_object(&mut m, "thinkingConfig").map_err(bad)?;
        if let Some(name) = take(&mut m, "cachedContent") {
            self.passed.push((Cow::Borrowed("cachedContent"), name));
        }
        if let Some(settings) = take(&mut m, "safetySettings") {
            self.passed.push((Cow::Borrowed("safetySettings"), settings));
        }
        Ok(())
    }
}

/// `generationConfig`, and the tier beside it.
#[derive(Debug, Default)]
pub(super) struct Config<'r> {
    members: Vec<(&'static str, Cow<'r, str>)>,
    stop: Vec<JsonStr<'r>>,
    thinking: Option<Wish>,
    format: Option<Format<'r>>,
    kept: Ext<'r>,
    tier: Option<Cow<'r, str>>,
}

/// `thinkingConfig`: a budget or a level, never both.
#[derive(Debug)]
struct Wish {
    budget: Option<i64>,
    level: Option<Effort>,
    show: Option<bool>,
}

#[derive(Debug)]
struct Format<'r> {
    schema: Option<(&'static str, Cow<'r, str>)>,
}

impl<'r> Config<'r> {
    pub(super) fn plan(cx: &mut Context<'r>, extras: &Extras<'r>, functions: bool) -> Result<Self, Untranslatable> {
        let mut this = Self { kept: extras.config.clone(), ..Self::default() };
        this.limit(cx)?;
        this.sampling(cx);
        this.stop(cx)?;
        this.thinking = match &extras.thinking {
            Some(given) => Some(explicit(cx, given)?),
            None => wish(cx, extras),
        };
        this.format(cx, functions)?;
        this.tier(cx, extras);
        if cx.request.user.is_some() {
            cx.losses.drop(cx.names.user);
        }
        Ok(this)
    }

    fn limit(&mut self, cx: &mut Context<'r>) -> Result<(), Untranslatable> {
        let Some(asked) = cx.request.max_tokens else { return Ok(()) };
        if asked == 0 {
            return Err(Untranslatable::new(cx.names.limit, "a prewarming request (0) has no equivalent here"));
        }
        if asked > cx.model.max_output {
            cx.losses.approx(cx.names.limit);
        }
        self.members.push(("maxOutputTokens", Cow::Owned(asked.min(cx.model.max_output).to_string())));
        Ok(())
    }

    fn sampling(&mut self, cx: &mut Context<'r>) {
        let given = cx.request.sampling;
        if let Some(raw) = given.temperature {
            if number(raw).is_some_and(|t| t > 2.0) {
                cx.losses.approx("temperature");
                self.members.push(("temperature", Cow::Borrowed("2")));
            } else {
                self.members.push(("temperature", Cow::Borrowed(raw.get())));
            }
        }
        if let Some(raw) = given.top_p {
            self.members.push(("topP", Cow::Borrowed(raw.get())));
        }
        if let Some(raw) = given.top_k {
            self.members.push(("topK", Cow::Borrowed(raw.get())));
        }
        for (name, member, raw) in [
            ("presence_penalty", "presencePenalty", given.presence_penalty),
            ("frequency_penalty", "frequencyPenalty", given.frequency_penalty),
        ] {
            let Some(raw) = raw else { continue };
            if cx.model.penalties || cx.request.origin == Dialect::Gemini {
                self.members.push((member, Cow::Borrowed(raw.get())));
            } else {
                cx.losses.drop(name);
            }
        }
        if let Some(raw) = given.seed {
            // A 32-bit integer there.
            if raw.get().parse::<i32>().is_ok() {
                self.members.push(("seed", Cow::Borrowed(raw.get())));
            } else {
                cx.losses.drop("seed");
            }
        }
    }

    /// Cutting the list would silently change the answer, so too many are refused.
    fn stop(&mut self, cx: &mut Context<'r>) -> Result<(), Untranslatable> {
        let stop = &cx.request.stop;
        if stop.len() > MAX_STOP {
            let what = format!("{} stop sequences, but Gemini takes at most {MAX_STOP}", stop.len());
            return Err(Untranslatable::new(cx.names.stop, what));
        }
        self.stop = stop.iter().filter(|s| !s.is_empty()).cloned().collect();
        if self.stop.len() < stop.len() {
            cx.losses.drop(cx.names.stop);
        }
        Ok(())
    }

    fn format(&mut self, cx: &mut Context<'r>, functions: bool) -> Result<(), Untranslatable> {
        let output: &'r OutputFormat<'r> = &cx.request.output;
        let fits = !functions || cx.model.format_with_functions;
        match output {
            OutputFormat::Text => {}
            OutputFormat::JsonObject if fits => self.format = Some(Format { schema: None }),
            OutputFormat::JsonObject => {
                cx.losses.approx(cx.names.format);
                cx.notes.push("Answer with one JSON object only, no other text.".to_owned());
            }
            OutputFormat::JsonSchema { schema, description, ext, .. } if fits => {
                cx.leftovers(cx.names.format, ext);
                if description.is_some() {
                    cx.losses.drop("response_format.json_schema.description");
                }
                let fitted = if cx.model.json_schema {
                    Some(("responseJsonSchema", schema::json_schema(schema)))
                } else {
                    schema::openapi(schema).map(|fitted| ("responseSchema", fitted))
                };
                if fitted.as_ref().is_none_or(|(_, f)| f.changed) {
                    cx.losses.approx(cx.names.format);
                }
                self.format = Some(Format { schema: fitted.map(|(member, f)| (member, f.text)) });
            }
            // Functions and a JSON answer exclude each other there: the tools count more, the shape is asked for in words.
            OutputFormat::JsonSchema { schema, .. } => {
                cx.losses.approx(cx.names.format);
                cx.notes.push(format!(
                    "Give the final answer as one JSON value only, no other text. It must match this JSON schema:\n{}",
                    schema.get()
                ));
            }
            OutputFormat::Other(_) => {
                return Err(Untranslatable::new(cx.names.format, "this output format has no equivalent at Gemini"));
            }
        }
        Ok(())
    }

    fn tier(&mut self, cx: &mut Context<'r>, extras: &Extras<'r>) {
        self.tier = extras.tier.map(Cow::Borrowed);
        let Some(tier) = &cx.request.service_tier else { return };
        self.tier = match tier.text().as_ref() {
            word @ ("flex" | "priority" | "standard") => Some(Cow::Owned(word.to_owned())),
            "fast" => Some(Cow::Borrowed("priority")),
            "standard_only" => Some(Cow::Borrowed("standard")),
            "auto" | "default" => None,
            _ => {
                cx.losses.drop("service_tier");
                None
            }
        };
    }

    pub(super) fn write(&self, o: &mut Obj<'_>) {
        let empty = self.members.is_empty() && self.stop.is_empty() && self.kept.is_empty();
        if !empty || self.thinking.is_some() || self.format.is_some() {
            o.obj("generationConfig", |o| self.fill(o));
        }
        if let Some(tier) = &self.tier {
            o.text("serviceTier", tier);
        }
    }

    fn fill(&self, o: &mut Obj<'_>) {
        for (key, text) in &self.members {
            o.raw(key, text);
        }
        if !self.stop.is_empty() {
            o.arr("stopSequences", |a| self.stop.iter().for_each(|s| a.str(s)));
        }
        if let Some(format) = &self.format {
            o.text("responseMimeType", "application/json");
            if let Some((member, schema)) = &format.schema {
                o.raw(member, schema);
            }
        }
        if let Some(wish) = &self.thinking {
            o.obj("thinkingConfig", |o| {
                if let Some(budget) = wish.budget {
                    o.raw("thinkingBudget", &budget.to_string());
                }
                if let Some(level) = wish.level {
                    o.text("thinkingLevel", &level.as_str().to_ascii_uppercase());
                }
                if let Some(show) = wish.show {
                    o.bool("includeThoughts", show);
                }
            });
        }
        for (key, raw) in &self.kept {
            o.member(key, raw.get());
        }
    }
}

/// `thinking_config` as the caller wrote it. Together with an effort it is a 400, as at Google.
fn explicit(cx: &Context<'_>, given: &Members<'_>) -> Result<Wish, Untranslatable> {
    if cx.request.reasoning.effort.is_some() {
        let what = "reasoning_effort and thinking_config exclude each other; send one";
        return Err(Untranslatable::new("reasoning_effort", what));
    }
    let mut m = given.clone();
    let bad = |_| Untranslatable::new("thinking_config", "expected a budget or a level");
    let show = take_bool(&mut m, "includeThoughts").map_err(bad)?;
    let budget = take(&mut m, "thinkingBudget").and_then(|raw| raw.get().parse().ok());
    let level = take_text(&mut m, "thinkingLevel").map_err(bad)?;
    let level = level.and_then(|word| Effort::parse(&word.to_ascii_lowercase()));
    Ok(Wish { budget, level, show: show.or_else(|| has(given, "thinkingBudget").then_some(true)) })
}

/// What the caller wants of reasoning, as this model is told. Shown thoughts are what other dialects call reasoning.
fn wish(cx: &mut Context<'_>, extras: &Extras<'_>) -> Option<Wish> {
    let wish = cx.request.reasoning;
    if wish.mode.is_none() && wish.effort.is_none() && wish.budget.is_none() {
        return (cx.request.origin == Dialect::Gemini && cx.request.show_thoughts).then_some(Wish {
            budget: None,
            level: None,
            show: Some(true),
        });
    }
    let off = wish.mode == Some(ReasoningMode::Off) || wish.effort == Some(Effort::None);
    let name = if wish.effort.is_some() { cx.names.effort } else { cx.names.budget };
    let show = if cx.request.origin == Dialect::Gemini { cx.request.show_thoughts } else { !extras.hide_thoughts };
    let show = Some(show && !off);
    match cx.model.thinking {
        Thinking::Never => {
            if !off {
                cx.losses.drop(name);
            }
            None
        }
        Thinking::Budget { off: true, .. } if off => Some(Wish { budget: Some(0), level: None, show: None }),
        Thinking::Budget { least, .. } if off => {
            cx.losses.approx(name);
            i64::try_from(least).ok().map(|budget| Wish { budget: Some(budget), level: None, show: Some(false) })
        }
        Thinking::Budget { least, most, .. } => {
            let asked = wish.budget.or_else(|| wish.effort.and_then(Effort::budget));
            let fitted = asked.map(|n| n.clamp(least, most));
            if fitted != asked || (wish.budget.is_none() && asked.is_some()) {
                cx.losses.approx(name);
            }
            // -1 leaves it to the model.
            let budget = fitted.map_or(-1, |n| i64::try_from(n).unwrap_or(-1));
            Some(Wish { budget: Some(budget), level: None, show })
        }
        Thinking::Level(levels) => {
            let asked = if off {
                Some(Effort::None)
            } else {
                wish.effort.or_else(|| wish.budget.map(|n| Effort::of_budget(n, cx.request.max_tokens)))
            };
            let level = asked.and_then(|e| cx.model.level(e));
            if asked.is_some_and(|e| !levels.contains(&e)) || (wish.effort.is_none() && wish.budget.is_some()) {
                cx.losses.approx(name);
            }
            Some(Wish { budget: None, level, show })
        }
    }
}

fn number(raw: &RawValue) -> Option<f64> {
    raw.get().parse().ok()
}
