//! Waiting samples, and the lease to send them.

use crate::batch::{Added, Batch};
use crate::ledger::Ledger;
use crate::limits::LEASE_GRACE_MS;
use crate::row::{Call, Entry};

/// Waiting samples, their ledger, and the lease of the request that sends them.
///
/// It holds plain data only. A promise, a timer or a waker belongs to the request that created it;
/// the runtime would cancel another request that used it. Times are arguments, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) batch: Batch,
    pub(crate) ledger: Ledger,
    lease: Option<Lease>,
    last_lease: u64,
}

#[derive(Debug)]
struct Lease {
    id: u64,
    /// The time when the holder sends.
    due: f64,
}

impl Pool {
    pub(crate) fn new(max_batch: usize) -> Self {
        Self {
            batch: Batch::new(max_batch),
            ..Self::default()
        }
    }

    /// Adds a sample `times` times, as far as it fits in `max_calls` calls. Returns how many did
    /// not fit.
    pub(crate) fn add(&mut self, entry: &Entry, times: usize, max_calls: usize) -> usize {
        let (mut folded, mut waiting) = (0_usize, 0_usize);
        for _ in 0..times {
            match self.batch.add(entry, max_calls) {
                Added::Folded => folded = folded.saturating_add(1),
                Added::Entry => waiting = waiting.saturating_add(1),
                // The remaining samples do not fit either. `times` may be any number, so stop here.
                Added::Full => break,
            }
        }
        let full = times.saturating_sub(folded).saturating_sub(waiting);
        self.ledger.record(folded, waiting, full);
        full
    }

    /// Takes the lease to send the waiting samples within `delay_ms`, unless another request
    /// already will. Returns the lease's number.
    ///
    /// A holder that is late was cancelled, and is replaced. A holder that sends later than
    /// `delay_ms` from now is replaced as well; it notices that when it wakes.
    pub(crate) fn lead(&mut self, now: f64, delay_ms: f64) -> Option<u64> {
        let due = now + delay_ms;
        let is_led = |lease: &Lease| lease.due <= due && now <= lease.due + LEASE_GRACE_MS;
        if self.batch.is_empty() || self.lease.as_ref().is_some_and(is_led) {
            return None;
        }
        self.last_lease = self.last_lease.saturating_add(1);
        self.lease = Some(Lease {
            id: self.last_lease,
            due,
        });
        Some(self.last_lease)
    }

    /// Returns the lease. The result is false if another request has taken it.
    pub(crate) fn release(&mut self, lease: u64) -> bool {
        self.lease.take_if(|held| held.id == lease).is_some()
    }

    /// Removes and returns the oldest calls, at most `most`. When nothing waits, this clears the
    /// lease: its holder may have been cancelled, and the next sample must not wait for it.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Call> {
        let calls = self.batch.take(most);
        if self.batch.is_empty() {
            self.lease = None;
        }
        calls
    }

    /// Whether no sample waits, no call is open and no lease is held.
    pub(crate) fn is_idle(&mut self, now: f64) -> bool {
        self.batch.is_empty() && self.lease.is_none() && !self.ledger.is_open(u64::MAX, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{Kind, Series};

    const INTERVAL: f64 = 1_000.0;

    fn with_a_sample() -> Pool {
        let mut pool = Pool::default();
        add(&mut pool);
        pool
    }

    fn add(pool: &mut Pool) {
        let series = Series {
            name: "a_ms".into(),
            labels: Vec::new(),
        };
        let entry = Entry::new(series, Kind::Histogram, 1.0, None).unwrap();
        assert_eq!(pool.add(&entry, 1, 1), 0);
    }

    #[test]
    fn the_first_request_leads_and_the_others_leave_it_to_that_one() {
        let mut pool = with_a_sample();
        let lease = pool.lead(0.0, INTERVAL).unwrap();
        for now in [0.0, 1.0, 999.0, 1_000.0, 1_500.0] {
            assert_eq!(pool.lead(now, INTERVAL), None, "{now}");
        }
        assert!(pool.release(lease));
        assert!(!pool.release(lease), "once only");
        // A sample that arrived during the call needs a new leader.
        assert!(pool.lead(1_500.0, INTERVAL).is_some());
    }

    #[test]
    fn nobody_leads_while_nothing_waits() {
        assert_eq!(Pool::default().lead(0.0, INTERVAL), None);
    }

    #[test]
    fn a_leader_that_was_cancelled_is_replaced_by_the_next_request() {
        let mut pool = with_a_sample();
        let cancelled = pool.lead(0.0, INTERVAL).unwrap();
        let late = INTERVAL + LEASE_GRACE_MS;
        assert_eq!(pool.lead(late, INTERVAL), None);
        let next = pool.lead(late + 1.0, INTERVAL).unwrap();
        assert!(!pool.release(cancelled), "it was only late, and keeps off");
        assert!(pool.release(next));
    }

    #[test]
    fn who_finds_the_batch_full_sends_it_in_place_of_the_leader() {
        let mut pool = with_a_sample();
        let waits = pool.lead(0.0, INTERVAL).unwrap();
        let sends = pool.lead(10.0, 0.0).unwrap();
        assert_eq!(pool.lead(10.0, 0.0), None, "one is enough");
        assert!(!pool.release(waits));
        assert!(pool.release(sends));
    }

    #[test]
    fn what_comes_after_a_flush_does_not_wait_for_a_leader_from_before() {
        let mut pool = with_a_sample();
        let before = pool.lead(0.0, INTERVAL).unwrap();
        assert_eq!(pool.take(16).len(), 1);
        add(&mut pool);
        assert!(pool.lead(10.0, INTERVAL).is_some());
        assert!(!pool.release(before));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_samples_waiting() {
        let mut pool = with_a_sample();
        assert!(pool.lead(100_000.0, INTERVAL).is_some());
        assert!(pool.lead(0.0, INTERVAL).is_some());
    }

    #[test]
    fn a_pool_is_idle_when_nobody_needs_it() {
        let mut pool = with_a_sample();
        assert!(!pool.is_idle(0.0));
        let samples = pool.take(1)[0].samples;
        pool.ledger.depart(samples, 10.0, 0.0);
        assert!(!pool.is_idle(0.0));
        assert!(pool.is_idle(1_000_000.0));
    }
}
