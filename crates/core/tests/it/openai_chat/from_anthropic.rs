//! from_anthropic
