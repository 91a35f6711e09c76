//! The client's own prices, in `cf-aig-custom-cost`
//! (<https://developers.cloudflare.com/ai-gateway/configuration/custom-costs/>).

use super::rates::Rates;
use crate::json::Members;
use crate::money::Money;

/// The prices in the value of a header: a JSON object of dollars for a token, `per_token_in` and `per_token_out`,
/// `per_cache_read_token` and `per_cache_write_token` (without them as `per_token_in`). None if it is not one, or says
/// nothing.
pub fn custom(header: &str) -> Option<Rates> {
    let members = Members::parse(header).ok()?;
    let rate = |key: &str| match members.get(key) {
        None => Some(None),
        Some(raw) => Money::parse(raw.get(), MOST).map(Some),
    };
    let rates = Rates {
        input: rate("per_token_in")?,
        cache_read: rate("per_cache_read_token")?,
        cache_write: rate("per_cache_write_token")?,
        output: rate("per_token_out")?,
        ..Rates::default()
    };
    (rates.input.is_some() || rates.output.is_some()).then_some(rates)
}

/// A dollar for a token.
const MOST: Money = Money::from_picos(1_000_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let picos = |n| Some(Money::from_picos(n));
        let rates = custom(r#"{"per_token_in":0.000001,"per_token_out":2e-06}"#).unwrap();
        assert_eq!((rates.input, rates.output, rates.cache_read), (picos(1_000_000), picos(2_000_000), None));
        let rates =
            custom(r#"{"per_token_in":1e-6,"per_cache_read_token":1e-7,"per_cache_write_token":2e-6}"#).unwrap();
        assert_eq!(
            (rates.cache_read, rates.cache_write, rates.cache_write_1h, rates.output),
            (picos(100_000), picos(2_000_000), None, None)
        );
        for bad in [
            "",
            "1",
            "{}",
            r#"{"other":1}"#,
            r#"{"per_token_in":"0.1"}"#,
            r#"{"per_token_in":-1}"#,
            r#"{"per_token_in":2}"#,
            r#"{"per_token_in":1e308}"#,
            r#"{"per_token_in":0.1,"per_token_out":null}"#,
        ] {
            assert_eq!(custom(bad), None, "{bad}");
        }
    }
}
