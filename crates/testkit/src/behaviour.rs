//! From a request to its answer when no script was given: the path chooses the dialect, the model the behaviour.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use serde_json::Value;

use crate::ask::Ask;
use crate::corpus;
use crate::dialect::anthropic::Messages;
use crate::dialect::chat::Chat;
use crate::dialect::cohere::{self, Cohere};
use crate::dialect::error::{Envelope, Failure};
use crate::dialect::gemini::Gemini;
use crate::dialect::responses::Responses;
use crate::dialect::{Event, Phase, others};
use crate::json::Json;
use crate::reply::Reply;
use crate::script::{Script, Step, header};
use crate::strict::{self, Refusal};
use crate::tokens::{Damage, Fault, Framing, Text, Tokens};
use crate::upstream::Recorded;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Chat,
    Cohere,
    CohereEmbed,
    CohereRerank,
    Completions,
    CountTokens,
    Echo,
    Embeddings,
    Gemini,
    GeminiCount,
    GeminiStream,
    Messages,
    Models,
    Moderations,
    Responses,
}

pub(crate) fn answer(request: &Recorded) -> Script {
    let turn = Turn::new(request);
    if let Some(recorded) = corpus::script(&turn.model) {
        return recorded;
    }
    let script = match (turn.check(), turn.tokens.fault) {
        (Err(refusal), _) => turn.refuse(&Failure::refused(refusal)),
        (Ok(()), Some(fault)) => turn.fault(fault),
        (Ok(()), None) => turn.damaged(),
    };
    turn.dressed(script)
}

/// The model a request is for: from the body, else from an Azure path.
pub(crate) fn model_of(request: &Recorded) -> Option<String> {
    if let Some(model) = request.json()["model"].as_str() {
        return Some(model.to_owned());
    }
    if let Some((_, rest)) = request.path().rsplit_once("/models/")
        && let Some((model, _)) = rest.rsplit_once(':')
    {
        return Some(model.replace("%3A", ":").replace("%2F", "/"));
    }
    let segments: Vec<&str> = request.path().split('/').collect();
    let after = |name: &str, skip: usize| {
        let at = segments.iter().position(|segment| *segment == name)?;
        segments.get(at + skip).map(|model| (*model).to_owned())
    };
    after("deployments", 1).or_else(|| after("azure-openai", 2))
}

/// One request and what its model name asks for.
struct Turn<'a> {
    request: &'a Recorded,
    route: Route,
    body: Value,
    model: String,
    tokens: Tokens,
}

impl<'a> Turn<'a> {
    fn new(request: &'a Recorded) -> Self {
        let model = model_of(request).unwrap_or_default();
        let route = Route::of(request);
        let tokens = if route == Route::Models { Tokens::default() } else { Tokens::of(&model) };
        Self { request, route, body: request.json(), model, tokens }
    }

    fn streamed(&self) -> bool {
        let streams =
            matches!(self.route, Route::Chat | Route::Cohere | Route::Completions | Route::Messages | Route::Responses);
        (streams && self.body["stream"] == true) || self.route == Route::GeminiStream
    }

    fn envelope(&self) -> Envelope {
        if matches!(self.route, Route::Gemini | Route::GeminiCount | Route::GeminiStream) {
            return Envelope::Google;
        }
        if matches!(self.route, Route::Cohere | Route::CohereEmbed | Route::CohereRerank) {
            return Envelope::Cohere;
        }
        let anthropic = match self.route {
            Route::CountTokens | Route::Messages => true,
            Route::Models | Route::Echo => self.request.header("anthropic-version").is_some(),
            Route::Chat
            | Route::Cohere
            | Route::CohereEmbed
            | Route::CohereRerank
            | Route::Completions
            | Route::Embeddings
            | Route::Gemini
            | Route::GeminiCount
            | Route::GeminiStream
            | Route::Moderations
            | Route::Responses => false,
        };
        if anthropic { Envelope::Anthropic } else { Envelope::OpenAi }
    }

    /// Only where the path asks for it: most tests send less than a provider wants.
    fn check(&self) -> Result<(), Refusal> {
        if !self.request.path().contains("/strict/") || self.tokens.lax {
            return Ok(());
        }
        match self.route {
            Route::Chat => strict::chat::check(self.request, &self.body),
            Route::Cohere => strict::cohere::check(self.request, &self.body),
            Route::CountTokens | Route::Messages => strict::messages::check(self.request, &self.body),
            Route::Gemini | Route::GeminiStream => strict::gemini::check(self.request, &self.body),
            Route::Responses => strict::responses::check(self.request, &self.body),
            Route::CohereEmbed
            | Route::CohereRerank
            | Route::Completions
            | Route::GeminiCount
            | Route::Echo
            | Route::Embeddings
            | Route::Models
            | Route::Moderations => Ok(()),
        }
    }

