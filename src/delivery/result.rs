//! The results that callers get: from a push, and from `stats()`.

use grpc_web_unary::{Code, Status};
use serde::Serialize;

use super::Ledger;
use super::policy::{NO_TIME, Outcome};
use super::reporter::Reporter;
use crate::config::Settings;
use crate::sample::{Reason, Refusal};

/// The end of one push, with the message of the gateway or the transport.
#[derive(Debug)]
pub struct Ended {
    /// The outcome.
    pub outcome: Outcome,
    /// The status of the last attempt.
    pub status: Status,
    /// Attempts beyond the first.
    pub retried: u32,
    /// The gateway's reasons for rejecting some of the Metrics, if it gave any.
    pub rejections: Option<String>,
}

/// The result of `push` and `flush`, over all pushes of the call.
#[derive(Debug, Serialize)]
pub struct PushResult {
    ok: bool,
    outcome: Outcome,
    accepted: u64,
    rejected: u64,
    code: u8,
    status: &'static str,
    message: String,
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize)]
struct Refused {
    index: usize,
    reason: Reason,
    message: String,
}

/// The most refusals that one result describes. All refusals are counted.
const MAX_DESCRIBED: usize = 100;

impl Default for PushResult {
    fn default() -> Self {
        let none = Outcome::Delivered {
            accepted: 0,
            rejected: 0,
        };
        Self {
            ok: true,
            outcome: none,
            accepted: 0,
            rejected: 0,
            code: 0,
            status: Code::Ok.name(),
            message: String::new(),
            refused: Vec::new(),
        }
    }
}

impl PushResult {
    /// Records that the sample at `index` was refused and not sent.
    pub fn refuse(&mut self, index: usize, refusal: &Refusal) {
        self.ok = false;
        if self.refused.len() < MAX_DESCRIBED {
            self.refused.push(Refused {
                index,
                reason: refusal.reason,
                message: refusal.message(),
            });
        }
    }

    /// Records that nothing was sent, because every sample was refused.
    pub fn nothing_to_send(&mut self) {
        if let Some(first) = self.refused.first() {
            let status = Status {
                code: Code::InvalidArgument,
                message: first.message.clone(),
            };
            self.set(Outcome::Dropped(first.reason.as_str()), status);
        }
    }

    /// Adds one push. The result has the worst outcome of all: unknown, then dropped, then
    /// delivered.
    pub fn add(&mut self, ended: Ended) {
        if let Outcome::Delivered { accepted, rejected } = ended.outcome {
            self.accepted = self.accepted.saturating_add(accepted);
            self.rejected = self.rejected.saturating_add(rejected);
            self.ok &= rejected == 0;
            if self.message.is_empty() {
                self.message = ended.rejections.unwrap_or_default();
            }
        }
        if severity(ended.outcome) > severity(self.outcome) {
            self.set(ended.outcome, ended.status);
        }
    }

    /// Records that no time was left to push everything. The rest stays in the buffer, and a later
    /// flush may deliver it.
    pub fn out_of_time(&mut self) {
        self.ok = false;
        if severity(self.outcome) == 0 {
            let message = "no time was left to push all samples; the others stay buffered".into();
            let code = Code::DeadlineExceeded;
            self.set(Outcome::Unknown(NO_TIME), Status { code, message });
        }
    }

    fn set(&mut self, outcome: Outcome, status: Status) {
        self.ok = false;
        self.outcome = outcome;
        self.code = status.code as u8;
        self.status = status.code.name();
        self.message = status.message;
    }
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Delivered { .. } => 0,
        Outcome::Dropped(_) => 1,
        Outcome::Unknown(_) => 2,
    }
}

/// The result of `stats()`.
#[derive(Debug, Serialize)]
pub struct Stats<'a> {
    #[serde(flatten)]
    ledger: &'a Ledger,
    buffered: usize,
    in_flight: u64,
    last_error: Option<&'a str>,
    config: Settings<'a>,
}

