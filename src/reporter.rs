//! The heart: takes samples in, decides who flushes when, and settles every push in the account.
//!
//! Deterministic and without I/O: time and chance are arguments. What is shared between requests
//! is this plain data; no promise, waker or lock ever is. Whoever calls acts on what it is told:
//!
//! 1. [`Reporter::refresh`], [`Reporter::accept`] for each sample, then [`Reporter::duty`] once per
//!    call.
//! 2. A leader waits, then calls [`Reporter::wake`] and takes pushes with [`Reporter::take`] until
//!    that is empty; each goes to the gateway and ends in [`Reporter::settle`].
//! 3. Whoever comes later checks the lease and the flights, so that a leader whose request was
//!    cancelled neither wedges the buffer nor leaves its push unaccounted.

use std::rc::Rc;

use crate::account::{Account, add};
use crate::args::Draft;
use crate::buffer::{Buffer, Full, set_frame_header};
use crate::config::Config;
use crate::labels::{Labels, TrustedLabels};
use crate::limits::{
    FLUSH_BUDGET_MS, LEASE_GRACE_MS, MAX_BATCH_BYTES, MAX_BUFFERED_BYTES, MAX_FLUSHES_IN_FLIGHT,
    MIN_COVER_MS, SETTLE_GRACE_MS,
};
use crate::own::OwnMetrics;
use crate::policy::{CANCELLED, MIN_ATTEMPT_MS, Outcome};
use crate::refusal::{Detail, Reason, Refusal};
use crate::sample::{Kind, legal_value};
use crate::series::{Admission, Conflict, MetricId, SeriesGuard};
use crate::spellings::Spellings;
use crate::wire::{metric_len, put_key, put_metric};
use grpc_web_unary::FRAME_HEADER_LEN;

/// Everything that one isolate knows.
#[derive(Debug)]
pub struct Reporter {
    config: Config,
    account: Rc<Account>,
    buffer: Buffer,
    series: SeriesGuard,
    spellings: Spellings,
    lease: Option<Lease>,
    flights: Vec<Flight>,
    own: OwnMetrics,
    last_error: Option<String>,
    next_id: u64,
    /// Scratch space, kept between calls.
    labels: Labels,
    key: Vec<u8>,
}

/// A promise that somebody will flush.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Lease {
    id: u64,
    due: f64,
    budget_end: f64,
}

/// A push that was taken and is not settled.
#[derive(Debug)]
struct Flight {
    id: u64,
    metrics: u64,
    bytes: usize,
    /// Sequence numbers of its entries: from the first to before the second. Empty for a push that
    /// did not come out of the buffer.
    sequences: (u64, u64),
    buffered: bool,
    expires: f64,
}

/// What the call that just added samples has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Duty {
    /// Nothing: a flush is promised, or nothing is buffered.
    None,
    /// Flush now: there is a batch's worth.
    Flush(Flush),
    /// Wait this many ms, then [`Reporter::wake`] and flush.
    Lead {
        /// How long to wait.
        delay_ms: f64,
        /// The flush to make then.
        flush: Flush,
    },
}

/// One flusher's right to take pushes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flush {
    lease: Option<u64>,
    /// When it must be over.
    pub budget_end: f64,
}

/// A flusher at work: it takes what was buffered when it started, and no more.
#[derive(Debug)]
pub struct Drain {
    flush: Flush,
    upto: Option<u64>,
}

impl From<Flush> for Drain {
    fn from(flush: Flush) -> Self {
        Self { flush, upto: None }
    }
}

/// What a flusher does next.
#[derive(Debug, PartialEq)]
pub enum Take {
    /// Nothing is left to take, or no time to push it.
    Done,
    /// As many pushes as may be are in flight: look again in this many ms.
    Busy {
        /// How long to wait.
        delay_ms: f64,
    },
    /// Push this.
    Push(Push),
}

/// One PushRequest on its way.
#[derive(Debug, PartialEq)]
pub struct Push {
    /// For [`Reporter::settle`].
    pub id: u64,
    /// How many Metrics it carries.
    pub metrics: u64,
    /// The length-prefixed message.
    pub body: Vec<u8>,
}

/// The entries that took a call's samples, and any between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    first: u64,
    last: u64,
}

impl Span {
    /// `span` and this sequence number: a sample can be folded into an entry that is older than the
    /// one before it was given.
    #[must_use]
    pub fn with(span: Option<Self>, sequence: u64) -> Self {
        let Self { first, last } = span.unwrap_or(Self {
            first: sequence,
            last: sequence,
        });
        Self {
            first: first.min(sequence),
            last: last.max(sequence),
        }
    }
}

/// Samples of one `push` call, encoded and not yet sent.
#[derive(Debug, Default)]
pub struct Direct {
    bodies: Vec<(Vec<u8>, u64)>,
}

/// A sample that is legal.
struct Prepared {
    kind: Kind,
    value: f64,
    /// Of its key.
    hash: u64,
    /// The spelling that has its key; without one the key is in [`Reporter::key`].
    spelling: Option<usize>,
    /// The entry that last took such a sample; it may be gone.
    sequence: u64,
}

impl Prepared {
    fn key<'k>(&self, spellings: &'k Spellings, key: &'k [u8]) -> &'k [u8] {
        self.spelling.map_or(key, |index| spellings.key(index))
    }
}