    fn fault(&self, fault: Fault) -> Script {
        let content_type = if self.streamed() { "text/event-stream; charset=utf-8" } else { "application/json" };
        match fault {
            Fault::BadHttp => Script::raw("this is no HTTP at all\r\n\r\n"),
            Fault::ContextLength => self.refuse(&Failure::context(self.envelope())),
            Fault::EchoAuth => self.refuse(&Failure::echoing(&self.credential())),
            Fault::Empty => Script::body(200, content_type, ""),
            Fault::Err200 if self.streamed() => {
                Script::sse([self.error_event(&Failure::of_status(529, &self.model)).text])
            }
            Fault::Err200 => self.refuse(&Failure::of_status(529, &self.model)).status(200),
            Fault::Garbage => Script::body(200, content_type, *b"\x00\xff{]garbage\n\ndata: {not json\n\n\xc3\x28"),
            Fault::Hang => Script::hang(),
            Fault::Html502 => {
                let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n";
                Script::body(502, "text/html", page)
            }
            Fault::Quota => self.refuse(&Failure::quota()),
            Fault::Redirect => Script::body(302, "text/plain", "elsewhere").header("location", "http://127.0.0.1:9/"),
            Fault::Status(status) => {
                let script = self.refuse(&Failure::of_status(status, &self.model));
                if status == 429 { script.header("retry-after", "2") } else { script }
            }
        }
    }

    fn refuse(&self, failure: &Failure) -> Script {
        Script::json(failure.status, failure.body(self.envelope(), &self.request_id()).into_bytes())
    }

    fn error_event(&self, failure: &Failure) -> Event {
        if self.route == Route::Responses {
            return failure.responses_event();
        }
        failure.event(self.envelope(), &self.request_id())
    }

    fn damaged(&self) -> Script {
        let script = if self.streamed() { self.stream() } else { self.document() };
        let script = match self.tokens.damage {
            Some(Damage::Cut(bytes)) => script.cut_after(bytes),
            Some(Damage::Rst(bytes)) => script.reset_after(bytes),
            Some(Damage::Silent) => {
                let head = script.steps.into_iter().next();
                Script { steps: head.into_iter().chain([Step::Hang]).collect() }
            }
            None | Some(Damage::ErrMid | Damage::Truncate) => script,
        };
        self.tokens.framing.iter().fold(script, |script, framing| match framing {
            Framing::Comments | Framing::Crlf => script,
            Framing::Gzip => script.gzip(),
            Framing::Split(size) => script.chunked_every(*size),
            Framing::UntilClose => script.until_close(),
        })
    }

    fn document(&self) -> Script {
        match self.tokens.damage {
            Some(Damage::ErrMid) => return self.refuse(&Failure::mid_stream()),
            Some(Damage::Truncate) => {
                let whole = self.render().into_bytes();
                let half: Vec<u8> = whole.iter().take(whole.len() / 2).copied().collect();
                return Script::json(200, half);
            }
            None | Some(Damage::Cut(_) | Damage::Rst(_) | Damage::Silent) => {}
        }
        if self.route == Route::Echo && self.request.path().ends_with("/audio/speech") {
            return Script::body(200, "audio/mpeg", others::SPEECH);
        }
        Script::json(200, self.render().into_bytes())
    }

    fn render(&self) -> Json {
        let (model, body) = (self.model.as_str(), &self.body);
        match self.route {
            Route::Chat => {
                let reply = self.reply(&Ask::chat(body));
                Chat { model, reply: &reply, reasoner: self.tokens.reasoner, body }.document()
            }
            Route::Cohere => Cohere { reply: &self.reply(&Ask::cohere(body)), body }.document(),
            Route::CohereEmbed => cohere::embed(body),
            Route::CohereRerank => cohere::rerank(body),
            Route::Completions => others::completion(model, body),
            Route::CountTokens => others::count_tokens(body),
            Route::Echo => others::other(self.request),
            Route::Embeddings => others::embeddings(model, body),
            Route::Gemini | Route::GeminiStream => Gemini { model, reply: &self.reply(&Ask::gemini(body)) }.document(),
            Route::GeminiCount => others::gemini_count(body),
            Route::Messages => Messages { model, reply: &self.reply(&Ask::messages(body)) }.document(),
            Route::Models => {
                let (_, id) = self.request.path().rsplit_once("/models").unwrap_or_default();
                let id = id.strip_prefix('/').filter(|id| !id.is_empty());
                match self.envelope() {
                    Envelope::Anthropic => others::anthropic_models(id),
                    Envelope::Cohere | Envelope::Google | Envelope::OpenAi => others::openai_models(id),
                }
            }
            Route::Moderations => others::moderation(model, body),
            Route::Responses => Responses { model, reply: &self.reply(&Ask::responses(body)) }.document(),
        }
    }

