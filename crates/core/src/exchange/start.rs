//! How an exchange begins: with a planned request, a passthrough, or a refusal.

use super::attempt::Resend;
use super::bill::Bill;
use super::{Body, Bytes, Catalog, Dialect, Exchange, Outcome, Outgoing, Record, Seed, State, Timestamp, VecDeque};
use http::StatusCode;
use http::header::HeaderValue;
use std::sync::Arc;

use crate::admit::{Target, Ticket};
use crate::capture::Tee;
use crate::count;
use crate::dialect::ReplyContext;
use crate::headers::{self, Toward};
use crate::plan::count::Counting;
use crate::plan::stored::{self, Keeping};
use crate::plan::{self, Plan, Translation};
use crate::price;
use crate::provider::Quirks;
use crate::refusal::Refusal;
use crate::reply::{self, Whole};
use crate::route::Operation;
use crate::secret::Secret;
use crate::splice::Document;
use crate::stored::Past;

/// What a reply in mode 1 needs to know of its request.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) operation: Operation,
    pub(super) client: Dialect,
    pub(super) upstream: Dialect,
    pub(super) stream: bool,
    pub(super) quirks: &'static Quirks,
    pub(super) translation: Option<Translation>,
    pub(super) own_key: Option<Secret>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) bill: Bill,
    /// The reply is kept, with this.
    pub(super) keep: Option<Box<Keeping>>,
}

impl Planned {
    pub(super) fn context(&self, dressing: &super::replying::Dressing<'_>) -> ReplyContext {
        let record = dressing.record;
        ReplyContext {
            client_model: record.client_model.clone().unwrap_or_default(),
            id: dressing.seed.token(1),
            created: dressing.created,
            include_usage: self.translation.as_ref().is_some_and(|t| t.include_usage),
            show_thoughts: self.translation.as_ref().is_some_and(|t| t.show_thoughts),
            json_array: self.translation.as_ref().is_some_and(|t| t.json_array),
            request_id: record.request_id.clone(),
            provider: record.provider.clone().unwrap_or_default(),
            upstream_model: record.upstream_model.clone().unwrap_or_default(),
            echo: self.translation.as_ref().map(|t| Arc::clone(&t.echo)).unwrap_or_default(),
        }
    }
}

impl Exchange {
    /// An exchange for a request that was let in, with the record it began; nothing is sent before one of the `begin`s.
    pub fn new(ticket: &mut Ticket, catalog: Arc<Catalog>, seed: Seed) -> Self {
        let dialect = match &ticket.target {
            Target::Gateway(operation) => operation.dialect(),
            Target::Passthrough(_) => crate::admit::error_dialect(&ticket.head),
        };
        let record = ticket.record.take().unwrap_or_default();
        Self {
            first_byte: catalog.timeouts.first_byte,
            catalog,
            seed,
            cors: ticket.cors.clone(),
            dialect,
            sent_at: record.started,
            record,
            request_body: None,
            planned: None,
            countable: None,
            resend: None,
            state: State::Head,
            steps: VecDeque::with_capacity(4),
            replied: false,
        }
    }

    /// The body is all here: mode 1, or mode 2 with a mapping. CPU work in the size of `body`.
    pub fn begin(&mut self, ticket: &mut Ticket, body: &Bytes, now: Timestamp) {
        self.record.request_bytes = body.len() as u64;
        self.record.capture.request(body);
        let asks = stored::wanted(ticket, body, &self.catalog);
        if asks.is_empty() {
            self.plan(ticket, body, &Past::default(), now);
        } else {
            self.recall(asks, ticket, body);
        }
    }

    /// Plans the request, which goes on from `past`, and sends it, or refuses it.
    pub(super) fn plan(&mut self, ticket: &mut Ticket, body: &Bytes, past: &Past, now: Timestamp) {
        let result = match ticket.target {
            Target::Gateway(operation) if operation.counts() => {
                plan::count::plan(ticket, operation, body, &self.catalog)
                    .map(|counting| self.counting(operation, counting, body, now))
            }
            Target::Gateway(operation) => {
                plan::plan(ticket, operation, body, &self.catalog, past).map(|plan| self.planned(operation, plan, now))
            }
            Target::Passthrough(_) => mapped(ticket, body).map(|body| self.passthrough(ticket, Body::Bytes(body), now)),
        };
        if let Err(refusal) = result {
            (self.record.client_model, self.record.stream) = plan::asked(ticket, body);
            self.refuse(&refusal, now);
        }
    }

    /// A passthrough whose body streams through: past [`Exchange::tee`].
    pub fn begin_streaming(&mut self, ticket: &mut Ticket, prefix: Bytes, now: Timestamp) {
        self.tee().push(&prefix);
        self.passthrough(ticket, Body::Client { prefix }, now);
    }

    /// Where the driver copies the client's body to while it streams through.
    pub fn tee(&mut self) -> Tee {
        self.request_body.get_or_insert_with(|| self.record.capture.tee()).clone()
    }

