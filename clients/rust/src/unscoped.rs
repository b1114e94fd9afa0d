//! What the `metrics` facade recorded outside of every scope, until a request takes it along.

use std::cell::RefCell;

use crate::batch::{Added, Batch};
use crate::row::{Call, Entry, Row};

/// How many calls could carry the samples that wait.
const MAX_CALLS: usize = 4;

thread_local! {
    // Plain numbers and text: no request waits for another.
    static WAITING: RefCell<Waiting> = RefCell::default();
}

#[derive(Default)]
struct Waiting {
    batch: Batch,
    folded: usize,
    dropped: usize,
}

/// What waited, and what was folded and dropped meanwhile.
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

/// Takes a sample in, `times` over; returns whether there was no room for some of it.
pub(crate) fn add(entry: &Entry, times: usize) -> bool {
    let full = WAITING.try_with(|waiting| waiting.borrow_mut().add(entry, times));
    full.unwrap_or_default()
}

/// Counts samples that can't be sent.
pub(crate) fn drop_samples(count: usize) {
    let _ = WAITING.try_with(|waiting| waiting.borrow_mut().drop_samples(count));
}

/// Takes out what waits, if there is anything to tell.
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
