//! Marks of ours inside fields that clients keep as opaque text (`signature`, `encrypted_index`).
//!
//! Anthropic clients send thinking blocks back as they got them. A block made from another provider's reasoning has no
//! signature of Anthropic's, and an empty one is refused on replay, so it carries this envelope: the next request shows by
//! the prefix which blocks Anthropic never made.

/// What every envelope starts with.
pub(super) const PREFIX: &str = "gw1.";

/// The envelope of reasoning and citations that carry no opaque data: `gw1.` and base64url of `{"k":"unsigned"}`.
pub(super) const UNSIGNED: &str = "gw1.eyJrIjoidW5zaWduZWQifQ";
