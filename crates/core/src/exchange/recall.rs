//! Replies that are kept: looked up before a request is planned, read by their id, and handed out to be kept.

use bytes::Bytes;
use http::{Method, StatusCode};

use super::replying::Replying;
use super::{Exchange, Input, Outcome, State, Step, Timestamp};
use crate::admit::Ticket;
use crate::dialect::openai_responses;
use crate::json::{JsonStr, Members};
use crate::plan::stored::{Reading, at_its_provider};
use crate::reply::Whole;
use crate::stored::{Ask, Kept, Key};

/// A request that waits for what was said before it.
#[derive(Debug)]
pub(super) struct Waiting {
    ticket: Ticket,
    body: Bytes,
}

impl Exchange {
    pub(super) fn recall(&mut self, ask: Ask, ticket: &Ticket, body: &Bytes) {
        self.state = State::Recalling(Box::new(Waiting { ticket: ticket.clone(), body: body.clone() }));
        self.steps.push_back(Step::Recall(Box::new(ask)));
    }

    pub(super) fn in_recall(&mut self, mut waiting: Box<Waiting>, input: Input, now: Timestamp) {
        match input {
            Input::Recalled(found) => {
                if let Some(whole) = answer(&waiting.ticket, &found) {
                    return self.stored(whole, now);
                }
                if let (Some(_), Some(kept)) = (Reading::of(&waiting.ticket), found.last()) {
                    at_its_provider(&mut waiting.ticket, kept);
                }
                self.plan(&mut waiting.ticket, &waiting.body, &found, now);
            }
            Input::ClientGone => self.finish(Outcome::ClientGone, true, now),
            // A store answers within its own limits of time.
            Input::Deadline
            | Input::HandedThrough
            | Input::UpstreamChunk(_)
            | Input::UpstreamEnd
            | Input::UpstreamFailed(_)
            | Input::UpstreamHead(_) => self.state = State::Recalling(waiting),
        }
    }

    /// Answers out of the store.
    fn stored(&mut self, mut whole: Whole, now: Timestamp) {
        self.dress(&mut whole.parts.headers);
        self.reply(whole.parts, now);
        self.emit(whole.body);
        self.finish(Outcome::Completed, false, now);
    }

    /// Hands a reply that has become complete out to be kept.
    pub(super) fn keep(&mut self, replying: &mut Replying, now: Timestamp) {
        let Some(planned) = self.planned.as_mut().filter(|p| p.keep.is_some()) else { return };
        let Some(response) = replying.take_response() else { return };
        let Some(id) = id(&response) else { return };
        let Some(keeping) = planned.keep.take() else { return };
        self.steps.push_back(Step::Keep(Box::new(Kept {
            key: Key { owner: keeping.owner, id },
            previous: keeping.previous,
            provider: self.record.provider.clone().unwrap_or_default(),
            held: keeping.held,
            created: now,
            input: keeping.input,
            response,
        })));
    }
}

fn id(response: &str) -> Option<String> {
    let members = Members::parse(response).ok()?;
    members.get("id").and_then(JsonStr::from_raw).map(|id| id.text().into_owned()).filter(|id| !id.is_empty())
}

/// What is read, if the gateway is the only one that keeps it.
fn answer(ticket: &Ticket, found: &[Kept]) -> Option<Whole> {
    let reading = Reading::of(ticket)?;
    let last = found.last().filter(|last| !last.held)?;
    Some(match reading {
        Reading::Response(id) if ticket.head.method == Method::DELETE => {
            Whole::json(StatusCode::OK, openai_responses::deleted(id))
        }
        Reading::Response(_) => Whole::json(StatusCode::OK, last.response.clone()),
        Reading::InputItems(_) => {
            let page = openai_responses::Page::of(ticket.head.uri.query());
            Whole::json(StatusCode::OK, openai_responses::input_page(found, &page))
        }
    })
}