    fn stream(&self) -> Script {
        let mut events = self.events();
        if let Some(Damage::ErrMid | Damage::Truncate) = self.tokens.damage {
            events = half(events);
            if self.tokens.damage == Some(Damage::ErrMid) {
                events.push(self.error_event(&Failure::mid_stream()));
            }
        }
        let before = match self.tokens.text {
            Text::Gated(_) => Some(Step::Gate),
            Text::Paced(_, pause) if !pause.is_zero() => Some(Step::Sleep(pause)),
            Text::Big(_) | Text::Burst(_) | Text::Echo | Text::Paced(..) => None,
        };
        let mut script = Script::sse(events.iter().map(|event| self.event_bytes(event)));
        if let Some(before) = before {
            script.steps = interleave(script.steps, &events, &before);
        }
        if matches!(self.tokens.text, Text::Burst(_)) { script.burst() } else { script }
    }

    fn event_bytes(&self, event: &Event) -> Vec<u8> {
        let mut text = event.text.clone();
        if self.tokens.framing.contains(&Framing::Comments) {
            text.insert_str(0, ": a comment\n\n");
        }
        if self.tokens.framing.contains(&Framing::Crlf) {
            text = text.replace('\n', "\r\n");
        }
        text.into_bytes()
    }

    fn events(&self) -> Vec<Event> {
        let (model, body) = (self.model.as_str(), &self.body);
        match self.route {
            Route::Chat => {
                let reply = self.reply(&Ask::chat(body));
                Chat { model, reply: &reply, reasoner: self.tokens.reasoner, body }.events()
            }
            Route::Cohere => Cohere { reply: &self.reply(&Ask::cohere(body)), body }.events(),
            Route::Completions => others::completion_events(model, body),
            Route::Messages => Messages { model, reply: &self.reply(&Ask::messages(body)) }.events(),
            Route::Responses => Responses { model, reply: &self.reply(&Ask::responses(body)) }.events(),
            Route::GeminiStream => Gemini { model, reply: &self.reply(&Ask::gemini(body)) }.events(),
            Route::CohereEmbed
            | Route::CohereRerank
            | Route::CountTokens
            | Route::Echo
            | Route::Embeddings
            | Route::Gemini
            | Route::GeminiCount
            | Route::Models
            | Route::Moderations => Vec::new(),
        }
    }

    fn reply(&self, ask: &Ask) -> Reply {
        Reply::to(ask, &self.tokens, &self.request.body)
    }

    /// The headers the providers always send, and the delay the name asks for.
    fn dressed(&self, script: Script) -> Script {
        let id = self.request_id();
        let mut headers = vec![header("Date", "Sat, 21 Nov 2026 12:00:00 GMT"), header("Server", "cloudflare")];
        let own: &[(&str, &str)] = match self.envelope() {
            Envelope::Anthropic => &ANTHROPIC_HEADERS,
            Envelope::Cohere | Envelope::Google => &[],
            Envelope::OpenAi => &OPENAI_HEADERS,
        };
        headers.extend(own.iter().map(|(name, value)| header(name, value)));
        headers.push(match self.envelope() {
            Envelope::Anthropic => header("request-id", &id),
            // It stands in the body of errors.
            Envelope::Cohere => header("x-debug-trace-id", &id),
            Envelope::Google | Envelope::OpenAi => header("x-request-id", &id),
        });
        if is_cloudflare(self.request.path()) {
            headers.push(header("cf-aig-log-id", &format!("01SCRIPTED{:08}", self.request.id)));
            headers.push(header("cf-aig-cache-status", "MISS"));
        }
        let script = script.headers_first(headers);
        match self.tokens.slow {
            Some(wait) => script.after(wait),
            None => script,
        }
    }

