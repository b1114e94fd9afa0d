//! The flags.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, value_parser};

use crate::bucket_rules::{BucketRule, BucketRules};
use crate::check::{OWN_PREFIX, is_metric_name};
use crate::gateway::Config;
use crate::server::Limits;

/// Takes pushed metrics over gRPC and gRPC-Web, adds them up, and serves them to Prometheus at
/// /metrics and as a page at /. One process, everything in memory.
#[derive(Debug, Parser)]
#[command(
    name = "metrics-gateway",
    version,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
}

/// What the program does besides serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetch a URL and print the body; for probes where there is no curl
    Get(Get),
}

/// `metrics-gateway get URL`
#[derive(Debug, Args)]
pub struct Get {
    /// What to fetch, over plain HTTP: http://localhost:8080/metrics
    #[arg(value_name = "URL")]
    pub url: http::Uri,

    /// How long the whole answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// The flags of the service. Each can be set by the environment too.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen; port 0 lets the system choose, and the choice is printed
    #[arg(long, env = "METRICS_GATEWAY_LISTEN", hide_env_values = true, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", value_parser = parse_listen)]
    pub listen: SocketAddr,

    /// Where to serve /metrics, the page and health; --listen then only takes pushes and probes
    /// [default: the same port]
    #[arg(long, env = "METRICS_GATEWAY_ADMIN_LISTEN", hide_env_values = true, value_name = "ADDR:PORT", value_parser = parse_listen)]
    pub admin_listen: Option<SocketAddr>,

    /// Put before every pushed name
    #[arg(long, env = "METRICS_GATEWAY_PREFIX", hide_env_values = true, value_name = "PREFIX", default_value = "pushed_", value_parser = parse_prefix)]
    pub prefix: String,

    /// Upper bounds of histograms' buckets, increasing, +Inf left out. 1,5,25 for all histograms;
    /// wait_seconds=0.1,1 for one; _seconds=0.1,1 for those that end like this. May be repeated.
    /// By default _ms, _seconds, _bytes and _ratio have bounds of their own, and all others
    /// [default: 1,2.5,5,10,25,50,100,250,500,1000,2500,5000,10000,30000]
    #[arg(
        long,
        env = "METRICS_GATEWAY_BUCKETS",
        hide_env_values = true,
        value_name = "BOUNDS",
        value_delimiter = ';',
        allow_hyphen_values = true
    )]
    pub buckets: Vec<BucketRule>,

    /// Most label sets over all metrics; a histogram's counts once
    #[arg(
        long,
        env = "METRICS_GATEWAY_MAX_SERIES",
        hide_env_values = true,
        value_name = "N",
        default_value_t = 10_000
    )]
    pub max_series: usize,

    /// Forget a series when nothing was added to it for so long: 15m, 24h, 7d; off keeps all
    #[arg(long, env = "METRICS_GATEWAY_SERIES_TTL", hide_env_values = true, value_name = "DURATION", default_value = "off", value_parser = parse_ttl)]
    pub series_ttl: SeriesTtl,

    /// Answers remembered by x-push-id, so that a repeat is not applied again; 0 turns this off
    #[arg(
        long,
        env = "METRICS_GATEWAY_DEDUPE_ENTRIES",
        hide_env_values = true,
        value_name = "N",
        default_value_t = 10_000
    )]
    pub dedupe_entries: usize,

    /// Largest message of a push
    #[arg(long, env = "METRICS_GATEWAY_MAX_MESSAGE_BYTES", hide_env_values = true, value_name = "BYTES", default_value_t = 4 * 1024 * 1024, value_parser = parse_message_bytes)]
    pub max_message_bytes: usize,

    /// How long to go on serving after SIGTERM or SIGINT while /-/ready answers 503: longer than
    /// endpoints take to be withdrawn, and than a scrape interval
    #[arg(long, env = "METRICS_GATEWAY_DRAIN_SECONDS", hide_env_values = true, value_name = "SECONDS", default_value_t = 0, value_parser = value_parser!(u64).range(0..=3600))]
    pub drain_seconds: u64,

    /// How long, after that, to wait for pushes that are under way
    #[arg(long, env = "METRICS_GATEWAY_SHUTDOWN_TIMEOUT", hide_env_values = true, value_name = "SECONDS", default_value_t = 10, value_parser = value_parser!(u64).range(0..=3600))]
    pub shutdown_timeout: u64,

    /// What the page calls this gateway, to tell it from others [default: the host's name]
    #[arg(long, env = "POD_NAME", hide_env_values = true, value_name = "NAME")]
    pub pod: Option<String>,
}

/// How long a series lives after it was last added to; `None` for ever.
#[derive(Clone, Copy, Debug)]
pub struct SeriesTtl(pub Option<Duration>);

impl Serve {
    /// The limits for the ports.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            message_bytes: self.max_message_bytes,
            drain: Duration::from_secs(self.drain_seconds),
            finish: Duration::from_secs(self.shutdown_timeout),
            series_ttl: self.series_ttl.0,
        }
    }

    fn pod_name(&self) -> String {
        let host = || gethostname::gethostname().to_string_lossy().into_owned();
        self.pod.clone().unwrap_or_else(host)
    }

    /// The configuration for the core.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            prefix: self.prefix.clone(),
            buckets: BucketRules::new(&self.buckets),
            max_series: self.max_series,
            dedupe_entries: self.dedupe_entries,
            pod: self.pod_name(),
        }
    }
}

fn parse_ttl(text: &str) -> Result<SeriesTtl, String> {
    if text == "off" {
        return Ok(SeriesTtl(None));
    }
    match humantime::parse_duration(text) {
        Ok(ttl) if ttl >= Duration::from_secs(1) => Ok(SeriesTtl(Some(ttl))),
        Ok(_) => Err("expected at least 1s".to_owned()),
        Err(error) => Err(format!("expected off or a duration such as 24h: {error}")),
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
