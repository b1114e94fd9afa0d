//! The core and the protocol crate against the reference gateway over real HTTP: tonic-web
//! understands the Worker's requests, and the Worker understands its answers.

#![cfg(not(target_family = "wasm"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

use std::rc::Rc;
use std::time::Duration;

use grpc_web_unary::{BodyEnd, Code, Reply, Source, read_response, request_headers};
use metrics_gateway::Gateway;
use metrics_gateway::buckets::Buckets;
use metrics_gateway::server::{Limits, serve};
use metrics_gateway_worker::config::Config;
use metrics_gateway_worker::delivery::policy::{Judged, Outcome, Retry};
use metrics_gateway_worker::delivery::{Drain, Ledger, Push, Reporter, Take, policy};
use metrics_gateway_worker::sample::{Kind, Row, Sample, TrustedLabels, Value};

const PATH: &str = "/marqo.metrics.v1.MetricsIngest/Push";

/// A reference gateway in this process. It stops at the end of the test.
struct Server {
    url: String,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Server {
    fn start() -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let config = metrics_gateway::Config {
                    buckets: "1,10,100".parse::<Buckets>().unwrap().into(),
                    max_series: 1_000,
                    ..metrics_gateway::Config::default()
                };
                let limits = Limits {
                    finish: Duration::from_secs(1),
                    ..Limits::default()
                };
                let shutdown = async {
                    let _ = stopped.await;
                };
                serve(listener, Gateway::new(config), limits, shutdown).await;
            });
        });
        Self {
            url: format!("http://{}", told.recv().unwrap()),
            _stop: stop,
        }
    }

    fn call(&self, path: &str, push_id: &str, body: &[u8]) -> Reply {
        let agent = agent();
        let mut request = agent
            .post(format!("{}{path}", self.url))
            .header("x-push-id", push_id);
        for (name, value) in request_headers("grpc-rust-test/1.0", Some(5_000)) {
            request = request.header(name, &*value);
        }
        let mut response = request.send(body).unwrap();
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let http_status = response.status().as_u16();
        let body = response.body_mut().read_to_vec().unwrap();
        read_response(http_status, headers, &body, BodyEnd::Complete, 1024)
    }

    fn metrics(&self) -> String {
        let mut response = agent().get(format!("{}/metrics", self.url)).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    }

    fn assert_series(&self, line: &str) {
        let metrics = self.metrics();
        assert!(
            metrics.lines().any(|l| l == line),
            "expected {line} in\n{metrics}"
        );
    }
}

fn agent() -> ureq::Agent {
    // An HTTP error is a normal answer here.
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
}

fn reporter(ledger: &Rc<Ledger>) -> Reporter {
    Reporter::new(Config::default(), Rc::clone(ledger), 1)
}

fn add(reporter: &mut Reporter, kind: Kind, name: &str, value: f64, labels: &[(&str, &str)]) {
    let labels = labels.iter().map(|&(n, v)| (n.into(), v.into())).collect();
    let arguments = [name.into(), value.into(), Value::Object(labels)];
    let trusted = TrustedLabels::default();
    let row = Row::of_arguments(kind, arguments, &trusted);
    let series = row.series.unwrap();
    let sample = Sample::new(&series, value);
    reporter.accept(sample, &mut Vec::new()).unwrap();
}

fn take(reporter: &mut Reporter) -> Push {
    let mut drain = Drain::from(reporter.flush_now(0.0));
    match reporter.next_push(&mut drain, 0.0) {
        Take::Push(push) => push,
        other => panic!("{other:?}"),
    }
}

fn judge(reply: &Reply, dedupes: bool) -> (Outcome, Retry) {
    let Judged { outcome, retry, .. } = policy::judge(reply.clone(), dedupes);
    (outcome, retry)
}

