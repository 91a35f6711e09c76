//! Chat clients at an Anthropic upstream.