/// Something worth a line in the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A metric has as many series as it may: from now on new label sets fold.
    Overflow {
        /// The metric's name.
        metric: String,
        /// The limit.
        most: usize,
    },
    /// The gateway's counts do not add up to what was sent.
    Miscount {
        /// How many Metrics were sent.
        sent: u64,
        /// How many the gateway says it applied.
        accepted: u64,
        /// How many the gateway says it did not.
        rejected: u64,
    },
}

impl Reporter {
    /// A reporter with nothing in it. `seed` is random.
    ///
    /// Of what the account holds by now the Worker's own metrics say nothing.
    #[must_use]
    pub fn new(config: Config, account: Rc<Account>, seed: u64) -> Self {
        let own = OwnMetrics::since(&account);
        Self {
            config,
            account,
            buffer: Buffer::new(seed),
            series: SeriesGuard::new(seed),
            spellings: Spellings::new(seed),
            lease: None,
            flights: Vec::new(),
            own,
            last_error: None,
            next_id: 0,
            labels: Labels::default(),
            key: Vec::new(),
        }
    }

    /// The vars in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes a sample into the buffer and returns its entry's sequence number.
    ///
    /// # Errors
    ///
    /// Why it was refused, there or before; that is counted. Nothing is buffered then, but a legal
    /// sample that finds no room has given its name the type and the help all the same.
    pub fn accept<'a>(
        &mut self,
        draft: Result<Draft<'a>, Refusal<'a>>,
        trusted: &TrustedLabels,
        events: &mut Vec<Event>,
    ) -> Result<u64, Refusal<'a>> {
        let accepted = match &draft {
            Ok(draft) => self.buffer_up(draft, trusted, events),
            Err(refusal) => Err(*refusal),
        };
        accepted.map_err(|refusal| self.count(refusal))
    }

    fn buffer_up<'a>(
        &mut self,
        draft: &Draft<'a>,
        trusted: &TrustedLabels,
        events: &mut Vec<Event>,
    ) -> Result<u64, Refusal<'a>> {
        let sample = self.prepare(draft, trusted, events)?;
        if sample.kind == Kind::Counter {
            let folded = match self.buffer.fold_at(sample.sequence, sample.value) {
                Ok(None) => {
                    let key = sample.key(&self.spellings, &self.key);
                    self.buffer.fold(sample.hash, key, sample.value)
                }
                folded => folded,
            };
            match folded {
                Ok(Some(sequence)) => {
                    self.note(&sample, sequence);
                    add(&self.account.taken, 1);
                    add(&self.account.coalesced, 1);
                    return Ok(sequence);
                }
                Ok(None) => {}
                Err(_) => {
                    let sum = Detail::Fixed("the buffered sum would not be finite");
                    return Err(Refusal::new(Reason::SumOverflow, sum).of(draft.name()));
                }
            }
        }
        let most = self
            .config
            .max_buffered_samples
            .saturating_sub(self.metrics_in_flight());
        let room = MAX_BUFFERED_BYTES.saturating_sub(self.bytes_in_flight());
        let key = sample.key(&self.spellings, &self.key);
        let held = self.buffer.byte_len();
        let fits = held.saturating_add(metric_len(key.len())) <= room;
        let most = if fits { most } else { 0 };
        let Prepared {
            kind, value, hash, ..
        } = sample;
        match self.buffer.append(hash, kind, key, value, most) {
            Ok(sequence) => {
                self.note(&sample, sequence);
                add(&self.account.taken, 1);
                Ok(sequence)
            }
            Err(Full::Entries | Full::Sum) => Err(buffer_full(draft.name())),
        }
    }

    /// Takes a sample into a push of its own, in its own place.
    ///
    /// # Errors
    ///
    /// As [`Reporter::accept`].
    pub fn accept_direct<'a>(
        &mut self,
        draft: Result<Draft<'a>, Refusal<'a>>,
        trusted: &TrustedLabels,
        direct: &mut Direct,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal<'a>> {
        let accepted = match &draft {
            Ok(draft) => self.put_direct(draft, trusted, direct, events),
            Err(refusal) => Err(*refusal),
        };
        accepted.map_err(|refusal| self.count(refusal))
    }

    fn put_direct<'a>(
        &mut self,
        draft: &Draft<'a>,
        trusted: &TrustedLabels,
        direct: &mut Direct,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal<'a>> {
        let sample = self.prepare(draft, trusted, events)?;
        let key = sample.key(&self.spellings, &self.key);
        let len = metric_len(key.len());
        let held = self.buffer.len().saturating_add(self.metrics_in_flight());
        let waiting = direct
            .bodies
            .iter()
            .fold(0u64, |sum, (_, metrics)| sum.saturating_add(*metrics));
        let held = held.saturating_add(usize::try_from(waiting).unwrap_or(usize::MAX));
        let elsewhere = self
            .bytes_in_flight()
            .saturating_add(self.buffer.byte_len());
        let bytes = direct
            .bodies
            .iter()
            .fold(elsewhere, |sum, (body, _)| sum.saturating_add(body.len()));
        if held >= self.config.max_buffered_samples
            || bytes.saturating_add(len) > MAX_BUFFERED_BYTES
        {
            return Err(buffer_full(draft.name()));
        }
        let most = u64::try_from(self.config.max_batch_samples).unwrap_or(u64::MAX);
        let fits = |(body, metrics): &&mut (Vec<u8>, u64)| {
            *metrics < most && body.len().saturating_add(len) <= MAX_BATCH_BYTES
        };
        match direct.bodies.last_mut().filter(fits) {
            Some((body, metrics)) => {
                put_metric(body, key, sample.value);
                *metrics = metrics.saturating_add(1);
            }
            None => {
                let mut body = vec![0; FRAME_HEADER_LEN];
                put_metric(&mut body, key, sample.value);
                direct.bodies.push((body, 1));
            }
        }
        add(&self.account.taken, 1);
        Ok(())
    }

    /// Puts the samples of one `push` call in flight.
    pub fn launch(&mut self, direct: Direct, now: f64) -> Vec<Push> {
        let expires = now + FLUSH_BUDGET_MS + SETTLE_GRACE_MS;
        let pushes = direct.bodies.into_iter().map(|(mut body, metrics)| {
            set_frame_header(&mut body);
            let id = next(&mut self.next_id);
            self.flights.push(Flight {
                id,
                metrics,
                bytes: body.len(),
                sequences: (0, 0),
                buffered: false,
                expires,
            });
            Push { id, metrics, body }
        });
        pushes.collect()
    }

    /// Checks a sample, and makes its key unless its spelling has it.
    fn prepare<'a>(
        &mut self,
        draft: &Draft<'a>,
        trusted: &TrustedLabels,
        events: &mut Vec<Event>,
    ) -> Result<Prepared, Refusal<'a>> {
        let Self {
            labels,
            key,
            series,
            spellings,
            config,
            ..
        } = self;
        let found = draft
            .spelling()
            .map(|spelling| spellings.find(spelling, trusted, series.helps()));
        let unknown = match found {
            Some(Ok((index, known))) => {
                let kind = draft.kind();
                if let Some(value) = legal_value(kind, draft.value()) {
                    return Ok(Prepared {
                        kind,
                        value,
                        hash: known.key_hash,
                        spelling: Some(index),
                        sequence: known.sequence,
                    });
                }
                None // what is wrong with the value is found below
            }
            Some(Err(unknown)) => unknown,
            None => None,
        };
        let name = draft.name();
        let helps = series.helps();
        let checked = draft.check(labels, trusted).and_then(|sample| {
            let id = pin(series, name, sample.kind(), sample.help())?;
            key.clear();
            let tail = put_key(key, &sample, series.help(id));
            // The help is no part of what a series is.
            let hash = series.hash(id, key.get(tail..).unwrap_or_default());
            let admission = series.admit(id, hash, config.max_series_per_metric);
            Ok((id, sample.kind(), sample.value(), admission))
        });
        let (id, kind, value, admission) = checked?;
        if let Admission::Overflow { first } = admission {
            if first {
                let most = config.max_series_per_metric;
                events.push(Event::Overflow {
                    metric: name.to_owned(),
                    most,
                });
            }
            self.fold_into_overflow(id, name, kind, value);
        }
        let hash = self.buffer.hash(&self.key);
        // Overflow is counted sample by sample, and with a help that is new the keys of before are
        // different ones.
        let lasting = admission == Admission::Admitted && self.series.helps() == helps;
        let spelling = unknown
            .filter(|_| lasting)
            .and_then(|unknown| self.spellings.remember(unknown, &self.key, hash));
        Ok(Prepared {
            kind,
            value,
            hash,
            spelling,
            sequence: u64::MAX,
        })
    }

    /// Notes the entry that took a sample, for the next one in the same spelling.
    fn note(&mut self, sample: &Prepared, sequence: u64) {
        if let Some(spelling) = sample.spelling
            && sequence != sample.sequence
        {
            self.spellings.note_sequence(spelling, sequence);
        }
    }

    fn fold_into_overflow(&mut self, id: MetricId, name: &str, kind: Kind, value: f64) {
        self.labels.fold_into_overflow();
        // The name and the value were found legal a moment ago.
        if let Ok(sample) = crate::sample::Sample::new(kind, name, value, &self.labels, None) {
            self.key.clear();
            put_key(&mut self.key, &sample, self.series.help(id));
        }
    }

    /// Counts samples beyond what one call may carry.
    pub fn count_excess(&self, samples: usize) {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        self.account.refused.add(Reason::TooLarge.as_str(), samples);
    }

    fn count<'a>(&self, refusal: Refusal<'a>) -> Refusal<'a> {
        self.account.refused.add(refusal.reason.as_str(), 1);
        refusal
    }

    /// What the call that just added samples has to do. Call it once, after the last sample.
    pub fn duty(&mut self, now: f64) -> Duty {
        self.reap(now);
        if self.buffer.is_empty() {
            return Duty::None;
        }
        let budget_end = now + FLUSH_BUDGET_MS;
        let full = self.buffer.len() >= self.config.max_batch_samples
            || self.buffer.byte_len() >= MAX_BATCH_BYTES;
        if full && self.flushes_in_flight() < MAX_FLUSHES_IN_FLIGHT {
            return Duty::Flush(Flush {
                lease: None,
                budget_end,
            });
        }
        let covered = self.lease.is_some_and(|lease| {
            now <= lease.due + LEASE_GRACE_MS && lease.budget_end - now >= MIN_COVER_MS
        });
        if covered {
            return Duty::None;
        }
        let id = next(&mut self.next_id);
        let delay_ms = f64::from(self.config.flush_interval_ms);
        self.lease = Some(Lease {
            id,
            due: now + delay_ms,
            budget_end,
        });
        Duty::Lead {
            delay_ms,
            flush: Flush {
                lease: Some(id),
                budget_end,
            },
        }
    }

    /// A flush that is asked for, at once: `flush()`, and every call when nothing is to be buffered.
    #[must_use]
    pub fn flush_now(&self, now: f64) -> Flush {
        Flush {
            lease: None,
            budget_end: now + FLUSH_BUDGET_MS,
        }
    }

    /// The leader's wait is over: whoever adds samples from now on needs a new leader.
    pub fn wake(&mut self, flush: &Flush) {
        if self
            .lease
            .is_some_and(|lease| Some(lease.id) == flush.lease)
        {
            self.lease = None;
        }
    }

    /// The next push of a flusher.
    ///
    /// What comes in while it pushes has a leader of its own, which waits its interval: without
    /// this end a busy isolate would push as fast as the gateway answers. What came in while it
    /// waited for others to finish was under its promise.
    pub fn next_push(&mut self, drain: &mut Drain, now: f64) -> Take {
        // Also when nothing is left for it: nobody must rely on a flusher that has ended.
        self.wake(&drain.flush);
        let upto = *drain.upto.get_or_insert(self.buffer.next_sequence());
        if self.buffer.first_sequence() >= upto {
            return Take::Done;
        }
        let take = self.take(&drain.flush, now);
        if let Take::Busy { .. } = take {
            drain.upto = None;
        }
        take
    }

    /// Takes the next push out of the buffer.
    pub fn take(&mut self, flush: &Flush, now: f64) -> Take {
        self.reap(now);
        // Whoever adds samples while it pushes needs a new leader; only waiting renews its promise.
        self.wake(flush);
        // An attempt that is cut short ends unknown; samples that stay can still be delivered.
        let attempt_ms = f64::from(self.config.push_timeout_ms).min(MAX_CUT_MS);
        if self.buffer.is_empty() || now + attempt_ms > flush.budget_end {
            return Take::Done;
        }
        if self.flushes_in_flight() >= MAX_FLUSHES_IN_FLIGHT {
            // What is buffered stays this flusher's to push, so it renews its promise.
            let delay_ms = BUSY_MS;
            if let (Some(id), None) = (flush.lease, self.lease) {
                let due = now + delay_ms;
                self.lease = Some(Lease {
                    id,
                    due,
                    budget_end: flush.budget_end,
                });
            }
            return Take::Busy { delay_ms };
        }
        let taken = self.buffer.take(self.config.max_batch_samples);
        let metrics = u64::try_from(taken.metrics).unwrap_or(u64::MAX);
        let id = next(&mut self.next_id);
        self.flights.push(Flight {
            id,
            metrics,
            bytes: taken.body.len(),
            sequences: (taken.first, taken.first.saturating_add(metrics)),
            buffered: true,
            expires: flush.budget_end + SETTLE_GRACE_MS,
        });
        Take::Push(Push {
            id,
            metrics,
            body: taken.body,
        })
    }

    /// Settles a push in the account. A push that was given up meanwhile stays as it was counted.
    pub fn settle(&mut self, id: u64, outcome: Outcome, retried: u32, events: &mut Vec<Event>) {
        add(&self.account.pushes_retried, u64::from(retried));
        let Some(index) = self.flights.iter().position(|flight| flight.id == id) else {
            return;
        };
        let flight = self.flights.swap_remove(index);
        match outcome {
            Outcome::Delivered { accepted, rejected } => {
                let sent = flight.metrics;
                if accepted.checked_add(rejected) != Some(sent) {
                    events.push(Event::Miscount {
                        sent,
                        accepted,
                        rejected,
                    });
                }
                let rejected = rejected.min(sent);
                add(&self.account.rejected, rejected);
                add(&self.account.delivered, sent.saturating_sub(rejected));
                add(&self.account.pushes_delivered, 1);
            }
            Outcome::Dropped(reason) => {
                self.account.dropped.add(reason, flight.metrics);
                add(&self.account.pushes_dropped, 1);
            }
            Outcome::Unknown(reason) => self.lose_track(&flight, reason),
        }
    }

    fn lose_track(&self, flight: &Flight, reason: &'static str) {
        self.account.unknown.add(reason, flight.metrics);
        add(&self.account.pushes_unknown, 1);
    }

    /// Gives up the pushes whose request is gone: they should have been settled long ago.
    ///
    /// No promise is further away than one that is made now: a clock that was set back would keep
    /// a dead one alive.
    fn reap(&mut self, now: f64) {
        let interval = f64::from(self.config.flush_interval_ms).max(BUSY_MS);
        if let Some(lease) = &mut self.lease {
            lease.due = lease.due.min(now + interval);
            lease.budget_end = lease.budget_end.min(now + FLUSH_BUDGET_MS);
        }
        for flight in &mut self.flights {
            let latest = now + FLUSH_BUDGET_MS + SETTLE_GRACE_MS;
            flight.expires = flight.expires.min(latest);
        }
        while let Some(index) = self.flights.iter().position(|flight| now > flight.expires) {
            let flight = self.flights.swap_remove(index);
            self.lose_track(&flight, CANCELLED);
        }
    }

    /// Whether every entry of `span` has been pushed and settled.
    #[must_use]
    pub fn is_settled(&self, span: Span) -> bool {
        let Span { first, last } = span;
        let buffered = last >= self.buffer.first_sequence();
        let in_flight = self.flights.iter().any(|flight| {
            let (from, to) = flight.sequences;
            from <= last && first < to
        });
        !buffered && !in_flight
    }

    /// The Worker's own metrics, when it is time to push them: after a push of samples, at most
    /// every few seconds, never more than one at a time.
    pub fn take_own(&mut self, flush: &Flush, now: f64) -> Option<Push> {
        if !self.config.self_metrics || now + MIN_ATTEMPT_MS > flush.budget_end {
            return None;
        }
        let expires = flush.budget_end + SETTLE_GRACE_MS;
        // Of its own: a gateway that knows an id from before applies nothing.
        let id = next(&mut self.next_id);
        let (mut body, metrics) = self
            .own
            .take(id, &self.account, &self.series, now, expires)?;
        set_frame_header(&mut body);
        Some(Push { id, metrics, body })
    }

    /// Settles a push of the Worker's own metrics: what was provably not applied is sent again
    /// with the next one.
    pub fn settle_own(&mut self, id: u64, outcome: Outcome) {
        self.own.settle(id, outcome);
    }

    /// Notes how long a push of samples took, for the Worker's own metrics.
    pub fn note_duration(&mut self, ms: f64) {
        if self.config.self_metrics {
            self.own.note_duration(ms);
        }
    }

    /// Notes what went wrong last, for `stats()`.
    pub fn note_error(&mut self, message: String) {
        self.last_error = Some(message);
    }

    /// What went wrong last.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// How many Metrics are buffered.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// How many Metrics are in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.flights
            .iter()
            .fold(0, |sum, flight| sum.saturating_add(flight.metrics))
    }

    /// Brings the account up to date, before it is read and before samples are let in: what is given
    /// up no longer takes up room.
    pub fn refresh(&mut self, now: f64) {
        self.reap(now);
    }

    fn metrics_in_flight(&self) -> usize {
        usize::try_from(self.in_flight()).unwrap_or(usize::MAX)
    }

    fn bytes_in_flight(&self) -> usize {
        self.flights
            .iter()
            .fold(0, |sum, flight| sum.saturating_add(flight.bytes))
    }

    fn flushes_in_flight(&self) -> usize {
        self.flights.iter().filter(|flight| flight.buffered).count()
    }
}

