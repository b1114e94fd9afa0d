//! The flags.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, value_parser};

use crate::buckets::Buckets;
use crate::check::{OWN_PREFIX, is_metric_name};
use crate::gateway::Config;
use crate::server::Limits;

/// Reference metrics gateway: takes pushed metrics over gRPC and gRPC-Web on one port, and serves
/// them as Prometheus text at /metrics and as a page at /. One process, everything in memory.
#[derive(Debug, Parser)]
#[command(name = "metrics-gateway", version, disable_help_subcommand = true)]
pub struct Cli {
    /// Where to listen; port 0 lets the system choose, and the choice is printed
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", value_parser = parse_listen)]
    pub listen: SocketAddr,

    /// Put before every pushed name
    #[arg(long, value_name = "PREFIX", default_value = "pushed_", value_parser = parse_prefix)]
    pub prefix: String,

    /// Upper bounds of every histogram's buckets, increasing, +Inf left out; the default is for
    /// milliseconds
    #[arg(long, value_name = "BOUNDS", default_value = Buckets::DEFAULT, allow_hyphen_values = true)]
    pub buckets: Buckets,

    /// Most label sets over all metrics; a histogram's counts once
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub max_series: usize,

    /// Answers remembered by x-push-id, so that a repeat is not applied again; 0 turns this off
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub dedupe_entries: usize,

    /// Largest message of a push
    #[arg(long, value_name = "BYTES", default_value_t = 4 * 1024 * 1024, value_parser = parse_message_bytes)]
    pub max_message_bytes: usize,

    /// How long a shutdown waits for pushes that are under way
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = value_parser!(u64).range(0..=3600))]
    pub shutdown_timeout: u64,
}

impl Cli {
    /// What the port needs to know.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            message_bytes: self.max_message_bytes,
            drain: Duration::from_secs(self.shutdown_timeout),
        }
    }

    /// What the core needs to know.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            prefix: self.prefix.clone(),
            buckets: self.buckets.clone(),
            max_series: self.max_series,
            dedupe_entries: self.dedupe_entries,
        }
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
    })
}

fn parse_prefix(text: &str) -> Result<String, String> {
    const MAX_LEN: usize = 64;
    if text.len() > MAX_LEN {
        return Err(format!(
            "expected at most {MAX_LEN} bytes, found {}",
            text.len()
        ));
    }
    if !text.is_empty() && !is_metric_name(text) {
        return Err("expected the start of a metric name, [a-zA-Z_:][a-zA-Z0-9_:]*".to_owned());
    }
    if text.starts_with(OWN_PREFIX) {
        return Err(format!(
            "expected a prefix other than {OWN_PREFIX}*, which is the gateway's own"
        ));
    }
    Ok(text.to_owned())
}

fn parse_message_bytes(text: &str) -> Result<usize, String> {
    const MAX: usize = 64 * 1024 * 1024;
    match text.parse() {
        Ok(bytes) if (1..=MAX).contains(&bytes) => Ok(bytes),
        _ => Err(format!("expected 1 to {MAX} bytes")),
    }
}
