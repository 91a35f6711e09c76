//! The OpenAI Chat dialect.
