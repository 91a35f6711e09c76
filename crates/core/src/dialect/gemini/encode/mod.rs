//! Requests to the wire.
//!
//! Turns are put into the order that Gemini accepts (`turns`, `parts`, `media`), tools and settings are fitted to the
//! model's generation (`tools`, `config`), and whatever could not be said is named. Names in losses and errors are the
//! caller's. `contents` is written last: a longer history begins with the same bytes, which keeps implicit caches warm.

mod config;
mod media;
mod parts;
mod piece;
mod tools;
mod turns;

use crate::dialect::{Dialect, Encoded, Target};
use crate::hub::{Aliases, Losses, Names, Request, Untranslatable};
use crate::json::{Ext, JsonStr, Kind, kind, object};

use super::models::Model;
use super::wire::NAME_LIMIT;
use turns::Conversation;

/// Encodes a request for Gemini.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>) -> Result<Encoded, Untranslatable> {
    let mut cx = Context {
        request,
        model: Model::of(target.model),
        target: *target,
        names: Names::of(request.origin),
        turns: if request.origin == Dialect::Gemini { "contents" } else { "messages" },
        losses: Losses::default(),
        aliases: Aliases::default(),
        notes: Vec::new(),
    };
    let extras = config::Extras::read(&mut cx)?;
    let tools = tools::Tools::read(&mut cx, &extras)?;
    let config = config::Config::plan(&mut cx, &extras, tools.has_functions())?;
    let mut conversation = Conversation::build(&mut cx)?;
    for note in std::mem::take(&mut cx.notes) {
        conversation.system.push(piece::Piece::text(JsonStr::owned(&note)));
    }
    let mut body = Vec::with_capacity(4096);
    object(&mut body, |o| {
        tools.write(o);
        config.write(o);
        for (key, raw) in &extras.passed {
            o.member(key, raw.get());
        }
        conversation.write(o);
    });
    Ok(Encoded { body, losses: cx.losses, aliases: cx.aliases, headers: Vec::new() })
}

/// The state of one encoding.
#[derive(Debug)]
struct Context<'r> {
    request: &'r Request<'r>,
    model: &'static Model,
    target: Target<'r>,
    names: &'static Names,
    /// What the caller calls its turns.
    turns: &'static str,
    losses: Losses,
    aliases: Aliases,
    /// Sentences for the system text: what the target cannot be told by a member.
    notes: Vec<String>,
}

impl<'r> Context<'r> {
    /// Names what nobody asked for of a node.
    fn leftovers(&mut self, place: &str, ext: &Ext<'_>) {
        for (key, raw) in ext {
            if kind(raw) != Kind::Null {
                self.losses.drop(format!("{place}.{key}"));
            }
        }
    }

    /// The name of a function as Gemini takes it: it begins with a letter or `_`.
    fn function_name(&mut self, original: &JsonStr<'r>) -> JsonStr<'r> {
        self.aliases.fitted(original, NAME_LIMIT, |text| {
            let mut bytes = text.bytes();
            bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
                && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'))
        })
    }
}
