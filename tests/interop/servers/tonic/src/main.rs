//! tonic-web in front of tonic, on one port for gRPC-Web over HTTP/1.1 and gRPC over HTTP/2.
//!
//! The first metric's name selects the behaviour; see ../behaviours.md.

use std::error::Error;
use std::time::Duration;

use serde_json::json;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, async_trait, transport::Server};
use tonic_web::GrpcWebLayer;

use proto::metrics_ingest_server::{MetricsIngest, MetricsIngestServer};
use proto::{PushRequest, PushResponse};

mod proto {
    include!(concat!(env!("OUT_DIR"), "/marqo.metrics.v1.rs"));
}

const MESSAGE: &str = "näme ☺ 100%\nbad";

struct Behaviours;

#[async_trait]
impl MetricsIngest for Behaviours {
    async fn push(&self, request: Request<PushRequest>) -> Result<Response<PushResponse>, Status> {
        let metrics = request.into_inner().metrics;
        let name = metrics.first().map_or("", |metric| metric.name.as_str());
        if let Some(code) = name.strip_prefix("status_") {
            let code = code
                .parse()
                .map_err(|_| Status::internal("expected a number"))?;
            return Err(Status::new(Code::from_i32(code), MESSAGE));
        }
        if name == "echo" {
            let seen: Vec<_> = metrics
                .iter()
                .map(|m| json!([m.name, m.help, m.r#type, m.labels, m.value]))
                .collect();
            return Err(Status::failed_precondition(json!(seen).to_string()));
        }
        if name == "slow" {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        let rejected = metrics
            .iter()
            .filter(|m| m.name.starts_with("rejected_"))
            .count();
        Ok(Response::new(PushResponse {
            accepted: (metrics.len() - rejected) as u64,
            rejected: rejected as u64,
        }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    Server::builder()
        .accept_http1(true)
        .layer(GrpcWebLayer::new())
        .add_service(MetricsIngestServer::new(Behaviours))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}
