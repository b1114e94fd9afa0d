//! Pushes in flight: taken from the buffer, and not settled yet.

use crate::limits::{FLUSH_BUDGET_MS, SETTLE_GRACE_MS};

#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) id: u64,
    pub(crate) metrics: u64,
    pub(crate) bytes: usize,
    /// Sequence numbers of its entries, from the first to before the second; `None` for a `push`
    /// call, whose samples are never buffered.
    pub(crate) entries: Option<(u64, u64)>,
    /// The time after which its request has certainly ended.
    pub(crate) expires: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Flights(Vec<Flight>);

impl Flights {
    pub(crate) fn add(&mut self, flight: Flight) {
        self.0.push(flight);
    }

    /// Removes a push that has ended; `None` if it was given up before.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Flight> {
        let index = self.0.iter().position(|flight| flight.id == id)?;
        Some(self.0.swap_remove(index))
    }

    /// Removes a push whose request has ended without settling it.
    pub(crate) fn remove_expired(&mut self, now: f64) -> Option<Flight> {
        // No push expires later than one added now. Without this, a clock that was set back would
        // keep a push in flight.
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

    /// Their encoded size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = self.0.iter().map(|flight| flight.bytes);
        bytes.fold(0, usize::saturating_add)
    }

    /// How many pushes came from the buffer.
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
