//! What holds for all dialects and all pairs of them, over generated conversations and answers. How they are generated is
//! in `answer.rs` and `talk.rs`; what a dialect cannot say is written down there, once.

mod answer;
mod chunks;
mod pairs;
mod replies;
mod requests;
mod talk;
