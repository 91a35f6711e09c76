//! Requests to the wire, from any other dialect: <https://platform.openai.com/docs/api-reference/responses/create>.
//!
//! Nothing is stored at the provider, so encrypted reasoning is asked for and travels with the conversation. `input` is
//! written last and item by item: a longer conversation begins with the same bytes, which keeps prompt caches warm.

mod item;
mod settings;
mod tool;
mod turn;

use crate::dialect::{Encoded, Target};
use crate::hub::{Aliases, Effort, Losses, Names, OutputFormat, ReasoningMode, Request, Untranslatable};
use crate::json::{Ext, JsonStr, Kind, Obj, kind, object};
use crate::name::glob;
use crate::provider::ModelRule;

/// Encodes a request for a Responses upstream.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>) -> Result<Encoded, Untranslatable> {
    let mut e = Encoder {
        request,
        target,
        rule: target.quirks.models.iter().find(|rule| glob(rule.glob, target.model)),
        names: Names::of(request.origin),
        losses: Losses::default(),
        aliases: Aliases::default(),
    };
    let mut body = Vec::with_capacity(4096);
    let mut result = Ok(());
    object(&mut body, |o| {
        o.text("model", target.model);
        result = e.fill(o);
    });
    result?;
    Ok(Encoded { body, losses: e.losses, aliases: e.aliases, headers: Vec::new() })
}

/// The state of one encoding.
#[derive(Debug)]
struct Encoder<'r> {
    request: &'r Request<'r>,
    target: &'r Target<'r>,
    /// What this very model refuses.
    rule: Option<&'r ModelRule>,
    /// What the caller calls things.
    names: &'static Names,
    losses: Losses,
    aliases: Aliases,
}

impl Encoder<'_> {
    fn fill(&mut self, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        self.settings(o)?;
        self.tools(o)?;
        let mut conversation = self.conversation()?;
        if matches!(self.request.output, OutputFormat::JsonObject) && !self.request.mentions("json") {
            // The mode wants the word in the prompt.
            self.losses.approx(self.names.format);
            let text = conversation.instructions.get_or_insert_default();
            if !text.is_empty() {
                text.push(&JsonStr::written("\\n\\n"));
            }
            text.push(&JsonStr::written("Answer with one JSON object only, no other text."));
        }
        if let Some(instructions) = &conversation.instructions {
            o.str("instructions", instructions);
        }
        o.arr("input", |a| conversation.items.iter().for_each(|item| item.write(a)));
        Ok(())
    }

    /// Does this very model refuse the member?
    fn refuses(&self, member: &str) -> bool {
        let wish = &self.request.reasoning;
        let off = wish.mode == Some(ReasoningMode::Off) || wish.effort == Some(Effort::None);
        self.rule
            .is_some_and(|rule| rule.refuses.contains(&member) || (!off && rule.refuses_reasoning.contains(&member)))
    }

    /// Does the provider's form of the dialect lack this member, part or tool?
    fn lacks(&self, what: &str) -> bool {
        self.target.quirks.responses_lacks.contains(&what)
    }

    /// Does this model think at all?
    fn thinks(&self) -> bool {
        !self.refuses("reasoning_effort")
    }

    /// Names the members of a foreign node that have no home here.
    fn left_over(&mut self, place: &str, ext: &Ext<'_>) {
        for (key, value) in ext {
            if kind(value) != Kind::Null {
                self.losses.drop(format!("{place}.{key}"));
            }
        }
    }
}
