//! Pushes that were taken and are not settled.

use crate::limits::{FLUSH_BUDGET_MS, SETTLE_GRACE_MS};

#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) id: u64,
    pub(crate) metrics: u64,
    pub(crate) bytes: usize,
    /// Sequence numbers of its entries, from the first to before the second; `None` for a `push`,
    /// whose samples were never buffered.
    pub(crate) entries: Option<(u64, u64)>,
    /// When its request is gone for certain.
    pub(crate) expires: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Flights(Vec<Flight>);

impl Flights {
    pub(crate) fn add(&mut self, flight: Flight) {
        self.0.push(flight);
    }

    /// Removes one that has ended; `None` if it was given up.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Flight> {
        let index = self.0.iter().position(|flight| flight.id == id)?;
        Some(self.0.swap_remove(index))
    }

    /// Removes one whose request is gone: it should have been settled long ago.
    pub(crate) fn remove_expired(&mut self, now: f64) -> Option<Flight> {
        // None expires later than one that is added now: a clock that was set back would keep it.
        let latest = now + FLUSH_BUDGET_MS + SETTLE_GRACE_MS;
        for flight in &mut self.0 {
            flight.expires = flight.expires.min(latest);
        }
        let index = self.0.iter().position(|flight| now > flight.expires)?;
        Some(self.0.swap_remove(index))
    }

    /// How many Metrics are in flight.
    pub(crate) fn metrics(&self) -> u64 {
        let metrics = self.0.iter().map(|flight| flight.metrics);
        metrics.fold(0, u64::saturating_add)
    }

    /// How many bytes.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = self.0.iter().map(|flight| flight.bytes);
        bytes.fold(0, usize::saturating_add)
    }

    /// How many pushes came out of the buffer.
    pub(crate) fn flushes(&self) -> usize {
        let flushes = self.0.iter().filter(|flight| flight.entries.is_some());
        flushes.count()
    }

    /// Whether any entry from `first` to `last` is in flight.
    pub(crate) fn carry(&self, first: u64, last: u64) -> bool {
        let mut entries = self.0.iter().filter_map(|flight| flight.entries);
        entries.any(|(from, to)| from <= last && first < to)
    }
}
