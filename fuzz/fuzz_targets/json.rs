//! JSON without a DOM: what is read and written again means the same, and every leaf keeps its bytes.
#![no_main]

use apex_core::json::{JsonStr, Members, RawValue, elements, kind, object};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // A string taken as plain text survives being escaped and read back.
    assert_eq!(JsonStr::escape(text).text(), text);

    let Ok(members) = Members::parse(text) else { return };
    let mut written = Vec::new();
    object(&mut written, |obj| {
        for (key, value) in members.iter() {
            obj.member(key, value.get());
        }
    });
    let written = String::from_utf8(written).expect("what was text is text");
    let again = Members::parse(&written).expect("what we write, we read");
    let raw = |members: &Members<'_>| -> Vec<(String, String)> {
        members.iter().map(|(key, value)| (key.to_owned(), value.get().to_owned())).collect()
    };
    assert_eq!(raw(&members), raw(&again));

    for (key, value) in members.iter() {
        walk(value);
        let mut taken = members.clone();
        let _ = taken.take_u64(key);
        assert!(taken.get(key).is_none(), "taking a member takes all its duplicates");
    }
});

fn walk(value: &RawValue) {
    let _ = kind(value);
    if let Some(text) = JsonStr::from_raw(value) {
        let _ = (text.text(), text.is_blank());
        assert!(text.borrowed().into_owned() == text);
    }
    for element in elements(value).unwrap_or_default() {
        walk(element);
    }
}
