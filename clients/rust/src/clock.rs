//! The time and the log.
//!
//! In a Worker the time is `Date.now()`, which advances only on I/O. In tests it is a clock that
//! only the test advances.

#[cfg(target_family = "wasm")]
pub(crate) use workers::*;

#[cfg(not(target_family = "wasm"))]
pub(crate) use manual::*;

#[cfg(target_family = "wasm")]
mod workers {
    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms() -> f64 {
        worker::js_sys::Date::now()
    }

    /// Writes a warning to the log.
    pub(crate) fn log(line: &str) {
        worker::console_warn!("{line}");
    }

    /// Writes an informational line to the log.
    pub(crate) fn note(line: &str) {
        worker::console_log!("{line}");
    }
}

#[cfg(not(target_family = "wasm"))]
mod manual {
    use std::cell::{Cell, RefCell};
    use std::task::Waker;

    thread_local! {
        static NOW_MS: Cell<f64> = const { Cell::new(0.0) };
        static SLEEPERS: RefCell<Vec<(f64, Waker)>> = const { RefCell::new(Vec::new()) };
        static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// Milliseconds since the thread started, the sum of all [`advance`] calls.
    pub(crate) fn now_ms() -> f64 {
        NOW_MS.try_with(Cell::get).unwrap_or_default()
    }

    /// Advances this thread's clock, and wakes the tasks that wait for the new time.
    pub(crate) fn advance(ms: f64) {
        let now = now_ms() + ms;
        let _ = NOW_MS.try_with(|clock| clock.set(now));
        let due = SLEEPERS.try_with(|sleepers| {
            let mut sleepers = sleepers.borrow_mut();
            let (due, later) = sleepers.drain(..).partition(|(at, _)| *at <= now);
            *sleepers = later;
            due
        });
        let due: Vec<(f64, Waker)> = due.unwrap_or_default();
        for (_, waker) in due {
            waker.wake();
        }
    }

    /// Registers a waker for a time.
    pub(crate) fn wake_at(ms: f64, waker: &Waker) {
        let _ = SLEEPERS.try_with(|sleepers| sleepers.borrow_mut().push((ms, waker.clone())));
    }

    /// Writes a warning to the log.
    pub(crate) fn log(line: &str) {
        eprintln!("{line}");
        let _ = LOG.try_with(|log| log.borrow_mut().push(line.to_owned()));
    }

    /// Writes an informational line to the log.
    pub(crate) fn note(line: &str) {
        log(line);
    }

    pub(crate) fn forget_log() {
        let _ = LOG.try_with(|log| log.borrow_mut().clear());
    }

    /// The lines logged on this thread.
    pub(crate) fn logged() -> Vec<String> {
        LOG.try_with(|log| log.borrow().clone()).unwrap_or_default()
    }
}