#[test]
fn folded_counters_and_single_observations_arrive_as_series() {
    let server = Server::start();
    let ledger = Rc::new(Ledger::default());
    let mut reporter = reporter(&ledger);
    for value in [1.0, 2.5] {
        add(
            &mut reporter,
            Kind::Counter,
            "requests_total",
            value,
            &[("route", "/\"é\n😀")],
        );
    }
    for value in [0.5, 50.0, 5_000.0] {
        add(&mut reporter, Kind::Histogram, "latency_ms", value, &[]);
    }
    add(
        &mut reporter,
        Kind::Counter,
        "created_total",
        0.0,
        &[("a", "")],
    );
    let push = take(&mut reporter);
    let reply = server.call(PATH, "a", &push.body);
    let (outcome, retry) = judge(&reply, false);
    assert_eq!(
        (outcome, retry),
        (
            Outcome::Delivered {
                accepted: 5,
                rejected: 0
            },
            Retry::No
        )
    );
    reporter.settle(push.id, outcome, 0, &mut Vec::new());
    assert_eq!(
        (
            ledger.taken.get(),
            ledger.coalesced.get(),
            ledger.delivered.get()
        ),
        (6, 1, 5)
    );
    server.assert_series(r#"pushed_requests_total{route="/\"é\n😀"} 3.5"#);
    server.assert_series(r#"pushed_latency_ms_bucket{le="100"} 2"#);
    server.assert_series("pushed_latency_ms_sum 5050.5");
    server.assert_series("pushed_latency_ms_count 3");
    server.assert_series("pushed_created_total 0");
}

#[test]
fn what_the_gateway_rejects_is_counted_and_the_rest_applied() {
    let server = Server::start();
    let ledger = Rc::new(Ledger::default());
    // Two isolates send one name with different types.
    let mut first = reporter(&ledger);
    add(&mut first, Kind::Counter, "a", 1.0, &[]);
    assert_eq!(
        server.call(PATH, "a", &take(&mut first).body).status.code,
        Code::Ok
    );
    let mut second = reporter(&ledger);
    add(&mut second, Kind::Histogram, "a", 1.0, &[]);
    add(&mut second, Kind::Counter, "b_total", 1.0, &[]);
    let reply = server.call(PATH, "b", &take(&mut second).body);
    assert_eq!(
        judge(&reply, false).0,
        Outcome::Delivered {
            accepted: 1,
            rejected: 1
        }
    );
    server.assert_series("pushed_b_total 1");
}

#[test]
fn the_overflow_series_stands_beside_the_metrics_own_labels() {
    let server = Server::start();
    let ledger = Rc::new(Ledger::default());
    let mut config = Config::default();
    config.set("MAX_SERIES_PER_METRIC", "1").unwrap();
    let mut reporter = Reporter::new(config, Rc::clone(&ledger), 1);
    for route in ["/a", "/b", "/c"] {
        add(
            &mut reporter,
            Kind::Counter,
            "requests_total",
            1.0,
            &[("route", route)],
        );
    }
    let reply = server.call(PATH, "a", &take(&mut reporter).body);
    assert_eq!(
        judge(&reply, false).0,
        Outcome::Delivered {
            accepted: 2,
            rejected: 0
        }
    );
    server.assert_series(r#"pushed_requests_total{overflow="true"} 2"#);
}

#[test]
fn a_repeated_push_id_is_answered_from_memory() {
    let server = Server::start();
    let mut reporter = reporter(&Rc::new(Ledger::default()));
    add(&mut reporter, Kind::Counter, "a_total", 1.0, &[]);
    let push = take(&mut reporter);
    for _ in 0..3 {
        let reply = server.call(PATH, "same", &push.body);
        assert_eq!(
            judge(&reply, true).0,
            Outcome::Delivered {
                accepted: 1,
                rejected: 0
            }
        );
    }
    server.assert_series("pushed_a_total 1");
}

#[test]
fn an_unknown_method_and_a_broken_message_are_told_apart() {
    let server = Server::start();
    let frame = grpc_web_unary::frame_header(0);
    let reply = server.call("/marqo.metrics.v1.MetricsIngest/Pull", "a", &frame);
    assert_eq!(
        (reply.status.code, reply.source),
        (Code::Unimplemented, Source::Headers)
    );
    assert_eq!(judge(&reply, false).0, Outcome::Dropped("UNIMPLEMENTED"));
    let reply = server.call(PATH, "b", &[0, 0, 0, 0, 1, 0xFF]);
    assert_ne!(reply.status.code, Code::Ok);
    assert!(!matches!(judge(&reply, false).0, Outcome::Delivered { .. }));
}
