//! Requests to the wire: <https://docs.cohere.com/v2/reference/chat>. What Cohere cannot say is named by the caller's own
//! words. `messages` is written last, so that a longer history begins with the same bytes.

use std::borrow::Cow;

use crate::dialect::{Dialect, Encoded, Target};
use crate::hub::{
    Aliases, CacheMark, Documented, Effort, Losses, Names, Opaque, OutputFormat, ReasoningMode, Request, Tool,
    ToolChoice, Untranslatable,
};
use crate::json::{Ext, JsonStr, Kind, Obj, RawValue, kind, object};

/// Most stop sequences.
const MAX_STOP: usize = 5;
/// Longest function name.
const NAME_LIMIT: usize = 64;
/// Of a tool without arguments: `parameters` may not be missing.
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;
/// Of a free-text tool.
const FREE_TEXT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// Encodes a request for Cohere.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>) -> Result<Encoded, Untranslatable> {
    let mut cx = Context {
        request,
        target: *target,
        names: Names::of(request.origin),
        losses: Losses::default(),
        aliases: Aliases::default(),
        notes: Vec::new(),
    };
    let mut body = Vec::with_capacity(4096);
    let mut result = Ok(());
    object(&mut body, |o| {
        o.text("model", target.model);
        result = cx.fill(o);
    });
    result?;
    Ok(Encoded { body, losses: cx.losses, aliases: cx.aliases, headers: Vec::new() })
}

/// The state of one encoding.
#[derive(Debug)]
pub(super) struct Context<'r> {
    pub(super) request: &'r Request<'r>,
    pub(super) target: Target<'r>,
    /// What the caller calls things.
    pub(super) names: &'static Names,
    pub(super) losses: Losses,
    pub(super) aliases: Aliases,
    /// Sentences for the system text.
    pub(super) notes: Vec<String>,
}

impl<'r> Context<'r> {
    fn fill(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        if self.request.stream {
            o.bool("stream", true);
        }
        self.limits(o)?;
        self.sampling(o);
        self.thinking(o);
        self.output(o)?;
        self.tools(o)?;
        self.dropped();
        let messages = self.messages()?;
        o.arr("messages", |a| messages.iter().for_each(|m| m.write(a)));
        Ok(())
    }

    fn limits(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let request = self.request;
        if request.n.is_some_and(|n| n > 1) {
            return Err(Untranslatable::new("n", "Cohere answers with one choice; ask several times"));
        }
        if let Some(max) = request.max_tokens {
            o.uint("max_tokens", max);
        }
        if request.stop.len() > MAX_STOP {
            return Err(Untranslatable::new("stop", format!("Cohere takes at most {MAX_STOP} stop sequences")));
        }
        if !request.stop.is_empty() {
            o.arr("stop_sequences", |a| request.stop.iter().for_each(|s| a.str(s)));
        }
        Ok(())
    }

    fn sampling(&mut self, o: &mut Obj<'_>) {
        let sampling = self.request.sampling;
        if let Some(raw) = sampling.temperature {
            o.raw("temperature", raw.get());
        }
        // `p` ends at 0.99, and 1 means no limit: left out.
        if let Some(raw) = sampling.top_p {
            match number(raw) {
                Some(p) if p >= 1.0 => {}
                Some(p) if p > 0.99 => self.clamped("top_p", "p", "0.99", o),
                Some(p) if p < 0.01 => self.clamped("top_p", "p", "0.01", o),
                _ => o.raw("p", raw.get()),
            }
        }
        if let Some(raw) = sampling.top_k {
            match number(raw) {
                Some(k) if k > 500.0 => self.clamped("top_k", "k", "500", o),
                _ => o.raw("k", raw.get()),
            }
        }
        for (name, raw) in
            [("frequency_penalty", sampling.frequency_penalty), ("presence_penalty", sampling.presence_penalty)]
        {
            let Some(raw) = raw else { continue };
            match number(raw) {
                Some(x) if x < 0.0 => self.clamped(name, name, "0", o),
                Some(x) if x > 1.0 => self.clamped(name, name, "1", o),
                _ => o.raw(name, raw.get()),
            }
        }
        match sampling.seed {
            Some(raw) if raw.get().starts_with('-') => self.losses.drop("seed"),
            Some(raw) => o.raw("seed", raw.get()),
            None => {}
        }
    }

