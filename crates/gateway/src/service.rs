//! The gRPC service: passes a push from the wire to the core, and the answer back.

use tonic::{Request, Response, Status, async_trait};

use crate::codec::EncodedPush;
use crate::dedupe::PushId;
use crate::proto::PushResponse;
use crate::push::Push;
use crate::reasons::RejectedReasons;
use crate::shared::Shared;

/// The server side of `metrics.proto`'s service.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    clippy::default_constructed_unit_structs,
    reason = "generated code; metrics.proto is its documentation"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/server/marqo.metrics.v1.rs"));
}

use generated::metrics_ingest_server::MetricsIngest;
pub(crate) use generated::metrics_ingest_server::MetricsIngestServer;

/// The request metadata with the id of a push.
const PUSH_ID: &str = "x-push-id";

#[async_trait]
impl MetricsIngest for Shared {
    async fn push(&self, request: Request<EncodedPush>) -> Result<Response<PushResponse>, Status> {
        let id = push_id(&request)?;
        let EncodedPush(message) = request.get_ref();
        // gRPC's code for a message that does not parse is INTERNAL.
        let push = Push::decode(message).map_err(Status::internal)?;
        let answer = Shared::push(self, id.as_ref(), &push)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut response = Response::new(PushResponse {
            accepted: answer.accepted,
            rejected: answer.rejected,
        });
        if let Some(reasons) = answer.reasons {
            response.extensions_mut().insert(RejectedReasons(reasons));
        }
        Ok(response)
    }
}

fn push_id<T>(request: &Request<T>) -> Result<Option<PushId>, Status> {
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
