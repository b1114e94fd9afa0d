//! Recent activity for the page's sparklines: two minutes in slots of two seconds.

/// The length of a slot. Senders flush about once per second; a shorter slot would show that rhythm
/// and not the rate.
pub(crate) const SLOT_MS: u64 = 2_000;

/// The number of slots kept.
pub(crate) const SLOTS: u64 = 60;
const RING_LEN: usize = 60;

/// The number of the slot for a time.
pub(crate) fn slot_at(now_ms: u64) -> u64 {
    now_ms / SLOT_MS
}

/// Sums of the last [`SLOTS`] slots. An addition moves the window forward; there is no timer.
#[derive(Debug)]
pub(crate) struct Activity {
    newest: u64,
    /// A ring: the index of a slot is its number modulo the length.
    sums: [f64; RING_LEN],
}

impl Activity {
    pub(crate) fn new(slot: u64) -> Self {
        Self {
            newest: slot,
            sums: [0.0; RING_LEN],
        }
    }

    /// Adds to a slot. An addition older than the window is ignored.
    pub(crate) fn add(&mut self, slot: u64, amount: f64) {
        if slot > self.newest {
            let passed = slot.saturating_sub(self.newest).min(SLOTS);
            for back in 0..passed {
                self.set(slot.saturating_sub(back), 0.0);
            }
            self.newest = slot;
        }
        if let Some(sum) = self.get(slot) {
            // Finite increments may add up to infinity, which JSON cannot express.
            self.set(slot, (sum + amount).clamp(f64::MIN, f64::MAX));
        }
    }

    /// The kept slots from `first` on: the number of the first one, and the sums. Leading and
    /// trailing zeros are left out.
    pub(crate) fn since(&self, first: u64) -> (u64, Vec<f64>) {
        let oldest = self.newest.saturating_sub(SLOTS.saturating_sub(1));
        let mut start = first.max(oldest);
        while start <= self.newest && self.get(start) == Some(0.0) {
            start = start.saturating_add(1);
        }
        let mut sums: Vec<f64> = (start..=self.newest)
            .filter_map(|slot| self.get(slot))
            .collect();
        while sums.last() == Some(&0.0) {
            sums.pop();
        }
        (start, sums)
    }

    fn get(&self, slot: u64) -> Option<f64> {
        if slot > self.newest || self.newest.saturating_sub(slot) >= SLOTS {
            return None;
        }
        self.sums.get(place(slot)).copied()
    }

    fn set(&mut self, slot: u64, sum: f64) {
        if let Some(place) = self.sums.get_mut(place(slot)) {
            *place = sum;
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the remainder is below SLOTS"
)]
fn place(slot: u64) -> usize {
    (slot % SLOTS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_to_one_slot_add_up_and_gaps_are_zero() {
        let mut activity = Activity::new(100);
        activity.add(100, 1.0);
        activity.add(100, 2.0);
        activity.add(103, 5.0);
        assert_eq!(activity.since(0), (100, vec![3.0, 0.0, 0.0, 5.0]));
        assert_eq!(activity.since(101), (103, vec![5.0]));
        assert_eq!(activity.since(104), (104, vec![]));
    }

    #[test]
    fn slots_fall_out_after_two_minutes() {
        let mut activity = Activity::new(100);
        activity.add(100, 1.0);
        activity.add(159, 2.0);
        assert_eq!(activity.since(0).0, 100);
        activity.add(160, 3.0);
        assert_eq!(activity.since(0), (159, vec![2.0, 3.0]));
        activity.add(10_000, 4.0);
        assert_eq!(activity.since(0), (10_000, vec![4.0]));
    }

    #[test]
    fn a_late_addition_goes_into_its_own_slot_or_is_ignored() {
        let mut activity = Activity::new(200);
        activity.add(199, 1.0);
        activity.add(141, 2.0);
        activity.add(140, 4.0);
        let (start, sums) = activity.since(0);
        assert_eq!((start, sums.first(), sums.len()), (141, Some(&2.0), 59));
    }

    #[test]
    fn a_sum_stays_finite() {
        let mut activity = Activity::new(1);
        activity.add(1, f64::MAX);
        activity.add(1, f64::MAX);
        assert_eq!(activity.since(0), (1, vec![f64::MAX]));
    }
}