/// A flusher that finds as many pushes in flight as may be looks again after this, in ms.
const BUSY_MS: f64 = 50.0;
/// A flusher with less time than a whole attempt takes, or than this, in ms, takes nothing more.
const MAX_CUT_MS: f64 = 5_000.0;

fn pin<'a>(
    series: &mut SeriesGuard,
    name: &'a str,
    kind: Kind,
    help: Option<&str>,
) -> Result<MetricId, Refusal<'a>> {
    series.pin(name, kind, help).map_err(|conflict| {
        let refusal = match conflict {
            Conflict::Type(Kind::Counter) => Refusal::new(
                Reason::TypeConflict,
                Detail::Fixed("is a counter in this isolate, got a histogram"),
            ),
            Conflict::Type(Kind::Histogram) => Refusal::new(
                Reason::TypeConflict,
                Detail::Fixed("is a histogram in this isolate, got a counter"),
            ),
            Conflict::TooManyMetrics => Refusal::new(
                Reason::TooManyMetrics,
                Detail::Fixed("expected at most 2000 metric names in one isolate, got more"),
            ),
        };
        refusal.of(name)
    })
}

fn buffer_full(name: &str) -> Refusal<'_> {
    let full = Detail::Fixed("the buffer is full and this would need a new entry");
    Refusal::new(Reason::BufferFull, full).of(name)
}

