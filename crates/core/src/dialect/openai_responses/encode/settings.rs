//! The scalar members: limits, sampling, reasoning, output format, identity.

use crate::hub::{Effort, OutputFormat, ReasoningMode, Untranslatable, digest, history, schema};
use crate::json::{JsonStr, Kind, Obj, RawValue, kind};

use super::super::wire::ENCRYPTED;
use super::Encoder;

/// The longest `safety_identifier`.
const MAX_USER: usize = 64;

impl Encoder<'_> {
    /// Everything but tools and input.
    pub(super) fn settings(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        if !self.lacks("store") {
            o.bool("store", false);
        }
        if self.thinks() && !self.lacks("include") {
            o.arr("include", |a| a.text(ENCRYPTED));
        }
        self.limit(o)?;
        self.sampling(o)?;
        self.reasoning(o);
        self.text(o)?;
        self.end_user(o);
        self.service_tier(o);
        self.rest(o)?;
        if self.request.stream {
            o.bool("stream", true);
        }
        Ok(())
    }

    fn limit(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let Some(limit) = self.request.max_tokens else { return Ok(()) };
        if limit == 0 {
            // Anthropic's way to warm a cache; here it would be a 400 or a real answer.
            return Err(Untranslatable::new(self.names.limit, "a prewarming request (0) has no equivalent here"));
        }
        let least = self.target.quirks.min_output;
        if limit < least {
            self.losses.approx(self.names.limit);
        }
        o.uint("max_output_tokens", limit.max(least));
        Ok(())
    }

    fn sampling(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let s = &self.request.sampling;
        for (name, value) in [("temperature", s.temperature), ("top_p", s.top_p)] {
            match value {
                Some(_) if self.refuses(name) || self.lacks(name) => self.losses.drop(name),
                Some(raw) => o.raw(name, raw.get()),
                None => {}
            }
        }
        let none = [
            ("top_k", s.top_k),
            ("frequency_penalty", s.frequency_penalty),
            ("presence_penalty", s.presence_penalty),
            ("seed", s.seed),
        ];
        none.into_iter().filter(|(_, value)| value.is_some()).for_each(|(name, _)| self.losses.drop(name));
        if !self.request.stop.is_empty() {
            self.losses.drop(self.names.stop);
        }
        match self.request.n {
            Some(n) if n > 1 => Err(Untranslatable::new("n", "the target gives one choice; send n requests instead")),
            _ => Ok(()),
        }
    }

    /// Nothing said means nothing sent. Who wants to think wants a summary of it, unless it is to be hidden.
    fn reasoning(&mut self, o: &mut Obj<'_>) {
        let wish = self.request.reasoning;
        let off = wish.mode == Some(ReasoningMode::Off) || wish.effort == Some(Effort::None);
        let wanted = match (off, wish.effort, wish.budget) {
            (true, ..) => Some(Effort::None),
            (false, Some(effort), _) => Some(effort),
            (false, None, Some(budget)) => Some(Effort::of_budget(budget, self.request.max_tokens)),
            (false, None, None) => None,
        };
        if wanted.is_none() && wish.mode.is_none() {
            return;
        }
        if !self.thinks() {
            if !off {
                self.losses.drop(self.names.budget);
            }
            return;
        }
        let word = wanted.and_then(|effort| self.word(effort));
        if word != wanted.map(Effort::as_str) || (wish.effort.is_none() && wish.budget.is_some()) {
            self.losses.approx(if wish.effort.is_some() { self.names.effort } else { self.names.budget });
        }
        let hidden = self.request.ext.iter().any(|(key, raw)| key == "thinking.display" && raw.get() == "\"omitted\"");
        let shown = !off && !hidden && !self.lacks("reasoning.summary");
        if word.is_none() && !shown {
            return;
        }
        o.obj("reasoning", |o| {
            if let Some(word) = word {
                o.text("effort", word);
            }
            if shown {
                o.text("summary", "auto");
            }
        });
    }

    /// The target's word for an effort.
    fn word(&self, effort: Effort) -> Option<&'static str> {
        let at = [Effort::None, Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh, Effort::Max];
        let at = at.iter().position(|e| *e == effort)?;
        self.rule.and_then(|rule| rule.efforts).unwrap_or(self.target.quirks.effort_words).get(at).copied().flatten()
    }

    /// `text`: the shape of the answer, and how wordy it is.
    fn text(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let verbosity = self.request.ext.iter().find(|(key, _)| matches!(key.as_ref(), "verbosity" | "text.verbosity"));
        let verbosity = verbosity.map(|(_, raw)| *raw);
        let format = match &self.request.output {
            OutputFormat::Text => None,
            OutputFormat::Other(_) => {
                return Err(Untranslatable::new(
                    self.names.format,
                    "this output format has no equivalent in Responses",
                ));
            }
            format @ (OutputFormat::JsonObject | OutputFormat::JsonSchema { .. }) => Some(format),
        };
        if format.is_none() && verbosity.is_none() {
            return Ok(());
        }
        if self.lacks("text") {
            if verbosity.is_some() {
                self.losses.drop("verbosity");
            }
            if let Some(format) = format {
                self.chat_format(format, o);
            }
            return Ok(());
        }
        o.obj("text", |o| {
            if let Some(format) = format {
                o.obj("format", |o| self.format(format, o));
            }
            if let Some(verbosity) = verbosity {
                o.raw("verbosity", verbosity.get());
            }
        });
        Ok(())
    }

    /// The shape of the answer as Chat has it; any object where no schema says more.
    fn chat_format(&mut self, format: &OutputFormat<'_>, o: &mut Obj<'_>) {
        o.obj("response_format", |o| {
            o.text("type", "json_schema");
            o.obj("json_schema", |o| {
                let OutputFormat::JsonSchema { name, description, schema, ext, .. } = format else {
                    self.losses.approx(self.names.format);
                    o.text("name", "response");
                    return o.raw("schema", r#"{"type":"object"}"#);
                };
                named_schema(name.as_ref(), description.as_ref(), schema, o);
                self.left_over(self.names.format, ext);
            });
        });
    }

    /// A schema that strict mode would refuse goes without: altering it would alter its meaning.
    fn format(&mut self, format: &OutputFormat<'_>, o: &mut Obj<'_>) {
        let OutputFormat::JsonSchema { name, description, schema, strict, ext } = format else {
            return o.text("type", "json_object");
        };
        let strict = strict.unwrap_or(true) && schema::is_strict(schema);
        if !strict {
            self.losses.approx(self.names.format);
        }
        o.text("type", "json_schema");
        named_schema(name.as_ref(), description.as_ref(), schema, o);
        o.bool("strict", strict);
        self.left_over(self.names.format, ext);
    }

    /// The caller's end user. Claude Code sends long JSON-like ids: what does not fit is hashed, always to the same.
    fn end_user(&mut self, o: &mut Obj<'_>) {
        let Some(id) = &self.request.user else { return };
        if self.target.quirks.user_field.is_none() {
            return self.losses.drop(self.names.user);
        }
        self.losses.approx(self.names.user);
        let text = id.text();
        if text.len() <= MAX_USER {
            o.str("safety_identifier", id);
        } else {
            o.text("safety_identifier", &digest(&text));
        }
    }

    /// `standard_only` is Anthropic's word for `default`, and `speed: fast` its wish for priority.
    fn service_tier(&mut self, o: &mut Obj<'_>) {
        if self.lacks("service_tier") && self.request.service_tier.is_some() {
            return self.losses.drop("service_tier");
        }
        let fast = self.request.ext.iter().any(|(key, raw)| key == "speed" && raw.get() == "\"fast\"");
        let Some(tier) = self.request.service_tier.as_ref().map(JsonStr::text).or(fast.then(|| "priority".into()))
        else {
            return;
        };
        let ours = if tier == "standard_only" { "default" } else { tier.as_ref() };
        match self.target.quirks.service_tiers.iter().find(|(from, _)| *from == ours) {
            Some((_, theirs)) => {
                if *theirs != tier || fast {
                    self.losses.approx("service_tier");
                }
                o.text("service_tier", theirs);
            }
            None => self.losses.drop("service_tier"),
        }
    }

    /// Members without a field in the hub: what both of OpenAI's dialects have goes on, the rest is named.
    fn rest(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        for (key, raw) in &self.request.ext {
            match key.as_ref() {
                "metadata" | "prompt_cache_key" | "prompt_cache_retention" if self.target.quirks.min_output == 16 => {
                    o.raw(key, raw.get());
                }
                // Said elsewhere, or about our own reply.
                "modalities" if raw.get() == "[\"text\"]" => {}
                "logprobs" if raw.get() == "false" => {}
                "speed" | "store" | "text.verbosity" | "thinking.display" | "verbosity" | "web_search_options" => {}
                "audio" | "modalities" => {
                    return Err(Untranslatable::new(key.clone().into_owned(), "the target does not answer in audio"));
                }
                "thread" if history::continues(raw) => {
                    return Err(Untranslatable::new("thread", "a thread of another provider cannot be continued"));
                }
                _ if kind(raw) == Kind::Null => {}
                _ => self.losses.drop(key.clone().into_owned()),
            }
        }
        Ok(())
    }
}

/// What both forms say of a schema.
fn named_schema(name: Option<&JsonStr<'_>>, description: Option<&JsonStr<'_>>, schema: &RawValue, o: &mut Obj<'_>) {
    match name {
        Some(name) => o.str("name", name),
        None => o.text("name", "response"),
    }
    if let Some(description) = description {
        o.str("description", description);
    }
    o.raw("schema", schema.get());
}
