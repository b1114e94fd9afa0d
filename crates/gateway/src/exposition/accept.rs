//! The format that a scrape requests.

use http::HeaderMap;
use http::header::ACCEPT;

/// The format of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text format 0.0.4.
    Plain,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Chooses OpenMetrics if the request names it, unless the request prefers plain text.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let (mut open_metrics, mut plain) = (0.0, 0.0);
        let values = headers.get_all(ACCEPT).iter();
        let items = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        for item in items {
            let mut parts = item.split(';').map(str::trim);
            let wanted = match parts.next() {
                Some("application/openmetrics-text") => &mut open_metrics,
                Some("text/plain") => &mut plain,
                _ => continue,
            };
            let mut weights = parts.filter_map(|part| part.strip_prefix("q="));
            let weight = weights.next().map_or(Ok(1.0), str::parse::<f64>);
            *wanted = weight.unwrap_or(0.0).max(*wanted);
        }
        if open_metrics > 0.0 && open_metrics >= plain {
            Self::OpenMetrics
        } else {
            Self::Plain
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        for (accept, format) in [
            ("", Format::Plain),
            ("*/*", Format::Plain),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Plain),
            ("text/plain", Format::Plain),
            ("application/openmetrics-text", Format::OpenMetrics),
            // Prometheus 2 and 3
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
            // Prometheus with scrape_protocols: [PrometheusText0.0.4]
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.4", Format::Plain),
            (
                "text/plain, application/openmetrics-text;q=0.5",
                Format::Plain,
            ),
            ("application/openmetrics-text;q=0", Format::Plain),
            ("application/openmetrics-text;q=x", Format::Plain),
        ] {
            let headers = [(ACCEPT, accept.parse().unwrap())].into_iter().collect();
            assert_eq!(Format::accepted(&headers), format, "{accept}");
        }
    }
}
