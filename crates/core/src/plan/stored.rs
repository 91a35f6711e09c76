//! Responses that the gateway keeps: what must be looked up before a request can be planned, and how it goes on from what
//! was found.

use bytes::Bytes;
use http::{Method, header};

use super::{Plan, Way};
use crate::admit::{Target, Ticket};
use crate::catalog::Catalog;
use crate::dialect::{Dialect, openai_responses};
use crate::hub::Losses;
use crate::name;
use crate::provider::Provider;
use crate::refusal::{Refusal, echo};
use crate::route::Operation;
use crate::splice::Document;
use crate::stored::{Ask, Kept, Key, Owner};

/// What is kept of a request, until its reply is there.
#[derive(Debug)]
pub struct Keeping {
    pub owner: Owner,
    pub previous: Option<String>,
    /// The provider keeps the reply, too.
    pub held: bool,
    /// A JSON array.
    pub input: String,
}

/// A request for something under `/v1/responses/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading<'t> {
    InputItems(&'t str),
    Response(&'t str),
}

impl<'t> Reading<'t> {
    /// Of a ticket, if it is one.
    pub fn of(ticket: &'t Ticket) -> Option<Self> {
        let Target::Gateway(Operation::Unlisted(Dialect::OpenAiResponses)) = ticket.target else { return None };
        let rest = ticket.head.uri.path().strip_prefix("/v1/responses/")?;
        match (rest.split_once('/'), &ticket.head.method) {
            (None, &Method::GET | &Method::DELETE) => Some(Self::Response(rest)),
            (Some((id, "input_items")), &Method::GET) => Some(Self::InputItems(id)),
            _ => None,
        }
    }
}

/// What must be looked up before this request can be planned; none where nothing is kept, or nothing is named.
pub fn wanted(ticket: &Ticket, body: &Bytes, catalog: &Catalog) -> Option<Ask> {
    catalog.responses?;
    let key = |id: &str| Key { owner: Owner::of(&ticket.caller, catalog), id: id.to_owned() };
    let chain = |id: &str| Ask::Chain { key: key(id), limit: catalog.limits.body };
    match Reading::of(ticket) {
        Some(Reading::InputItems(id)) => return Some(chain(id)),
        Some(Reading::Response(id)) if ticket.head.method == Method::DELETE => return Some(Ask::Forget(key(id))),
        Some(Reading::Response(id)) => return Some(Ask::One(key(id))),
        None => {}
    }
    let responses = matches!(ticket.target, Target::Gateway(Operation::Responses));
    if !responses || memchr::memmem::find(body, PREVIOUS.as_bytes()).is_none() {
        return None;
    }
    // What cannot be read is refused when it is planned.
    let previous = previous(&Document::parse(body).ok()?).ok().flatten()?;
    Some(chain(&previous))
}

/// Plans a Responses request where replies are kept. `past` is what was found of those it goes on from.
pub(super) fn plan(ticket: &mut Ticket, body: &Bytes, catalog: &Catalog, past: &[Kept]) -> Result<Plan, Refusal> {
    let document = Document::parse(body).map_err(Refusal::Document)?;
    let previous = previous(&document)?;
    let store = document.single("store").map_err(Refusal::Document)?;
    let name = name::resolve(&super::model_of(&document)?, ticket.mapping.as_ref(), catalog, Dialect::OpenAiResponses)?;
    let Way { dialect, .. } = super::way(&name, Operation::Responses, false, None, catalog)?;
    let provider = catalog.providers.get(&name.provider).ok_or(Refusal::UrlNotBuildable)?;
    let relayed = dialect == Dialect::OpenAiResponses;
    let held = relayed && provider.quirks.keeps_responses;
    let wanted = store != Some("false");

    let mut losses = Losses::default();
    let changed = if previous.is_some() && !past.is_empty() && !goes_on_there(held, provider, past) {
        Some(join(body, &document, catalog, past, held, relayed, &mut losses)?)
    } else if let Some(id) = previous.as_deref().filter(|_| !relayed) {
        return Err(Refusal::PreviousResponseNotFound { id: echo(id) });
    } else if !held && wanted && store.is_some() {
        // Kept here: nobody else needs to.
        let without = document.edit(None, &[crate::provider::Patch::Drop("store")]).0;
        Some(without.into())
    } else {
        None
    };
    let mut plan = super::plan_body(ticket, Operation::Responses, changed.as_ref().unwrap_or(body), catalog)?;
    super::refuse_adjustments(ticket, &losses)?;
    plan.losses.count(&losses);
    losses.iter().for_each(|loss| plan.losses.add(loss.clone()));
    if let Some(translation) = &mut plan.translation {
        let own = openai_responses::Echo::of(document.text()).continuing(wanted, previous.clone());
        translation.echo = own.into();
    }
    let input = wanted.then(|| openai_responses::input_items(document.text())).flatten();
    let owner = Owner::of(&ticket.caller, catalog);
    plan.keep = input.map(|input| Box::new(Keeping { owner, previous, held, input }));
    Ok(plan)
}

/// The body with all that was said before its own input.
fn join(
    body: &Bytes,
    document: &Document<'_>,
    catalog: &Catalog,
    past: &[Kept],
    held: bool,
    relayed: bool,
    losses: &mut Losses,
) -> Result<Bytes, Refusal> {
    let size = past.iter().map(Kept::size).sum::<u64>() + body.len() as u64;
    if size > catalog.limits.body {
        return Err(Refusal::BodyTooLarge { limit: catalog.limits.body });
    }
    // Kept here, it need not be kept there; a provider that can may.
    let store = if held || document.single("store").ok().flatten() == Some("false") { None } else { Some("store") };
    let drop: Vec<&str> = std::iter::once(PREVIOUS).chain(store).collect();
    openai_responses::continued(document.text(), past, &drop, relayed, losses)
        .map(Bytes::from)
        .map_err(Refusal::InvalidRequest)
}

/// Does the provider itself have the reply that is named?
fn goes_on_there(held: bool, provider: &Provider, past: &[Kept]) -> bool {
    held && past.last().is_some_and(|last| last.held && last.provider == provider.id)
}

/// The ticket of a request for a reply that a provider keeps: that provider is asked, unless another one is named.
pub(crate) fn at_its_provider(ticket: &mut Ticket, kept: &Kept) {
    let name = header::HeaderName::from_static(super::other::PROVIDER);
    if let (false, Ok(id)) = (ticket.head.headers.contains_key(&name), header::HeaderValue::try_from(&kept.provider)) {
        ticket.head.headers.insert(name, id);
    }
}

fn previous(document: &Document<'_>) -> Result<Option<String>, Refusal> {
    let raw = document.single(PREVIOUS).map_err(Refusal::Document)?;
    // Anything but a text is the translation's or the provider's to refuse.
    Ok(raw.and_then(|raw| serde_json::from_str::<String>(raw).ok()).filter(|id| !id.is_empty()))
}

const PREVIOUS: &str = "previous_response_id";
