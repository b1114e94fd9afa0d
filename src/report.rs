//! What callers get back: the result of a push and the account, written as JavaScript values.

use grpc_web_unary::{Code, Status};

use crate::account::{Account, ByReason};
use crate::config::Setting;
use crate::policy::Outcome;
use crate::refusal::{Reason, Refusal};
use crate::reporter::Reporter;
use crate::value::encode;

/// The version, with the git revision where the build knew it: `0.1.0` or `0.1.0+1a2b3c4`.
pub const VERSION: &str = env!("METRICS_REPORTER_VERSION");

/// How one push ended, with what the gateway or the transport said.
#[derive(Debug)]
pub struct Ended {
    /// The outcome.
    pub outcome: Outcome,
    /// The status of the last attempt.
    pub status: Status,
    /// Attempts beyond the first.
    pub retried: u32,
}

/// What `push` and `flush` return, over all pushes that one call made.
#[derive(Debug)]
pub struct PushReport {
    outcome: Outcome,
    accepted: u64,
    rejected: u64,
    status: Status,
    refused: Vec<Refused>,
}

#[derive(Debug)]
struct Refused {
    index: usize,
    reason: Reason,
    message: String,
}

/// Most refusals that one result describes; all are counted.
const MAX_DESCRIBED: usize = 100;

impl Default for PushReport {
    fn default() -> Self {
        Self {
            outcome: Outcome::Delivered {
                accepted: 0,
                rejected: 0,
            },
            accepted: 0,
            rejected: 0,
            status: Status {
                code: Code::Ok,
                message: String::new(),
            },
            refused: Vec::new(),
        }
    }
}

impl PushReport {
    /// Notes the sample at `index` as never sent.
    pub fn refuse(&mut self, index: usize, refusal: &Refusal<'_>) {
        if self.refused.len() < MAX_DESCRIBED {
            let Refusal { reason, .. } = *refusal;
            self.refused.push(Refused {
                index,
                reason,
                message: refusal.message(),
            });
        }
    }

    /// Says that nothing was sent, because everything was refused.
    pub fn nothing_to_send(&mut self) {
        if let Some(first) = self.refused.first() {
            self.outcome = Outcome::Dropped(first.reason.as_str());
            self.status = Status {
                code: Code::InvalidArgument,
                message: first.message.clone(),
            };
        }
    }

    /// Adds one push. The worst outcome is the whole's: unknown, then dropped, then delivered.
    pub fn add(&mut self, ended: Ended) {
        if let Outcome::Delivered { accepted, rejected } = ended.outcome {
            self.accepted = self.accepted.saturating_add(accepted);
            self.rejected = self.rejected.saturating_add(rejected);
        }
        if severity(ended.outcome) > severity(self.outcome) {
            self.outcome = ended.outcome;
            self.status = ended.status;
        }
    }

    /// Appends the result as an object.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let delivered = matches!(self.outcome, Outcome::Delivered { .. });
        encode::object(out, |out| {
            encode::key(out, "ok");
            encode::boolean(
                out,
                delivered && self.rejected == 0 && self.refused.is_empty(),
            );
            encode::key(out, "outcome");
            encode::text(out, self.outcome.as_str());
            encode::key(out, "accepted");
            encode::count(out, self.accepted);
            encode::key(out, "rejected");
            encode::count(out, self.rejected);
            encode::key(out, "code");
            encode::count(out, self.status.code as u64);
            encode::key(out, "status");
            encode::text(out, self.status.code.name());
            encode::key(out, "message");
            encode::text(out, &self.status.message);
            encode::key(out, "refused");
            encode::array(out, |out| {
                for refused in &self.refused {
                    encode::object(out, |out| {
                        encode::key(out, "index");
                        encode::count(out, u64::try_from(refused.index).unwrap_or(u64::MAX));
                        encode::key(out, "reason");
                        encode::text(out, refused.reason.as_str());
                        encode::key(out, "message");
                        encode::text(out, &refused.message);
                        3
                    });
                }
                u32::try_from(self.refused.len()).unwrap_or(u32::MAX)
            });
            8
        });
    }
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Delivered { .. } => 0,
        Outcome::Dropped(_) => 1,
        Outcome::Unknown(_) => 2,
    }
}

