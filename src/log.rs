//! What the Worker logs: one JSON object a line, few lines, and never a label's value.
//!
//! Each line has `event` and `level`; `docs/logs.md` lists the fields of each event. Lines of one
//! kind are limited: a burst, then one every ten seconds, with `suppressed` saying how many were
//! left out since the last.

use crate::limits::MAX_NAME_BYTES;
use crate::policy::{NO_BINDING, Outcome};
use crate::refusal::Refusal;
use crate::report::Ended;
use crate::reporter::Event;
use crate::value::encode;

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Samples were refused or lost, or a limit was reached.
    Warn,
    /// The set-up is wrong, or the Worker is.
    Error,
}

impl Level {
    /// The console's method.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Lines of one kind that may come at once.
const BURST: u32 = 5;
/// After a burst, one line in this time, in ms.
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
    /// Asks for a line of this kind: how many were suppressed before it, or `None` for not now.
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
        // A negative wait is a clock that was set back.
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

/// One line: its level, and its fields as an encoded object.
#[derive(Debug, PartialEq)]
pub struct Line {
    /// How loud.
    pub level: Level,
    /// The fields.
    pub fields: Vec<u8>,
}

/// A line under construction.
struct Fields(Vec<u8>, u32);

impl Fields {
    fn text(&mut self, key: &str, value: &str) {
        encode::key(&mut self.0, key);
        encode::text(&mut self.0, value);
        self.1 = self.1.saturating_add(1);
    }

    fn count(&mut self, key: &str, value: u64) {
        encode::key(&mut self.0, key);
        encode::count(&mut self.0, value);
        self.1 = self.1.saturating_add(1);
    }
}

fn line(level: Level, event: &str, suppressed: u64, fill: impl FnOnce(&mut Fields)) -> Line {
    let mut fields = Fields(Vec::new(), 0);
    fields.text("event", event);
    fields.text("level", level.as_str());
    fill(&mut fields);
    if suppressed > 0 {
        fields.count("suppressed", suppressed);
    }
    let Fields(contents, count) = fields;
    let mut object = Vec::with_capacity(contents.len().saturating_add(9));
    encode::object(&mut object, |out| {
        out.extend_from_slice(&contents);
        count
    });
    Line {
        level,
        fields: object,
    }
}

impl Throttle {
    /// A sample was refused.
    pub fn refused(&mut self, method: &str, refusal: &Refusal<'_>, now: f64) -> Option<Line> {
        let reason = refusal.reason.as_str();
        let suppressed = self.allow("sample_refused", reason, now)?;
        Some(line(Level::Warn, "sample_refused", suppressed, |fields| {
            fields.text("method", method);
            // As given, so it need not be as short as a name is.
            let end = refusal.metric.floor_char_boundary(MAX_NAME_BYTES);
            fields.text("metric", refusal.metric.get(..end).unwrap_or_default());
            fields.text("reason", reason);
            fields.text("message", &refusal.message());
        }))
    }

    /// A push did not end delivered, or the gateway rejected some of it.
    ///
    /// The gateway's own message stays out: it may quote label values. `stats()` has it.
    pub fn push_ended(
        &mut self,
        ended: &Ended,
        metrics: u64,
        push: &str,
        now: f64,
    ) -> Option<Line> {
        let (event, reason) = match ended.outcome {
            Outcome::Delivered { rejected: 0, .. } => return None,
            Outcome::Delivered { .. } => ("push_rejected", ""),
            Outcome::Dropped(reason) => ("push_dropped", reason),
            Outcome::Unknown(reason) => ("push_unknown", reason),
        };
        let suppressed = self.allow(event, reason, now)?;
        let unbound = reason == NO_BINDING;
        let level = if unbound { Level::Error } else { Level::Warn };
        Some(line(level, event, suppressed, |fields| {
            if let Outcome::Delivered { accepted, rejected } = ended.outcome {
                fields.count("accepted", accepted);
                fields.count("rejected", rejected);
            } else {
                fields.text("reason", reason);
                fields.count("code", ended.status.code as u64);
                fields.text("status", ended.status.code.name());
            }
            fields.count("metrics", metrics);
            fields.count("retried", u64::from(ended.retried));
            fields.text("push_id", push);
            // Nobody else's words here, and only these say what to do.
            if unbound {
                fields.text("message", &ended.status.message);
            }
        }))
    }

