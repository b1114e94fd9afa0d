"""asgi.py sonora|connectrpc: an ASGI application under uvicorn."""

import asyncio
import socket
import sys

import uvicorn

from behaviours import SLOW_SECONDS, answer, is_slow, status_of

SERVICE = "marqo.metrics.v1.MetricsIngest"


def sonora():
    import metrics_pb2_grpc
    from grpc_servicer import Async
    from sonora.asgi import grpcASGI

    app = grpcASGI()
    metrics_pb2_grpc.add_MetricsIngestServicer_to_server(Async(), app)
    return app


def connectrpc():
    import metrics_pb2
    from connectrpc.code import Code
    from connectrpc.compat import google_protobuf_codecs
    from connectrpc.errors import ConnectError
    from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
    from connectrpc.server import ConnectASGIApplication, Endpoint

    # In the order of their numbers, from 1.
    codes = [
        "CANCELED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
        "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ]  # fmt: skip

    class Service:
        async def push(self, request, _context):
            if status := status_of(request):
                raise ConnectError(Code[codes[status[0] - 1]], status[1])
            if is_slow(request):
                await asyncio.sleep(SLOW_SECONDS)
            return answer(request)

    class Application(ConnectASGIApplication):
        @property
        def path(self):
            return f"/{SERVICE}"

    method = MethodInfo(
        name="Push",
        service_name=SERVICE,
        input=metrics_pb2.PushRequest,
        output=metrics_pb2.PushResponse,
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=StreamType.UNARY,
    )
    return Application(
        service=Service(),
        endpoints=lambda service: {f"/{SERVICE}/Push": Endpoint.unary(method, service.push)},
        codecs=google_protobuf_codecs(),
    )


app = {"sonora": sonora, "connectrpc": connectrpc}[sys.argv[1]]()
listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listener])
