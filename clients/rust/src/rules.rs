//! The reporter's rules for names, labels and values. Only the reporter checks size limits.

use crate::row::Entry;
use crate::series::Kind;
use crate::warn::clip;

/// Returns the reason why the reporter would refuse a sample, or `None` if it would take it.
///
/// `before` is the type of an earlier metric with this name, if there was one.
pub(crate) fn refusal(entry: &Entry, before: Option<Kind>) -> Option<String> {
    let name = &*entry.series.name;
    if !is_name(name) {
        return Some(format!(
            "name {:?} must match [a-zA-Z_][a-zA-Z0-9_]*{}",
            clip(name),
            suggestion(name)
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
    if !entry.has_good_value() {
        let value = entry.value;
        return Some(format!(
            "a counter's increment must not be negative, got {value}"
        ));
    }
    if let Some(before) = before
        && before != entry.kind
    {
        let (before, now) = (before.as_str(), entry.kind.as_str());
        return Some(format!(
            "{:?} was a {before} before, got a {now}",
            clip(name)
        ));
    }
    entry
        .series
        .labels
        .iter()
        .find_map(|(label, _)| label_refusal(label))
}

fn label_refusal(label: &str) -> Option<String> {
    if !is_name(label) {
        return Some(format!(
            "label {:?} must match [a-zA-Z_][a-zA-Z0-9_]*{}",
            clip(label),
            suggestion(label)
        ));
    }
    let reserved = label.starts_with("__") || label == "le" || label == "quantile";
    reserved.then(|| format!("label {label:?} is reserved"))
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Names in other systems contain dots and dashes.
fn suggestion(name: &str) -> String {
    let legal = legal(clip(name));
    if legal.contains(|c: char| c.is_ascii_alphanumeric()) {
        format!("; try {legal}")
    } else {
        String::new()
    }
}

/// A name with `_` in place of each character that the wire does not allow.
pub(crate) fn legal(name: &str) -> Box<str> {
    let digit_first = name.starts_with(|c: char| c.is_ascii_digit());
    let prefix = if digit_first { "_" } else { "" };
    let chars = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    prefix.chars().chain(chars).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Series;

    fn entry(name: &str, kind: Kind, value: f64, label: &str) -> Entry {
        let series = Series {
            name: name.into(),
            labels: vec![(label.into(), "v".into())],
        };
        Entry::new(series, kind, value, None).unwrap()
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_what_to_try() {
        let counter = |name| refusal(&entry(name, Kind::Counter, 1.0, "k"), None);
        for (name, words) in [
            (
                "http.server.duration",
                r#"name "http.server.duration" must match [a-zA-Z_][a-zA-Z0-9_]*; try http_server_duration"#,
            ),
            (
                "2xx-total",
                r#"name "2xx-total" must match [a-zA-Z_][a-zA-Z0-9_]*; try _2xx_total"#,
            ),
            ("", r#"name "" must match [a-zA-Z_][a-zA-Z0-9_]*"#),
            ("…", r#"name "…" must match [a-zA-Z_][a-zA-Z0-9_]*"#),
            (
                "a_count",
                r#"name "a_count" must not end in _bucket, _sum or _count"#,
            ),
        ] {
            assert_eq!(counter(name).as_deref(), Some(words));
        }
        assert_eq!(counter("a_total"), None);
    }

    #[test]
    fn labels_values_and_types_have_rules_too() {
        for (entry, before, words) in [
            (
                entry("a_total", Kind::Counter, 1.0, "http.route"),
                None,
                r#"label "http.route" must match [a-zA-Z_][a-zA-Z0-9_]*; try http_route"#,
            ),
            (
                entry("a_ms", Kind::Histogram, 1.0, "le"),
                None,
                r#"label "le" is reserved"#,
            ),
            (
                entry("a_total", Kind::Counter, -5.0, "k"),
                None,
                "a counter's increment must not be negative, got -5",
            ),
            (
                entry("a_total", Kind::Histogram, 1.0, "k"),
                Some(Kind::Counter),
                r#""a_total" was a counter before, got a histogram"#,
            ),
        ] {
            assert_eq!(refusal(&entry, before).as_deref(), Some(words));
        }
        let observation = entry("a_ms", Kind::Histogram, -1.0, "k");
        assert_eq!(refusal(&observation, Some(Kind::Histogram)), None);
    }
}