    /// Something that the reporter noticed.
    pub fn event(&mut self, event: &Event, now: f64) -> Option<Line> {
        match event {
            // At most once for each metric, and there is a limit on those.
            Event::Overflow { metric, most } => {
                Some(line(Level::Warn, "series_overflow", 0, |fields| {
                    fields.text("metric", metric);
                    fields.count("max_series", u64::try_from(*most).unwrap_or(u64::MAX));
                }))
            }
            Event::Miscount {
                sent,
                accepted,
                rejected,
            } => {
                let suppressed = self.allow("push_miscounted", "", now)?;
                Some(line(Level::Warn, "push_miscounted", suppressed, |fields| {
                    fields.count("metrics", *sent);
                    fields.count("accepted", *accepted);
                    fields.count("rejected", *rejected);
                }))
            }
        }
    }
}

/// A var does not parse; `message` says what was expected and what holds instead.
#[must_use]
pub fn var_invalid(name: &str, message: &str) -> Line {
    line(Level::Error, "var_invalid", 0, |fields| {
        fields.text("var", name);
        fields.text("message", message);
    })
}

/// The labels in a binding's props are not legal.
pub fn props_invalid(throttle: &mut Throttle, message: &str, now: f64) -> Option<Line> {
    let suppressed = throttle.allow("props_invalid", "", now)?;
    Some(line(Level::Error, "props_invalid", suppressed, |fields| {
        fields.text("message", message);
    }))
}

/// The Wasm instance before this one ended in a trap.
#[must_use]
pub fn instance_reset(lost: u64) -> Line {
    line(Level::Error, "instance_reset", 0, |fields| {
        fields.count("metrics", lost)
    })
}

#[cfg(test)]
mod tests {
    use grpc_web_unary::{Code, Status};

    use super::*;
    use crate::policy::NOT_BOUND;
    use crate::refusal::{Detail, Reason};
    use crate::value::{Reader, Value};

    fn read(line: &Line) -> String {
        let Some(Value::Object(properties)) = Reader::new(&line.fields).value() else {
            panic!()
        };
        let fields = properties.map(|(key, value)| match value {
            Value::Text(text) => format!("{key}={text}"),
            Value::Number(number) => format!("{key}={number}"),
            other => panic!("{key}: {other:?}"),
        });
        fields.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_refusal_names_method_metric_and_reason() {
        let refusal = Refusal::new(Reason::TooManyLabels, Detail::Fixed("too many")).of("requests");
        let line = Throttle::default().refused("incr", &refusal, 0.0).unwrap();
        assert_eq!(
            read(&line),
            "event=sample_refused level=warn method=incr metric=requests reason=too_many_labels \
             message=metric \"requests\": too many"
        );
    }

    #[test]
    fn what_is_no_name_is_logged_in_part() {
        // It came whole when the cut fell inside a character.
        let metric = format!("x{}", "é".repeat(100_000));
        let refusal = Refusal::new(Reason::BadType, Detail::Fixed("no type")).of(&metric);
        let line = Throttle::default().refused("incr", &refusal, 0.0).unwrap();
        assert!(line.fields.len() < 1_000, "{} bytes", line.fields.len());
    }

    #[test]
    fn a_failed_push_is_logged_without_the_gateways_words() {
        let ended = Ended {
            outcome: Outcome::Unknown("UNAVAILABLE"),
            status: Status {
                code: Code::Unavailable,
                message: "user=secret".into(),
            },
            retried: 1,
        };
        let line = Throttle::default()
            .push_ended(&ended, 3, "ab-1", 0.0)
            .unwrap();
        assert_eq!(
            read(&line),
            "event=push_unknown level=warn reason=UNAVAILABLE code=14 status=UNAVAILABLE metrics=3 \
             retried=1 push_id=ab-1"
        );
        let fine = Ended {
            outcome: Outcome::Delivered {
                accepted: 1,
                rejected: 0,
            },
            ..ended
        };
        assert_eq!(Throttle::default().push_ended(&fine, 1, "", 0.0), None);
    }

    #[test]
    fn a_missing_binding_is_an_error_that_names_it_and_says_what_to_do() {
        let ended = Ended {
            outcome: Outcome::Dropped(NO_BINDING),
            status: Status {
                code: Code::Unavailable,
                message: NOT_BOUND.into(),
            },
            retried: 0,
        };
        let line = Throttle::default()
            .push_ended(&ended, 2, "ab-1", 0.0)
            .unwrap();
        assert_eq!(
            read(&line),
            "event=push_dropped level=error reason=no_binding code=14 status=UNAVAILABLE metrics=2 \
             retried=0 push_id=ab-1 message=METRICS_GATEWAY is not bound: expected a VPC service \
             under that name, found none; add it (vpc_services in wrangler.toml, or infra/) and \
             deploy again"
        );
    }

    #[test]
    fn lines_of_one_kind_are_limited_and_say_how_many_are_missing() {
        let mut throttle = Throttle::default();
        let allowed = (0..100)
            .filter(|_| throttle.allow("a", "x", 0.0).is_some())
            .count();
        assert_eq!(allowed, 5);
        assert_eq!(throttle.allow("a", "y", 0.0), Some(0), "another kind");
        assert_eq!(throttle.allow("a", "x", 9_999.0), None);
        assert_eq!(throttle.allow("a", "x", 10_000.0), Some(96));
        assert_eq!(throttle.allow("a", "x", 10_001.0), None);
    }
}
