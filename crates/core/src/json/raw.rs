//! Text that is known to be JSON, as a [`RawValue`], without reading it again.

use serde::Deserialize as _;
use serde::de::value::{BorrowedStrDeserializer, Error};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

/// `text`, which must be one JSON value without space around it: the scanner has just been over it, or it is part of a
/// raw value. `serde_json`'s own way would validate it once more, for each level of nesting.
pub(super) fn raw(text: &str) -> &RawValue {
    // Its part of the bargain is kept above; the other error would be a new release of serde_json, and every test.
    <&RawValue>::deserialize(Text(text)).unwrap_or(RawValue::NULL)
}

/// Answers `serde_json`'s request for a raw value: a map of one entry, whose key is the name it asked by.
struct Text<'de>(&'de str);

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Error;

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Entry { name, text: self.0 })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Entry<'de> {
    name: &'static str,
    text: &'de str,
}

impl<'de> MapAccess<'de> for Entry<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        seed.deserialize(BorrowedStrDeserializer::new(self.name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(BorrowedStrDeserializer::new(self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_raw_value_as_it_is() {
        for text in ["1e2", "null", "[1 , 2]", r#"{"a":"b\u00e9"}"#, "\"x\""] {
            assert_eq!(raw(text).get(), text);
        }
    }
}