    fn clamped(&mut self, caller: &'static str, name: &'static str, value: &str, o: &mut Obj<'_>) {
        self.losses.approx(caller);
        o.raw(name, value);
    }

    /// <https://docs.cohere.com/docs/reasoning>: only its reasoning models take the member.
    fn thinking(&mut self, o: &mut Obj<'_>) {
        let wish = self.request.reasoning;
        let off = wish.mode == Some(ReasoningMode::Off) || wish.effort == Some(Effort::None);
        let name = if wish.effort.is_some() { self.names.effort } else { self.names.budget };
        if wish.mode.is_none() && wish.effort.is_none() && wish.budget.is_none() {
            return;
        }
        if !self.reasons() {
            if !off {
                self.losses.drop(name);
            }
            return;
        }
        let budget = wish.budget.or_else(|| wish.effort.and_then(Effort::budget)).filter(|_| !off);
        if wish.effort.is_some() {
            self.losses.approx(name);
        }
        o.obj("thinking", |o| {
            o.text("type", if off { "disabled" } else { "enabled" });
            if let Some(budget) = budget {
                o.uint("token_budget", budget);
            }
        });
    }

    /// Does the model reason?
    pub(super) fn reasons(&self) -> bool {
        ["reasoning", "command-a-plus"].iter().any(|word| self.target.model.contains(word))
    }

    fn output(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        match &self.request.output {
            OutputFormat::Text => {}
            // Structured output and tools exclude each other there.
            OutputFormat::JsonObject if !self.request.tools.is_empty() => {
                self.losses.approx(self.names.format);
                self.notes.push("Answer with one JSON object, and nothing else.".to_owned());
            }
            OutputFormat::JsonObject => o.obj("response_format", |o| o.text("type", "json_object")),
            OutputFormat::JsonSchema { schema, .. } if !self.request.tools.is_empty() => {
                self.losses.approx(self.names.format);
                self.notes
                    .push(format!("Answer with JSON that fits this JSON schema, and nothing else:\n{}", schema.get()));
            }
            OutputFormat::JsonSchema { schema, description, .. } => {
                if description.is_some() {
                    self.losses.drop(format!("{}.description", self.names.format));
                }
                o.obj("response_format", |o| {
                    o.text("type", "json_object");
                    o.raw("json_schema", schema.get());
                });
            }
            OutputFormat::Other(_) => {
                return Err(Untranslatable::new("response_format", "Cohere knows text and JSON only"));
            }
        }
        Ok(())
    }

