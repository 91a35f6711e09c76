//! The scalar members: limits, sampling, reasoning, output format, identity, stream.

use crate::dialect::openai_chat::wire::{maybe, members, nested, pairs};
use crate::hub::{Effort, OutputFormat, ReasoningMode, ToolChoice, Untranslatable, digest, history, schema};
use crate::json::{JsonStr, Kind, Obj, RawValue, kind};
use crate::provider::{LimitField, StreamUsage};

use super::Encoder;
use super::tool::callable;

impl Encoder<'_> {
    /// Everything but tools and messages.
    pub(super) fn settings(&mut self, stream: bool, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        self.limit(o)?;
        self.sampling(o);
        self.choices(o)?;
        self.stop(o)?;
        self.reasoning(o);
        self.format(o)?;
        self.end_user(o);
        self.service_tier(o);
        self.rest(o)?;
        for (name, json) in self.rule.filter(|_| !self.own).map_or(&[][..], |rule| rule.adds) {
            o.raw(name, json);
        }
        if stream {
            o.bool("stream", true);
        }
        self.stream_options(stream, o);
        Ok(())
    }

    fn limit(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let Some(limit) = self.request.max_tokens.or(self.quirks.default_output) else { return Ok(()) };
        if limit == 0 && !self.own {
            // Anthropic's way to warm a cache; here it would be a 400 or a real answer.
            return Err(Untranslatable::new(self.names.limit, "a prewarming request (0) has no equivalent here"));
        }
        let limit = if limit < self.quirks.min_output && !self.own {
            self.losses.approx(self.names.limit);
            self.quirks.min_output
        } else {
            limit
        };
        let field = match self.quirks.limit {
            LimitField::MaxCompletionTokens => "max_completion_tokens",
            LimitField::MaxTokens => "max_tokens",
        };
        o.uint(field, limit);
        Ok(())
    }

    fn sampling(&mut self, o: &mut Obj<'_>) {
        let s = &self.request.sampling;
        let greedy = s.temperature.and_then(number) == Some(0.0);
        if let Some(raw) = s.temperature
            && let Some(key) = self.key("temperature", "temperature")
        {
            let tenths = self.quirks.max_temperature_tenths;
            if !self.own && number(raw).is_some_and(|t| t * 10.0 > f64::from(tenths)) {
                self.losses.approx("temperature");
                o.raw(key, &format!("{}.{}", tenths / 10, tenths % 10));
            } else {
                o.raw(key, raw.get());
            }
        }
        if let Some(raw) = s.top_p {
            let zero = self.quirks.positive_top_p && number(raw) == Some(0.0);
            if zero || (greedy && self.quirks.greedy_without_top_p && number(raw) != Some(1.0)) {
                self.refused("top_p");
            } else {
                self.number("top_p", raw, o);
            }
        }
        if let Some(raw) = s.top_k {
            if self.own || self.quirks.top_k {
                self.number("top_k", raw, o);
            } else {
                self.losses.drop("top_k");
            }
        }
        for (name, value) in
            [("frequency_penalty", s.frequency_penalty), ("presence_penalty", s.presence_penalty), ("seed", s.seed)]
        {
            if let Some(raw) = value {
                self.number(name, raw, o);
            }
        }
    }

    /// Several choices where there is one: leaving that out would silently change the answer (pitfall 140).
    fn choices(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let Some(n) = self.request.n.filter(|n| self.own || *n != 1) else { return Ok(()) };
        if !self.own && self.quirks.drop.contains(&"n") {
            return Err(Untranslatable::new("n", "the target gives one choice; send n requests instead"));
        }
        if let Some(key) = self.key("n", "n") {
            o.uint(key, n);
        }
        Ok(())
    }

    fn number(&mut self, name: &'static str, raw: &RawValue, o: &mut Obj<'_>) {
        if let Some(key) = self.key(name, name) {
            o.raw(key, raw.get());
        }
    }

    /// Cutting the list would silently change the answer, so too many are refused.
    fn stop(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let stop = &self.request.stop;
        if stop.is_empty() {
            return Ok(());
        }
        let Some(key) = self.key("stop", self.names.stop) else { return Ok(()) };
        if stop.len() > self.quirks.max_stop && !self.own {
            let what = format!("{} stop sequences, but the target takes at most {}", stop.len(), self.quirks.max_stop);
            return Err(Untranslatable::new(self.names.stop, what));
        }
        o.arr(key, |a| stop.iter().for_each(|s| a.str(s)));
        Ok(())
    }

    /// Nothing said means nothing sent. An effort wins over a budget; both give way to thinking switched off.
    fn reasoning(&mut self, o: &mut Obj<'_>) {
        let wish = self.request.reasoning;
        if self.own {
            if let Some(effort) = wish.effort {
                o.text("reasoning_effort", effort.as_str());
            }
            return;
        }
        let off = wish.mode == Some(ReasoningMode::Off) || wish.effort == Some(Effort::None);
        let (effort, caller) = match (off, wish.effort, wish.budget) {
            (true, _, _) => (Some(Effort::None), self.names.budget),
            (false, Some(effort), _) => (Some(effort), self.names.effort),
            (false, None, Some(budget)) => {
                (Some(Effort::of_budget(budget, self.request.max_tokens)), self.names.budget)
            }
            (false, None, None) => (None, self.names.budget),
        };
        if self.quirks.thinking_member && wish.mode.is_some() {
            o.obj("thinking", |o| o.text("type", if off { "disabled" } else { "enabled" }));
            // Thinking switched off together with an effort is a 400 there (pitfall 141).
            if off {
                return;
            }
        }
        let Some(effort) = effort else { return };
        match self.word(effort) {
            Some(word) => {
                if word != effort.as_str() || wish.effort.is_none() {
                    self.losses.approx(caller);
                }
                o.text("reasoning_effort", word);
            }
            None => self.losses.drop(caller),
        }
    }

    fn word(&self, effort: Effort) -> Option<&'static str> {
        let at = match effort {
            Effort::None => 0,
            Effort::Minimal => 1,
            Effort::Low => 2,
            Effort::Medium => 3,
            Effort::High => 4,
            Effort::Xhigh => 5,
            Effort::Max => 6,
        };
        let words = self.rule.and_then(|rule| rule.efforts).unwrap_or(self.quirks.effort_words);
        words
            .get(at)
            .copied()
            .flatten()
            .filter(|_| self.quirks.reasoning_effort && !self.model_refuses("reasoning_effort"))
    }

    fn format(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        match &self.request.output {
            OutputFormat::Text => {}
            OutputFormat::JsonObject => {
                let words = self.words_beside_tools();
                if !self.own && (words || !self.request.mentions("json")) {
                    // The mode wants the word in the prompt.
                    self.losses.approx(self.names.format);
                    self.notes.push("Answer with one JSON object only, no other text.".to_owned());
                }
                if !words {
                    o.obj("response_format", |o| {
                        o.text("type", "json_object");
                        self.nested_rest("response_format", o);
                    });
                }
            }
            OutputFormat::JsonSchema { name, description, schema, strict, ext } => {
                let shape = schema;
                let words = self.words_beside_tools();
                if !self.own && (words || !self.quirks.json_schema) {
                    self.losses.approx(self.names.format);
                    self.notes.push(format!(
                        "Answer with one JSON value only, no other text. It must match this JSON schema:\n{}",
                        shape.get()
                    ));
                    if !words {
                        o.obj("response_format", |o| o.text("type", "json_object"));
                    }
                    return Ok(());
                }
                // Anthropic always enforces its schema; a schema that strict mode would refuse goes without.
                let strict = if self.own { *strict } else { Some(strict.unwrap_or(true) && self.enforceable(shape)) };
                if !self.own {
                    if strict == Some(false) {
                        self.losses.approx(self.names.format);
                    }
                    self.left_over(self.names.format, ext);
                }
                o.obj("response_format", |o| {
                    o.text("type", "json_schema");
                    o.obj("json_schema", |o| {
                        match name {
                            Some(name) => o.str("name", name),
                            None if self.own => {}
                            None => o.text("name", "response"),
                        }
                        maybe(o, "description", description.as_ref());
                        o.raw("schema", shape.get());
                        if let Some(strict) = strict {
                            o.bool("strict", strict);
                        }
                        if self.own {
                            members(o, pairs(ext));
                        }
                    });
                    self.nested_rest("response_format", o);
                });
            }
            OutputFormat::Other(raw) if self.own => o.raw("response_format", raw.get()),
            OutputFormat::Other(_) => {
                return Err(Untranslatable::new(self.names.format, "this output format has no equivalent in Chat"));
            }
        }
        Ok(())
    }

    /// Does the provider take no `response_format` beside the tools of this request?
    fn words_beside_tools(&self) -> bool {
        !self.own && !self.quirks.format_beside_tools && self.request.tools.iter().any(callable)
    }

    /// Would this provider enforce the schema?
    pub(super) fn enforceable(&self, shape: &RawValue) -> bool {
        schema::is_strict(shape) && self.quirks.strict_limits.is_none_or(|limits| schema::keeps(shape, limits))
    }

    /// The caller's end user. Claude Code sends long JSON-like ids: what does not fit is hashed, always to the same.
    fn end_user(&mut self, o: &mut Obj<'_>) {
        let Some(id) = &self.request.user else { return };
        let Some(field) = self.quirks.user_field else { return self.refused(self.names.user) };
        let text = id.text();
        let limit = if field == "safety_identifier" { 128 } else { 64 };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let fits = text.len() <= limit && (field != "user_id" || text.bytes().all(plain));
        if !self.own {
            self.losses.approx(self.names.user);
        }
        if fits || self.own {
            o.str(field, id);
        } else {
            o.text(field, &digest(&text));
        }
    }

    /// `standard_only` is Anthropic's word for `default`, and `speed: fast` its wish for priority.
    fn service_tier(&mut self, o: &mut Obj<'_>) {
        let Some(tier) = &self.request.service_tier else { return };
        if self.own {
            if let Some(key) = self.key("service_tier", "service_tier") {
                o.str(key, tier);
            }
            return;
        }
        let text = tier.text();
        let ours = if text == "standard_only" { "default" } else { text.as_ref() };
        match self.quirks.service_tiers.iter().find(|(from, _)| *from == ours) {
            Some((_, theirs)) => {
                if *theirs != text {
                    self.losses.approx("service_tier");
                }
                o.text("service_tier", theirs);
            }
            None => self.losses.drop("service_tier"),
        }
    }

    /// Members without a field in the hub: ours go back, foreign ones are named, or refused where dropping them would
    /// change the answer.
    fn rest(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let request = self.request;
        if self.own {
            let written = [self.quirks.user_field.filter(|_| request.user.is_some())];
            for (key, raw) in &request.ext {
                if written.contains(&Some(key.as_ref()))
                    || ["response_format.", "stream_options."].iter().any(|p| key.starts_with(p))
                {
                    continue;
                }
                if self.quirks.drop.contains(&key.as_ref()) {
                    self.losses.patch(key.clone().into_owned());
                    continue;
                }
                o.member(key, raw.get());
            }
            return Ok(());
        }
        for (key, raw) in &request.ext {
            match key.as_ref() {
                "mcp_servers" if request.tools.is_empty() && forced(request.tool_choice.as_ref()) => {
                    return Err(Untranslatable::new("mcp_servers", "the target cannot call MCP servers"));
                }
                "speed" if JsonStr::from_raw(raw).is_some_and(|s| s == "fast") => self.speed(o),
                "thread" if history::continues(raw) => {
                    return Err(Untranslatable::new("thread", "a thread of another provider cannot be continued"));
                }
                _ => self.losses.drop(key.clone().into_owned()),
            }
        }
        Ok(())
    }

    fn speed(&mut self, o: &mut Obj<'_>) {
        match self.quirks.service_tiers.iter().find(|(from, _)| *from == "priority") {
            Some((_, theirs)) if self.request.service_tier.is_none() => {
                self.losses.approx("speed");
                o.text("service_tier", theirs);
            }
            _ => self.losses.drop("speed"),
        }
    }

    /// Usage is always asked for where that is possible: it is metered, whether or not the client wants to see it.
    fn stream_options(&self, stream: bool, o: &mut Obj<'_>) {
        let ask = stream && self.quirks.stream_usage == StreamUsage::Ask;
        let mut more = nested(&self.request.ext, "stream_options").filter(|_| self.own && ask).peekable();
        if ask || more.peek().is_some() {
            o.obj("stream_options", |o| {
                o.bool("include_usage", true);
                members(o, more);
            });
        }
    }

    fn nested_rest(&self, parent: &str, o: &mut Obj<'_>) {
        if self.own {
            members(o, nested(&self.request.ext, parent));
        }
    }
}

/// Does the choice demand a call?
pub(super) fn forced(choice: Option<&ToolChoice<'_>>) -> bool {
    matches!(choice, Some(ToolChoice::Any | ToolChoice::Named { .. } | ToolChoice::Allowed { required: true, .. }))
}

fn number(raw: &RawValue) -> Option<f64> {
    if kind(raw) == Kind::Number { raw.get().parse().ok() } else { None }
}
