//! The `model` field of a form with files (`multipart/form-data`, RFC 7578 and RFC 2046 section 5.1): found by one pass
//! over the bytes, and replaced in place. Every other byte stays.

use std::ops::Range;

use http::header::HeaderValue;
use memchr::memmem;

/// Longest boundary (RFC 2046), most parts, longest headers of one part, and longest value that is read, in bytes.
const MAX_BOUNDARY: usize = 70;
const MAX_PARTS: usize = 256;
const MAX_PART_HEAD: usize = 8 << 10;
const MAX_VALUE: usize = 1 << 10;

/// Why a form cannot be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("the content type's boundary is missing, longer than 70 characters, or holds odd ones")]
    Boundary,
    #[error("`{0}` appears twice in the form")]
    Duplicate(&'static str),
    #[error("the form is not whole, or not what its boundary says")]
    Malformed,
    #[error("the form has more than 256 parts")]
    TooManyParts,
    #[error("`{0}` in the form is no short text")]
    Value(&'static str),
}

/// What is read of a form: where the model's value stands, and the wish for a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// The bytes of the value of `model`.
    pub model: Option<Range<usize>>,
    pub stream: bool,
}

/// Is `content_type` a form with files?
pub fn is_form(content_type: &HeaderValue) -> bool {
    let text = content_type.to_str().unwrap_or("");
    text.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data"))
}

/// The boundary that `content_type` names, with or without quotes.
pub fn boundary(content_type: &HeaderValue) -> Result<&str, FormError> {
    let text = content_type.to_str().map_err(|_| FormError::Boundary)?;
    let value = text
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim())
        .ok_or(FormError::Boundary)?;
    let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    // RFC 2046 `bchars`, less the space, which nobody sends.
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
    ((1..=MAX_BOUNDARY).contains(&bare.len()) && bare.bytes().all(fits)).then_some(bare).ok_or(FormError::Boundary)
}

impl Form {
    /// Reads `body`, whose parts are separated by `boundary`. Linear in the length of `body`.
    pub fn parse(body: &[u8], boundary: &str) -> Result<Self, FormError> {
        let delimiter = format!("\r\n--{boundary}");
        let finder = memmem::Finder::new(delimiter.as_bytes());
        // The first delimiter may stand at the very start, without its line break.
        let first = delimiter.trim_start();
        let mut at = if body.starts_with(first.as_bytes()) {
            first.len()
        } else {
            finder.find(body).ok_or(FormError::Malformed)? + delimiter.len()
        };
        let mut form = Self::default();
        let mut streams = false;
        for _ in 0..=MAX_PARTS {
            let rest = body.get(at..).unwrap_or_default();
            if rest.starts_with(b"--") {
                return Ok(form);
            }
            // White space may follow a delimiter on its line.
            let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            if rest.get(padding..padding + 2) != Some(b"\r\n") {
                return Err(FormError::Malformed);
            }
            let head_at = at + padding + 2;
            let (name, value_at) = part_head(body, head_at)?;
            let length = finder.find(body.get(value_at..).unwrap_or_default()).ok_or(FormError::Malformed)?;
            let value = value_at..value_at + length;
            at = value.end + delimiter.len();
            match name {
                Some(b"model") if form.model.is_some() => return Err(FormError::Duplicate("model")),
                Some(b"model") => {
                    short(body, &value).ok_or(FormError::Value("model"))?;
                    form.model = Some(value);
                }
                Some(b"stream") if streams => return Err(FormError::Duplicate("stream")),
                Some(b"stream") => {
                    streams = true;
                    form.stream = short(body, &value).is_some_and(|v| v.eq_ignore_ascii_case("true") || v == "1");
                }
                _ => {}
            }
        }
        Err(FormError::TooManyParts)
    }
}

/// The text at `range`, if it is short.
fn short<'b>(body: &'b [u8], range: &Range<usize>) -> Option<&'b str> {
    (range.len() <= MAX_VALUE).then(|| body.get(range.clone())).flatten().and_then(|v| std::str::from_utf8(v).ok())
}

/// The field's name of the part whose headers begin at `at`, and where its value begins.
fn part_head(body: &[u8], at: usize) -> Result<(Option<&[u8]>, usize), FormError> {
    let rest = body.get(at..).unwrap_or_default();
    // A part without headers begins with the empty line.
    if rest.starts_with(b"\r\n") {
        return Ok((None, at + 2));
    }
    let near = rest.get(..MAX_PART_HEAD).unwrap_or(rest);
    let end = memmem::find(near, b"\r\n\r\n").ok_or(FormError::Malformed)?;
    let head = near.get(..end).unwrap_or_default();
    let disposition = head
        .split(|b| *b == b'\n')
        .filter_map(|line| line.split_at_checked(line.iter().position(|b| *b == b':')?))
        .find(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(b"content-disposition"));
    Ok((disposition.and_then(|(_, value)| field_name(value)), at + end + 4))
}

