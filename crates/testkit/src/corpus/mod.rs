//! Recorded exchanges of real providers, where they are at hand: what each of them says, and a judge of what a client
//! of the gateway was told. They are no part of the product: without them there is nothing to replay.

mod answer;
mod apis;
mod error;
mod excuses;
mod judge;
mod recorded;
mod replay;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use answer::{Answer, Stop, Told, Usage, differences};
pub use apis::{APIS, OTHERS, dialect};
pub use error::{error_differences, fails};
pub use excuses::{EXCUSES, Excuse, RELAYED, reason};
pub use recorded::answer;
pub use replay::pieces;

pub(crate) use judge::{judge, listed};
pub(crate) use replay::script;

/// What a reply is written in, as the gateway's configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Anthropic,
    Cohere,
    Gemini,
    OpenAiChat,
    OpenAiResponses,
}

impl Dialect {
    const ALL: [Self; 5] = [Self::Anthropic, Self::Cohere, Self::Gemini, Self::OpenAiChat, Self::OpenAiResponses];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Cohere => "cohere",
            Self::Gemini => "gemini",
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dialect {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == name).ok_or(())
    }
}

/// One exchange: what was asked, and the answer.
#[derive(Debug, Deserialize)]
pub struct Recording {
    /// 16 hex digits.
    pub id: String,
    /// What the exchange exercises.
    pub features: Vec<String>,
    pub request: Request,
    pub response: Response,
}

#[derive(Debug, Deserialize)]
pub struct Request {
    pub body: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub struct Response {
    pub status: u16,
    pub body: Option<Box<RawValue>>,
    /// The text of an event stream.
    pub sse: Option<String>,
}

impl Recording {
    /// The bytes of the reply as text, `""` if none were kept, and whether they are an event stream.
    pub fn reply(&self) -> (&str, bool) {
        match (&self.response.sse, &self.response.body) {
            (Some(sse), _) => (sse, true),
            (None, body) => (body.as_ref().map_or("", |body| body.get()), false),
        }
    }
}

/// Where the recordings are: in `APEX_CORPUS`, else in a folder `shared/corpus` beside the checkout or further up.
pub fn folder() -> Option<PathBuf> {
    if let Ok(path) = std::env::var("APEX_CORPUS") {
        return Some(path.into());
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().map(|above| above.join("shared/corpus")).find(|path| path.is_dir())
}

/// The recordings of one interface, in the order of their names; none if there is no such folder.
///
/// # Panics
/// When a file cannot be read or holds no recording; this is test code.
#[expect(clippy::panic, reason = "a damaged recording must not pass for none")]
pub fn recordings(folder: &Path) -> Vec<Recording> {
    let entries = fs::read_dir(folder).map(|all| all.flatten().map(|entry| entry.path()).collect());
    let mut files: Vec<PathBuf> = entries.unwrap_or_default();
    files.sort();
    let read = |file: &PathBuf| -> io::Result<Recording> { Ok(serde_json::from_slice(&fs::read(file)?)?) };
    files.iter().map(|file| read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))).collect()
}

/// All recordings of [`APIS`] that hold a reply, each with its interface and the provider that stands for. Read once.
fn all() -> &'static [Replayed] {
    static ALL: OnceLock<Vec<Replayed>> = OnceLock::new();
    ALL.get_or_init(|| {
        let Some(folder) = folder() else { return Vec::new() };
        let of = |(api, provider): &(&'static str, &'static str)| {
            let (api, provider) = (*api, *provider);
            recordings(&folder.join(api)).into_iter().map(move |recording| Replayed { api, provider, recording })
        };
        APIS.iter().flat_map(of).filter(|replayed| !replayed.recording.reply().0.is_empty()).collect()
    })
}

/// One recording that the upstream can play.
#[derive(Debug)]
struct Replayed {
    api: &'static str,
    provider: &'static str,
    recording: Recording,
}
