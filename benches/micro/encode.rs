//! A legal sample to the bytes of its Metric in a PushRequest, beside prost.

use std::collections::BTreeMap;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use metrics_gateway_worker::labels::{Labels, TrustedLabels};
use metrics_gateway_worker::sample::{Kind, Sample};
use metrics_gateway_worker::wire::{put_key, put_metric};
use prost::Message as _;

use super::call::{Call, labels};

/// As the Worker does it: the key, which a known series is found by, and the Metric around it.
#[divan::bench(args = [0, 2, 8, 32])]
fn sample(bencher: Bencher<'_, '_>, count: usize) {
    with_sample(count, |sample| {
        let mut key = Vec::new();
        bench(bencher, sample, |out| {
            let sample = black_box(sample);
            key.clear();
            put_key(&mut key, sample, None);
            put_metric(out, &key, sample.value());
        });
    });
}

/// prost, when somebody has made the message for it.
#[divan::bench(args = [0, 2, 8, 32])]
fn prost_of_a_message(bencher: Bencher<'_, '_>, count: usize) {
    with_sample(count, |sample| {
        let request = request(sample);
        bench(bencher, sample, |out| {
            black_box(&request).encode(out).expect("a vector grows");
        });
    });
}

/// prost, with making the message.
#[divan::bench(args = [0, 2, 8, 32])]
fn prost_of_a_sample(bencher: Bencher<'_, '_>, count: usize) {
    with_sample(count, |sample| {
        bench(bencher, sample, |out| {
            let request = request(black_box(sample));
            request.encode(out).expect("a vector grows");
        });
    });
}

/// Into a vector that has the room, once it is known that the bytes are the same in every bench.
fn bench(bencher: Bencher<'_, '_>, sample: &Sample<'_, '_>, mut encode: impl FnMut(&mut Vec<u8>)) {
    let mut out = Vec::new();
    encode(&mut out);
    assert_eq!(out, request(sample).encode_to_vec());
    bencher.counter(BytesCount::new(out.len())).bench_local(|| {
        out.clear();
        encode(&mut out);
        black_box(&out).len()
    });
}

fn with_sample(count: usize, f: impl FnOnce(&Sample<'_, '_>)) {
    let call = Call::new(Kind::Counter, "requests", &labels(count));
    let mut found = Labels::default();
    let sample = call
        .draft()
        .and_then(|draft| draft.check(&mut found, &TrustedLabels::default()))
        .expect("legal");
    assert_eq!(sample.labels().iter().count(), count);
    f(&sample);
}

fn request(sample: &Sample<'_, '_>) -> PushRequest {
    let labels = sample.labels().iter();
    PushRequest {
        metrics: vec![Metric {
            name: sample.name().to_owned(),
            help: sample.help().map(str::to_owned),
            r#type: sample.kind() as i32,
            labels: labels.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            value: sample.value(),
        }],
    }
}

// What prost makes of metrics.proto; the crate keeps its own to itself.

#[derive(Clone, PartialEq, prost::Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    #[prost(int32, tag = "3")]
    r#type: i32,
    #[prost(btree_map = "string, string", tag = "4")]
    labels: BTreeMap<String, String>,
    #[prost(double, tag = "5")]
    value: f64,
}
