//! Requests to the wire. From its own dialect a request goes back as it was; from any other it is translated row by row,
//! and what Chat or this provider cannot say is named.
//!
//! `messages` is written last: turn n's body, up to its closing brackets, is a prefix of turn n+1's, which keeps
//! upstream prompt caches warm.

mod answer;
mod content;
mod message;
mod own;
mod plan;
mod schema;
mod settings;
mod tool;

use crate::dialect::{Dialect, Encoded, Target};
use crate::hub::{Aliases, Effort, Losses, Names, ReasoningMode, Request, Untranslatable};
use crate::json::{Ext, Kind, Obj, kind, object};
use crate::name::glob;
use crate::provider::{ModelRule, Quirks};

/// Encodes a request for a Chat upstream.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>) -> Result<Encoded, Untranslatable> {
    let mut e = Encoder {
        request,
        quirks: target.quirks,
        target,
        rule: target.quirks.models.iter().find(|rule| glob(rule.glob, target.model)),
        own: request.origin == Dialect::OpenAiChat,
        names: Names::of(request.origin),
        losses: Losses::default(),
        aliases: Aliases::default(),
        notes: Vec::new(),
    };
    let mut body = Vec::with_capacity(4096);
    let mut result = Ok(());
    object(&mut body, |o| {
        o.text("model", target.model);
        result = e.fill(request.stream, o);
    });
    result?;
    Ok(Encoded { body, losses: e.losses, aliases: e.aliases, headers: Vec::new() })
}

/// The state of one encoding.
#[derive(Debug)]
struct Encoder<'r> {
    request: &'r Request<'r>,
    quirks: &'r Quirks,
    target: &'r Target<'r>,
    /// What this very model refuses.
    rule: Option<&'r ModelRule>,
    /// From Chat to Chat: nothing is normalised.
    own: bool,
    names: &'static Names,
    losses: Losses,
    aliases: Aliases,
    /// Sentences for the system text: what the target cannot be told by a member.
    notes: Vec<String>,
}

impl Encoder<'_> {
    fn fill(&mut self, stream: bool, o: &mut Obj<'_>) -> Result<(), Untranslatable> {
        self.settings(stream, o)?;
        self.tools(o)?;
        if self.own {
            o.arr("messages", |a| own::messages(self.request, a));
            return Ok(());
        }
        let messages = self.plan()?;
        o.arr("messages", |a| messages.iter().for_each(|m| self.message(m, a)));
        Ok(())
    }

    /// The name under which this provider takes the member `ours`; none, and a loss, if it refuses it.
    fn key(&mut self, ours: &'static str, caller: &'static str) -> Option<&'static str> {
        if self.quirks.drop.contains(&ours) || self.model_refuses(ours) {
            self.refused(caller);
            return None;
        }
        let renamed = self.quirks.rename.iter().find(|(from, _)| *from == ours);
        if self.own && renamed.is_some() {
            self.losses.patch(caller);
        }
        Some(renamed.map_or(ours, |(_, to)| to))
    }

    /// A body in our own dialect is the caller's to get right; what is translated must fit the model.
    fn model_refuses(&self, member: &str) -> bool {
        let wish = &self.request.reasoning;
        let off = wish.mode == Some(ReasoningMode::Off) || wish.effort == Some(Effort::None);
        !self.own
            && self.rule.is_some_and(|rule| {
                rule.refuses.contains(&member) || (!off && rule.refuses_reasoning.contains(&member))
            })
    }

    /// Something this provider does not take: a patch on the way to our own dialect, else a loss.
    fn refused(&mut self, caller: &'static str) {
        if self.own {
            self.losses.patch(caller);
        } else {
            self.losses.drop(caller);
        }
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
