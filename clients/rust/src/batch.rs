//! The samples that wait for the next `record` calls.

use std::collections::HashMap;
use std::sync::Arc;

use crate::json::NUMBER_LEN;
use crate::limits::MAX_SAMPLES_PER_CALL;
use crate::row::{Call, Entry, Row};
use crate::series::{Kind, Series};

#[cfg(test)]
mod tests;

/// The number of rows of a call that are compared one by one. Hashing a series and storing it takes
/// as long.
const MAX_COMPARED: usize = 8;

/// The outcome of adding an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// Added to a waiting counter.
    Folded,
    /// Waits as its own sample.
    Entry,
    /// There was no room.
    Full,
}

/// Samples by series, in the order of each series' first sample. Counters with the same name and
/// labels are added up.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Most samples in one call.
    max_samples: usize,
    /// None of them is empty.
    calls: Vec<Call>,
    /// The position of each waiting counter: its call, and its row in that call.
    counters: HashMap<Arc<Series>, (usize, usize)>,
    /// The histogram rows of the last call after its first [`MAX_COMPARED`] rows. Only the last
    /// call accepts new rows.
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

    /// Whether the first call is full, so that waiting longer saves no call.
    pub(crate) fn is_full(&self) -> bool {
        match &*self.calls {
            [] => false,
            [only] => only.samples >= self.max_samples,
            _ => true,
        }
    }

    /// Adds an entry, if all of it fits in `max_calls` calls.
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

    /// Adds an observation to the row of its series, if there is one and it has room.
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

    /// Adds a row. Returns its call and its index in that call.
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

    /// Removes and returns the oldest calls, at most `most`.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Call> {
        let most = most.min(self.calls.len());
        let left = self.calls.split_off(most);
        // The remaining rows are kept, and later samples get new rows.
        self.counters.clear();
        self.histograms.clear();
        std::mem::replace(&mut self.calls, left)
    }
}
