//! A Durable Object whose reporter outlives the requests.

use metrics_reporter_client::Reporter;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

#[durable_object]
struct Counter {
    metrics: Reporter,
}

impl DurableObject for Counter {
    fn new(state: State, env: Env) -> Self {
        let metrics = Reporter::new(env.service("METRICS"), &state);
        Self { metrics }
    }

    async fn fetch(&self, _: Request) -> Result<Response> {
        self.metrics.incr("object_total", ());
        Response::ok("counted")
    }
}
