//! Base64 inside of JSON strings, as callers write it: either alphabet, with padding or without.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::json::JsonStr;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);

/// Base64 in the standard alphabet with padding, from either alphabet.
pub fn standard(data: JsonStr<'_>) -> JsonStr<'_> {
    let odd = |b: u8| !(b.is_ascii_alphanumeric() || b == b'+' || b == b'/' || b == b'=');
    if data.as_escaped().len().is_multiple_of(4) && !data.as_escaped().bytes().any(odd) {
        return data;
    }
    let mut clean: String = data
        .text()
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '=')
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    while !clean.len().is_multiple_of(4) {
        clean.push('=');
    }
    JsonStr::owned(&clean)
}

/// The bytes of base64 text in either alphabet.
pub fn bytes(data: &JsonStr<'_>) -> Option<Vec<u8>> {
    STANDARD.decode(standard(data.borrowed()).text().as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read() {
        for (given, want) in [("_-8=", "/+8="), ("aGk", "aGk="), ("aGk=", "aGk="), ("a G\\nk=", "aGk="), ("", "")] {
            assert_eq!(standard(JsonStr::written(given)).text(), want, "{given}");
        }
        assert_eq!(bytes(&JsonStr::written("aGk")).unwrap(), b"hi");
        assert!(bytes(&JsonStr::written("!")).is_none());
    }
}
