//! The Worker's vars: how they are read, their defaults, and their bounds.

use serde::Serialize;

/// The version, with the git revision if the build knew it: `0.1.0` or `0.1.0+1a2b3c4`.
pub const VERSION: &str = env!("METRICS_REPORTER_VERSION");

/// The configuration in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Config {
    /// `FLUSH_INTERVAL_MS`: the longest time a buffered sample waits; 0 pushes before the call
    /// resolves.
    pub flush_interval_ms: u32,
    /// `MAX_BATCH_SAMPLES`: a buffer with this many samples is flushed at once; also the most
    /// Metrics in one PushRequest.
    pub max_batch_samples: usize,
    /// `MAX_BUFFERED_SAMPLES`: beyond this, samples that need a new entry are refused.
    pub max_buffered_samples: usize,
    /// `PUSH_TIMEOUT_MS`: a push attempt that takes longer is aborted.
    pub push_timeout_ms: u32,
    /// `MAX_SERIES_PER_METRIC`: beyond this, new label sets fold into `{overflow="true"}`.
    pub max_series_per_metric: usize,
    /// `GATEWAY_URL`: scheme, host and port of the gateway, without a path.
    pub gateway_url: String,
    /// `GATEWAY_DEDUPES`: the gateway drops repeats of one `x-push-id`.
    pub gateway_dedupes: bool,
    /// `SELF_METRICS`: push the Worker's own metrics too.
    pub self_metrics: bool,
    /// `REJECT_INVALID`: reject invalid samples loudly.
    pub reject_invalid: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            flush_interval_ms: 1000,
            max_batch_samples: 1000,
            max_buffered_samples: 10_000,
            push_timeout_ms: 5000,
            max_series_per_metric: 2000,
            gateway_url: String::from("http://gateway"),
            gateway_dedupes: false,
            self_metrics: true,
            reject_invalid: false,
        }
    }
}

/// The vars in force and the Worker's version, for `stats()`.
#[derive(Debug, Serialize)]
pub struct Settings<'a> {
    #[serde(flatten)]
    config: &'a Config,
    #[serde(rename = "VERSION")]
    version: &'static str,
}

/// A var with an invalid value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidVar {
    expected: &'static str,
    /// The value that is used instead; if `None`, the default.
    bound: Option<u32>,
}

impl InvalidVar {
    fn of(expected: &'static str) -> Self {
        Self {
            expected,
            bound: None,
        }
    }

    /// The expected value, and the value that is used instead.
    #[must_use]
    pub fn message(&self) -> String {
        let Self { expected, bound } = self;
        match bound {
            Some(bound) => format!("{expected}; {bound} holds"),
            None => format!("{expected}; the default holds"),
        }
    }
}

/// The names of all vars, in the order of the documentation.
pub const VARS: [&str; 9] = [
    "FLUSH_INTERVAL_MS",
    "MAX_BATCH_SAMPLES",
    "MAX_BUFFERED_SAMPLES",
    "PUSH_TIMEOUT_MS",
    "MAX_SERIES_PER_METRIC",
    "GATEWAY_URL",
    "GATEWAY_DEDUPES",
    "SELF_METRICS",
    "REJECT_INVALID",
];