    fn tools(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        let request = self.request;
        let mut functions = Vec::new();
        let mut strict = true;
        for (at, tool) in request.tools.iter().enumerate() {
            if let Some(function) = self.tool(at, tool, &mut strict)? {
                functions.push(function);
            }
        }
        let choice = request.tool_choice.as_ref();
        let only = match choice {
            Some(ToolChoice::Named { name, .. }) => Some(vec![self.aliases.name(name, NAME_LIMIT)]),
            Some(ToolChoice::Allowed { names, .. }) => {
                Some(names.iter().map(|name| self.aliases.name(name, NAME_LIMIT)).collect::<Vec<_>>())
            }
            _ => None,
        };
        if let Some(only) = only {
            // No name can be chosen: the others are not offered.
            self.losses.approx(self.choice());
            functions.retain(|f| only.contains(&f.name));
        }
        if functions.is_empty() {
            if matches!(choice, Some(ToolChoice::Any | ToolChoice::Named { .. })) {
                self.losses.drop(self.choice());
            }
            return Ok(());
        }
        if request.parallel_tool_calls == Some(false) {
            self.losses.drop(self.names.parallel);
        }
        o.arr("tools", |a| functions.iter().for_each(|f| a.obj(|o| f.write(o))));
        if strict {
            o.bool("strict_tools", true);
        }
        match choice {
            Some(ToolChoice::Any | ToolChoice::Named { .. } | ToolChoice::Allowed { required: true, .. }) => {
                o.text("tool_choice", "REQUIRED");
            }
            Some(ToolChoice::None) => o.text("tool_choice", "NONE"),
            Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) | None => {}
        }
        Ok(())
    }

    /// A tool as a function. `strict` stays true while every one is.
    fn tool(
        &mut self,
        at: usize,
        tool: &'r Tool<'r>,
        strict: &mut bool,
    ) -> Result<Option<Function<'r>>, Untranslatable> {
        let (name, description, parameters) = match tool {
            Tool::Function { name, description, schema, strict: wish, cache, ext } => {
                self.unmarked(cache.as_ref());
                self.left_over("tools", ext);
                *strict &= *wish == Some(true);
                let schema = schema.as_ref().filter(|s| kind(s) == Kind::Object);
                (name.borrowed(), description.clone(), schema.map_or(NO_ARGUMENTS, |s| s.get()))
            }
            Tool::Custom { name, description, .. } => {
                *strict = false;
                self.losses.approx(format!("tools[{at}]"));
                self.aliases.lower(&self.aliases.clone().name(name, NAME_LIMIT).text());
                (name.borrowed(), description.clone(), FREE_TEXT)
            }
            Tool::Hosted { kind, name, .. } => {
                *strict = false;
                let Some(known) = Documented::of(kind) else {
                    if matches!(self.request.tool_choice, Some(ToolChoice::Any | ToolChoice::Named { .. })) {
                        let what = format!("Cohere has no equivalent of `{kind}`");
                        return Err(Untranslatable::new(format!("tools[{at}]"), what));
                    }
                    self.losses.drop(format!("tools.{kind}"));
                    return Ok(None);
                };
                self.losses.approx(format!("tools.{kind}"));
                let name = name.as_ref().map_or_else(|| JsonStr::written(known.name), JsonStr::borrowed);
                (name, Some(JsonStr::escape(known.description)), known.schema)
            }
        };
        let name = self.aliases.name(&name, NAME_LIMIT);
        Ok(Some(Function { name, description, parameters: Cow::Borrowed(parameters) }))
    }

    /// Names what has no home there and does not change the answer.
    fn dropped(&mut self) {
        let request = self.request;
        for (present, name) in
            [(request.user.is_some(), self.names.user), (request.service_tier.is_some(), "service_tier")]
        {
            if present {
                self.losses.drop(name);
            }
        }
        self.left_over("", &request.ext);
    }

    /// What the caller calls the choice of tools.
    const fn choice(&self) -> &'static str {
        match self.request.origin {
            Dialect::Gemini => "toolConfig.functionCallingConfig",
            Dialect::Anthropic | Dialect::Cohere | Dialect::OpenAiChat | Dialect::OpenAiResponses => "tool_choice",
        }
    }

    /// Prompts are cached there unasked.
    pub(super) fn unmarked(&mut self, mark: Option<&CacheMark<'_>>) {
        if let Some(mark) = mark {
            self.losses.drop(mark.name());
        }
    }

    /// State of another model.
    pub(super) fn unsigned(&mut self, state: Option<&Opaque<'_>>) {
        if state.is_some() {
            self.losses.drop("messages.thoughtSignature");
        }
    }

    pub(super) fn left_over(&mut self, place: &str, ext: &Ext<'_>) {
        for (key, raw) in ext {
            if kind(raw) != Kind::Null && !(self.request.origin == Dialect::OpenAiChat && key == "stream_options") {
                self.losses.drop(if place.is_empty() { key.to_string() } else { format!("{place}.{key}") });
            }
        }
    }

    /// The name of a called function as it was offered.
    pub(super) fn function_name(&mut self, name: &JsonStr<'r>) -> JsonStr<'r> {
        self.aliases.name(name, NAME_LIMIT)
    }
}

/// A function on offer.
#[derive(Debug)]
struct Function<'r> {
    name: JsonStr<'r>,
    description: Option<JsonStr<'r>>,
    parameters: Cow<'r, str>,
}

impl Function<'_> {
    fn write(&self, o: &mut Obj<'_>) {
        o.text("type", "function");
        o.obj("function", |o| {
            o.str("name", &self.name);
            if let Some(description) = &self.description {
                o.str("description", description);
            }
            o.raw("parameters", &self.parameters);
        });
    }
}

fn number(raw: &RawValue) -> Option<f64> {
    raw.get().parse().ok()
}
