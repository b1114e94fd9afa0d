//! The arguments of callers, from JSON to the bytes of a push.
//!
//! The input is a byte of settings, followed by calls. A call is a byte that selects the method, a
//! little-endian length of two bytes, and that many bytes of JSON: an array of the binding's labels
//! and the arguments. A string in place of a list of samples is packed samples.
//!
//! The target checks that nothing panics, that accepted samples are legal by an independent copy of
//! the rules, and that refused samples change nothing. It decodes the pushes with prost and
//! compares them with a simple model of the buffer: counters added up, observations one by one in
//! order, one help and one type per name, and the limit on series. The ledger adds up at every
//! step.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use grpc_web_unary::FRAME_HEADER_LEN;
use libfuzzer_sys::fuzz_target;
use metrics_gateway_worker::config::Config;
use metrics_gateway_worker::delivery::policy::Outcome;
use metrics_gateway_worker::delivery::{Direct, Drain, Ledger, Reporter, Take};
use metrics_gateway_worker::sample::{
    Given, Kind, Labels, Reason, Refusal, Row, Sample, TrustedLabels, Value, read_packed,
    rows_of_packed, without_lone_surrogates,
};
use prost::Message as _;

#[path = "../wire.rs"]
mod wire;

use wire::{Metric, PushRequest};

type LabelSet = BTreeMap<String, String>;

/// A Metric in the model.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    name: String,
    kind: Kind,
    labels: LabelSet,
    help: Option<String>,
    value: f64,
}

impl Entry {
    fn from_wire(metric: Metric) -> Self {
        Self {
            name: metric.name,
            kind: match metric.kind {
                1 => Kind::Counter,
                3 => Kind::Histogram,
                other => panic!("type {other} on the wire"),
            },
            labels: metric.labels,
            help: metric.help,
            value: metric.value,
        }
    }

    fn same_series(&self, other: &Self) -> bool {
        let same_labels = identity(&self.labels) == identity(&other.labels);
        self.name == other.name && same_labels && self.help == other.help
    }
}

/// The labels that identify a series: an empty value is the same as no label.
fn identity(labels: &LabelSet) -> Vec<(String, String)> {
    let labels = labels.clone().into_iter();
    labels.filter(|(_, value)| !value.is_empty()).collect()
}

/// The state of a name.
struct Pinned {
    kind: Kind,
    help: Option<String>,
    series: BTreeSet<Vec<(String, String)>>,
}

#[derive(Default)]
struct Model {
    pinned: BTreeMap<String, Pinned>,
    buffered: Vec<Entry>,
    taken: u64,
    coalesced: u64,
}

impl Model {
    /// The entry for a legal sample; `None` when its name has the other type.
    fn entry(&mut self, sample: Entry, trusted: &LabelSet, max_series: usize) -> Option<Entry> {
        let pinned = self
            .pinned
            .entry(sample.name.clone())
            .or_insert_with(|| Pinned {
                kind: sample.kind,
                help: None,
                series: BTreeSet::new(),
            });
        if pinned.kind != sample.kind {
            return None;
        }
        if pinned.help.is_none() {
            pinned.help.clone_from(&sample.help);
        }
        let series = identity(&sample.labels);
        let known = pinned.series.contains(&series);
        let mut entry = Entry {
            help: pinned.help.clone(),
            ..sample
        };
        if !known && pinned.series.len() >= max_series {
            entry.labels.clone_from(trusted);
            entry.labels.insert("overflow".into(), "true".into());
        } else {
            pinned.series.insert(series);
        }
        Some(entry)
    }

    /// Adds to the buffer; `false` if a sum would not be finite.
    fn add(&mut self, entry: Entry) -> bool {
        let held = self
            .buffered
            .iter_mut()
            .find(|held| held.kind == Kind::Counter && held.same_series(&entry));
        match held {
            Some(held) if entry.kind == Kind::Counter => {
                let sum = held.value + entry.value;
                if !sum.is_finite() {
                    return false;
                }
                held.value = sum;
                self.coalesced += 1;
            }
            _ => self.buffered.push(entry),
        }
        self.taken += 1;
        true
    }
}

