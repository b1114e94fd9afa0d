//! What became of the samples of one request.

/// What became of the samples of one request, so far.
///
/// At every moment `recorded = folded + taken + refused + dropped + unknown + pending`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Increments and observations, timers included.
    pub recorded: u64,
    /// Of those, added into a counter that was already waiting.
    pub folded: u64,
    /// Let in by the reporter, as it answered.
    pub taken: u64,
    /// Not let in by the reporter, as it answered; its log says why.
    pub refused: u64,
    /// Never sent: not finite, too long, or more than the calls of one request can carry.
    pub dropped: u64,
    /// Sent in a call that failed or had no answer in time: taken or not, nobody knows.
    pub unknown: u64,
    /// Waiting or on the way.
    pub pending: u64,
    /// `record` calls made.
    pub calls: u64,
}

impl Account {
    pub(crate) fn add(count: &mut u64, more: usize) {
        *count = count.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
    }

    /// Moves `samples` from pending to where `to` points.
    pub(crate) fn settle(&mut self, samples: usize, to: impl FnOnce(&mut Self) -> &mut u64) {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX).min(self.pending);
        self.pending = self.pending.saturating_sub(samples);
        let place = to(self);
        *place = place.saturating_add(samples);
    }
}
