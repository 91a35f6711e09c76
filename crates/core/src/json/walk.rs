//! Takes JSON apart that was validated before, one level deep. It trusts the text: what is not JSON gives parts that
//! make no sense, and nothing worse.

use super::scan::plain;

/// Tells `each` the keys (inside their quotes, as escaped) and values of an object, in order.
pub(super) fn members<'a>(text: &'a str, mut each: impl FnMut(&'a str, &'a str)) {
    let mut walk = Walk { text, at: 1 };
    while let Some(key) = walk.next_part() {
        let Some(value) = walk.next_part() else { return };
        each(key.get(1..key.len().saturating_sub(1)).unwrap_or_default(), value);
    }
}

/// Tells `each` the elements of an array, in order.
pub(super) fn elements<'a>(text: &'a str, mut each: impl FnMut(&'a str)) {
    let mut walk = Walk { text, at: 1 };
    while let Some(value) = walk.next_part() {
        each(value);
    }
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    /// The next key or value; none at the closing bracket.
    fn next_part(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let first = loop {
            match *bytes.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' => self.at += 1,
                b'}' | b']' => return None,
                first => break first,
            }
        };
        let start = self.at;
        match first {
            b'"' => self.at = after_string(bytes, start),
            b'{' | b'[' => self.at = after_container(bytes, start),
            _ => {
                let rest = bytes.get(start..).unwrap_or_default();
                let end = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
                self.at = start + rest.iter().position(end).unwrap_or(rest.len());
            }
        }
        self.text.get(start..self.at)
    }
}

/// Where the string that begins at `at` has ended.
fn after_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        at += plain(bytes.get(at..).unwrap_or_default());
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(_) => return at + 1,
            None => return bytes.len(),
        }
    }
}

/// Where the object or array that begins at `at` has ended.
fn after_container(bytes: &[u8], at: usize) -> usize {
    let (mut at, mut depth) = (at, 0_usize);
    loop {
        match bytes.get(at) {
            Some(b'"') => {
                at = after_string(bytes, at);
                continue;
            }
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') if depth == 1 => return at + 1,
            Some(b'}' | b']') => depth -= 1,
            Some(_) => {}
            None => return bytes.len(),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_where_they_stand() {
        let mut found = Vec::new();
        members(
            "{ \"a\" : 1e2,\"b\":\t[1,{\"x\":\"]}\\\"\"}] , \"\\u0063\":\"é\\\\\",\"d\":{},\"e\":null}",
            |key, value| {
                found.push((key, value));
            },
        );
        let want =
            [("a", "1e2"), ("b", "[1,{\"x\":\"]}\\\"\"}]"), ("\\u0063", "\"é\\\\\""), ("d", "{}"), ("e", "null")];
        assert_eq!(found, want);
        let mut found = Vec::new();
        elements("[ [] , {\"a\":[\"]\"]},-1 ,\"\" ]", |value| found.push(value));
        assert_eq!(found, ["[]", "{\"a\":[\"]\"]}", "-1", "\"\""]);
        elements("[]", |_| panic!("there is none"));
        members("{ }", |_, _| panic!("there is none"));
    }

    #[test]
    fn what_is_no_json_ends_all_the_same() {
        for text in ["{", "{\"a", "{\"a\":", "{\"a\":[", "{\"a\\", "{é", "{\"a\":\"\\", "{}}", "{\"a\"}", ""] {
            members(text, |_, _| {});
            elements(text, |_| {});
        }
    }
}