impl<'a> Stats<'a> {
    /// The current state.
    #[must_use]
    pub fn of(reporter: &'a Reporter) -> Self {
        Self {
            ledger: reporter.ledger(),
            buffered: reporter.buffered(),
            in_flight: reporter.in_flight(),
            last_error: reporter.last_error(),
            config: reporter.config().settings(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde_json::{Value, json};

    use super::*;
    use crate::config::Config;

    fn ended(outcome: Outcome, code: Code, message: &str) -> Ended {
        Ended {
            outcome,
            status: Status {
                code,
                message: message.into(),
            },
            retried: 0,
            rejections: None,
        }
    }

    fn shown(result: &PushResult) -> Value {
        serde_json::to_value(result).unwrap()
    }

    const OK: Outcome = Outcome::Delivered {
        accepted: 3,
        rejected: 0,
    };

    #[test]
    fn the_worst_of_several_pushes_is_the_outcome() {
        let mut result = PushResult::default();
        result.add(ended(OK, Code::Ok, ""));
        assert_eq!(
            shown(&result),
            json!({
                "ok": true, "outcome": "delivered", "accepted": 3, "rejected": 0,
                "code": 0, "status": "OK", "message": "", "refused": []
            })
        );
        result.add(ended(
            Outcome::Unknown("deadline"),
            Code::DeadlineExceeded,
            "late",
        ));
        result.add(ended(
            Outcome::Dropped("NOT_FOUND"),
            Code::NotFound,
            "nothing there",
        ));
        result.add(ended(OK, Code::Ok, ""));
        assert_eq!(
            shown(&result),
            json!({
                "ok": false, "outcome": "unknown", "accepted": 6, "rejected": 0,
                "code": 4, "status": "DEADLINE_EXCEEDED", "message": "late", "refused": []
            })
        );
    }

    #[test]
    fn why_the_gateway_rejected_some_is_the_message() {
        let outcome = Outcome::Delivered {
            accepted: 1,
            rejected: 2,
        };
        let mut result = PushResult::default();
        result.add(Ended {
            rejections: Some("label_conflict=2; first=a_total".into()),
            ..ended(outcome, Code::Ok, "")
        });
        let result = shown(&result);
        assert_eq!(result["ok"], false);
        assert_eq!(result["message"], "label_conflict=2; first=a_total");
    }

    #[test]
    fn a_flush_without_the_time_for_all_samples_is_not_ok() {
        let mut result = PushResult::default();
        result.add(ended(OK, Code::Ok, ""));
        result.out_of_time();
        let result = shown(&result);
        assert_eq!(
            (&result["ok"], &result["accepted"]),
            (&json!(false), &json!(3))
        );
        assert_eq!(
            (&result["outcome"], &result["code"]),
            (&json!("unknown"), &json!(4))
        );

        let mut result = PushResult::default();
        result.add(ended(
            Outcome::Dropped("dns_error"),
            Code::Unavailable,
            "no name",
        ));
        result.out_of_time();
        assert_eq!(shown(&result)["message"], "no name");
    }

    #[test]
    fn refusals_are_described_up_to_a_limit() {
        let mut result = PushResult::default();
        let refusal = Refusal::new(Reason::BadType, "expected another");
        for index in 0..300 {
            result.refuse(index, &refusal);
        }
        result.nothing_to_send();
        let result = shown(&result);
        assert_eq!(result["refused"].as_array().map(Vec::len), Some(100));
        assert_eq!(result["refused"][7]["index"], 7);
        assert_eq!(result["refused"][7]["reason"], "bad_type");
        assert_eq!(
            (&result["outcome"], &result["code"]),
            (&json!("dropped"), &json!(3))
        );
    }

    #[test]
    fn stats_has_every_count_the_last_error_and_the_vars_in_force() {
        let ledger = Rc::new(Ledger::default());
        crate::delivery::add(&ledger.taken, 2);
        ledger.dropped.add("dns_error", 2);
        let mut reporter = Reporter::new(Config::default(), ledger, 1);
        reporter.note_error("NOT_FOUND: nothing there".into());
        let stats = serde_json::to_value(Stats::of(&reporter)).unwrap();
        assert_eq!(
            (&stats["taken"], &stats["dropped"]),
            (&json!(2), &json!({ "dns_error": 2 }))
        );
        assert_eq!(stats["pushes"]["retried"], 0);
        assert_eq!(stats["last_error"], "NOT_FOUND: nothing there");
        assert_eq!(stats["config"]["FLUSH_INTERVAL_MS"], 1000);
        assert_eq!(stats["config"]["GATEWAY_URL"], "http://gateway");
        assert!(stats["config"]["VERSION"].is_string());
        assert_eq!(stats.as_object().map(|o| o.len()), Some(12));
    }
}
