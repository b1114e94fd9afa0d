//! One call with tonic's generated client over tonic-web-wasm-client, for JavaScript.

use std::time::Duration;

use js_sys::Array;
use tonic_web_wasm_client::{Client, options::FetchOptions};
use wasm_bindgen::prelude::*;

use proto::metrics_ingest_client::MetricsIngestClient;
use proto::{Metric, PushRequest};

#[allow(dead_code)]
mod proto {
    tonic::include_proto!("marqo.metrics.v1");
}

#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// Pushes one counter. Resolves with `[code, message, accepted, rejected]`.
#[wasm_bindgen]
pub async fn push(base_url: String, metric: String, timeout_ms: u32) -> Array {
    let options = FetchOptions::new().timeout(Duration::from_millis(timeout_ms.into()));
    let client = Client::new_with_options(base_url, options);
    let metric = Metric {
        name: metric,
        r#type: 1,
        value: 1.0,
        ..Metric::default()
    };
    let request = PushRequest {
        metrics: vec![metric],
    };
    let (code, message, accepted, rejected) =
        match MetricsIngestClient::new(client).push(request).await {
            Ok(response) => {
                let response = response.into_inner();
                (0, String::new(), response.accepted, response.rejected)
            }
            Err(status) => (status.code().into(), status.message().to_owned(), 0, 0),
        };
    Array::of4(
        &code.into(),
        &message.into(),
        &(accepted as f64).into(),
        &(rejected as f64).into(),
    )
}
