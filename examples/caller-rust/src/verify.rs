//! Checks the whole way, from this Worker to the gateway's own count, with one sample.

use metrics_reporter_client::{Outcome, PushResult, Reporter, Sample};
use serde_json::{Value, json};
use worker::{Response, Result};

/// Status 200 when the gateway has counted the sample, otherwise 502 with the reason.
pub(crate) async fn verify(metrics: &Reporter) -> Result<Response> {
    let sample = Sample::counter("verifications_total", 1.0)
        .help("Samples sent by hand to see whether the way to the gateway is open.");
    let result = match metrics.push(&[sample]).await {
        Ok(result) => result,
        Err(error) => return reply(502, &json!({ "reason": error.to_string() })),
    };
    let mut body = describe(&result);
    if result.ok && result.accepted == 1 {
        return reply(200, &body);
    }
    if let Value::Object(fields) = &mut body {
        fields.insert("reason".into(), reason(&result).into());
    }
    reply(502, &body)
}

fn describe(result: &PushResult) -> Value {
    let refused: Vec<_> = result
        .refused
        .iter()
        .map(|sample| json!({ "index": sample.index, "reason": sample.reason, "message": sample.message }))
        .collect();
    json!({
        "ok": result.ok,
        "outcome": result.outcome.as_str(),
        "accepted": result.accepted,
        "rejected": result.rejected,
        "code": result.code,
        "status": result.status,
        "message": result.message,
        "refused": refused,
    })
}

fn reason(result: &PushResult) -> String {
    if let Some(sample) = result.refused.first() {
        return format!("the Worker refused the sample: {}", sample.message);
    }
    let answer = match &*result.message {
        "" => result.status.clone(),
        message => format!("{}: {message}", result.status),
    };
    match result.outcome {
        Outcome::Dropped => format!("the sample did not reach the gateway ({answer})"),
        Outcome::Unknown => {
            format!("it is unknown whether the gateway counted the sample ({answer})")
        }
        Outcome::Delivered if result.rejected > 0 => {
            "the gateway answered, but rejected the sample; its log says why".into()
        }
        Outcome::Delivered => {
            format!("the gateway answered ({answer}), but did not count the sample")
        }
    }
}

fn reply(status: u16, body: &Value) -> Result<Response> {
    let response = Response::builder()
        .with_status(status)
        .with_header("content-type", "application/json")?
        .with_header("cache-control", "no-store")?
        .fixed(format!("{body:#}\n").into_bytes());
    Ok(response)
}