impl Config {
    /// Sets the var `name` to `text`. A number beyond its bound is set to the bound, which is
    /// closer to the operator's intent than the default.
    ///
    /// # Errors
    ///
    /// [`InvalidVar`] when `text` is not a legal value. An unknown name is not an error, because the
    /// environment also holds other bindings.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), InvalidVar> {
        match name {
            "FLUSH_INTERVAL_MS" => {
                let expected = "expected a whole number of milliseconds from 0 to 10000";
                number(text, 0, 10_000, expected, |n| self.flush_interval_ms = n)
            }
            "MAX_BATCH_SAMPLES" => {
                let expected = "expected a whole number from 1 to 10000";
                count(text, 10_000, expected, |n| self.max_batch_samples = n)
            }
            "MAX_BUFFERED_SAMPLES" => {
                let expected = "expected a whole number from 1 to 100000";
                count(text, 100_000, expected, |n| self.max_buffered_samples = n)
            }
            "PUSH_TIMEOUT_MS" => {
                let expected = "expected a whole number of milliseconds from 1 to 20000";
                number(text, 1, 20_000, expected, |n| self.push_timeout_ms = n)
            }
            "MAX_SERIES_PER_METRIC" => {
                let expected = "expected a whole number from 1 to 100000";
                count(text, 100_000, expected, |n| self.max_series_per_metric = n)
            }
            "GATEWAY_URL" => {
                let expected =
                    "expected http:// or https://, a host and perhaps a port, without a path";
                let url = origin(text).ok_or(InvalidVar::of(expected))?;
                url.clone_into(&mut self.gateway_url);
                Ok(())
            }
            "GATEWAY_DEDUPES" => switch(text, &mut self.gateway_dedupes),
            "SELF_METRICS" => switch(text, &mut self.self_metrics),
            "REJECT_INVALID" => switch(text, &mut self.reject_invalid),
            _ => Ok(()),
        }
    }

    /// Every var and its value in force.
    #[must_use]
    pub fn settings(&self) -> Settings<'_> {
        Settings {
            config: self,
            version: VERSION,
        }
    }
}

fn number(
    text: &str,
    least: u32,
    most: u32,
    expected: &'static str,
    set: impl FnOnce(u32),
) -> Result<(), InvalidVar> {
    match whole(text) {
        Some(number) if number > most => {
            set(most);
            Err(InvalidVar {
                expected,
                bound: Some(most),
            })
        }
        Some(number) if number >= least => {
            set(number);
            Ok(())
        }
        _ => Err(InvalidVar::of(expected)),
    }
}

fn count(
    text: &str,
    most: u32,
    expected: &'static str,
    set: impl FnOnce(usize),
) -> Result<(), InvalidVar> {
    number(text, 1, most, expected, |n| {
        set(usize::try_from(n).unwrap_or(usize::MAX));
    })
}

/// Parses a whole number in decimal. A number too large for the type becomes the largest.
fn whole(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

fn switch(text: &str, var: &mut bool) -> Result<(), InvalidVar> {
    *var = match text.trim() {
        "true" => true,
        "false" => false,
        _ => return Err(InvalidVar::of(r#"expected "true" or "false""#)),
    };
    Ok(())
}

/// Parses a scheme and an authority. A trailing slash is accepted.
fn origin(text: &str) -> Option<&str> {
    let text = text.trim();
    let text = text.strip_suffix('/').unwrap_or(text);
    let authority = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))?;
    let bytes = authority.as_bytes();
    let end_of_host = match bytes.first()? {
        b'[' => bytes.iter().position(|&b| b == b']')?.saturating_add(1),
        _ => bytes.iter().position(|&b| b == b':').unwrap_or(bytes.len()),
    };
    let (host, port) = bytes.split_at_checked(end_of_host)?;
    let (host, others) = match host {
        [b'[', address @ .., b']'] => (address, &b":."[..]),
        name => (name, &b"-._"[..]),
    };
    let host_is_legal = !host.is_empty()
        && host
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || others.contains(b));
    let port_is_legal = match port {
        [] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
                && std::str::from_utf8(digits)
                    .is_ok_and(|port| whole(port).is_some_and(|port| (1..=65_535).contains(&port)))
        }
        _ => false,
    };
    (host_is_legal && port_is_legal).then_some(text)
}

