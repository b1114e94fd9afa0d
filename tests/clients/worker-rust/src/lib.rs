//! A Worker that uses the Rust client in every documented way.

#![cfg(target_family = "wasm")]

mod object;

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use metrics_reporter_client::{Options, Reporter, Scope, facade, labels};
use worker::{
    Context, Delay, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, console_log,
    event,
};

#[event(start)]
fn start() {
    facade::install();
    counter!("starts_total").increment(1);
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, ctx: Context) -> Result<Response> {
    let url = request.url()?;
    let query = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    // ?via=REJECTS and similar: selects the reporter of this request.
    let via = query("via").unwrap_or("METRICS".into());
    let mut options = Options::new().answer_timeout(Duration::from_secs(2));
    if query("scope").is_some_and(|scope| scope == "request") {
        options = options.scope(Scope::Request);
    }
    if query("debug").is_some() {
        options = options.debug(true);
    }
    if let Some(id) = query("id") {
        options = options.label("request", id);
    }
    let metrics = Reporter::with_options(env.service(&via), &ctx, options);
    match url.path() {
        "/one" => one(&metrics),
        "/plain" => plain(&metrics).await,
        "/time" => time(&metrics).await,
        "/text" => text(&metrics),
        "/nan" => not_finite(&metrics),
        "/large" => large(&metrics),
        "/flush" => flush(&metrics).await,
        "/long" => {
            console_log!("{} is at work", query("id").unwrap_or_default());
            long(&metrics).await
        }
        "/background" => background(metrics, &ctx),
        "/facade" => metrics.scope(through_the_facade()).await,
        "/unscoped" => through_the_facade().await,
        "/account" => Response::ok(format!("{:?}", metrics.account())),
        "/object" => {
            env.durable_object("COUNTER")?
                .get_by_name("one")?
                .fetch_with_request(request)
                .await
        }
        "/memory" => Response::ok(core::arch::wasm32::memory_size::<0>().to_string()),
        _ => Response::error("not found", 404),
    }
}

#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, ctx: ScheduleContext) {
    Reporter::new(env.service("METRICS"), &ctx).incr("scheduled_total", ());
}

async fn wait(ms: u64) {
    Delay::from(Duration::from_millis(ms)).await;
}

/// The samples of most requests.
fn one(metrics: &Reporter) -> Result<Response> {
    metrics.incr("requests_total", [("route", "/one")]);
    metrics.observe("request_duration_seconds", 0.5, [("route", "/one")]);
    Response::ok("one")
}

/// A thousand calls with waits in between.
async fn plain(metrics: &Reporter) -> Result<Response> {
    for i in 0..500 {
        metrics.incr("steps_total", [("path", "/plain")]);
        metrics.observe("step_ms", i, [("path", "/plain")]);
        if i % 100 == 0 {
            wait(1).await;
        }
    }
    Response::ok("plain")
}

async fn time(metrics: &Reporter) -> Result<Response> {
    metrics.time("step_ms", [("path", "/time")], wait(30)).await;
    Response::ok("timed")
}

fn text(metrics: &Reporter) -> Result<Response> {
    metrics.incr(
        "odd_total",
        labels! { "pair" => "😀", "quotes" => "\"\\", "zero" => "a\0b", "n" => 1.5 },
    );
    Response::ok("text")
}

fn not_finite(metrics: &Reporter) -> Result<Response> {
    metrics.observe("odd_ms", f64::NAN, ());
    metrics.observe("odd_ms", 1, ());
    Response::ok("nan")
}

/// More samples than one call can carry.
fn large(metrics: &Reporter) -> Result<Response> {
    for i in 0..2_500 {
        metrics.observe("large_ms", i, ());
    }
    Response::ok("large")
}

async fn flush(metrics: &Reporter) -> Result<Response> {
    metrics.incr("flushed_total", ());
    metrics.flush().await;
    Response::ok(format!("{:?}", metrics.account()))
}

/// Runs longer than samples wait for the end of a handler.
async fn long(metrics: &Reporter) -> Result<Response> {
    metrics.incr("long_total", [("part", "first")]);
    wait(12_000).await;
    metrics.incr("long_total", [("part", "second")]);
    Response::ok("long")
}

/// Continues after the response.
fn background(metrics: Reporter, ctx: &Context) -> Result<Response> {
    metrics.incr("answered_total", ());
    ctx.wait_until(async move {
        wait(200).await;
        metrics.incr("late_total", ());
    });
    Response::ok("background")
}

/// Code without a reporter, with waits in which other requests run.
async fn through_the_facade() -> Result<Response> {
    for _ in 0..5 {
        counter!("facade.steps", "kind" => "step").increment(1);
        wait(10).await;
    }
    histogram!("facade_ms").record_many(2.0, 3);
    gauge!("facade_size").set(1.0);
    Response::ok("facade")
}
