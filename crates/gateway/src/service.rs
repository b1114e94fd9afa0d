//! The gRPC service: a push from the wire to the core and back.

use tonic::{Request, Response, Status, async_trait};

use crate::dedupe::PushId;
use crate::proto::metrics_ingest_server::MetricsIngest;
use crate::proto::{PushRequest, PushResponse};
use crate::shared::Shared;

/// Request metadata that names a push.
const PUSH_ID: &str = "x-push-id";

#[async_trait]
impl MetricsIngest for Shared {
    async fn push(&self, request: Request<PushRequest>) -> Result<Response<PushResponse>, Status> {
        let id = push_id(&request)?;
        let answer = Shared::push(self, id.as_ref(), request.into_inner())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Response::new(PushResponse {
            accepted: answer.accepted,
            rejected: answer.rejected,
        }))
    }
}

fn push_id(request: &Request<PushRequest>) -> Result<Option<PushId>, Status> {
    let mut ids = request.metadata().get_all(PUSH_ID).iter();
    let Some(id) = ids.next() else {
        return Ok(None);
    };
    if ids.next().is_some() {
        return Err(Status::invalid_argument(
            "expected one x-push-id, found more",
        ));
    }
    PushId::new(id.as_bytes())
        .map(Some)
        .map_err(|error| Status::invalid_argument(error.to_string()))
}
