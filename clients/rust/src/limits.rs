//! Limits for the size of samples and calls, and for waiting.

/// Most samples in one `record` call. The reporter sends as many to its gateway in one push.
pub(crate) const MAX_SAMPLES_PER_CALL: usize = 1_000;

/// Most bytes of packed text in one `record` call. The reporter reads up to 1 Mi characters, and
/// refuses a longer text with all its samples.
pub(crate) const MAX_BYTES_PER_CALL: usize = 256 << 10;

/// Most bytes of packed text in one sample. The reporter would refuse a larger one.
pub(crate) const MAX_BYTES_PER_SAMPLE: usize = 32 << 10;

/// Default for the most `record` calls of one request, and for the number of calls whose samples
/// may wait. The platform allows 32 calls to other Workers.
pub(crate) const MAX_CALLS: u32 = 16;

/// Default time to wait for the reporter's answer, in milliseconds.
pub(crate) const ANSWER_TIMEOUT_MS: u32 = 10_000;

/// Default time that a sample waits in its isolate, in milliseconds.
pub(crate) const FLUSH_INTERVAL_MS: u32 = 1_000;

/// The longest time that a sample may wait. `waitUntil` ends 30 s after the response, and samples
/// that wait longer could be lost.
pub(crate) const MAX_DELAY_MS: u32 = 15_000;

/// A leader that is this late, in milliseconds, counts as cancelled.
pub(crate) const LEASE_GRACE_MS: f64 = 2_000.0;

/// A call without an outcome this long after its deadline, in milliseconds, counts as cancelled.
pub(crate) const SETTLE_GRACE_MS: f64 = 5_000.0;

/// How long the first sample of a request waits for the end of the handler, in milliseconds.
pub(crate) const FIRST_DELAY_MS: u32 = 10_000;

/// The same for a Durable Object, whose context outlives its requests.
pub(crate) const SHARED_DELAY_MS: u32 = 1_000;

/// How long to wait for a push, in milliseconds. The reporter gives up earlier.
pub(crate) const PUSH_TIMEOUT_MS: u32 = 30_000;