    fn request_id(&self) -> String {
        format!("req_{:024}", self.request.id)
    }

    fn credential(&self) -> String {
        let names = ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cf-aig-authorization"];
        let found: Vec<&str> = names.into_iter().filter_map(|name| self.request.header(name)).collect();
        found.join(", ").replace("Bearer ", "")
    }
}

impl Route {
    fn of(request: &Recorded) -> Self {
        let path = request.path().trim_end_matches('/');
        if request.method == "GET" && path.contains("/models") {
            return Self::Models;
        }
        if request.method != "POST" {
            return Self::Echo;
        }
        ROUTES.iter().find(|(ending, _)| path.ends_with(ending)).map_or(Self::Echo, |(_, route)| *route)
    }
}

/// The stream up to the middle of its content.
fn half(events: Vec<Event>) -> Vec<Event> {
    let content = events.iter().filter(|event| event.phase == Phase::Content).count();
    let mut seen = 0;
    let mut kept = Vec::new();
    for event in events {
        if event.phase == Phase::Content {
            seen += 1;
        }
        kept.push(event);
        if seen == content.div_ceil(2) {
            break;
        }
    }
    kept
}

/// A step before every content event; `steps` is a head, one chunk per event, and the end.
fn interleave(steps: Vec<Step>, events: &[Event], before: &Step) -> Vec<Step> {
    let mut out = Vec::with_capacity(steps.len() * 2);
    for (at, step) in steps.into_iter().enumerate() {
        let event = at.checked_sub(1).and_then(|at| events.get(at));
        if event.is_some_and(|event| event.phase == Phase::Content) {
            out.push(before.clone());
        }
        out.push(step);
    }
    out
}

/// `/v1/{account}/{gateway}/{provider}/...`
fn is_cloudflare(path: &str) -> bool {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    matches!(segments.as_slice(), ["v1", _, _, slug, _, ..] if CLOUDFLARE_SLUGS.contains(slug))
}

const ROUTES: [(&str, Route); 14] = [
    (":generateContent", Route::Gemini),
    (":streamGenerateContent", Route::GeminiStream),
    (":countTokens", Route::GeminiCount),
    ("/chat/completions", Route::Chat),
    ("/messages/count_tokens", Route::CountTokens),
    ("/messages", Route::Messages),
    ("/responses", Route::Responses),
    ("/embeddings", Route::Embeddings),
    ("/completions", Route::Completions),
    ("/moderations", Route::Moderations),
    ("/models", Route::Models),
    ("/v2/chat", Route::Cohere),
    ("/v2/embed", Route::CohereEmbed),
    ("/v2/rerank", Route::CohereRerank),
];

const CLOUDFLARE_SLUGS: [&str; 15] = [
    "anthropic",
    "azure-openai",
    "cerebras",
    "cohere",
    "compat",
    "deepseek",
    "google-ai-studio",
    "grok",
    "groq",
    "mistral",
    "openai",
    "openrouter",
    "perplexity-ai",
    "replicate",
    "workers-ai",
];

const OPENAI_HEADERS: [(&str, &str); 13] = [
    ("openai-organization", "org-scripted"),
    ("openai-project", "proj_scripted"),
    ("openai-processing-ms", "12"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "2000000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "1999000"),
    ("x-ratelimit-reset-requests", "6ms"),
    ("x-ratelimit-reset-tokens", "30ms"),
    ("Set-Cookie", "__cf_bm=scripted; path=/; HttpOnly; Secure; SameSite=None"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("alt-svc", "h3=\":443\"; ma=86400"),
];

const ANTHROPIC_HEADERS: [(&str, &str); 12] = [
    ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
    ("anthropic-ratelimit-requests-limit", "4000"),
    ("anthropic-ratelimit-requests-remaining", "3999"),
    ("anthropic-ratelimit-requests-reset", "2026-11-21T12:00:01Z"),
    ("anthropic-ratelimit-tokens-limit", "4800000"),
    ("anthropic-ratelimit-tokens-remaining", "4799000"),
    ("anthropic-ratelimit-tokens-reset", "2026-11-21T12:00:01Z"),
    ("anthropic-ratelimit-input-tokens-remaining", "3999000"),
    ("anthropic-ratelimit-output-tokens-remaining", "800000"),
    ("Set-Cookie", "_cfuvid=scripted; HttpOnly; SameSite=None; Secure; Path=/"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("via", "1.1 google"),
];