fn next(id: &mut u64) -> u64 {
    *id = id.saturating_add(1);
    *id
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::account::ByReason;
    use crate::proto::PushRequest;
    use crate::value::{Reader, encode};

    /// A reporter and what a caller does with it.
    struct Harness {
        reporter: Reporter,
        account: Rc<Account>,
        events: Vec<Event>,
    }

    fn harness(vars: &[(&str, &str)]) -> Harness {
        let mut config = Config::default();
        for (name, value) in vars {
            config.set(name, value).unwrap();
        }
        let account = Rc::new(Account::default());
        let reporter = Reporter::new(config, Rc::clone(&account), 1);
        Harness {
            reporter,
            account,
            events: Vec::new(),
        }
    }

    impl Harness {
        fn add(&mut self, kind: Kind, name: &str, route: &str) -> Result<u64, Reason> {
            self.give(kind, name, 1.0, route, None)
        }

        fn give(
            &mut self,
            kind: Kind,
            name: &str,
            value: f64,
            route: &str,
            help: Option<&str>,
        ) -> Result<u64, Reason> {
            let mut bytes = Vec::new();
            encode::text(&mut bytes, name);
            encode::number(&mut bytes, value);
            encode::labels(&mut bytes, &[("route", route)]);
            if let Some(help) = help {
                encode::labels(&mut bytes, &[("help", help)]); // the second object is options
            }
            let draft = Draft::from_arguments(kind, Reader::new(&bytes));
            let trusted = TrustedLabels::default();
            self.reporter
                .accept(draft, &trusted, &mut self.events)
                .map_err(|r| r.reason)
        }

        fn incr(&mut self, route: &str) -> Result<u64, Reason> {
            self.add(Kind::Counter, "requests_total", route)
        }

        fn lead(&mut self, now: f64) -> Flush {
            match self.reporter.duty(now) {
                Duty::Lead { flush, .. } => flush,
                other => panic!("{other:?}"),
            }
        }

        fn take(&mut self, flush: &Flush, now: f64) -> Push {
            match self.reporter.take(flush, now) {
                Take::Push(push) => push,
                other => panic!("{other:?}"),
            }
        }

        fn settle(&mut self, id: u64, outcome: Outcome) {
            self.reporter.settle(id, outcome, 0, &mut self.events);
        }

        /// taken, coalesced, delivered, dropped, unknown, buffered, in flight; after checking that
        /// they add up.
        fn account(&self) -> [u64; 7] {
            let a = &self.account;
            let buffered = self.reporter.buffered() as u64;
            assert_eq!(a.pending(), buffered + self.reporter.in_flight());
            [
                a.taken.get(),
                a.coalesced.get(),
                a.delivered.get(),
                a.dropped.total(),
                a.unknown.total(),
                buffered,
                self.reporter.in_flight(),
            ]
        }
    }

    fn reasons(counts: &ByReason) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        counts.for_each(|reason, n| all.push((reason.to_owned(), n)));
        all
    }

    const OK: Outcome = Outcome::Delivered {
        accepted: 1,
        rejected: 0,
    };

    #[test]
    fn the_first_call_leads_and_the_others_have_nothing_to_do() {
        let mut h = harness(&[]);
        assert_eq!(h.reporter.duty(0.0), Duty::None, "nothing is buffered");
        h.incr("/").unwrap();
        let flush = h.lead(0.0);
        h.incr("/").unwrap();
        assert_eq!(h.reporter.duty(10.0), Duty::None);
        h.reporter.wake(&flush);
        let push = h.take(&flush, 1_000.0);
        assert_eq!(h.account(), [2, 1, 0, 0, 0, 0, 1]);
        assert_eq!(h.reporter.take(&flush, 1_000.0), Take::Done);
        h.settle(push.id, OK);
        assert_eq!(h.account(), [2, 1, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn a_leader_that_vanishes_is_replaced_by_the_next_call() {
        let mut h = harness(&[]);
        h.incr("/").unwrap();
        h.lead(0.0);
        h.incr("/").unwrap();
        assert_eq!(h.reporter.duty(2_999.0), Duty::None, "it may only be late");
        let flush = h.lead(3_001.0);
        h.reporter.wake(&flush);
        assert_eq!(h.take(&flush, 4_001.0).metrics, 1);
    }

    #[test]
    fn a_push_whose_request_vanishes_is_given_up_as_unknown() {
        let mut h = harness(&[]);
        h.incr("/").unwrap();
        let flush = h.lead(0.0);
        h.reporter.wake(&flush);
        let push = h.take(&flush, 1_000.0);
        h.reporter.refresh(30_000.0);
        assert_eq!(h.account(), [1, 0, 0, 0, 0, 0, 1]);
        h.reporter.refresh(30_001.0);
        assert_eq!(reasons(&h.account.unknown), [("cancelled".to_owned(), 1)]);
        // It answers after all: what was counted stays.
        h.settle(push.id, OK);
        assert_eq!(h.account(), [1, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_flusher_leaves_what_came_in_while_it_pushed_to_the_next_leader() {
        let mut h = harness(&[("MAX_BATCH_SAMPLES", "2")]);
        for route in ["/a", "/b", "/c"] {
            h.incr(route).unwrap();
        }
        let flush = h.reporter.flush_now(0.0);
        let mut drain = Drain::from(flush);
        let Take::Push(first) = h.reporter.next_push(&mut drain, 0.0) else {
            panic!("push")
        };
        assert_eq!(first.metrics, 2);
        h.incr("/d").unwrap();
        // One batch more holds what was there at the start, and then it is over.
        let Take::Push(second) = h.reporter.next_push(&mut drain, 5.0) else {
            panic!("push")
        };
        assert_eq!(second.metrics, 2);
        h.incr("/e").unwrap();
        assert_eq!(h.reporter.next_push(&mut drain, 10.0), Take::Done);
        assert!(matches!(h.reporter.duty(10.0), Duty::Lead { .. }));
    }

    #[test]
    fn what_came_in_while_a_leader_waited_for_others_is_its_to_push() {
        let mut h = harness(&[("MAX_BATCH_SAMPLES", "1")]);
        let now = h.reporter.flush_now(0.0);
        let mut ids = Vec::new();
        for route in ["/a", "/b", "/c", "/d"] {
            h.incr(route).unwrap();
            ids.push(h.take(&now, 0.0).id);
        }
        h.incr("/e").unwrap();
        let flush = h.lead(0.0);
        h.reporter.wake(&flush);
        let mut drain = Drain::from(flush);
        assert!(matches!(
            h.reporter.next_push(&mut drain, 1_000.0),
            Take::Busy { .. }
        ));
        h.incr("/f").unwrap();
        assert_eq!(
            h.reporter.duty(1_010.0),
            Duty::None,
            "the leader renewed its promise"
        );
        h.settle(ids.remove(0), OK);
        h.settle(ids.remove(0), OK);
        assert!(matches!(
            h.reporter.next_push(&mut drain, 1_050.0),
            Take::Push(_)
        ));
        assert!(matches!(
            h.reporter.next_push(&mut drain, 1_050.0),
            Take::Push(_)
        ));
        assert_eq!(h.reporter.next_push(&mut drain, 1_050.0), Take::Done);
    }

    #[test]
    fn a_leader_that_waited_in_vain_leaves_no_promise_behind() {
        let mut h = harness(&[]);
        let other = h.reporter.flush_now(0.0);
        let mut ids = Vec::new();
        for route in ["/a", "/b", "/c", "/d"] {
            h.incr(route).unwrap();
            ids.push(h.take(&other, 0.0).id);
        }
        h.incr("/e").unwrap();
        let mut drain = Drain::from(h.lead(0.0));
        let waits = h.reporter.next_push(&mut drain, 1_000.0);
        assert!(matches!(waits, Take::Busy { .. }));
        h.settle(ids.remove(0), OK);
        h.take(&other, 1_010.0);
        assert_eq!(h.reporter.next_push(&mut drain, 1_050.0), Take::Done);
        h.incr("/f").unwrap();
        assert!(matches!(h.reporter.duty(1_060.0), Duty::Lead { .. }));
    }

    #[test]
    fn a_full_batch_is_flushed_at_once() {
        let mut h = harness(&[("MAX_BATCH_SAMPLES", "2")]);
        h.incr("/a").unwrap();
        h.lead(0.0);
        h.incr("/b").unwrap();
        h.incr("/c").unwrap();
        let Duty::Flush(flush) = h.reporter.duty(0.0) else {
            panic!("flush")
        };
        assert_eq!(h.take(&flush, 0.0).metrics, 2);
        assert_eq!(h.take(&flush, 0.0).metrics, 1);
    }

    #[test]
    fn at_most_four_flushes_are_in_flight_and_the_rest_goes_on_folding() {
        let mut h = harness(&[("MAX_BATCH_SAMPLES", "1")]);
        let flush = h.reporter.flush_now(0.0);
        let mut ids = Vec::new();
        for route in ["/a", "/b", "/c", "/d"] {
            h.incr(route).unwrap();
            ids.push(h.take(&flush, 0.0).id);
        }
        h.incr("/e").unwrap();
        assert!(matches!(h.reporter.take(&flush, 0.0), Take::Busy { .. }));
        h.incr("/e").unwrap();
        h.settle(ids.remove(0), OK);
        assert_eq!(h.take(&flush, 0.0).metrics, 1);
        assert_eq!(h.account(), [6, 1, 1, 0, 0, 0, 4]);
    }

    #[test]
    fn a_flusher_takes_nothing_that_it_has_no_time_to_push() {
        let mut h = harness(&[]);
        h.incr("/").unwrap();
        let flush = h.reporter.flush_now(0.0);
        assert_eq!(h.reporter.take(&flush, 20_001.0), Take::Done);
        assert_eq!(h.account(), [1, 0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn what_is_in_flight_counts_against_the_bound() {
        let mut h = harness(&[("MAX_BUFFERED_SAMPLES", "2")]);
        h.incr("/a").unwrap();
        let flush = h.reporter.flush_now(0.0);
        let push = h.take(&flush, 0.0);
        h.incr("/b").unwrap();
        assert_eq!(h.incr("/c"), Err(Reason::BufferFull));
        h.incr("/b").unwrap();
        h.settle(push.id, Outcome::Dropped("dns_error"));
        h.incr("/c").unwrap();
        assert_eq!(h.account(), [4, 1, 0, 1, 0, 2, 0]);
        assert_eq!(reasons(&h.account.refused), [("buffer_full".to_owned(), 1)]);
    }

    #[test]
    fn counts_that_do_not_add_up_are_noted_and_the_account_still_does() {
        for (accepted, rejected, delivered) in [(0, 0, 1), (1, 5, 0), (u64::MAX, 1, 0)] {
            let mut h = harness(&[]);
            h.incr("/").unwrap();
            let flush = h.reporter.flush_now(0.0);
            let push = h.take(&flush, 0.0);
            h.settle(push.id, Outcome::Delivered { accepted, rejected });
            assert_eq!(
                h.account(),
                [1, 0, delivered, 0, 0, 0, 0],
                "{accepted} {rejected}"
            );
            assert_eq!(
                h.events,
                [Event::Miscount {
                    sent: 1,
                    accepted,
                    rejected
                }]
            );
        }
    }

    #[test]
    fn label_sets_beyond_the_limit_fold_into_one_series_and_none_is_lost() {
        let mut h = harness(&[("MAX_SERIES_PER_METRIC", "2")]);
        for route in ["/a", "/b", "/c", "/d", "/a"] {
            h.incr(route).unwrap();
        }
        assert_eq!(
            h.account(),
            [5, 2, 0, 0, 0, 3, 0],
            "/a, /b and the overflow"
        );
        let overflow = Event::Overflow {
            metric: "requests_total".into(),
            most: 2,
        };
        assert_eq!(h.events, [overflow], "once for each metric");
    }

    /// Route, value and help of each Metric.
    fn metrics(push: &Push) -> Vec<(String, f64, Option<String>)> {
        let request = PushRequest::decode(&push.body[FRAME_HEADER_LEN..]).unwrap();
        let metrics = request.metrics.into_iter();
        metrics
            .map(|m| (m.labels["route"].clone(), m.value, m.help))
            .collect()
    }

    #[test]
    fn samples_that_look_like_earlier_ones_add_up_like_these_push_after_push() {
        let mut h = harness(&[]);
        for at in [0.0, 1_000.0] {
            let flush = h.reporter.flush_now(at);
            for route in ["/a", "/b", "/a", "/a"] {
                h.incr(route).unwrap();
            }
            h.give(Kind::Counter, "requests_total", 0.5, "/b", None)
                .unwrap();
            let push = h.take(&flush, at);
            assert_eq!(
                metrics(&push),
                [("/a".into(), 3.0, None), ("/b".into(), 1.5, None)]
            );
            h.settle(push.id, OK);
        }
    }

    #[test]
    fn of_what_looks_like_an_earlier_sample_the_value_is_checked_all_the_same() {
        let mut h = harness(&[]);
        h.incr("/").unwrap();
        for value in [-1.0, f64::NAN, f64::INFINITY] {
            let refused = h.give(Kind::Counter, "requests_total", value, "/", None);
            assert_eq!(refused, Err(Reason::BadValue), "{value}");
        }
        assert_eq!(
            h.give(Kind::Histogram, "requests_total", 1.0, "/", None),
            Err(Reason::TypeConflict)
        );
        assert_eq!(h.account(), [1, 0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn a_help_that_comes_late_goes_with_what_comes_after_it() {
        let mut h = harness(&[]);
        h.incr("/").unwrap();
        h.give(Kind::Counter, "requests_total", 1.0, "/", Some("Requests"))
            .unwrap();
        h.incr("/").unwrap();
        let flush = h.reporter.flush_now(0.0);
        let push = h.take(&flush, 0.0);
        let help = Some("Requests".to_owned());
        assert_eq!(
            metrics(&push),
            [("/".into(), 1.0, None), ("/".into(), 2.0, help)]
        );
    }

    #[test]
    fn a_name_keeps_its_type() {
        let mut h = harness(&[]);
        h.incr("/").unwrap();
        assert_eq!(
            h.add(Kind::Histogram, "requests_total", "/"),
            Err(Reason::TypeConflict)
        );
    }

    #[test]
    fn a_sample_is_settled_when_its_push_is() {
        let mut h = harness(&[]);
        let entry = |sequence| Span::with(None, sequence);
        let first = entry(h.incr("/a").unwrap());
        let flush = h.reporter.flush_now(0.0);
        assert!(!h.reporter.is_settled(first), "buffered");
        let push = h.take(&flush, 0.0);
        let second = entry(h.incr("/b").unwrap());
        assert!(!h.reporter.is_settled(first), "in flight");
        h.settle(push.id, OK);
        assert!(h.reporter.is_settled(first));
        assert!(!h.reporter.is_settled(second));
    }

    #[test]
    fn the_samples_of_a_call_are_settled_when_all_their_pushes_are() {
        // With FLUSH_INTERVAL_MS = 0 a call resolved when the push of its last sample had ended,
        // which need not be the last push: others may have taken the rest.
        let mut h = harness(&[("MAX_BATCH_SAMPLES", "1")]);
        let flush = h.reporter.flush_now(0.0);
        h.incr("/old").unwrap();
        let mut span = None;
        for route in ["/new", "/old"] {
            span = Some(Span::with(span, h.incr(route).unwrap()));
        }
        let span = span.unwrap();
        let (old, new) = (h.take(&flush, 0.0), h.take(&flush, 0.0));
        for (id, settled) in [(old.id, false), (new.id, true)] {
            h.settle(id, OK);
            assert_eq!(h.reporter.is_settled(span), settled);
        }
        h.incr("/old").unwrap();
        let span = Span::with(Some(span), h.incr("/next").unwrap());
        let (old, next) = (h.take(&flush, 0.0), h.take(&flush, 0.0));
        for (id, settled) in [(next.id, false), (old.id, true)] {
            h.settle(id, OK);
            assert_eq!(h.reporter.is_settled(span), settled);
        }
    }

    #[test]
    fn a_direct_push_keeps_its_samples_apart_and_in_batches() {
        let mut h = harness(&[("MAX_BATCH_SAMPLES", "2")]);
        let mut direct = Direct::default();
        let mut bytes = Vec::new();
        encode::text(&mut bytes, "requests_total");
        for _ in 0..3 {
            let draft = Draft::from_arguments(Kind::Counter, Reader::new(&bytes));
            let trusted = TrustedLabels::default();
            h.reporter
                .accept_direct(draft, &trusted, &mut direct, &mut h.events)
                .unwrap();
        }
        let pushes = h.reporter.launch(direct, 0.0);
        assert_eq!(pushes.iter().map(|p| p.metrics).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(h.account(), [3, 0, 0, 0, 0, 0, 3]);
        h.settle(pushes[0].id, Outcome::Unknown("deadline"));
        h.settle(pushes[1].id, OK);
        assert_eq!(h.account(), [3, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn the_workers_own_pushes_differ_in_their_numbers_from_all_others() {
        let mut h = harness(&[]);
        let flush = h.reporter.flush_now(0.0);
        let mut ids = Vec::new();
        for now in [0.0, 15_000.0] {
            h.incr("/").unwrap();
            let push = h.take(&flush, now);
            h.settle(push.id, OK);
            let own = h.reporter.take_own(&flush, now).unwrap();
            h.reporter.settle_own(own.id, OK);
            ids.extend([push.id, own.id]);
        }
        ids.dedup();
        assert_eq!(ids.len(), 4, "{ids:?}");
    }
}
