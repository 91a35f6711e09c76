//! What the native server keeps: the request log, one row for each exchange, in an SQLite database under the data
//! directory; and replies that later requests can go on from ([`Replies`]).
//!
//! [`Store`] writes: records go through a bounded queue to a thread of their own, which commits them many at a time; no
//! answer waits for it, and what does not fit is counted. [`Reader`] reads, also while a gateway writes. Nothing is
//! decided here: what a record says, and what of it is masked, is `apex_core`'s business.
//!
//! Layout: `schema` the tables and how they came to be; `column` from a record's fields to columns and back; `open` the
//! file; `store` the handle and its bounds; `writer` the thread; `retain` what is forgotten; `read` and `filter` the
//! queries; `trouble` what is said when the file cannot be written.

mod column;
mod filter;
mod open;
mod read;
mod replies;
mod retain;
mod schema;
mod store;
mod trouble;
mod writer;

pub use column::Cell;
pub use filter::{Filter, StatusFilter};
pub use open::FILE;
pub use read::{Bodies, Body, Entry, Found, ReadError, Reader};
pub use replies::{Bounds, REPLIES, Replies};
pub use retain::Retention;
pub use store::{Counts, Store};
