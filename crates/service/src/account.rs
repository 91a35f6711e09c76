//! What an exchange holds of the gateway's shared limits, given back when it is dropped.

use std::net::IpAddr;

use crate::Platform;

/// A place among the passthrough exchanges.
#[derive(Debug)]
pub(crate) struct Permit<P: Platform> {
    platform: P,
    client: Option<IpAddr>,
}

impl<P: Platform> Permit<P> {
    pub(crate) fn take(platform: &P, client: Option<IpAddr>, per_client: u32, all: u32) -> Option<Self> {
        platform.gauge().enter(client, per_client, all).then(|| Self { platform: platform.clone(), client })
    }
}

impl<P: Platform> Drop for Permit<P> {
    fn drop(&mut self) {
        self.platform.gauge().leave(self.client);
    }
}

/// Memory of request bodies, accounted for.
pub(crate) struct Buffered<P: Platform> {
    platform: P,
    bytes: u64,
}

impl<P: Platform> Buffered<P> {
    pub(crate) fn new(platform: &P) -> Self {
        Self { platform: platform.clone(), bytes: 0 }
    }

    /// Accounts for `bytes` more, if there is room.
    pub(crate) fn grow(&mut self, bytes: u64, limit: u64) -> bool {
        let fits = self.platform.gauge().reserve(bytes, limit);
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

impl<P: Platform> Drop for Buffered<P> {
    fn drop(&mut self) {
        self.platform.gauge().release(self.bytes);
    }
}
