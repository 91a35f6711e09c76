//! Requests to the wire.
//!
//! A request of this dialect goes out as it came (`own`). Any other is translated: turns are put into the order that
//! Anthropic accepts (`turns`, `parts`, `media`), tools, reasoning, sampling and output are fitted to the model (`tools`,
//! `reasoning`, `output`), and whatever could not be said is named. Names in losses and errors are the caller's.

mod block;
mod media;
mod members;
mod output;
mod own;
mod parts;
mod reasoning;
mod tools;
mod turns;

use std::borrow::Cow;

use crate::dialect::{Dialect, Encoded, Target};
use crate::hub::{Aliases, CacheMark, Losses, Request, Turn, Untranslatable};
use crate::json::{Ext, JsonStr, Members, object};

use super::models::Model;
use members::Extras;
use turns::Conversation;

/// Longest tool name that every host of Claude takes.
const NAME_LIMIT: usize = 64;

/// Most cache breakpoints in one request.
const MAX_MARKS: usize = 4;

/// Encodes a request for Anthropic.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>) -> Result<Encoded, Untranslatable> {
    match request.origin {
        Dialect::Anthropic => Ok(own::encode(request, target)),
        Dialect::Cohere | Dialect::Gemini | Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            translate(request, target)
        }
    }
}

/// What the steps of one translation share.
#[derive(Debug)]
struct Context<'r> {
    request: &'r Request<'r>,
    target: &'r Target<'r>,
    model: &'static Model,
    losses: Losses,
    aliases: Aliases,
}

fn translate<'r>(request: &'r Request<'r>, target: &'r Target<'r>) -> Result<Encoded, Untranslatable> {
    let model = Model::of(target.model);
    let mut cx = Context { request, target, model, losses: Losses::default(), aliases: Aliases::default() };
    let extras = Extras::read(&mut cx)?;
    let mut conversation = Conversation::build(&mut cx)?;
    let mut tools = tools::Tools::read(&mut cx, &conversation, &extras)?;
    let plan = reasoning::plan(&mut cx, &conversation, &extras);
    let format = output::plan(&mut cx, &mut tools, &mut conversation.system)?;
    let choice = tools.choose(&mut cx, plan.is_manual(), &mut conversation.system)?;
    let sampling = reasoning::sampling(&mut cx, &plan, &extras);
    let stop = members::stop(&mut cx);
    limit_marks(&mut cx, &mut tools, &mut conversation, extras.cache_control.is_some());

    let mut body = Vec::new();
    object(&mut body, |o| {
        o.text("model", target.model);
        o.uint("max_tokens", plan.max_tokens);
        if !conversation.system.is_empty() {
            o.arr("system", |a| conversation.system.iter().for_each(|b| b.write(a)));
        }
        tools.write(o);
        if let Some(choice) = &choice {
            o.raw("tool_choice", choice);
        }
        o.arr("messages", |a| {
            for message in &conversation.messages {
                a.obj(|o| {
                    o.text("role", message.role);
                    o.arr("content", |a| message.blocks.iter().for_each(|b| b.write(a)));
                });
            }
        });
        plan.write(o, format.as_deref());
        for (key, number) in &sampling {
            o.raw(key, number);
        }
        if !stop.is_empty() {
            o.arr("stop_sequences", |a| stop.iter().for_each(|s| a.str(s)));
        }
        members::identity(&mut cx, o, &extras);
        if let Some(mark) = &extras.cache_control {
            o.raw("cache_control", mark);
        }
        if request.stream {
            o.bool("stream", true);
        }
    });
    let headers = members::headers(!sampling.is_empty(), extras.betas);
    Ok(Encoded { body, losses: cx.losses, aliases: cx.aliases, headers })
}

impl<'r> Context<'r> {
    fn tool_name(&mut self, name: &JsonStr<'r>) -> JsonStr<'r> {
        self.aliases.name(name, NAME_LIMIT)
    }

    /// The `cache_control` that a breakpoint of the caller stands for: Anthropic's own spelling (as OpenRouter and `LiteLLM`
    /// clients send it) is passed on, OpenAI's is translated to the nearest lifetime.
    fn mark(&mut self, mark: Option<CacheMark<'r>>, ext: &Ext<'r>) -> Option<Cow<'r, str>> {
        let raw = mark.map(|m| m.0).or_else(|| ext.iter().find(|(key, _)| parts::is_mark(key)).map(|(_, raw)| *raw))?;
        let m = Members::of(raw).ok()?;
        let text = |key: &str| m.get(key).and_then(JsonStr::from_raw).map(JsonStr::into_text);
        if text("type").as_deref() == Some("ephemeral") {
            return match text("ttl").as_deref() {
                None | Some("5m" | "1h") => Some(Cow::Borrowed(raw.get())),
                Some(_) => {
                    self.losses.approx("cache_control.ttl");
                    Some(Cow::Borrowed(EPHEMERAL))
                }
            };
        }
        if text("ttl").is_some() {
            self.losses.approx("prompt_cache_breakpoint.ttl");
            return Some(Cow::Borrowed(r#"{"type":"ephemeral","ttl":"1h"}"#));
        }
        Some(Cow::Borrowed(EPHEMERAL))
    }

    /// Members of a message that Anthropic has no place for.
    fn turn_losses(&mut self, turn: &Turn<'_>) {
        if turn.name.is_some() {
            self.losses.drop("messages.name");
        }
        for (key, raw) in &turn.ext {
            if raw.get() != "null" {
                self.losses.drop(format!("messages.{key}"));
            }
        }
    }
}

/// `cache_control` without a lifetime.
const EPHEMERAL: &str = r#"{"type":"ephemeral"}"#;

/// Keeps the last breakpoints of the prompt (in the order Anthropic reads it: tools, system, messages).
fn limit_marks<'r>(
    cx: &mut Context<'r>,
    tools: &mut tools::Tools<'r>,
    conversation: &mut Conversation<'r>,
    automatic: bool,
) {
    let most = MAX_MARKS - usize::from(automatic);
    let messages = conversation.messages.iter_mut().flat_map(|m| m.blocks.iter_mut());
    let blocks = conversation.system.iter_mut().chain(messages).map(|b| &mut b.cache);
    let marks: Vec<_> = tools.marks().chain(blocks).filter(|m| m.is_some()).collect();
    let extra = marks.len().saturating_sub(most);
    if extra > 0 {
        cx.losses.drop("prompt_cache_breakpoint");
        marks.into_iter().take(extra).for_each(|mark| *mark = None);
    }
}
