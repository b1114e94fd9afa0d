//! The core: one push in, one answer out, without I/O or a clock.

use std::fmt;

use foldhash::fast::RandomState;

use crate::activity::{Activity, slot_at};
use crate::answer::Pushed;
use crate::applied::Applied;
use crate::bucket_rules::BucketRules;
use crate::dedupe::{Dedupe, PushId, Remembered};
use crate::family::Moment;
use crate::ledger::Ledger;
use crate::push::Push;
use crate::recent::{Outcome, Recent, RecentPushes};
use crate::registry::Registry;

/// The configuration of a gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// The prefix of every pushed name.
    pub prefix: String,
    /// The buckets of histograms.
    pub buckets: BucketRules,
    /// Most label sets over all metrics. A histogram's label set counts once, whatever its buckets.
    pub max_series: usize,
    /// The number of answers remembered by `x-push-id`; zero turns deduplication off.
    pub dedupe_entries: usize,
    /// The gateway's name on the page, to tell several gateways apart.
    pub pod: String,
}

impl Default for Config {
    /// The command's defaults.
    fn default() -> Self {
        Self {
            prefix: "pushed_".to_owned(),
            buckets: BucketRules::default(),
            max_series: 10_000,
            dedupe_entries: 10_000,
            pod: String::new(),
        }
    }
}

/// All pushed metrics, and the gateway's own counts.
///
/// One call under `&mut` applies a push. Behind a lock, deduplication therefore also works for
/// concurrent repeats.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) registry: Registry,
    pub(crate) ledger: Ledger,
    pub(crate) recent: RecentPushes,
    pub(crate) accepted_lately: Activity,
    pub(crate) rejected_lately: Activity,
    /// Grows with each push, including failed ones, and when series expire. Everything that a push
    /// changes carries its number.
    pub(crate) version: u64,
    /// The last time that series expired. Series numbers may be reused since then.
    pub(crate) expired_at: u64,
    pub(crate) pod: String,
    dedupe: Dedupe,
    fingerprints: RandomState,
}

/// An id came back with different Metrics. The remembered answer belongs to the first
/// Metrics, so it is not sent, and nothing is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushIdReused;

impl fmt::Display for PushIdReused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a repeat of the push that had this x-push-id, found other metrics")
    }
}

impl std::error::Error for PushIdReused {}

impl Gateway {
    /// An empty gateway.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            registry: Registry::new(config.prefix, config.buckets, config.max_series),
            ledger: Ledger::new(),
            recent: RecentPushes::default(),
            accepted_lately: Activity::new(0),
            rejected_lately: Activity::new(0),
            version: 0,
            expired_at: 0,
            pod: config.pod,
            fingerprints: RandomState::default(),
            dedupe: Dedupe::new(config.dedupe_entries),
        }
    }

    /// Applies a push once, even if it arrives several times under one id.
    ///
    /// `now_ms` is in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`PushIdReused`] when the id belongs to another push; nothing is applied.
    pub fn push(
        &mut self,
        id: Option<&PushId>,
        push: &Push<'_>,
        now_ms: u64,
    ) -> Result<Pushed, PushIdReused> {
        let pushed = match id {
            None => Pushed::Applied(self.apply(push, now_ms)),
            Some(id) => self.push_once(id, push, now_ms)?,
        };
        let outcome = match &pushed {
            Pushed::Applied(applied) => Outcome::applied(applied),
            Pushed::Repeat(answer) => Outcome::repeat(answer),
        };
        self.finish(0, id, outcome, now_ms);
        Ok(pushed)
    }

    /// Counts a push that was answered with an error, a gRPC status code other than 0.
    pub fn failed(&mut self, code: i32, message: &str, now_ms: u64) {
        self.finish(code, None, Outcome::failed(code, message), now_ms);
    }

    /// Removes series without an addition since `before_ms`, among the `count` places from `from`
    /// on. Returns whether more places follow.
    pub fn expire(&mut self, before_ms: u64, from: usize, count: usize) -> bool {
        let (expired, more) = self.registry.expire(before_ms, from, count);
        if expired > 0 {
            self.ledger.expired = self.ledger.expired.saturating_add(expired);
            self.version = self.version.saturating_add(1);
            self.expired_at = self.version;
        }
        more
    }

    fn push_once(
        &mut self,
        id: &PushId,
        push: &Push<'_>,
        now_ms: u64,
    ) -> Result<Pushed, PushIdReused> {
        let fingerprint = push.fingerprint(&self.fingerprints);
        if let Some(first) = self.dedupe.get(id) {
            if first.request != fingerprint {
                return Err(PushIdReused);
            }
            self.ledger.dedupe_hits = self.ledger.dedupe_hits.saturating_add(1);
            return Ok(Pushed::Repeat(first.answer));
        }
        let pushed = Pushed::Applied(self.apply(push, now_ms));
        let remembered = Remembered {
            request: fingerprint,
            answer: pushed.answer(),
        };
        self.dedupe.remember(id.clone(), remembered);
        Ok(pushed)
    }

    fn apply(&mut self, push: &Push<'_>, now_ms: u64) -> Applied {
        let moment = Moment {
            version: self.version.saturating_add(1),
            slot: slot_at(now_ms),
            now_ms,
        };
        let applied = self.registry.apply(push, moment);
        self.ledger.applied(&applied);
        self.accepted_lately
            .add(moment.slot, applied.accepted as f64);
        self.rejected_lately
            .add(moment.slot, applied.rejected_total() as f64);
        applied
    }

    fn finish(&mut self, code: i32, id: Option<&PushId>, outcome: Outcome, now_ms: u64) {
        self.version = self.version.saturating_add(1);
        self.ledger.pushed(code);
        self.recent.add(Recent {
            version: self.version,
            at_ms: now_ms,
            id: id.map(|id| id.as_str().to_owned()),
            outcome,
        });
    }
}

#[cfg(test)]
mod tests;
