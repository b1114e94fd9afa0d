//! Every fixed limit, with the reason for its value. Input beyond a limit is refused.

use grpc_web_unary::{FRAME_HEADER_LEN, MAX_TRAILERS_LEN};

/// Longest metric name in bytes.
pub const MAX_NAME_BYTES: usize = 200;
/// Most labels on one sample, including the trusted labels.
pub const MAX_LABELS: usize = 32;
/// Longest label name in bytes.
pub const MAX_LABEL_NAME_BYTES: usize = 200;
/// Longest label value in bytes: routes and user agents fit, bodies do not.
pub const MAX_LABEL_VALUE_BYTES: usize = 1024;
/// Longest help text in bytes.
pub const MAX_HELP_BYTES: usize = 1024;
/// Most samples that one `record` or `push` may carry; the rest are refused.
pub const MAX_SAMPLES_PER_CALL: usize = 10_000;
/// Most properties read from one object. A sample may have fewer labels, see [`MAX_LABELS`].
pub const MAX_PROPERTIES: usize = 128;
/// Longest string that is read, in UTF-16 units. Every name, label and help limit is below it.
pub const MAX_TEXT: u32 = 8_192;
/// Longest packed list, in UTF-16 units.
pub const MAX_PACKED_TEXT: u32 = 1 << 20;
/// Most work for reading the arguments of one call, in bytes or an equal cost. One object may
/// appear in the arguments thousands of times, at the price of one reference each.
pub const MAX_CALL_WORK: usize = 8 << 20;
/// Most bytes of names, labels and help over all samples of one call. The text of a row with many
/// values counts once for each value.
pub const MAX_TEXT_PER_CALL: usize = 32 << 20;

/// Most bytes of encoded Metrics in the buffer, whatever their number.
pub const MAX_BUFFERED_BYTES: usize = 4 << 20;
/// Most bytes of encoded Metrics in one PushRequest. gRPC servers accept 4 MiB by default.
pub const MAX_BATCH_BYTES: usize = 1 << 20;
/// Longest response body that is read, in bytes. A PushResponse with its trailers is under 100.
pub const MAX_RESPONSE_BYTES: usize = 64 << 10;
/// Longest message in the response, in bytes. A valid body is always read in full, so the
/// pieces in which it arrives cannot change the outcome.
pub const MAX_MESSAGE_BYTES: usize = MAX_RESPONSE_BYTES - MAX_TRAILERS_LEN - 2 * FRAME_HEADER_LEN;

/// Most metric names that one isolate tracks.
pub const MAX_METRICS: usize = 2_000;
/// Most series that one isolate tracks over all metrics, at 16 bytes each.
pub const MAX_SERIES: usize = 100_000;

/// Most buffered pushes in flight at once. Workers allow six connections that wait for headers.
pub const MAX_FLUSHES_IN_FLIGHT: usize = 4;

/// Longest time from the call that starts a flush to its end, in ms: `waitUntil` ends at 30 s.
pub const FLUSH_BUDGET_MS: f64 = 25_000.0;
/// A flush covers a new sample only while it has this much of its time budget left, in ms.
pub const MIN_COVER_MS: f64 = 12_000.0;
/// A lease holder that is this late, in ms, counts as cancelled.
pub const LEASE_GRACE_MS: f64 = 2_000.0;
/// A push that is not settled this long after its time budget, in ms, counts as cancelled.
pub const SETTLE_GRACE_MS: f64 = 5_000.0;
/// Shortest time between two pushes of the Worker's own metrics, in ms.
pub const SELF_METRICS_INTERVAL_MS: f64 = 10_000.0;
