"""grpcio: plain gRPC, for a proxy to stand in front of."""

import asyncio

import grpc
import metrics_pb2_grpc

from grpc_servicer import Async


async def main():
    server = grpc.aio.server()
    metrics_pb2_grpc.add_MetricsIngestServicer_to_server(Async(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


asyncio.run(main())
