//! The names that Prometheus allows, and suggestions for illegal ones.
//!
//! [Data model](https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels)

use crate::limits::{MAX_LABEL_NAME_BYTES, MAX_NAME_BYTES};

/// The error in a metric's name, if there is one.
///
/// Prometheus also allows colons but reserves them for recording rules, so they are refused here. A
/// name with a histogram's suffix would collide with the series of that histogram.
pub(crate) fn metric_name_fault(name: &str) -> Option<String> {
    if name.len() > MAX_NAME_BYTES {
        return Some("is longer than 200 bytes".into());
    }
    if !is_identifier(name) {
        return Some(not_an_identifier("a metric name", name));
    }
    let reserved = ["_bucket", "_sum", "_count"]
        .iter()
        .any(|suffix| name.ends_with(suffix));
    reserved.then(|| "ends in _bucket, _sum or _count, which are a histogram's own series".into())
}

/// The error in a label's name, if there is one.
pub(crate) fn label_name_fault(name: &str) -> Option<String> {
    if name.len() > MAX_LABEL_NAME_BYTES {
        return Some("is longer than 200 bytes".into());
    }
    if !is_identifier(name) {
        return Some(not_an_identifier("a label name", name));
    }
    if name.starts_with("__") {
        return Some("is reserved: names that start with __ belong to Prometheus".into());
    }
    let reserved = name == "le" || name == "quantile";
    reserved.then(|| "is reserved: Prometheus sets it on histograms and summaries".into())
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    let starts_well = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts_well && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn not_an_identifier(what: &str, name: &str) -> String {
    let wrong = format!("is not {what}, which is [a-zA-Z_][a-zA-Z0-9_]*");
    match suggestion(name) {
        Some(other) => format!("{wrong}; try {other}"),
        None => wrong,
    }
}

/// `name` with underscores in place of characters that other systems allow in names:
/// `http_server_duration` for `http.server.duration`.
///
/// `None` for text that is not a name in any such system.
fn suggestion(name: &str) -> Option<String> {
    let mut other = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => other.push(c),
            '.' | '-' | ':' | '/' | ' ' => other.push('_'),
            _ => return None,
        }
    }
    let other = other.trim_matches('_');
    let starts_well = other.bytes().next()?.is_ascii_alphabetic();
    starts_well.then(|| other.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_system_is_refused_with_one_that_would_do() {
        for (name, suggested) in [
            ("http.server.duration", Some("http_server_duration")),
            ("cache-hits", Some("cache_hits")),
            ("job:requests:rate5m", Some("job_requests_rate5m")),
            ("a b", Some("a_b")),
            ("-x-", Some("x")),
            ("5xx", None),
            ("...", None),
            ("größe", None),
            ("", None),
        ] {
            let fault = metric_name_fault(name).unwrap();
            let expected = suggested.map(|name| format!("; try {name}"));
            assert_eq!(fault.contains("; try "), suggested.is_some(), "{fault}");
            assert!(
                fault.ends_with(expected.as_deref().unwrap_or("*")),
                "{fault}"
            );
            if let Some(name) = suggested {
                assert_eq!(metric_name_fault(name), None);
            }
        }
        let fault = label_name_fault("http.route").unwrap();
        assert!(fault.ends_with("; try http_route"), "{fault}");
    }

    #[test]
    fn names_that_belong_to_prometheus_are_refused() {
        for name in [
            "a_bucket",
            "a_sum",
            "a_count",
            "1a",
            "a:b",
            &"x".repeat(201),
        ] {
            assert!(metric_name_fault(name).is_some(), "{name}");
        }
        for name in ["le", "quantile", "__name__", "a-b", "", &"x".repeat(201)] {
            assert!(label_name_fault(name).is_some(), "{name}");
        }
        for name in ["a", "_a", "a_total", "counts", &"x".repeat(200)] {
            assert_eq!(
                (metric_name_fault(name), label_name_fault(name)),
                (None, None)
            );
        }
    }
}
