//! The Worker's log: one JSON object per line, few lines, and never a label's value.
//!
//! Each line has `event` and `level`. `docs/logs.md` lists the fields of each event. Lines of one
//! kind are limited: a burst, then one line every ten seconds. `suppressed` gives the number of
//! lines left out since the previous one.

use grpc_web_unary::Status;
use serde::Serialize;

use crate::delivery::policy::{NO_BINDING, Outcome};
use crate::delivery::{Ended, Event};
use crate::sample::Refusal;

/// The level of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Samples were refused or lost, or a limit was reached.
    Warn,
    /// The configuration is wrong, or the Worker has a fault.
    Error,
}

/// Lines of one kind that may come in a burst.
const BURST: u32 = 5;
/// After a burst, at most one line per this time, in ms.
const INTERVAL_MS: f64 = 10_000.0;

/// Counts lines by kind. Kinds are fixed names, so there are few.
#[derive(Debug, Default)]
pub struct Throttle(Vec<Kind>);

#[derive(Debug)]
struct Kind {
    name: (&'static str, &'static str),
    left: u32,
    refilled: f64,
    suppressed: u64,
}

impl Throttle {
    /// Requests a line of this kind. Returns the number of lines suppressed before it, or `None` if
    /// this line is suppressed too.
    pub fn allow(&mut self, event: &'static str, reason: &'static str, now: f64) -> Option<u64> {
        let name = (event, reason);
        let index = self
            .0
            .iter()
            .position(|kind| kind.name == name)
            .unwrap_or_else(|| {
                self.0.push(Kind {
                    name,
                    left: BURST,
                    refilled: now,
                    suppressed: 0,
                });
                self.0.len().saturating_sub(1)
            });
        let kind = self.0.get_mut(index)?;
        // A negative wait means that the clock was set back.
        if kind.left == 0 && !(0.0..INTERVAL_MS).contains(&(now - kind.refilled)) {
            kind.left = 1;
        }
        match kind.left.checked_sub(1) {
            Some(left) => {
                kind.left = left;
                kind.refilled = now;
                Some(std::mem::take(&mut kind.suppressed))
            }
            None => {
                kind.suppressed = kind.suppressed.saturating_add(1);
                None
            }
        }
    }
}

/// One line.
#[derive(Debug, PartialEq)]
pub struct Line {
    /// The level.
    pub level: Level,
    /// A JSON object.
    pub text: String,
}

#[derive(Serialize)]
struct Shown<T> {
    event: &'static str,
    level: Level,
    #[serde(flatten)]
    fields: T,
    #[serde(skip_serializing_if = "is_zero")]
    suppressed: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn line(level: Level, event: &'static str, suppressed: u64, fields: impl Serialize) -> Line {
    let shown = Shown {
        event,
        level,
        fields,
        suppressed,
    };
    // Plain fields only, so serialization cannot fail.
    let text = serde_json::to_string(&shown).unwrap_or_default();
    Line { level, text }
}

impl Throttle {
    /// A sample was refused.
    pub fn refused(&mut self, method: &str, refusal: &Refusal, now: f64) -> Option<Line> {
        #[derive(Serialize)]
        struct Fields<'a> {
            method: &'a str,
            metric: &'a str,
            reason: &'a str,
            message: &'a str,
        }
        let reason = refusal.reason.as_str();
        let suppressed = self.allow("sample_refused", reason, now)?;
        let fields = Fields {
            method,
            metric: &refusal.metric,
            reason,
            message: &refusal.message(),
        };
        Some(line(Level::Warn, "sample_refused", suppressed, fields))
    }

    /// A push was not delivered, or the gateway rejected some of its Metrics.
    ///
    /// The line leaves out the gateway's message, which may quote label values. `stats()` shows the
    /// message.
    pub fn push_ended(
        &mut self,
        ended: &Ended,
        metrics: u64,
        push_id: &str,
        now: f64,
    ) -> Option<Line> {
        #[derive(Serialize)]
        struct Rejected<'a> {
            accepted: u64,
            rejected: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            reasons: Option<&'a str>,
            metrics: u64,
            retried: u32,
            push_id: &'a str,
        }
        #[derive(Serialize)]
        struct Lost<'a> {
            reason: &'a str,
            code: u8,
            status: &'a str,
            metrics: u64,
            retried: u32,
            push_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<&'a str>,
        }
        let (event, reason) = match ended.outcome {
            Outcome::Delivered { rejected: 0, .. } => return None,
            Outcome::Delivered { accepted, rejected } => {
                let suppressed = self.allow("push_rejected", "", now)?;
                let fields = Rejected {
                    accepted,
                    rejected,
                    reasons: ended.rejections.as_deref(),
                    metrics,
                    retried: ended.retried,
                    push_id,
                };
                return Some(line(Level::Warn, "push_rejected", suppressed, fields));
            }
            Outcome::Dropped(reason) => ("push_dropped", reason),
            Outcome::Unknown(reason) => ("push_unknown", reason),
        };
        let suppressed = self.allow(event, reason, now)?;
        let unbound = reason == NO_BINDING;
        let level = if unbound { Level::Error } else { Level::Warn };
        let Status { code, message } = &ended.status;
        let fields = Lost {
            reason,
            code: *code as u8,
            status: code.name(),
            metrics,
            retried: ended.retried,
            push_id,
            // This message is the Worker's own, and it tells the operator what to do.
            message: unbound.then_some(message),
        };
        Some(line(level, event, suppressed, fields))
    }

    /// An event from the reporter.
    pub fn event(&mut self, event: &Event, now: f64) -> Option<Line> {
        #[derive(Serialize)]
        struct Overflow<'a> {
            metric: &'a str,
            max_series: usize,
        }
        #[derive(Serialize)]
        struct Miscount {
            metrics: u64,
            accepted: u64,
            rejected: u64,
        }
        match *event {
            // At most one line per metric, and the number of metrics is limited.
            Event::Overflow { ref metric, most } => {
                let fields = Overflow {
                    metric,
                    max_series: most,
                };
                Some(line(Level::Warn, "series_overflow", 0, fields))
            }
            Event::Miscount {
                sent,
                accepted,
                rejected,
            } => {
                let suppressed = self.allow("push_miscounted", "", now)?;
                let fields = Miscount {
                    metrics: sent,
                    accepted,
                    rejected,
                };
                Some(line(Level::Warn, "push_miscounted", suppressed, fields))
            }
        }
    }

    /// The labels in a binding's props are not legal.
    pub fn props_invalid(&mut self, message: &str, now: f64) -> Option<Line> {
        #[derive(Serialize)]
        struct Fields<'a> {
            message: &'a str,
        }
        let suppressed = self.allow("props_invalid", "", now)?;
        let fields = Fields { message };
        Some(line(Level::Error, "props_invalid", suppressed, fields))
    }
}

