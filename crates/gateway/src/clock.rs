//! The clock. The core takes the time as an argument, and the I/O layer asks the operating system.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch; never runs backwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_at_ms: u64,
}

impl Clock {
    /// Makes a clock that starts at the system's time and then only moves forward.
    #[allow(
        clippy::disallowed_methods,
        reason = "the lint is for wasm, where these calls panic; this crate is native"
    )]
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            started_at_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The start time of the clock.
    pub(crate) fn started_at_ms(&self) -> u64 {
        self.started_at_ms
    }

    /// The present time.
    pub(crate) fn now_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.started_at_ms.saturating_add(elapsed)
    }
}
