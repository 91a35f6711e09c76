//! Bounded copies of bodies, and the memory all of them share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;

use super::Body;
use crate::inflate::Inflate;

/// Memory that all copies share, in bytes.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    fn take(&self, bytes: usize) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The beginning of a body, and how long it was in all. By default it only counts.
#[derive(Default)]
pub struct Copied {
    bytes: Vec<u8>,
    total: u64,
    limit: usize,
    /// What `bytes` has room for is taken from it.
    budget: Option<Arc<Budget>>,
}

impl Copied {
    pub(super) fn new(limit: usize, budget: Arc<Budget>) -> Self {
        let mut copied = Self::default();
        (copied.limit, copied.budget) = (limit, Some(budget));
        copied
    }

    /// Takes the next bytes: copied as far as limit and budget allow, and counted.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = self.limit.saturating_sub(self.bytes.len());
        let part = bytes.get(..room).unwrap_or(bytes);
        if part.is_empty() {
            return;
        }
        let (length, capacity) = (self.bytes.len() + part.len(), self.bytes.capacity());
        if length > capacity {
            let wanted = length.max((capacity * 2).min(self.limit));
            if !self.budget.as_ref().is_some_and(|budget| budget.take(wanted - capacity)) {
                // No hole in the middle: nothing more is copied.
                self.limit = self.bytes.len();
                return;
            }
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(part);
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// The copy itself; its memory is no longer the budget's.
    fn take(&mut self) -> Vec<u8> {
        if let Some(budget) = &self.budget {
            budget.give_back(self.bytes.capacity());
        }
        std::mem::take(&mut self.bytes)
    }

    fn is_cut(&self) -> bool {
        self.total > self.bytes.len() as u64
    }
}

impl Clone for Copied {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        (copy.limit, copy.budget) = (self.limit, self.budget.clone());
        copy.push(&self.bytes);
        copy.total = self.total;
        copy
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.give_back(self.bytes.capacity());
        }
    }
}

impl fmt::Debug for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copied").field("copied", &self.bytes.len()).field("total", &self.total).finish_non_exhaustive()
    }
}

/// `copied` as text, unpacked to at most `limit` bytes. What is no text is only counted.
pub(super) fn text(mut copied: Copied, encoding: Option<&HeaderValue>, limit: usize) -> Body {
    let mut body = Body { bytes: copied.total, truncated: copied.is_cut(), ..Body::default() };
    let mut bytes = copied.take();
    if let Some(encoding) = encoding.filter(|e| !e.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let unpacked = Inflate::new(encoding).and_then(|mut inflate| inflate.push(&bytes, limit));
        bytes = unpacked.map(Vec::from).unwrap_or_default();
    }
    body.truncated |= bytes.is_empty() && body.bytes > 0;
    body.text = String::from_utf8(bytes).unwrap_or_else(|error| {
        body.truncated = true;
        let (fault, mut bytes) = (error.utf8_error(), error.into_bytes());
        // A character cut in the middle at the end of what was copied; anything else is no text.
        bytes.truncate(if fault.error_len().is_none() { fault.valid_up_to() } else { 0 });
        String::from_utf8(bytes).unwrap_or_default()
    });
    body
}

impl Body {
    /// Cuts the text to `limit` bytes, between characters.
    pub(super) fn cut(&mut self, limit: usize) {
        if self.text.len() > limit {
            let end = self.text.floor_char_boundary(limit);
            self.text.truncate(end);
            self.truncated = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_bounded_one_by_one_and_together() {
        let budget = Budget::new(100);
        let mut first = Copied::new(60, Arc::clone(&budget));
        first.push(&[b'a'; 50]);
        first.push(&[b'b'; 50]);
        assert_eq!((first.bytes.len(), first.total, first.is_cut()), (60, 100, true));
        // Nothing is left for all of it.
        let mut second = Copied::new(60, Arc::clone(&budget));
        second.push(&[b'c'; 30]);
        second.push(&[b'd'; 30]);
        second.push(b"e");
        assert_eq!((second.bytes.len(), second.total, second.is_cut()), (30, 61, true));
        assert_eq!(budget.left.load(Ordering::Relaxed), 10);
        let clone = second.clone();
        assert_eq!((clone.bytes.len(), clone.total), (0, 61));
        drop((first, second, clone));
        assert_eq!(budget.left.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn bodies_as_text() {
        let budget = Budget::new(1 << 20);
        let show = |bytes: &[u8], limit: usize| {
            let mut copied = Copied::new(limit, Arc::clone(&budget));
            copied.push(bytes);
            let body = text(copied, None, limit);
            (body.text, body.bytes, body.truncated)
        };
        assert_eq!(show("añb".as_bytes(), 100), ("añb".to_owned(), 4, false));
        assert_eq!(show("añb".as_bytes(), 2), ("a".to_owned(), 4, true));
        assert_eq!(show(b"\xff\xfe\x00", 100), (String::new(), 3, true));
        assert_eq!(show(b"", 100), (String::new(), 0, false));
        assert_eq!(budget.left.load(Ordering::Relaxed), 1 << 20);
    }
}
