//! What the measurements say over the wire, shared by all of them: prompts, replies and streams of both dialects, and
//! the check that an answer is whole. Nothing here is part of the product.

pub mod wire;
