//! The flags.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::bucket_rules::{BucketRule, BucketRules};
use crate::check::{OWN_PREFIX, is_metric_name};
use crate::gateway::Config;
use crate::server::Limits;

/// More series or ids than any machine holds.
const MAX_COUNT: u64 = 1_000_000_000;

const MAX_MESSAGE: u64 = 64 * 1024 * 1024;

/// Receives metrics over gRPC and gRPC-Web and adds them up. Prometheus reads them at /metrics, people
/// at /. Everything is in memory: after a restart the sums start at 0.
#[derive(Debug, Parser)]
#[command(
    name = "metrics-gateway",
    version,
    next_line_help = true,
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
    /// Fetch a URL and print the body, for probes in an image without curl
    Get(Get),
}

/// `metrics-gateway get URL`
#[derive(Debug, Args)]
pub struct Get {
    /// A plain HTTP URL, such as http://localhost:8080/metrics
    #[arg(value_name = "URL")]
    pub url: http::Uri,

    /// The longest time for the whole answer
    #[arg(long, value_name = "SECONDS", default_value_t = 5, allow_negative_numbers = true, value_parser = whole::<u64, 1, 3600>)]
    pub timeout: u64,
}

/// The flags of the service. Each can be set by the environment too.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port to listen on; with port 0 the system chooses a free port, which is printed
    #[arg(long, env = "METRICS_GATEWAY_LISTEN", hide_env_values = true, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", value_parser = parse_listen)]
    pub listen: SocketAddr,

    /// A second address for /metrics, the page and health; --listen then only takes pushes and probes
    /// [default: the same port]
    #[arg(long, env = "METRICS_GATEWAY_ADMIN_LISTEN", hide_env_values = true, value_name = "ADDR:PORT", value_parser = parse_listen)]
    pub admin_listen: Option<SocketAddr>,

    /// The start of every pushed metric's name at /metrics
    #[arg(long, env = "METRICS_GATEWAY_PREFIX", hide_env_values = true, value_name = "PREFIX", default_value = "pushed_", value_parser = parse_prefix)]
    pub prefix: String,

    /// Upper bounds of histograms' buckets, in increasing order, without +Inf; may be repeated:
    ///   1,5,25               for all histograms
    ///   wait_seconds=0.1,1   for the histogram wait_seconds
    ///   _seconds=0.1,1       for histograms whose names end in _seconds
    /// Names that end in _seconds, _bytes or _ratio have their own default bounds; all other names:
    /// [default: 1,2.5,5,10,25,50,100,250,500,1000,2500,5000,10000,30000]
    #[arg(
        long,
        verbatim_doc_comment,
        env = "METRICS_GATEWAY_BUCKETS",
        hide_env_values = true,
        value_name = "BOUNDS",
        value_delimiter = ';',
        allow_hyphen_values = true
    )]
    pub buckets: Vec<BucketRule>,

    /// The most series (label sets) over all metrics; a histogram's label set counts once
    #[arg(long, env = "METRICS_GATEWAY_MAX_SERIES", hide_env_values = true, value_name = "N", default_value_t = 10_000, allow_negative_numbers = true, value_parser = whole::<usize, 1, MAX_COUNT>)]
    pub max_series: usize,

    /// Remove a series after this time without an addition, such as 15m, 24h or 7d; off: never
    #[arg(long, env = "METRICS_GATEWAY_SERIES_TTL", hide_env_values = true, value_name = "DURATION", default_value = "off", value_parser = parse_ttl)]
    pub series_ttl: SeriesTtl,

    /// The number of x-push-ids to remember, so that a repeated push is applied only once; 0: none
    #[arg(long, env = "METRICS_GATEWAY_DEDUPE_ENTRIES", hide_env_values = true, value_name = "N", default_value_t = 10_000, allow_negative_numbers = true, value_parser = whole::<usize, 0, MAX_COUNT>)]
    pub dedupe_entries: usize,

    /// The largest message of a push
    #[arg(long, env = "METRICS_GATEWAY_MAX_MESSAGE_BYTES", hide_env_values = true, value_name = "BYTES", default_value_t = 4 * 1024 * 1024, allow_negative_numbers = true, value_parser = whole::<usize, 1, MAX_MESSAGE>)]
    pub max_message_bytes: usize,

    /// After SIGTERM or SIGINT, continue to serve for this time while /-/ready answers 503; in a
    /// cluster, more than two scrape intervals
    #[arg(long, env = "METRICS_GATEWAY_DRAIN_SECONDS", hide_env_values = true, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true, value_parser = whole::<u64, 0, 3600>)]
    pub drain_seconds: u64,

    /// After the drain, the longest wait for pushes that are under way
    #[arg(long, env = "METRICS_GATEWAY_SHUTDOWN_TIMEOUT", hide_env_values = true, value_name = "SECONDS", default_value_t = 10, allow_negative_numbers = true, value_parser = whole::<u64, 0, 3600>)]
    pub shutdown_timeout: u64,

    /// The name of this gateway on the page [default: the host's name]
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

/// A whole number from `MIN` to `MAX`. The parsers of clap and of Rust only say "invalid digit".
fn whole<T: TryFrom<u64>, const MIN: u64, const MAX: u64>(text: &str) -> Result<T, String> {
    text.parse()
        .ok()
        .filter(|number| (MIN..=MAX).contains(number))
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("expected a whole number from {MIN} to {MAX}"))
}
