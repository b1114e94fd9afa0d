//! The reporter and its flushers, step by step.

use std::rc::Rc;

use prost::Message as _;

use super::policy::Outcome;
use super::*;
use crate::config::Config;
use crate::proto::PushRequest;
use crate::sample::{Kind, Labels, Reason, Refusal, Sample, Series, TrustedLabels, Value};
use grpc_web_unary::FRAME_HEADER_LEN;

/// A reporter, with the actions of a caller.
struct Harness {
    reporter: Reporter,
    ledger: Rc<Ledger>,
    events: Vec<Event>,
}

fn harness(vars: &[(&str, &str)]) -> Harness {
    let mut config = Config::default();
    for (name, value) in vars {
        config.set(name, value).unwrap();
    }
    let ledger = Rc::new(Ledger::default());
    let reporter = Reporter::new(config, Rc::clone(&ledger), 1);
    Harness {
        reporter,
        ledger,
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
        let trusted = TrustedLabels::default();
        let labels = Labels::new(
            Value::Object(vec![("route".into(), route.into())]),
            &trusted,
        );
        let series = Series::new(kind, name, labels.unwrap(), help.map(Into::into)).unwrap();
        let sample = Sample::new(&series, value);
        let taken = self.reporter.accept(sample, &mut self.events);
        taken.map_err(|refusal: Refusal| refusal.reason)
    }

    fn incr(&mut self, route: &str) -> Result<u64, Reason> {
        self.add(Kind::Counter, "requests_total", route)
    }

    fn lead(&mut self, now: f64) -> Flush {
        match self.reporter.duty(now) {
            Duty::FlushLater { flush, .. } => flush,
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

    /// Returns taken, coalesced, delivered, dropped, unknown, buffered and in flight, after
    /// checking that they add up.
    fn ledger(&self) -> [u64; 7] {
        let a = &self.ledger;
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

fn reasons(counts: &Reasons) -> Vec<(String, u64)> {
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
    let push = h.take(&flush, 1_000.0);
    assert_eq!(h.ledger(), [2, 1, 0, 0, 0, 0, 1]);
    assert_eq!(h.reporter.take(&flush, 1_000.0), Take::Done);
    h.settle(push.id, OK);
    assert_eq!(h.ledger(), [2, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn a_leader_that_vanishes_is_replaced_by_the_next_call() {
    let mut h = harness(&[]);
    h.incr("/").unwrap();
    h.lead(0.0);
    h.incr("/").unwrap();
    assert_eq!(h.reporter.duty(2_999.0), Duty::None, "it may only be late");
    let flush = h.lead(3_001.0);
    assert_eq!(h.take(&flush, 4_001.0).metrics, 1);
}

#[test]
fn a_push_whose_request_vanishes_is_given_up_as_unknown() {
    let mut h = harness(&[]);
    h.incr("/").unwrap();
    let flush = h.lead(0.0);
    let push = h.take(&flush, 1_000.0);
    h.reporter.refresh(30_000.0);
    assert_eq!(h.ledger(), [1, 0, 0, 0, 0, 0, 1]);
    h.reporter.refresh(30_001.0);
    assert_eq!(reasons(&h.ledger.unknown), [("cancelled".to_owned(), 1)]);
    // A late answer does not change the counts.
    h.settle(push.id, OK);
    assert_eq!(h.ledger(), [1, 0, 0, 0, 1, 0, 0]);
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
    // One more batch holds the samples that were buffered at the start. Then the flusher ends.
    let Take::Push(second) = h.reporter.next_push(&mut drain, 5.0) else {
        panic!("push")
    };
    assert_eq!(second.metrics, 2);
    h.incr("/e").unwrap();
    assert_eq!(h.reporter.next_push(&mut drain, 10.0), Take::Done);
    assert!(matches!(h.reporter.duty(10.0), Duty::FlushLater { .. }));
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
    let mut drain = Drain::from(flush);
    assert!(matches!(
        h.reporter.next_push(&mut drain, 1_000.0),
        Take::Busy { .. }
    ));
    h.incr("/f").unwrap();
    assert_eq!(
        h.reporter.duty(1_010.0),
        Duty::None,
        "its lease was renewed"
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
fn a_flusher_that_waited_in_vain_leaves_no_lease_behind() {
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
    assert!(matches!(h.reporter.duty(1_060.0), Duty::FlushLater { .. }));
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
    assert_eq!(h.ledger(), [6, 1, 1, 0, 0, 0, 4]);
}

#[test]
fn a_flusher_takes_nothing_that_it_has_no_time_to_push() {
    let mut h = harness(&[]);
    h.incr("/").unwrap();
    let flush = h.reporter.flush_now(0.0);
    let mut drain = Drain::from(flush);
    assert_eq!(h.reporter.next_push(&mut drain, 20_001.0), Take::Done);
    assert_eq!(h.ledger(), [1, 0, 0, 0, 0, 1, 0]);
    assert!(h.reporter.is_cut_short(&drain));
    let later = h.reporter.flush_now(20_001.0);
    h.take(&later, 20_001.0);
    assert!(!h.reporter.is_cut_short(&drain), "another flusher took it");
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
    assert_eq!(h.ledger(), [4, 1, 0, 1, 0, 2, 0]);
    assert_eq!(reasons(&h.ledger.refused), [("buffer_full".to_owned(), 1)]);
}

#[test]
fn counts_that_do_not_add_up_are_noted_and_the_ledger_still_does() {
    for (accepted, rejected, delivered) in [(0, 0, 1), (1, 5, 0), (u64::MAX, 1, 0)] {
        let mut h = harness(&[]);
        h.incr("/").unwrap();
        let flush = h.reporter.flush_now(0.0);
        let push = h.take(&flush, 0.0);
        h.settle(push.id, Outcome::Delivered { accepted, rejected });
        assert_eq!(
            h.ledger(),
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
    assert_eq!(h.ledger(), [5, 2, 0, 0, 0, 3, 0], "/a, /b and the overflow");
    let overflow = Event::Overflow {
        metric: "requests_total".into(),
        most: 2,
    };
    assert_eq!(h.events, [overflow], "once for each metric");
}

/// The route, value and help of each Metric.
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
    assert_eq!(h.ledger(), [1, 0, 0, 0, 0, 1, 0]);
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
    let entry = |sequence| Span::extended(None, sequence);
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
    // With FLUSH_INTERVAL_MS = 0, a call resolved when the push of its last sample ended. Other
    // flushers may still have been pushing its earlier samples.
    let mut h = harness(&[("MAX_BATCH_SAMPLES", "1")]);
    let flush = h.reporter.flush_now(0.0);
    h.incr("/old").unwrap();
    let mut span = None;
    for route in ["/new", "/old"] {
        span = Some(Span::extended(span, h.incr(route).unwrap()));
    }
    let span = span.unwrap();
    let (old, new) = (h.take(&flush, 0.0), h.take(&flush, 0.0));
    for (id, settled) in [(old.id, false), (new.id, true)] {
        h.settle(id, OK);
        assert_eq!(h.reporter.is_settled(span), settled);
    }
    h.incr("/old").unwrap();
    let span = Span::extended(Some(span), h.incr("/next").unwrap());
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
    let series = Series::new(Kind::Counter, "requests_total", Labels::default(), None).unwrap();
    for _ in 0..3 {
        let sample = Sample::new(&series, 1.0);
        h.reporter
            .accept_direct(sample, &mut direct, &mut h.events)
            .unwrap();
    }
    let pushes = h.reporter.launch(direct, 0.0);
    assert_eq!(pushes.iter().map(|p| p.metrics).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(h.ledger(), [3, 0, 0, 0, 0, 0, 3]);
    h.settle(pushes[0].id, Outcome::Unknown("deadline"));
    h.settle(pushes[1].id, OK);
    assert_eq!(h.ledger(), [3, 0, 1, 0, 2, 0, 0]);
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
