//! The samples that wait for the next `record` calls.

use std::collections::HashMap;
use std::sync::Arc;

use crate::json::NUMBER_LEN;
use crate::limits::MAX_SAMPLES_PER_CALL;
use crate::row::{Call, Entry, Row};
use crate::series::{Kind, Series};

#[cfg(test)]
mod tests;

/// Rows of a call that are compared one by one: to hash a series and remember it takes as long.
const MAX_COMPARED: usize = 8;

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// Added into a counter that was waiting.
    Folded,
    /// Waits as a sample of its own.
    Entry,
    /// There was no room.
    Full,
}

/// Samples by series, in the order of each one's first; counters with the same name and labels are
/// added up.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Most samples in one call.
    max_samples: usize,
    /// None of them is empty.
    calls: Vec<Call>,
    /// Where each counter waits: its call, and its row there.
    counters: HashMap<Arc<Series>, (usize, usize)>,
    /// The rows of histograms in the last call, the only one that takes more, but for the first
    /// [`MAX_COMPARED`] rows.
    histograms: HashMap<Arc<Series>, usize>,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new(MAX_SAMPLES_PER_CALL)
    }
}

impl Batch {
    pub(crate) fn new(max_samples: usize) -> Self {
        Self {
            max_samples,
            calls: Vec::new(),
            counters: HashMap::new(),
            histograms: HashMap::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether the first call can't grow any more, so that waiting saves no call.
    pub(crate) fn is_full(&self) -> bool {
        match &*self.calls {
            [] => false,
            [only] => only.samples >= self.max_samples,
            _ => true,
        }
    }

    /// Adds an entry, provided that `max_calls` calls can carry all of it.
    pub(crate) fn add(&mut self, entry: &Entry, max_calls: usize) -> Added {
        match entry.kind {
            Kind::Counter => self.increment(entry, max_calls),
            Kind::Histogram => self.observe(entry, max_calls),
        }
    }

    fn increment(&mut self, entry: &Entry, max_calls: usize) -> Added {
        let folds = entry.has_good_value();
        if folds && self.fold(entry) {
            return Added::Folded;
        }
        let Some(place) = self.add_row(entry, max_calls) else {
            return Added::Full;
        };
        if folds {
            self.counters.insert(Arc::clone(&entry.series), place);
        }
        Added::Entry
    }

    fn fold(&mut self, entry: &Entry) -> bool {
        let Some(&(call, row)) = self.counters.get(&entry.series) else {
            return false;
        };
        let Some(call) = self.calls.get_mut(call) else {
            return false;
        };
        let Some(waiting) = call.rows.get_mut(row) else {
            return false;
        };
        let sum = waiting.first.value + entry.value;
        if sum.is_finite() {
            waiting.first.value = sum;
            call.describe(row, entry);
        }
        sum.is_finite()
    }

    fn observe(&mut self, entry: &Entry, max_calls: usize) -> Added {
        if self.join(entry) {
            return Added::Entry;
        }
        let Some((_, row)) = self.add_row(entry, max_calls) else {
            return Added::Full;
        };
        if row >= MAX_COMPARED {
            self.histograms.insert(Arc::clone(&entry.series), row);
        }
        Added::Entry
    }

    /// Adds an observation to the row of its series, if that is there and has room.
    fn join(&mut self, entry: &Entry) -> bool {
        let Some(call) = self.calls.last_mut() else {
            return false;
        };
        let mut compared = call.rows.iter().take(MAX_COMPARED);
        let found = compared.position(|Row { first, .. }| {
            first.kind == Kind::Histogram && first.series == entry.series
        });
        let Some(row) = found.or_else(|| self.histograms.get(&entry.series).copied()) else {
            return false;
        };
        let room = call.take_room(NUMBER_LEN, self.max_samples);
        if room && let Some(found) = call.rows.get_mut(row) {
            found.more.push(entry.value);
            call.describe(row, entry);
        }
        room
    }

    /// Adds a row; returns its call, and its place there.
    fn add_row(&mut self, entry: &Entry, max_calls: usize) -> Option<(usize, usize)> {
        let max_samples = self.max_samples;
        let last = self.calls.last_mut();
        if !last.is_some_and(|call| call.take_room(entry.bytes, max_samples)) {
            if self.calls.len() >= max_calls {
                return None;
            }
            self.histograms.clear();
            self.calls.push(Call {
                rows: Vec::new(),
                samples: 1,
                bytes: entry.bytes,
            });
        }
        let at_call = self.calls.len().checked_sub(1)?;
        let rows = &mut self.calls.last_mut()?.rows;
        rows.push(entry.clone().into());
        Some((at_call, rows.len().checked_sub(1)?))
    }

    /// Takes out the oldest calls, at most so many.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Call> {
        let most = most.min(self.calls.len());
        let left = self.calls.split_off(most);
        // What is left keeps its rows, and new samples get rows of their own.
        self.counters.clear();
        self.histograms.clear();
        std::mem::replace(&mut self.calls, left)
    }
}
