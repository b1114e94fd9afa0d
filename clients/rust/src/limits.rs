//! How much may be recorded and sent, and how long that takes.

/// Most samples in one `record` call: as many as the reporter sends to its gateway in one push.
pub(crate) const MAX_SAMPLES_PER_CALL: usize = 1_000;

/// Most bytes of packed text in one `record` call. The reporter reads up to 1 Mi characters, and
/// refuses the good samples with the bad beyond that.
pub(crate) const MAX_BYTES_PER_CALL: usize = 256 << 10;

/// Most bytes of packed text in one sample. The reporter would refuse a larger one anyway.
pub(crate) const MAX_BYTES_PER_SAMPLE: usize = 32 << 10;

/// Default for the `record` calls of one request, and for how many calls' worth of samples wait. The
/// platform allows 32 calls to other Workers.
pub(crate) const MAX_CALLS: u32 = 16;

/// Default for how long the reporter's answer is waited for, in milliseconds.
pub(crate) const ANSWER_TIMEOUT_MS: u32 = 10_000;

/// Default for how long a sample waits in its isolate, in milliseconds.
pub(crate) const FLUSH_INTERVAL_MS: u32 = 1_000;

/// The most that it may wait: `waitUntil` ends 30 s after the response, and what waited longer could
/// be lost.
pub(crate) const MAX_DELAY_MS: u32 = 15_000;

/// A leader that is this late, in milliseconds, was cancelled.
pub(crate) const LEASE_GRACE_MS: f64 = 2_000.0;

/// A call that has no outcome so long after its time was up, in milliseconds, was cancelled.
pub(crate) const SETTLE_GRACE_MS: f64 = 5_000.0;

/// How long the first sample of a request waits at most for the handler to be done, in milliseconds.
pub(crate) const FIRST_DELAY_MS: u32 = 10_000;

/// The same in a Durable Object, whose context outlives its requests.
pub(crate) const SHARED_DELAY_MS: u32 = 1_000;

/// How long a push is waited for, in milliseconds: the reporter gives up on one before that.
pub(crate) const PUSH_TIMEOUT_MS: u32 = 30_000;
