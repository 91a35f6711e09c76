//! What a relayed reply says of being kept, put right: its provider knows nothing of what the gateway keeps.

use bytes::Bytes;
use memchr::memmem;

use crate::json::{JsonStr, Span, scan_object};
use crate::sse::Batch;

/// What is put right in the response object; nothing else of it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mend {
    /// The gateway keeps the reply, and the provider was not asked to: `store` is true.
    pub stored: bool,
    /// The reply that it goes on from, of which the provider got the text and not the id.
    pub previous: Option<String>,
}

impl Mend {
    /// Is there anything to put right?
    pub const fn is_idle(&self) -> bool {
        !self.stored && self.previous.is_none()
    }

    /// A whole reply, as the client is to see it.
    pub fn reply(&self, body: &Bytes) -> Bytes {
        let mended = std::str::from_utf8(body).ok().filter(|_| !self.is_idle()).and_then(|text| self.response(text));
        mended.map_or_else(|| body.clone(), Bytes::from)
    }

    /// The same for events of a stream; none if nothing changes.
    pub fn events(&self, batch: &Batch) -> Option<Batch> {
        let occurs = |member: &str| memmem::find(batch.raw(), member.as_bytes()).is_some();
        if self.is_idle() || !(occurs(STORE) || occurs(PREVIOUS)) {
            return None;
        }
        batch.edited(|data| {
            let members = scan_object(data).ok()?;
            let response = members.iter().rfind(|m| m.name(data) == "response")?;
            Some(replaced(data, response, &self.response(response.text(data))?))
        })
    }

    /// A response object.
    fn response(&self, text: &str) -> Option<String> {
        let members = scan_object(text).ok()?;
        let says = |key: &str, json: &str| members.iter().rfind(|m| m.name(text) == key && m.text(text) == json);
        let store = says(STORE, "false").filter(|_| self.stored).map(|span| (span, "true".to_owned()));
        let previous = self.previous.as_ref().and_then(|id| {
            let quoted = format!("\"{}\"", JsonStr::owned(id).as_escaped());
            Some((says(PREVIOUS, "null")?, quoted))
        });
        let mut edits: Vec<_> = store.into_iter().chain(previous).collect();
        // From the back, so that the places before stay where they are.
        edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.value.start));
        let mended = edits.iter().fold(text.to_owned(), |text, (span, value)| replaced(&text, span, value));
        (!edits.is_empty()).then_some(mended)
    }
}

/// `text` with another value of the member `span`.
fn replaced(text: &str, span: &Span, value: &str) -> String {
    let (before, after) = (text.get(..span.value.start), text.get(span.value.end..));
    [before.unwrap_or_default(), value, after.unwrap_or_default()].concat()
}

const STORE: &str = "store";
const PREVIOUS: &str = "previous_response_id";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_changes() {
        let mend = Mend { stored: true, previous: Some("resp_\"1".into()) };
        let reply =
            |text: &str| String::from_utf8(mend.reply(&Bytes::copy_from_slice(text.as_bytes())).to_vec()).unwrap();
        let text = "{ \"id\" : \"r\",\n \"store\" : false ,\"output\":[{\"store\":false}],\"n\":1e2, \"previous_response_id\":null}";
        let want = text
            .replace("\"store\" : false", "\"store\" : true")
            .replace("\"previous_response_id\":null", r#""previous_response_id":"resp_\"1""#);
        assert_eq!(reply(text), want);
        for untouched in
            [r#"{"store":true}"#, r#"{"store":null,"previous_response_id":"resp_2"}"#, "{\"store\":false", "[]"]
        {
            assert_eq!(reply(untouched), untouched);
        }
        let idle = Mend::default();
        assert_eq!(idle.reply(&Bytes::from_static(b"{\"store\":false}")), "{\"store\":false}");
    }

    #[test]
    fn events_keep_everything_around_it() {
        let mend = Mend { stored: true, previous: None };
        let stream = "\u{feff}: hi\nevent: response.created\r\nid: 7\r\ndata: {\"type\":\"response.created\",\"response\":{\"store\":false}}\r\n\r\n\
             data: {\"delta\":\"\\\"store\\\":false\",\"store\":false}\n\n\
             event: response.completed\ndata: {\"response\":\ndata: {\"store\": false}}\n\ndata: [DONE]\n\n";
        let batch = Batch::whole(Bytes::copy_from_slice(stream.as_bytes()));
        let mended = mend.events(&batch).unwrap();
        let want = stream.replacen("{\"store\":false}}\r\n", "{\"store\":true}}\r\n", 1).replacen(
            "{\"store\": false}",
            "{\"store\": true}",
            1,
        );
        assert_eq!(String::from_utf8(mended.raw().to_vec()).unwrap(), want);
        assert_eq!(mended.frames().count(), batch.frames().count());
        assert_eq!(mend.events(&mended), None);
    }
}
