//! Writes lines in both formats.
//!
//! [Prometheus text]: https://prometheus.io/docs/instrumenting/exposition_formats/
//! [OpenMetrics]: https://prometheus.io/docs/specs/om/open_metrics_spec/

use std::fmt::Write as _;

use crate::buckets::Buckets;

use super::Format;

/// The header above a metric's lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    pub(super) kind: &'static str,
}

impl<'a> Header<'a> {
    /// Makes the header for a format.
    ///
    /// OpenMetrics names a counter without `_total`. A counter without this ending, or whose short
    /// name is `taken`, has the type unknown there: a changed name would make it another series.
    pub(super) fn new(format: Format, header: Self, taken: impl Fn(&str) -> bool) -> Self {
        if format == Format::Plain || header.kind != "counter" {
            return header;
        }
        match header.name.strip_suffix("_total") {
            Some(name) if !taken(name) => Self { name, ..header },
            _ => Self {
                kind: "unknown",
                ..header
            },
        }
    }
}

/// The text of a piece while it is written.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) text: String,
    pub(super) format: Format,
    /// The labels of the current series, escaped once for all its lines.
    labels: String,
}

impl Writer {
    pub(super) fn new(format: Format, capacity: usize) -> Self {
        Self {
            text: String::with_capacity(capacity),
            format,
            labels: String::new(),
        }
    }

    pub(super) fn header(&mut self, header: Header<'_>) {
        let Header { name, help, kind } = header;
        if !help.is_empty() {
            let _ = write!(self.text, "# HELP {name} ");
            let quotes = self.format == Format::OpenMetrics;
            escape(help, quotes, &mut self.text);
            self.text.push('\n');
        }
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
    }

    /// Sets the labels of the lines that follow.
    pub(super) fn labels<'a>(&mut self, labels: impl Iterator<Item = (&'a str, &'a str)>) {
        self.labels.clear();
        for (name, value) in labels {
            if !self.labels.is_empty() {
                self.labels.push(',');
            }
            self.labels.push_str(name);
            self.labels.push_str("=\"");
            escape(value, true, &mut self.labels);
            self.labels.push('"');
        }
    }

    /// `name_suffix{labels} value`
    pub(super) fn sample(&mut self, name: &str, suffix: &str, value: impl std::fmt::Display) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        if !self.labels.is_empty() {
            self.text.push('{');
            self.text.push_str(&self.labels);
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// Writes all lines of a histogram's series. `counts` has each bucket's own count.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        buckets: &Buckets,
        counts: &[u64],
        sum: f64,
        count: u64,
    ) {
        let mut total = 0_u64;
        for (le, count) in buckets.le_texts().iter().zip(counts) {
            total = total.saturating_add(*count);
            let le = match self.format {
                Format::Plain => &le.plain,
                Format::OpenMetrics => &le.open_metrics,
            };
            self.bucket(name, le, total);
        }
        self.bucket(name, "+Inf", count);
        self.sample(name, "_sum", sum);
        self.sample(name, "_count", count);
    }

    fn bucket(&mut self, name: &str, le: &str, count: u64) {
        self.text.push_str(name);
        self.text.push_str("_bucket{");
        if !self.labels.is_empty() {
            self.text.push_str(&self.labels);
            self.text.push(',');
        }
        let _ = writeln!(self.text, "le=\"{le}\"}} {count}");
    }

    /// Writes the start time of a series, in OpenMetrics.
    pub(super) fn created(&mut self, name: &str, at_ms: u64) {
        let (seconds, ms) = (at_ms / 1000, at_ms % 1000);
        self.sample(name, "_created", format_args!("{seconds}.{ms:03}"));
    }

    /// Writes the last line, in OpenMetrics.
    pub(super) fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
    }
}

fn escape(text: &str, quotes: bool, out: &mut String) {
    let special = |byte: &u8| matches!(byte, b'\\' | b'\n' | b'"');
    if !text.as_bytes().iter().any(special) {
        out.push_str(text);
        return;
    }
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            _ => out.push(char),
        }
    }
}
