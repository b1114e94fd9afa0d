//! The log: one JSON object per line on standard error. Never a label value, which may be private.

use std::io::Write as _;

use serde::Serialize;

/// A log line. Empty fields are left out.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Event<'a> {
    pub(crate) time_ms: u64,
    pub(crate) level: Level,
    /// The event, as a fixed word.
    pub(crate) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metric: Option<&'a str>,
    /// The reason, as a fixed word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    pub(crate) message: &'a str,
    /// The number of Metrics of this push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    /// The number of similar lines suppressed since the last one.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) held_back: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    #[default]
    Info,
    Warn,
    Error,
}

impl Event<'_> {
    /// Writes the line. An error in writing the log does not stop the gateway.
    pub(crate) fn write(&self) {
        if let Ok(mut line) = serde_json::to_vec(self) {
            line.push(b'\n');
            let _ = std::io::stderr().lock().write_all(&line);
        }
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_only_the_fields_that_say_something() {
        let event = Event {
            time_ms: 7,
            level: Level::Warn,
            event: "metric_rejected",
            metric: Some("a\"b"),
            reason: Some("bad_name"),
            message: "expected a name",
            count: Some(2),
            held_back: 0,
        };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"time_ms":7,"level":"warn","event":"metric_rejected","metric":"a\"b","reason":"bad_name","message":"expected a name","count":2}"#
        );
    }
}
