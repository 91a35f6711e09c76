//! What is lost without the caller being told in a header, because it is only known when the upstream answers.

use super::Feature;

const KNOWN: &[(&str, &str, Feature, &str)] = &[];

/// Why this cell is not in full.
pub(super) fn reason(client: &str, upstream: &str, feature: Feature) -> Option<&'static str> {
    KNOWN.iter().find(|(c, u, f, _)| *c == client && *u == upstream && *f == feature).map(|(_, _, _, why)| *why)
}
