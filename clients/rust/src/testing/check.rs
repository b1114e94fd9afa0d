//! The reporter's rules on names, labels and values, and the gateway's on label names.

use super::{MetricType, RecordedSample};
use crate::warn::clip;

/// Why the reporter would refuse a sample, or `None` if it would take it.
///
/// `first` is the first sample taken of that name.
pub(super) fn refusal(sample: &RecordedSample, first: Option<&RecordedSample>) -> Option<String> {
    let name = &*sample.name;
    if !is_name(name) {
        return Some(format!(
            "name {:?} must match [a-zA-Z_][a-zA-Z0-9_]*",
            clip(name)
        ));
    }
    if ["_bucket", "_sum", "_count"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
    {
        return Some(format!(
            "name {:?} must not end in _bucket, _sum or _count",
            clip(name)
        ));
    }
    if sample.metric_type == MetricType::Counter && sample.value < 0.0 {
        let value = sample.value;
        return Some(format!(
            "{name:?}: an increment must not be negative, got {value}"
        ));
    }
    if let Some(RecordedSample {
        metric_type: before,
        ..
    }) = first
        && *before != sample.metric_type
    {
        let now = sample.metric_type;
        return Some(format!("{name:?} was a {before:?} before, got a {now:?}"));
    }
    for (label, _) in &sample.labels {
        if !is_name(label) {
            return Some(format!(
                "{name:?}: label {:?} must match [a-zA-Z_][a-zA-Z0-9_]*",
                clip(label)
            ));
        }
        if label.starts_with("__") || label == "le" || label == "quantile" {
            return Some(format!("{name:?}: label {label:?} is reserved"));
        }
    }
    None
}

/// Why the gateway behind the reporter would reject a sample that was taken: one metric, one set of
/// label names.
pub(super) fn rejection(sample: &RecordedSample, first: &RecordedSample) -> Option<String> {
    let (before, now) = (label_names(first), label_names(sample));
    let name = &sample.name;
    (before != now).then(|| format!("{name:?} had the labels {before:?} before, got {now:?}"))
}

fn label_names(sample: &RecordedSample) -> Vec<&str> {
    sample.labels.iter().map(|(name, _)| &**name).collect()
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