/// Appends what `stats()` returns.
pub fn encode_stats(out: &mut Vec<u8>, reporter: &Reporter, account: &Account) {
    encode::object(out, |out| {
        let count = |out: &mut Vec<u8>, key: &str, n: u64| {
            encode::key(out, key);
            encode::count(out, n);
        };
        count(out, "taken", account.taken.get());
        count(out, "coalesced", account.coalesced.get());
        count(out, "delivered", account.delivered.get());
        count(out, "rejected", account.rejected.get());
        by_reason(out, "dropped", &account.dropped);
        by_reason(out, "unknown", &account.unknown);
        count(
            out,
            "buffered",
            u64::try_from(reporter.buffered()).unwrap_or(u64::MAX),
        );
        count(out, "in_flight", reporter.in_flight());
        by_reason(out, "refused", &account.refused);
        encode::key(out, "pushes");
        encode::object(out, |out| {
            count(out, "delivered", account.pushes_delivered.get());
            count(out, "dropped", account.pushes_dropped.get());
            count(out, "unknown", account.pushes_unknown.get());
            count(out, "retried", account.pushes_retried.get());
            4
        });
        encode::key(out, "last_error");
        match reporter.last_error() {
            Some(message) => encode::text(out, message),
            None => encode::null(out),
        }
        encode::key(out, "config");
        encode::object(out, |out| {
            let settings = reporter.config().settings();
            for (name, setting) in &settings {
                encode::key(out, name);
                match setting {
                    Setting::Number(number) => encode::number(out, f64::from(*number)),
                    Setting::Bool(value) => encode::boolean(out, *value),
                    Setting::Text(text) => encode::text(out, text),
                }
            }
            encode::key(out, "VERSION");
            encode::text(out, VERSION);
            u32::try_from(settings.len()).unwrap_or(0).saturating_add(1)
        });
        12
    });
}

fn by_reason(out: &mut Vec<u8>, key: &str, counts: &ByReason) {
    encode::key(out, key);
    encode::object(out, |out| {
        let mut reasons = 0u32;
        counts.for_each(|reason, n| {
            encode::key(out, reason);
            encode::count(out, n);
            reasons = reasons.saturating_add(1);
        });
        reasons
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Detail;
    use crate::value::{Reader, Value};

    fn ended(outcome: Outcome, code: Code) -> Ended {
        Ended {
            outcome,
            status: Status {
                code,
                message: "m".into(),
            },
            retried: 0,
        }
    }

    /// The scalar properties of the result, as text.
    fn read(report: &PushReport) -> String {
        let mut bytes = Vec::new();
        report.encode(&mut bytes);
        let Some(Value::Object(properties)) = Reader::new(&bytes).value() else {
            panic!()
        };
        let mut text = Vec::new();
        for (key, value) in properties {
            text.push(match value {
                Value::Bool(b) => format!("{key}={b}"),
                Value::Number(n) => format!("{key}={n}"),
                Value::Text(t) => format!("{key}={t}"),
                Value::Array(items) => format!("{key}={}", items.len()),
                other => panic!("{key}: {other:?}"),
            });
        }
        text.join(" ")
    }

    #[test]
    fn a_result_adds_up_its_pushes_and_has_the_worst_outcome() {
        let mut report = PushReport::default();
        report.add(ended(
            Outcome::Delivered {
                accepted: 2,
                rejected: 0,
            },
            Code::Ok,
        ));
        assert_eq!(
            read(&report),
            "ok=true outcome=delivered accepted=2 rejected=0 code=0 status=OK message= refused=0"
        );
        report.add(ended(
            Outcome::Delivered {
                accepted: 1,
                rejected: 1,
            },
            Code::Ok,
        ));
        assert_eq!(
            read(&report),
            "ok=false outcome=delivered accepted=3 rejected=1 code=0 status=OK message= refused=0"
        );
        report.add(ended(
            Outcome::Unknown("connection_lost"),
            Code::Unavailable,
        ));
        report.add(ended(
            Outcome::Dropped("UNIMPLEMENTED"),
            Code::Unimplemented,
        ));
        assert_eq!(
            read(&report),
            "ok=false outcome=unknown accepted=3 rejected=1 code=14 status=UNAVAILABLE message=m refused=0"
        );
    }

    #[test]
    fn a_refused_sample_makes_a_delivered_push_not_ok() {
        let mut report = PushReport::default();
        report.refuse(1, &Refusal::new(Reason::BadName, Detail::Fixed("x")));
        assert!(read(&report).starts_with("ok=false outcome=delivered"));
        report.nothing_to_send();
        assert!(read(&report).starts_with("ok=false outcome=dropped accepted=0 rejected=0 code=3"));
    }

    #[test]
    fn a_result_describes_a_bounded_number_of_refusals() {
        let mut report = PushReport::default();
        for index in 0..10_000 {
            report.refuse(index, &Refusal::new(Reason::BadName, Detail::Fixed("x")));
        }
        assert!(read(&report).ends_with("refused=100"));
    }
}
