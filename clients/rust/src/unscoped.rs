//! Samples of the `metrics` facade outside every scope. They wait here until a request sends them.

use std::cell::RefCell;

use crate::batch::{Added, Batch};
use crate::row::{Call, Entry, Row};

/// The number of calls that the waiting samples may fill.
const MAX_CALLS: usize = 4;

thread_local! {
    // Plain numbers and text, so that no request waits for another.
    static WAITING: RefCell<Waiting> = RefCell::default();
}

#[derive(Default)]
struct Waiting {
    batch: Batch,
    folded: usize,
    dropped: usize,
}

/// The samples that waited, and the counts of folded and dropped ones.
pub(crate) struct Waited {
    calls: Vec<Call>,
    pub(crate) folded: usize,
    pub(crate) dropped: usize,
}

impl Waited {
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        let rows = self.calls.iter().flat_map(|call| &call.rows);
        rows.flat_map(Row::entries)
    }
}

/// Adds a sample `times` times. Returns whether some of them did not fit.
pub(crate) fn add(entry: &Entry, times: usize) -> bool {
    let full = WAITING.try_with(|waiting| waiting.borrow_mut().add(entry, times));
    full.unwrap_or_default()
}

/// Counts invalid samples.
pub(crate) fn drop_samples(count: usize) {
    let _ = WAITING.try_with(|waiting| waiting.borrow_mut().drop_samples(count));
}

/// Takes the waiting samples and counts, if there are any.
pub(crate) fn take() -> Option<Waited> {
    let taken = WAITING.try_with(RefCell::take).ok()?;
    let Waiting {
        mut batch,
        folded,
        dropped,
    } = taken;
    let told = !batch.is_empty() || dropped > 0;
    told.then(|| Waited {
        calls: batch.take(usize::MAX),
        folded,
        dropped,
    })
}

impl Waiting {
    fn add(&mut self, entry: &Entry, times: usize) -> bool {
        for done in 0..times {
            match self.batch.add(entry, MAX_CALLS) {
                Added::Entry => {}
                Added::Folded => self.folded = self.folded.saturating_add(1),
                Added::Full => {
                    self.drop_samples(times.saturating_sub(done));
                    return true;
                }
            }
        }
        false
    }

    fn drop_samples(&mut self, count: usize) {
        self.dropped = self.dropped.saturating_add(count);
    }
}
