//! JSON without a DOM: objects as ordered members over the source text, strings as they were escaped, and a writer.
//!
//! Caller data (prompts, tool arguments, schemas) stays source text from end to end: a 30-digit integer, `1e2`, a
//! duplicate key and an odd escape survive because nothing here ever turns them into numbers, maps or `String`s.

mod marks;
mod members;
mod raw;
mod scan;
mod text;
mod walk;
mod write;

pub use members::{Ext, Kind, Members, WireError, as_u64, elements, kind};
pub use scan::{ScanError, Span, scan_object};
pub use serde_json::value::RawValue;
pub use text::JsonStr;
pub use write::{Arr, Obj, array, escape_into, number, object, object_from, one_line};
