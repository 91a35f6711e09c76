//! The same dialect on both sides: the bytes that go through are the bytes that came, but for what is named.

mod replies;
mod requests;
