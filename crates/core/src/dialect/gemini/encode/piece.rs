//! What contents are made of, on their way to the wire: <https://ai.google.dev/api/caching#Content>.

use std::borrow::Cow;

use super::super::wire::{MODEL, USER};
use crate::json::{Arr, JsonStr, Obj, RawValue};

/// One content.
#[derive(Debug)]
pub(super) struct Content<'r> {
    pub(super) role: Speaker,
    pub(super) pieces: Vec<Piece<'r>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    Model,
    User,
}

/// One part, and the thought signature beside it. Signed parts are never merged with others.
#[derive(Debug)]
pub(super) struct Piece<'r> {
    pub(super) kind: Kind<'r>,
    pub(super) signature: Option<JsonStr<'r>>,
}

#[derive(Debug)]
pub(super) enum Kind<'r> {
    Call { name: JsonStr<'r>, id: Option<JsonStr<'r>>, args: Cow<'r, str> },
    File { media_type: Cow<'r, str>, uri: JsonStr<'r> },
    Inline(Inline<'r>),
    Raw(&'r RawValue),
    Response(Response<'r>),
    Text(JsonStr<'r>),
}

/// Media in the request itself.
#[derive(Clone, Debug)]
pub(super) struct Inline<'r> {
    pub(super) media_type: Cow<'r, str>,
    pub(super) data: JsonStr<'r>,
    /// `mediaResolution` of the part.
    pub(super) resolution: Option<&'static str>,
}

/// What a function gave back.
#[derive(Debug)]
pub(super) struct Response<'r> {
    pub(super) name: JsonStr<'r>,
    pub(super) id: Option<JsonStr<'r>>,
    pub(super) text: JsonStr<'r>,
    pub(super) is_error: bool,
    pub(super) media: Vec<Inline<'r>>,
}

impl<'r> Piece<'r> {
    pub(super) const fn plain(kind: Kind<'r>) -> Self {
        Self { kind, signature: None }
    }

    pub(super) const fn text(text: JsonStr<'r>) -> Self {
        Self::plain(Kind::Text(text))
    }

    pub(super) const fn is_call(&self) -> bool {
        matches!(self.kind, Kind::Call { .. })
    }
}

impl Content<'_> {
    pub(super) fn write(&self, a: &mut Arr<'_>) {
        a.obj(|o| {
            o.text(
                "role",
                match self.role {
                    Speaker::Model => MODEL,
                    Speaker::User => USER,
                },
            );
            o.arr("parts", |a| self.pieces.iter().for_each(|p| p.write(a)));
        });
    }
}

impl Piece<'_> {
    pub(super) fn write(&self, a: &mut Arr<'_>) {
        if let Kind::Raw(raw) = self.kind {
            return a.raw(raw.get());
        }
        a.obj(|o| {
            match &self.kind {
                Kind::Call { name, id, args } => o.obj("functionCall", |o| {
                    identity(name, id.as_ref(), o);
                    o.raw("args", args);
                }),
                Kind::File { media_type, uri } => o.obj("fileData", |o| {
                    if !media_type.is_empty() {
                        o.text("mimeType", media_type);
                    }
                    o.str("fileUri", uri);
                }),
                Kind::Inline(inline) => inline.write(o),
                Kind::Raw(_) => {}
                Kind::Response(response) => o.obj("functionResponse", |o| {
                    identity(&response.name, response.id.as_ref(), o);
                    let key = if response.is_error { "error" } else { "output" };
                    o.obj("response", |o| o.str(key, &response.text));
                    if !response.media.is_empty() {
                        o.arr("parts", |a| response.media.iter().for_each(|m| a.obj(|o| m.write(o))));
                    }
                }),
                Kind::Text(text) => o.str("text", text),
            }
            if let Some(signature) = &self.signature {
                o.str("thoughtSignature", signature);
            }
        });
    }
}

impl Inline<'_> {
    fn write(&self, o: &mut Obj<'_>) {
        o.obj("inlineData", |o| {
            o.text("mimeType", &self.media_type);
            o.str("data", &self.data);
        });
        if let Some(level) = self.resolution {
            o.obj("mediaResolution", |o| o.text("level", level));
        }
    }
}

fn identity(name: &JsonStr<'_>, id: Option<&JsonStr<'_>>, o: &mut Obj<'_>) {
    if let Some(id) = id {
        o.str("id", id);
    }
    o.str("name", name);
}