fn is_name(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().all(word) && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// The rules of the data model and our limits, written independently.
fn assert_legal(entry: &Entry) {
    assert!(is_name(&entry.name) && entry.name.len() <= 200, "{entry:?}");
    for suffix in ["_bucket", "_sum", "_count"] {
        assert!(!entry.name.ends_with(suffix), "{entry:?}");
    }
    assert!(entry.value.is_finite(), "{entry:?}");
    assert!(
        entry.kind == Kind::Histogram || entry.value.is_sign_positive(),
        "{entry:?}"
    );
    assert!(entry.labels.len() <= 32, "{entry:?}");
    for (name, value) in &entry.labels {
        assert!(is_name(name) && name.len() <= 200, "{entry:?}");
        assert!(!name.starts_with("__"), "{entry:?}");
        assert!(name != "le" && name != "quantile", "{entry:?}");
        assert!(value.len() <= 1024, "{entry:?}");
    }
    if let Some(help) = &entry.help {
        assert!((1..=1024).contains(&help.len()), "{entry:?}");
    }
}

/// The sample in the model.
fn entry_of(sample: &Sample<'_>) -> Entry {
    let series = sample.series();
    let pairs: Vec<_> = series.labels().iter().collect();
    let sorted = pairs.windows(2).all(|two| two[0].0 < two[1].0);
    assert!(sorted, "sorted, each once");
    let pairs = pairs.into_iter();
    Entry {
        name: series.name().to_owned(),
        kind: series.kind(),
        labels: pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        help: series.help().map(str::to_owned),
        value: sample.value(),
    }
}

/// The valid labels of the binding, read from a sample without other labels.
fn trusted_set(trusted: &TrustedLabels) -> Option<LabelSet> {
    let labels = Labels::new(Value::Undefined, trusted).ok()?;
    let pairs = labels.iter();
    Some(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
}

fn decode(body: &[u8]) -> Vec<Entry> {
    let (prefix, message) = body.split_at(FRAME_HEADER_LEN);
    assert_eq!(prefix[0], 0, "flags");
    let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    assert_eq!(len as usize, message.len());
    let request = PushRequest::decode(message).expect("a PushRequest");
    request.metrics.into_iter().map(Entry::from_wire).collect()
}

struct Run {
    reporter: Reporter,
    ledger: Rc<Ledger>,
    model: Model,
    max_series: usize,
    batch: usize,
    now: f64,
}

impl Run {
    fn new(settings: u8) -> Self {
        let max_series = if settings & 1 == 0 { 2_000 } else { 3 };
        let batch = if settings & 2 == 0 { 1_000 } else { 3 };
        let mut config = Config::default();
        for (name, value) in [
            ("MAX_SERIES_PER_METRIC", max_series),
            ("MAX_BATCH_SAMPLES", batch),
            ("MAX_BUFFERED_SAMPLES", 100_000),
        ] {
            config
                .set(name, &value.to_string())
                .expect("within its bounds");
        }
        let ledger = Rc::new(Ledger::default());
        Self {
            reporter: Reporter::new(config, Rc::clone(&ledger), settings.into()),
            ledger,
            model: Model::default(),
            max_series,
            batch,
            now: 0.0,
        }
    }

    fn check_ledger(&self) {
        assert_eq!(self.ledger.taken.get(), self.model.taken);
        assert_eq!(self.ledger.coalesced.get(), self.model.coalesced);
        assert_eq!(self.reporter.buffered(), self.model.buffered.len());
        let held = self.reporter.buffered() as u64 + self.reporter.in_flight();
        assert_eq!(self.ledger.pending(), held);
    }

    /// Passes one sample to the reporter, and checks that the reporter agrees with the model.
    fn sample(
        &mut self,
        sample: Result<Sample<'_>, Refusal>,
        trusted: &TrustedLabels,
        mut direct: Option<(&mut Direct, &mut Vec<Entry>)>,
    ) {
        let expected = match &sample {
            Ok(sample) => Ok(entry_of(sample)),
            Err(refusal) => Err(refusal.reason),
        };
        let refused = self.ledger.refused.total();
        let mut events = Vec::new();
        let reporter = &mut self.reporter;
        let answer = match &mut direct {
            Some((direct, _)) => reporter.accept_direct(sample, direct, &mut events),
            None => reporter.accept(sample, &mut events).map(|_| ()),
        };
        let outcome = match expected {
            Err(reason) => Err(reason),
            Ok(sample) => {
                assert_legal(&sample);
                let trusted = trusted_set(trusted).unwrap_or_default();
                match self.model.entry(sample, &trusted, self.max_series) {
                    None => Err(Reason::TypeConflict),
                    Some(entry) => match direct {
                        Some((_, entries)) => {
                            entries.push(entry);
                            self.model.taken += 1;
                            Ok(())
                        }
                        None if self.model.add(entry) => Ok(()),
                        None => Err(Reason::SumOverflow),
                    },
                }
            }
        };
        if let Err(refusal) = &answer {
            let message = refusal.message();
            assert!(
                !message.is_empty() && message.chars().count() < 2_000,
                "{message}"
            );
        }
        assert_eq!(answer.map_err(|refusal| refusal.reason), outcome);
        assert_eq!(
            self.ledger.refused.total(),
            refused + u64::from(outcome.is_err())
        );
    }

    fn call(&mut self, mode: u8, bytes: &[u8]) {
        let Ok(Value::Array(array)) = serde_json::from_slice(bytes) else {
            return;
        };
        let mut arguments = array.items.into_iter();
        let (trusted, _) = TrustedLabels::new(arguments.next().unwrap_or_default());
        let kind = [Kind::Counter, Kind::Histogram][usize::from(mode & 1)];
        match mode & 3 {
            0 | 1 => {
                let row = Row::of_arguments(kind, arguments, &trusted);
                each_sample(row, |sample| self.sample(sample, &trusted, None));
                self.check_ledger();
            }
            2 => each_row(arguments.next(), &trusted, |row| {
                each_sample(row, |sample| self.sample(sample, &trusted, None));
                self.check_ledger();
            }),
            _ => {
                let (mut direct, mut entries) = (Direct::default(), Vec::new());
                each_row(arguments.next(), &trusted, |row| {
                    each_sample(row, |sample| {
                        self.sample(sample, &trusted, Some((&mut direct, &mut entries)));
                    });
                });
                self.launch(direct, entries);
            }
        }
    }

    fn launch(&mut self, direct: Direct, mut entries: Vec<Entry>) {
        for push in self.reporter.launch(direct, self.now) {
            let count = entries.len().min(self.batch);
            assert_eq!(push.metrics, count as u64);
            assert_eq!(
                decode(&push.body),
                entries.drain(..count).collect::<Vec<_>>()
            );
            self.settle(push.id, push.metrics);
        }
        assert_eq!(entries, []);
        self.check_ledger();
    }

    fn settle(&mut self, id: u64, metrics: u64) {
        let outcome = Outcome::Delivered {
            accepted: metrics,
            rejected: 0,
        };
        self.reporter.settle(id, outcome, 0, &mut Vec::new());
    }

    /// Takes a push out of the buffer; `false` if there is none.
    fn take(&mut self) -> bool {
        let mut drain = Drain::from(self.reporter.flush_now(self.now));
        let push = match self.reporter.next_push(&mut drain, self.now) {
            Take::Done => {
                assert_eq!(self.model.buffered, []);
                return false;
            }
            Take::Push(push) => push,
            Take::Busy { .. } => panic!("nothing is in flight"),
        };
        let count = self.model.buffered.len().min(self.batch);
        assert_eq!(push.metrics, count as u64);
        let expected: Vec<_> = self.model.buffered.drain(..count).collect();
        assert_eq!(decode(&push.body), expected);
        self.check_ledger();
        self.settle(push.id, push.metrics);
        self.check_ledger();
        true
    }
}

/// The rows of `record` and `push`.
fn each_row(list: Option<Value<'_>>, trusted: &TrustedLabels, mut f: impl FnMut(Row<'_>)) {
    match list {
        Some(Value::Array(array)) => {
            for item in array.items {
                if let Value::Object(properties) = item {
                    f(Given::of_object(properties).into_row(None, trusted));
                }
            }
        }
        Some(Value::Text(text)) => {
            let text = without_lone_surrogates(&text);
            let list = read_packed(&text).unwrap_or_default();
            rows_of_packed(list, trusted).0.into_iter().for_each(f);
        }
        _ => {}
    }
}

/// The samples of a row, as a call takes them.
fn each_sample(row: Row<'_>, mut f: impl FnMut(Result<Sample<'_>, Refusal>)) {
    let Row { series, values } = row;
    for value in values {
        f(match &series {
            Ok(series) => value.and_then(|value| Sample::new(series, value)),
            Err(refusal) => Err(refusal.clone()),
        });
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&settings, mut rest)) = input.split_first() else {
        return;
    };
    let mut run = Run::new(settings);
    while let Some((&[mode, low, high], more)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes([low, high])).min(more.len());
        let (bytes, behind) = more.split_at(len);
        rest = behind;
        run.call(mode, bytes);
        if mode & 4 != 0 {
            run.take();
        }
    }
    while run.take() {}
    assert_eq!(run.ledger.pending(), 0);
    assert_eq!(
        run.ledger.taken.get(),
        run.ledger.coalesced.get() + run.ledger.delivered.get()
    );
});
