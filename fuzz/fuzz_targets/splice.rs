//! Splicing: a body is accepted exactly when it is a JSON object, and an edit changes what it names and no other byte.
#![no_main]

use apex_core::json::RawValue;
use apex_core::provider::Patch;
use apex_core::splice::{Document, DocumentError};
use libfuzzer_sys::fuzz_target;

const PATCHES: &[Patch] = &[
    Patch::Drop("a"),
    Patch::Drop("user"),
    Patch::Rename("max_tokens", "max_completion_tokens"),
    Patch::DropInside("stream_options", "include_usage"),
];

fuzz_target!(|body: &[u8]| {
    let document = match Document::parse(body) {
        Ok(document) => document,
        Err(DocumentError::Json(error)) if error.what == "nested too deeply" => return,
        Err(_) => return assert!(object(body).is_none(), "refused, but it is a JSON object"),
    };
    assert!(object(body).is_some(), "accepted, but it is no JSON object");
    assert_eq!(document.edit(None, &[]).0, body, "no edit, no change");

    let (edited, changed) = document.edit(Some("new \"model\"\n"), &[]);
    assert!(changed.is_empty());
    let edited = Document::parse(&edited).expect("an edited object is an object");
    match (document.single("model"), edited.single("model")) {
        (Ok(None), Ok(None)) => assert_eq!(edited.text(), document.text()),
        (Ok(Some(old)), Ok(Some(new))) => {
            assert_eq!(new, r#""new \"model\"\n""#);
            // What stands around the value is what stood there before.
            let at = new.as_ptr() as usize - edited.text().as_ptr() as usize;
            let (before, after) = (&document.text()[..at], &document.text()[at + old.len()..]);
            assert_eq!((before, after), (&edited.text()[..at], &edited.text()[at + new.len()..]));
        }
        (Err(_), Err(_)) => {}
        (old, new) => panic!("the model was {old:?} and is {new:?}"),
    }

    let (patched, changed) = document.edit(None, PATCHES);
    let patched_document = Document::parse(&patched).expect("a patched object is an object");
    for gone in ["a", "user", "max_tokens"] {
        assert!(!patched_document.has(gone), "{gone}");
    }
    if changed.is_empty() {
        assert_eq!(patched, body, "nothing reported, nothing changed");
    }
    assert_eq!(patched_document.edit(None, PATCHES).0, patched, "a second time there is nothing left to do");
});

/// What another parser says.
fn object(body: &[u8]) -> Option<&RawValue> {
    let raw: &RawValue = serde_json::from_slice(body).ok()?;
    raw.get().starts_with('{').then_some(raw)
}
