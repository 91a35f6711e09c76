//! Replies that are kept: looked up before a request is planned, read by their id, and handed out to be kept.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{Method, StatusCode};

use super::replying::Replying;
use super::{Exchange, Input, Outcome, State, Step, Timestamp};
use crate::admit::Ticket;
use crate::catalog::Catalog;
use crate::dialect::openai_responses;
use crate::json::{JsonStr, Members};
use crate::plan::stored::{Reading, at_its_provider, is_asked_elsewhere};
use crate::refusal::{Refusal, echo};
use crate::reply::Whole;
use crate::stored::{Ask, Kept, Key, Past};

/// A request that waits for what was said before it.
#[derive(Debug)]
pub(super) struct Waiting {
    ticket: Ticket,
    body: Bytes,
    /// What is awaited, and what is to be asked after it.
    asks: VecDeque<Ask>,
    past: Past,
}

impl Exchange {
    pub(super) fn recall(&mut self, asks: Vec<Ask>, ticket: &Ticket, body: &Bytes) {
        let (ticket, body, asks, past) = (ticket.clone(), body.clone(), asks.into(), Past::default());
        self.wait_for_past(Box::new(Waiting { ticket, body, asks, past }));
    }

    fn wait_for_past(&mut self, waiting: Box<Waiting>) {
        self.steps.extend(waiting.asks.front().map(|ask| Step::Recall(Box::new(ask.clone()))));
        self.state = State::Recalling(waiting);
    }

    pub(super) fn in_recall(&mut self, mut waiting: Box<Waiting>, input: Input, now: Timestamp) {
        match input {
            Input::Recalled(found) => {
                match waiting.asks.pop_front() {
                    Some(Ask::Holding { .. }) => waiting.past.holding = found,
                    Some(Ask::Chain { .. } | Ask::Forget(_) | Ask::One(_)) | None => waiting.past.chain = found,
                }
                if !waiting.asks.is_empty() {
                    return self.wait_for_past(waiting);
                }
                self.recalled(*waiting, now);
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

    /// All that could be found is here.
    fn recalled(&mut self, Waiting { mut ticket, body, past, .. }: Waiting, now: Timestamp) {
        match answer(&ticket, &past.chain, &self.catalog) {
            Some(Ok(whole)) => return self.stored(whole, now),
            Some(Err(refusal)) => return self.refuse(&refusal, now),
            None => {}
        }
        if let (Some(_), Some(kept)) = (Reading::of(&ticket), past.chain.last()) {
            at_its_provider(&mut ticket, kept);
        }
        self.plan(&mut ticket, &body, &past, now);
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
        let Some((id, refused)) = id(&response) else { return };
        let Some(keeping) = planned.keep.take() else { return };
        self.steps.push_back(Step::Keep(Box::new(Kept {
            key: Key { owner: keeping.owner, id },
            previous: keeping.previous,
            provider: self.record.provider.clone().unwrap_or_default(),
            // A provider may be told by its operator to keep nothing (zero data retention).
            held: keeping.held && !refused,
            created: now,
            input: keeping.input,
            response,
        })));
    }
}

/// The id of a reply, and whether it says of itself that it is not stored.
fn id(response: &str) -> Option<(String, bool)> {
    let members = Members::parse(response).ok()?;
    let id = members.get("id").and_then(JsonStr::from_raw).map(|id| id.text().into_owned())?;
    let refused = members.get("store").is_some_and(|store| store.get() == "false");
    (!id.is_empty()).then_some((id, refused))
}

/// What is read, if the gateway is the only one that keeps it, and what to say of what nobody keeps.
fn answer(ticket: &Ticket, found: &[Kept], catalog: &Catalog) -> Option<Result<Whole, Refusal>> {
    let reading = Reading::of(ticket)?;
    let Some(last) = found.last() else {
        let id = echo(reading.id());
        return (!is_asked_elsewhere(ticket, catalog)).then_some(Err(Refusal::ResponseNotFound { id }));
    };
    if last.held {
        return None;
    }
    let query = ticket.head.uri.query();
    Some(match reading {
        Reading::Cancel(_) => Err(Refusal::NotInBackground { what: "cancelled" }),
        Reading::Response(id) if ticket.head.method == Method::DELETE => {
            Ok(Whole::json(StatusCode::OK, openai_responses::deleted(id)))
        }
        Reading::Response(_) if query.is_some_and(|q| q.split('&').any(|pair| pair == "stream=true")) => {
            Err(Refusal::NotInBackground { what: "streamed once more" })
        }
        Reading::Response(_) => Ok(Whole::json(StatusCode::OK, last.response.clone())),
        Reading::InputItems(_) => {
            let page = openai_responses::Page::of(query);
            Ok(Whole::json(StatusCode::OK, openai_responses::input_page(found, &page)))
        }
    })
}
