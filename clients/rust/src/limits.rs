//! How much one request may record and send.

/// Most samples in one `record` call: as many as the reporter sends to its gateway in one push.
pub(crate) const MAX_SAMPLES_PER_CALL: usize = 1_000;

/// Most bytes of packed text in one `record` call. The reporter reads up to 1 Mi characters, and
/// refuses the good samples with the bad beyond that.
pub(crate) const MAX_BYTES_PER_CALL: usize = 256 << 10;

/// Most bytes of packed text in one sample. The reporter would refuse a larger one anyway.
pub(crate) const MAX_BYTES_PER_SAMPLE: usize = 32 << 10;

/// Default for the `record` calls of one request. The platform allows 32 calls to other Workers.
pub(crate) const MAX_CALLS: u32 = 16;

/// Default for how long the reporter's answer is waited for, in milliseconds.
pub(crate) const ANSWER_TIMEOUT_MS: u32 = 10_000;

/// How long the first sample of a request waits at most for the handler to be done, in milliseconds.
pub(crate) const FIRST_DELAY_MS: u32 = 10_000;

/// The same for those after the first batch: `waitUntil` ends 30 s after the response, and a batch
/// that waited longer could be lost.
pub(crate) const NEXT_DELAY_MS: u32 = 15_000;

/// The same in a Durable Object, whose context outlives its requests.
pub(crate) const SHARED_DELAY_MS: u32 = 1_000;

/// How long a push is waited for, in milliseconds: the reporter gives up on one before that.
pub(crate) const PUSH_TIMEOUT_MS: u32 = 30_000;
