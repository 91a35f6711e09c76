//! Forms: no bytes make the parser fail, what it finds is where it says, and a replaced model is what a second look finds.
#![no_main]

use apex_core::multipart::Form;
use libfuzzer_sys::fuzz_target;

const BOUNDARY: &str = "XX";

fuzz_target!(|body: &[u8]| {
    let Ok(form) = Form::parse(body, BOUNDARY) else { return };
    let Some(model) = form.model else { return };
    assert!(std::str::from_utf8(&body[model.clone()]).is_ok());
    let edited = [&body[..model.start], b"other-model", &body[model.end..]].concat();
    let again = Form::parse(&edited, BOUNDARY).expect("an edited form is a form");
    assert_eq!(again.stream, form.stream);
    let found = again.model.expect("the model is still there");
    assert_eq!(&edited[found.clone()], b"other-model");
    assert_eq!((&edited[..found.start], &edited[found.end..]), (&body[..model.start], &body[model.end..]));
});