/// Checks that a secret fits into a header, which allows visible ASCII only; `None` if it is empty.
///
/// White space around it is removed: a secret read from a file often ends in a newline.
///
/// # Errors
///
/// A description of the expected value, when `text` has other characters.
pub fn access_secret(text: &str) -> Result<Option<&str>, &'static str> {
    let text = text.trim();
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("expected visible ASCII characters, got others");
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_var_is_read_and_reported() {
        let mut config = Config::default();
        for (name, text) in [
            ("FLUSH_INTERVAL_MS", "0"),
            ("MAX_BATCH_SAMPLES", "1"),
            ("MAX_BUFFERED_SAMPLES", " 2 "),
            ("PUSH_TIMEOUT_MS", "3"),
            ("MAX_SERIES_PER_METRIC", "4"),
            ("GATEWAY_URL", "https://10.0.0.1:8443/"),
            ("GATEWAY_DEDUPES", "true"),
            ("SELF_METRICS", "false"),
            ("REJECT_INVALID", "true"),
            ("METRICS_GATEWAY", "not a var"),
        ] {
            assert_eq!(config.set(name, text), Ok(()), "{name}");
        }
        assert_eq!(
            serde_json::to_value(&config).unwrap(),
            serde_json::json!({
                "FLUSH_INTERVAL_MS": 0,
                "MAX_BATCH_SAMPLES": 1,
                "MAX_BUFFERED_SAMPLES": 2,
                "PUSH_TIMEOUT_MS": 3,
                "MAX_SERIES_PER_METRIC": 4,
                "GATEWAY_URL": "https://10.0.0.1:8443",
                "GATEWAY_DEDUPES": true,
                "SELF_METRICS": false,
                "REJECT_INVALID": true,
            })
        );
    }

    #[test]
    fn a_gateway_has_a_name_or_an_address_and_perhaps_a_port() {
        let mut config = Config::default();
        for url in [
            "http://gateway",
            "http://my_gateway.svc.cluster.local:8080",
            "https://10.0.0.1:443",
            "http://[::1]",
            "http://[fd00::1]:8080",
        ] {
            assert_eq!(config.set("GATEWAY_URL", url), Ok(()), "{url}");
            assert_eq!(config.gateway_url, url);
        }
    }

    #[test]
    fn a_secret_is_what_a_header_can_hold() {
        assert_eq!(access_secret("ab.access\n"), Ok(Some("ab.access")));
        assert_eq!(access_secret(" \n"), Ok(None));
        for text in ["a\nb", "a b", "a\0", "\u{e9}", "\u{20ac}"] {
            assert!(access_secret(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_number_beyond_its_bound_is_cut_to_it_and_said_to_be() {
        for (name, text, bound) in [
            ("FLUSH_INTERVAL_MS", "10001", 10_000),
            ("MAX_BATCH_SAMPLES", "99999999999999999999", 10_000),
            ("MAX_BUFFERED_SAMPLES", "1000000", 100_000),
            ("PUSH_TIMEOUT_MS", "60000", 20_000),
            ("MAX_SERIES_PER_METRIC", "100001", 100_000),
        ] {
            let mut config = Config::default();
            let invalid = config.set(name, text).unwrap_err();
            assert!(
                invalid.message().ends_with(&format!("; {bound} holds")),
                "{name}={text}: {}",
                invalid.message()
            );
            assert_eq!(serde_json::to_value(&config).unwrap()[name], bound);
        }
    }

    #[test]
    fn a_var_that_does_not_parse_leaves_the_default() {
        let mut config = Config::default();
        for (name, text) in [
            ("FLUSH_INTERVAL_MS", "-1"),
            ("FLUSH_INTERVAL_MS", "+1"),
            ("FLUSH_INTERVAL_MS", "1.5"),
            ("FLUSH_INTERVAL_MS", ""),
            ("MAX_BATCH_SAMPLES", "0"),
            ("MAX_BUFFERED_SAMPLES", "many"),
            ("PUSH_TIMEOUT_MS", "0"),
            ("MAX_SERIES_PER_METRIC", "0"),
            ("GATEWAY_URL", "gateway:8080"),
            ("GATEWAY_URL", "http://"),
            ("GATEWAY_URL", "http://gateway/path"),
            ("GATEWAY_URL", "http://user@gateway"),
            ("GATEWAY_URL", "http://gateway:"),
            ("GATEWAY_URL", "http://gateway:http"),
            ("GATEWAY_URL", "http://gateway: 80"),
            ("GATEWAY_URL", "http://gateway:80:80"),
            ("GATEWAY_URL", "http://gateway:65536"),
            ("GATEWAY_URL", "http://:80"),
            ("GATEWAY_URL", "http://["),
            ("GATEWAY_URL", "http://[]"),
            ("GATEWAY_URL", "http://[::1]80"),
            ("GATEWAY_DEDUPES", "yes"),
            ("SELF_METRICS", "1"),
            ("REJECT_INVALID", "TRUE"),
        ] {
            assert!(config.set(name, text).is_err(), "{name}={text}");
        }
        assert_eq!(config, Config::default());
    }
}
