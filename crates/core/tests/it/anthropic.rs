//! The Anthropic Messages dialect.