/// A var has an invalid value; `message` names the expected value and the value in force.
#[must_use]
pub fn var_invalid(var: &str, message: &str) -> Line {
    #[derive(Serialize)]
    struct Fields<'a> {
        var: &'a str,
        message: &'a str,
    }
    line(Level::Error, "var_invalid", 0, Fields { var, message })
}

/// The previous Wasm instance trapped, with this many Metrics buffered or in flight.
#[must_use]
pub fn instance_reset(metrics: u64) -> Line {
    #[derive(Serialize)]
    struct Fields {
        metrics: u64,
    }
    line(Level::Error, "instance_reset", 0, Fields { metrics })
}

#[cfg(test)]
mod tests {
    use grpc_web_unary::{Code, Status};

    use super::*;
    use crate::delivery::policy::NOT_BOUND;
    use crate::sample::Reason;

    #[test]
    fn a_refusal_names_method_metric_and_reason() {
        let refusal = Refusal::new(Reason::TooManyLabels, "too many").of("requests");
        let line = Throttle::default().refused("incr", &refusal, 0.0).unwrap();
        assert_eq!(
            line.text,
            r#"{"event":"sample_refused","level":"warn","method":"incr","metric":"requests","reason":"too_many_labels","message":"metric \"requests\": too many"}"#
        );
    }

    #[test]
    fn what_is_no_name_is_logged_in_part() {
        // It came whole when the cut fell inside a character.
        let metric = format!("x{}", "é".repeat(100_000));
        let refusal = Refusal::new(Reason::BadType, "no type").of(&metric);
        let line = Throttle::default().refused("incr", &refusal, 0.0).unwrap();
        assert!(line.text.len() < 1_000, "{} bytes", line.text.len());
    }

    fn ended(outcome: Outcome, message: &str, retried: u32) -> Ended {
        Ended {
            outcome,
            status: Status {
                code: Code::Unavailable,
                message: message.into(),
            },
            retried,
            rejections: None,
        }
    }

    fn logged(ended: &Ended, metrics: u64) -> Option<String> {
        let line = Throttle::default().push_ended(ended, metrics, "ab-1", 0.0);
        line.map(|line| line.text)
    }

    #[test]
    fn a_failed_push_is_logged_without_the_gateways_words() {
        let lost = ended(Outcome::Unknown("UNAVAILABLE"), "user=secret", 1);
        assert_eq!(
            logged(&lost, 3).unwrap(),
            r#"{"event":"push_unknown","level":"warn","reason":"UNAVAILABLE","code":14,"status":"UNAVAILABLE","metrics":3,"retried":1,"push_id":"ab-1"}"#
        );
        let (accepted, rejected) = (1, 0);
        let fine = ended(Outcome::Delivered { accepted, rejected }, "", 0);
        assert_eq!(logged(&fine, 1), None);
    }

    #[test]
    fn a_rejection_is_logged_with_the_gateways_reasons() {
        let (accepted, rejected) = (1, 2);
        let ended = Ended {
            rejections: Some("label_conflict=2; first=a_total".into()),
            ..ended(Outcome::Delivered { accepted, rejected }, "", 0)
        };
        assert_eq!(
            logged(&ended, 3).unwrap(),
            r#"{"event":"push_rejected","level":"warn","accepted":1,"rejected":2,"reasons":"label_conflict=2; first=a_total","metrics":3,"retried":0,"push_id":"ab-1"}"#
        );
    }

    #[test]
    fn a_missing_binding_is_an_error_that_names_it_and_says_what_to_do() {
        let line = logged(&ended(Outcome::Dropped(NO_BINDING), NOT_BOUND, 0), 2).unwrap();
        assert!(
            line.starts_with(r#"{"event":"push_dropped","level":"error","reason":"no_binding""#)
        );
        assert!(
            line.contains(r#""message":"METRICS_GATEWAY is not bound: expected a VPC service"#)
        );
    }

    #[test]
    fn lines_of_one_kind_are_limited_and_say_how_many_are_missing() {
        let mut throttle = Throttle::default();
        let allowed = (0..100).filter(|_| throttle.allow("a", "x", 0.0).is_some());
        assert_eq!(allowed.count(), 5);
        assert_eq!(throttle.allow("a", "y", 0.0), Some(0), "another kind");
        assert_eq!(throttle.allow("a", "x", 9_999.0), None);
        assert_eq!(throttle.allow("a", "x", 10_000.0), Some(96));
        assert_eq!(throttle.allow("a", "x", 10_001.0), None);
    }
}
