//! Responses that the gateway keeps: what must be looked up before a request can be planned, and how it goes on from what
//! was found.

use bytes::Bytes;
use http::{Method, header};

use super::{Plan, Way};
use crate::admit::{Target, Ticket};
use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::dialect::openai_responses::{self, Mend};
use crate::hub::Losses;
use crate::name;
use crate::provider::Patch;
use crate::refusal::{Refusal, echo};
use crate::route::Operation;
use crate::splice::Document;
use crate::stored::{Ask, Kept, Key, Owner, Past};

/// What is kept of a request, until its reply is there.
#[derive(Debug)]
pub struct Keeping {
    pub owner: Owner,
    pub previous: Option<String>,
    /// The provider keeps the reply, too.
    pub held: bool,
    /// A JSON array.
    pub input: String,
    /// What the provider's reply says wrongly.
    pub mend: Mend,
}

/// A request for something under `/v1/responses/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading<'t> {
    /// `POST .../cancel`
    Cancel(&'t str),
    InputItems(&'t str),
    Response(&'t str),
}

impl<'t> Reading<'t> {
    /// The reply's.
    pub const fn id(self) -> &'t str {
        match self {
            Self::Cancel(id) | Self::InputItems(id) | Self::Response(id) => id,
        }
    }

    /// Of a ticket, if it is one.
    pub fn of(ticket: &'t Ticket) -> Option<Self> {
        let Target::Gateway(Operation::Unlisted(Dialect::OpenAiResponses)) = ticket.target else { return None };
        let rest = ticket.head.uri.path().strip_prefix("/v1/responses/")?;
        match (rest.split_once('/'), &ticket.head.method) {
            (None, &Method::GET | &Method::DELETE) => Some(Self::Response(rest)),
            (Some((id, "cancel")), &Method::POST) => Some(Self::Cancel(id)),
            (Some((id, "input_items")), &Method::GET) => Some(Self::InputItems(id)),
            _ => None,
        }
    }
}

/// What must be looked up before this request can be planned; nothing where nothing is kept, or nothing is named.
pub fn wanted(ticket: &Ticket, body: &Bytes, catalog: &Catalog) -> Vec<Ask> {
    if catalog.responses.is_none() {
        return Vec::new();
    }
    let (owner, limit) = (Owner::of(&ticket.caller, catalog), catalog.limits.body);
    let key = |id: &str| Key { owner, id: id.to_owned() };
    match Reading::of(ticket) {
        Some(Reading::InputItems(id)) => return vec![Ask::Chain { key: key(id), limit }],
        Some(Reading::Response(id)) if ticket.head.method == Method::DELETE => return vec![Ask::Forget(key(id))],
        Some(Reading::Cancel(id) | Reading::Response(id)) => return vec![Ask::One(key(id))],
        None => {}
    }
    let names = |what: &str| memchr::memmem::find(body, what.as_bytes()).is_some();
    let responses = matches!(ticket.target, Target::Gateway(Operation::Responses));
    if !responses || !(names(PREVIOUS) || names(openai_responses::REFERENCE)) {
        return Vec::new();
    }
    // What cannot be read is refused when it is planned.
    let Ok(document) = Document::parse(body) else { return Vec::new() };
    let previous = previous(&document).ok().flatten().map(|id| Ask::Chain { key: key(&id), limit });
    let ids = openai_responses::references(document.text());
    let holding = (!ids.is_empty()).then_some(Ask::Holding { owner, ids, limit });
    previous.into_iter().chain(holding).collect()
}

/// Plans a Responses request where replies are kept. `past` is what was found of those it goes on from.
pub(super) fn plan(ticket: &mut Ticket, body: &Bytes, catalog: &Catalog, past: &Past) -> Result<Plan, Refusal> {
    let document = Document::parse(body).map_err(Refusal::Document)?;
    let previous = previous(&document)?;
    let store = document.single("store").map_err(Refusal::Document)?;
    let name = name::resolve(&super::model_of(&document)?, ticket.mapping.as_ref(), catalog, Dialect::OpenAiResponses)?;
    let Way { dialect, .. } = super::way(&name, Operation::Responses, false, None, catalog)?;
    let provider = catalog.providers.get(&name.provider).ok_or(Refusal::UrlNotBuildable)?;
    let relayed = dialect == Dialect::OpenAiResponses;
    let held = relayed && provider.quirks.keeps_responses;
    let wanted = store != Some("false");
    let there = |kept: &Kept| held && kept.held && kept.provider == provider.id;

    let mut losses = Losses::default();
    let named = resolve(&document, catalog, past, |kept| !there(kept), relayed, &mut losses)?;
    let text = named.as_deref().unwrap_or(document.text());
    let mut mend = Mend { stored: relayed && !held && wanted, previous: None };
    let changed = if previous.is_some() && past.chain.last().is_some_and(|last| !there(last)) {
        mend.previous = previous.clone().filter(|_| relayed);
        Some(join(text, store, catalog, &past.chain, held, relayed, &mut losses)?)
    } else if let Some(id) = previous.as_deref().filter(|_| !relayed) {
        return Err(Refusal::PreviousResponseNotFound { id: echo(id) });
    } else if !held && wanted && store.is_some() {
        // Kept here: nobody else needs to.
        let document = Document::parse(text.as_bytes()).map_err(Refusal::Document)?;
        Some(document.edit(None, &[Patch::Drop("store")]).0.into())
    } else {
        named.clone().map(Bytes::from)
    };
    let mut plan = super::plan_body(ticket, Operation::Responses, changed.as_ref().unwrap_or(body), catalog)?;
    super::refuse_adjustments(ticket, &losses)?;
    plan.losses.count(&losses);
    losses.iter().for_each(|loss| plan.losses.add(loss.clone()));
    if let Some(translation) = &mut plan.translation {
        let own = openai_responses::Echo::of(document.text()).continuing(wanted, previous.clone());
        translation.echo = own.into();
    }
    let input = if wanted {
        let whole = resolve(&document, catalog, past, |_| true, false, &mut Losses::default())?;
        openai_responses::input_items(whole.as_deref().unwrap_or(document.text()))
    } else {
        None
    };
    if input.is_some() {
        // No loss, and nothing to refuse: what was asked for is done, by another.
        let mended = [(mend.stored, "store"), (mend.previous.is_some(), PREVIOUS)];
        mended.into_iter().filter(|(is, _)| *is).for_each(|(_, name)| plan.losses.patch(name));
    }
    let owner = Owner::of(&ticket.caller, catalog);
    plan.keep = input.map(|input| Box::new(Keeping { owner, previous, held, input, mend }));
    Ok(plan)
}

/// The body with the items it names in place of their names, where `which` says so of the replies that hold them.
fn resolve(
    document: &Document<'_>,
    catalog: &Catalog,
    past: &Past,
    which: impl Fn(&Kept) -> bool,
    relayed: bool,
    losses: &mut Losses,
) -> Result<Option<String>, Refusal> {
    let holding: Vec<&Kept> = past.holding.iter().filter(|kept| which(kept)).collect();
    if holding.is_empty() {
        return Ok(None);
    }
    let text =
        openai_responses::resolved(document.text(), &holding, relayed, losses).map_err(Refusal::InvalidRequest)?;
    let limit = catalog.limits.body;
    if text.len() as u64 > limit { Err(Refusal::BodyTooLarge { limit }) } else { Ok(Some(text)) }
}

/// The body with all that was said before its own input.
fn join(
    text: &str,
    store: Option<&str>,
    catalog: &Catalog,
    chain: &[Kept],
    held: bool,
    relayed: bool,
    losses: &mut Losses,
) -> Result<Bytes, Refusal> {
    let size = chain.iter().map(Kept::size).sum::<u64>() + text.len() as u64;
    if size > catalog.limits.body {
        return Err(Refusal::BodyTooLarge { limit: catalog.limits.body });
    }
    // Kept here, it need not be kept there; a provider that can may.
    let store = if held || store == Some("false") { None } else { Some("store") };
    let drop: Vec<&str> = std::iter::once(PREVIOUS).chain(store).collect();
    openai_responses::continued(text, chain, &drop, relayed, losses).map(Bytes::from).map_err(Refusal::InvalidRequest)
}

/// The ticket of a request for a reply that a provider keeps: that provider is asked, unless another one is named.
pub(crate) fn at_its_provider(ticket: &mut Ticket, kept: &Kept) {
    let name = header::HeaderName::from_static(super::other::PROVIDER);
    if let (false, Ok(id)) = (ticket.head.headers.contains_key(&name), header::HeaderValue::try_from(&kept.provider)) {
        ticket.head.headers.insert(name, id);
    }
}

/// Is there a provider to ask for a reply that the gateway does not know: one that is named, or the default one?
pub(crate) fn is_asked_elsewhere(ticket: &Ticket, catalog: &Catalog) -> bool {
    let default = catalog.default_provider.as_ref().and_then(|id| catalog.providers.get(id));
    ticket.head.headers.contains_key(super::other::PROVIDER) || default.is_some_and(|p| p.quirks.keeps_responses)
}

fn previous(document: &Document<'_>) -> Result<Option<String>, Refusal> {
    let raw = document.single(PREVIOUS).map_err(Refusal::Document)?;
    // Anything but a text is the translation's or the provider's to refuse.
    Ok(raw.and_then(|raw| serde_json::from_str::<String>(raw).ok()).filter(|id| !id.is_empty()))
}

const PREVIOUS: &str = "previous_response_id";