/// `x` of `form-data; name="x"`. Names with escapes are nobody's we look for.
fn field_name(disposition: &[u8]) -> Option<&[u8]> {
    // A `;` inside quotes, as in file names, separates nothing.
    let (mut quoted, mut escaped) = (false, false);
    let separates = |b: &u8| {
        let here = *b == b';' && !quoted;
        quoted ^= *b == b'"' && !escaped;
        escaped = *b == b'\\' && quoted && !escaped;
        here
    };
    disposition.split(separates).skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_at_checked(parameter.iter().position(|b| *b == b'=')?)?;
        let value = value.get(1..)?.trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        name.trim_ascii().eq_ignore_ascii_case(b"name").then_some(bare)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parts: &[(&str, &str)]) -> String {
        let part = |(head, value): &(&str, &str)| format!("--XX\r\nContent-Disposition: {head}\r\n\r\n{value}\r\n");
        parts.iter().map(part).collect::<String>() + "--XX--\r\n"
    }

    fn model(body: &str) -> Result<Option<String>, FormError> {
        Ok(Form::parse(body.as_bytes(), "XX")?.model.map(|range| body[range].to_owned()))
    }

    #[test]
    fn the_model_is_found_wherever_it_stands() {
        let file = (r#"form-data; filename="a\"; name=model; x.wav"; name="file""#, "\0--XX\r\r\n--X\r\n--Y model");
        for head in [r#"form-data; name="model""#, "form-data;name=model", r#"Form-Data; filename=""; NAME="model""#] {
            let found = model(&form(&[file, (head, "whisper-1#openai"), ("form-data; name=\"stream\"", "true")]));
            assert_eq!(found, Ok(Some("whisper-1#openai".into())), "{head}");
        }
        assert_eq!(model(&form(&[file])), Ok(None));
        assert_eq!(
            model(&format!("preamble\r\n{}epilogue", form(&[("form-data; name=model", "")]))),
            Ok(Some(String::new()))
        );
        let with_types =
            "--XX \t\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--XX--";
        assert_eq!(model(with_types), Ok(Some("m".into())));
        assert!(Form::parse(form(&[("form-data; name=\"stream\"", "True")]).as_bytes(), "XX").unwrap().stream);
    }

    #[test]
    fn hostile_forms_are_refused() {
        let twice = ("form-data; name=\"model\"", "m");
        let many: Vec<_> = std::iter::repeat_n(("form-data; name=\"x\"", ""), 300).collect();
        for (body, want) in [
            (String::new(), FormError::Malformed),
            ("--XX".into(), FormError::Malformed),
            ("--XX\r\n".into(), FormError::Malformed),
            ("--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm".into(), FormError::Malformed),
            ("--XXjunk\r\n\r\nm\r\n--XX--".into(), FormError::Malformed),
            (format!("--XX\r\nA: {}\r\n\r\nm\r\n--XX--", "b".repeat(10_000)), FormError::Malformed),
            (form(&[twice, twice]), FormError::Duplicate("model")),
            (form(&many), FormError::TooManyParts),
            (form(&[("form-data; name=\"model\"", &"m".repeat(2000))]), FormError::Value("model")),
        ] {
            assert_eq!(model(&body), Err(want), "{body:.60}");
        }
    }

    #[test]
    fn boundaries_are_checked() {
        let of = |text: &'static str| boundary(Box::leak(Box::new(HeaderValue::from_static(text))));
        assert_eq!(of("multipart/form-data; boundary=abc-1"), Ok("abc-1"));
        assert_eq!(of("Multipart/Form-Data; charset=utf-8; Boundary=\"a:b\""), Ok("a:b"));
        for bad in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=a b"] {
            assert_eq!(of(bad), Err(FormError::Boundary), "{bad}");
        }
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        assert_eq!(boundary(&HeaderValue::try_from(long).unwrap()), Err(FormError::Boundary));
        assert!(is_form(&HeaderValue::from_static("multipart/form-data; boundary=x")));
        assert!(!is_form(&HeaderValue::from_static("multipart/mixed; boundary=x")));
    }
}
