//! Messages without secrets.

/// Longest message that reaches a client, in bytes.
const CAP: usize = 4096;

/// How keys begin.
const KEYS: &[&str] = &["AIza", "csk-", "gsk_", "pplx-", "sk-", "xai-"];

/// `text` without keys, bearer tokens and key parameters, and at most 4 KiB of it. Providers quote the key they refuse, and
/// a stored key belongs to the gateway, not to its client.
pub fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(CAP));
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if out.len() >= CAP {
            break;
        }
        if let Some((shown, secret)) = secret(rest, before) {
            out.push_str(rest.get(..shown).unwrap_or_default());
            out.push_str("***");
            before = '*';
            rest = rest.get(shown + secret..).unwrap_or_default();
            continue;
        }
        out.push(c);
        before = c;
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    let mut end = out.len().min(CAP);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}

/// If a secret begins here: how much of it may be shown, and how long the rest is.
fn secret(text: &str, before: char) -> Option<(usize, usize)> {
    let run = |from: usize, inside: fn(char) -> bool| {
        text.get(from..).map_or(0, |t| t.find(|c| !inside(c)).unwrap_or(t.len()))
    };
    if !before.is_ascii_alphanumeric()
        && let Some(prefix) = KEYS.iter().find(|p| text.starts_with(**p))
    {
        let length = run(prefix.len(), |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.'));
        return (length >= 6).then_some((prefix.len(), length));
    }
    let starts = |word: &str| text.get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word));
    let word = ["bearer ", "key=", "token="].into_iter().find(|w| starts(w))?;
    let length = run(word.len(), |c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '&' | '<' | '>' | ',' | ')'));
    (length >= 6).then_some((word.len(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_what_looks_like_a_key() {
        for (text, shown) in [
            ("Incorrect API key provided: sk-proj-abc***xyz.", "Incorrect API key provided: sk-***"),
            ("bad AIzaSyA1234567890 here", "bad AIza*** here"),
            ("Authorization: Bearer abcdef123456, sorry", "Authorization: Bearer ***, sorry"),
            ("GET https://x/y?key=abcdefgh&alt=sse", "GET https://x/y?key=***&alt=sse"),
            ("risk-free-asking is fine", "risk-free-asking is fine"),
            ("a key= and sk-1", "a key= and sk-1"),
        ] {
            assert_eq!(scrub(text), shown);
        }
        assert_eq!(scrub(&"é".repeat(4000)).len(), CAP);
    }
}
