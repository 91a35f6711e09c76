//! Takes JSON apart that was validated before, one level deep. It trusts the text: what is not JSON gives parts that
//! make no sense, and nothing worse.

use super::marks::{marks, marks_of_block, plain};

/// Tells `each` the keys (inside their quotes, as written, and if there are escapes in them) and values of an object, in
/// order.
pub(super) fn members<'a>(text: &'a str, mut each: impl FnMut(&'a str, bool, &'a str)) {
    let mut walk = Walk { text, at: 1, escaped: false };
    while let Some(key) = walk.next_part() {
        let escaped = walk.escaped;
        let Some(value) = walk.next_part() else { return };
        each(key.get(1..key.len().saturating_sub(1)).unwrap_or_default(), escaped, value);
    }
}

/// Tells `each` the elements of an array, in order.
pub(super) fn elements<'a>(text: &'a str, mut each: impl FnMut(&'a str)) {
    let mut walk = Walk { text, at: 1, escaped: false };
    while let Some(value) = walk.next_part() {
        each(value);
    }
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
    /// The last string had escapes.
    escaped: bool,
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
            b'"' => (self.at, self.escaped) = after_string(bytes, start),
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

/// Where the string that begins at `at` has ended, and if there are escapes in it.
#[inline]
fn after_string(bytes: &[u8], at: usize) -> (usize, bool) {
    let (mut at, mut escaped) = (at + 1, false);
    // As the scanner does it, but for what it checks.
    let ended = chunks(bytes, &mut at, 1, marks, &mut escaped)
        || chunks(bytes, &mut at, usize::MAX, marks_of_block, &mut escaped)
        || chunks(bytes, &mut at, usize::MAX, marks, &mut escaped);
    if ended {
        return (at, escaped);
    }
    loop {
        at += plain(bytes.get(at..).unwrap_or_default());
        match bytes.get(at) {
            Some(b'"') => return (at + 1, escaped),
            Some(_) => (at, escaped) = (at + 2, true),
            None => return (bytes.len(), escaped),
        }
    }
}

/// Goes on in a string by chunks of `N` bytes. Has it ended?
#[inline]
fn chunks<const N: usize>(
    bytes: &[u8],
    at: &mut usize,
    most: usize,
    marks: impl Fn(&[u8; N]) -> u64,
    escaped: &mut bool,
) -> bool {
    for _ in 0..most {
        let Some(chunk) = bytes.get(*at..).and_then(<[u8]>::first_chunk::<N>) else { break };
        let (mut skipped, mut marks) = (0, marks(chunk));
        while skipped < N && marks != 0 {
            let found = marks.trailing_zeros() as usize;
            if chunk.get(found) == Some(&b'"') {
                *at += found + 1;
                return true;
            }
            *escaped = true;
            // What is escaped comes with its backslash; it may stand in the next chunk.
            skipped = found + 2;
            marks &= u64::MAX.checked_shl(u32::try_from(skipped).unwrap_or(u32::MAX)).unwrap_or(0);
        }
        *at += skipped.max(N);
    }
    false
}

/// Where the object or array that begins at `at` has ended.
fn after_container(bytes: &[u8], at: usize) -> usize {
    let (mut at, mut depth) = (at, 0_usize);
    loop {
        match bytes.get(at) {
            Some(b'"') => {
                (at, _) = after_string(bytes, at);
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
            |key, escaped, value| {
                assert_eq!(escaped, key.contains('\\'));
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
        members("{ }", |_, _, _| panic!("there is none"));
    }

    #[test]
    fn what_is_no_json_ends_all_the_same() {
        for text in ["{", "{\"a", "{\"a\":", "{\"a\":[", "{\"a\\", "{é", "{\"a\":\"\\", "{}}", "{\"a\"}", ""] {
            members(text, |_, _, _| {});
            elements(text, |_| {});
        }
    }
}
