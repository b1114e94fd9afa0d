//! The rules, without a socket.

use super::*;
use crate::answer::Answer;
use crate::buckets::Buckets;
use crate::exposition::{Format, Scrape};
use crate::proto::{Metric, MetricType};
use crate::reason::Reason;

mod conflicts;
mod expiry;
mod open_metrics;
mod repeats;
mod sums;

fn gateway() -> Gateway {
    Gateway::new(Config {
        buckets: Buckets::new(&[10.0, 100.0]).unwrap().into(),
        max_series: 4,
        dedupe_entries: 2,
        ..Config::default()
    })
}

fn metric(name: &str, kind: MetricType, value: f64, labels: &[(&str, &str)]) -> Metric {
    Metric {
        name: name.to_owned(),
        r#type: kind.into(),
        value,
        labels: labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        help: None,
    }
}

fn counter(name: &str, value: f64, labels: &[(&str, &str)]) -> Metric {
    metric(name, MetricType::Counter, value, labels)
}

fn histogram(name: &str, value: f64, labels: &[(&str, &str)]) -> Metric {
    metric(name, MetricType::Histogram, value, labels)
}

fn push(gateway: &mut Gateway, metrics: &[Metric]) -> Applied {
    push_at(gateway, metrics, 0)
}

fn push_at(gateway: &mut Gateway, metrics: &[Metric], now_ms: u64) -> Applied {
    match gateway.push(None, &Push::from(metrics), now_ms).unwrap() {
        Pushed::Applied(applied) => applied,
        Pushed::Repeat(_) => panic!("no id, no repeat"),
    }
}

/// All of `/metrics`.
fn text(gateway: &Gateway, format: Format) -> String {
    let mut scrape = Scrape::new(format);
    std::iter::from_fn(|| scrape.next(gateway)).collect()
}

/// The pushed part of `/metrics`.
fn pushed(gateway: &Gateway) -> String {
    let text = text(gateway, Format::Plain);
    let (pushed, _own) = text.split_once("# HELP metrics_gateway_").unwrap();
    pushed.to_owned()
}

fn refused(applied: &Applied) -> Vec<(&str, Reason, &str, u64)> {
    applied
        .examples
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                one.rejection.reason,
                one.rejection.message.as_str(),
                one.count,
            )
        })
        .collect()
}
