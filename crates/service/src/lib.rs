//! The async half that both hosts share: the [`Platform`] a host provides, and the one driver that turns the steps of
//! an exchange into awaits. It knows no runtime, no socket and no JavaScript.

mod account;
mod body;
mod drive;
mod platform;
mod playback;
mod reply_body;
mod serve;

pub use body::OutgoingBody;
pub use platform::{Gauge, Peer, Platform, Sleep, Store, Upstream};
pub use reply_body::{Aborted, ReplyBody};
pub use serve::serve;