    /// The request is refused after all: a reply and a record.
    pub fn refuse(&mut self, refusal: &Refusal, now: Timestamp) {
        self.record.error = Some(refusal.code().to_owned());
        let mut whole = reply::refuse(refusal, self.dialect, &self.record.request_id);
        self.dress(&mut whole.parts.headers);
        self.reply(whole.parts, now);
        self.emit(whole.body);
        self.finish(Outcome::Refused, false, now);
    }

    /// The record as it would be if the client left now.
    pub fn abandoned(&mut self, now: Timestamp) -> Box<Record> {
        // Bodies stay here: two copies of them are not worth a rare record.
        let capture = std::mem::take(&mut self.record.capture);
        let mut record = self.record.clone();
        self.record.capture = capture;
        record.outcome = Outcome::ClientGone;
        record.duration = now.since(record.started);
        record.status = if self.replied { record.status } else { 499 };
        record
    }

    fn counting(&mut self, operation: Operation, counting: Counting, body: &Bytes, now: Timestamp) {
        match counting {
            Counting::Ask(plan) => {
                self.countable = Some(body.clone());
                self.planned(operation, *plan, now);
            }
            Counting::Estimate(estimate) => {
                let record = &mut self.record;
                record.provider = Some(estimate.provider);
                record.via = Some(estimate.via.as_str());
                record.client_model = Some(estimate.client_model);
                record.upstream_model = Some(estimate.upstream_model);
                self.estimated(estimate.tokens, now);
            }
        }
    }

    /// Answers a count that was made here.
    pub(super) fn estimated(&mut self, tokens: u64, now: Timestamp) {
        let mut whole = Whole::json(StatusCode::OK, count::write(self.dialect, tokens));
        whole.parts.headers.insert(count::HEADER, HeaderValue::from_static("estimate"));
        self.dress(&mut whole.parts.headers);
        self.reply(whole.parts, now);
        self.emit(whole.body);
        self.finish(Outcome::Completed, false, now);
    }

    fn planned(&mut self, operation: Operation, plan: Plan, now: Timestamp) {
        let record = &mut self.record;
        record.via = Some(plan.via.as_str());
        record.client_model = plan.client_model;
        record.upstream_model = plan.upstream_model;
        record.resolved = plan.resolved;
        record.upstream_dialect = Some(plan.upstream_dialect);
        record.stream = plan.stream;
        record.adjustments = plan.losses.header();
        let bill = Bill {
            free: operation.is_free() || plan.bare_model.is_none(),
            prices: plan.bare_model.and_then(|model| self.catalog.prices.find(&plan.provider, &model, now)),
            custom: record.custom_cost.as_deref().and_then(price::custom),
            reported: plan.quirks.reports_cost,
            cached: false,
        };
        let own = self.catalog.providers.get(&plan.provider).and_then(|p| p.first_byte);
        self.first_byte = own.unwrap_or(self.first_byte);
        record.provider = Some(plan.provider);
        self.planned = Some(Planned {
            operation,
            client: operation.dialect(),
            upstream: plan.upstream_dialect,
            stream: plan.stream,
            quirks: plan.quirks,
            translation: plan.translation,
            own_key: plan.own_key,
            catalog: Arc::clone(&self.catalog),
            bill,
            keep: plan.keep,
        });
        self.dispatch(plan.outgoing, now);
    }

    fn passthrough(&mut self, ticket: &mut Ticket, body: Body, now: Timestamp) {
        let Target::Passthrough(destination) = &ticket.target else { return };
        let cloudflare = self.catalog.cloudflare.as_ref().is_some_and(|c| c.base.origin == destination.origin)
            || &*destination.origin.host == "gateway.ai.cloudflare.com";
        let mut headers = std::mem::take(&mut ticket.head.headers);
        headers::toward_upstream(&mut headers, Toward::Passthrough { cloudflare });
        if let Ok(host) = HeaderValue::try_from(destination.origin.authority()) {
            headers.insert(http::header::HOST, host);
        }
        headers.insert(headers::HOPS, headers::small(ticket.hops as usize + 1));
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = ticket.head.method.clone();
        head.uri = destination.uri.clone();
        head.headers = headers;
        self.record.provider = Some((*destination.origin.host).to_owned());
        self.record.via = Some("direct");
        self.dispatch(Outgoing { origin: destination.origin.clone(), head, body, reach: destination.reach }, now);
    }

    fn dispatch(&mut self, outgoing: Outgoing, now: Timestamp) {
        self.resend = Resend::of(&outgoing);
        self.send(outgoing, now);
    }
}

/// The body of a passthrough request with its model mapped; without a match it stays as it is.
fn mapped(ticket: &Ticket, body: &Bytes) -> Result<Bytes, Refusal> {
    let Some(mapping) = &ticket.mapping else { return Ok(body.clone()) };
    let document = Document::parse(body).map_err(Refusal::Document)?;
    let Some(raw) = document.single("model").map_err(Refusal::Document)? else { return Ok(body.clone()) };
    let Ok(model) = serde_json::from_str::<String>(raw) else { return Ok(body.clone()) };
    let to = mapping.apply(&model);
    Ok(if to == model { body.clone() } else { document.edit(Some(&to), &[]).0.into() })
}
