//! Calls of the assistant, waiting for their results.

use std::collections::BTreeMap;

use crate::json::JsonStr;

/// The calls of consecutive assistant turns, in order, each with what a dialect keeps of it.
#[derive(Debug)]
pub struct Calls<T> {
    list: Vec<T>,
    /// The caller's id: which calls have it, and how many of them are answered.
    by_id: BTreeMap<String, (Vec<usize>, usize)>,
}

impl<T> Default for Calls<T> {
    fn default() -> Self {
        Self { list: Vec::new(), by_id: BTreeMap::new() }
    }
}

impl<T> Calls<T> {
    pub fn push(&mut self, id: &JsonStr<'_>, call: T) {
        self.by_id.entry(id.text().into_owned()).or_default().0.push(self.list.len());
        self.list.push(call);
    }

    /// The first unanswered call of that id, else the last one (a second result replaces the first).
    pub fn answer(&mut self, id: &JsonStr<'_>) -> Option<&mut T> {
        let (calls, answered) = self.by_id.get_mut(id.text().as_ref())?;
        let at = calls.get(*answered).or(calls.last())?;
        *answered += 1;
        self.list.get_mut(*at)
    }

    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in call order.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.by_id.clear();
        self.list.drain(..)
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.list.iter_mut()
    }
}
