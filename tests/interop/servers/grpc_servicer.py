"""The behaviours as grpcio's servicers, which sonora takes, too."""

import asyncio
import time

import grpc
import metrics_pb2_grpc

from behaviours import SLOW_SECONDS, answer, is_slow, status_of

CODES = {code.value[0]: code for code in grpc.StatusCode}


class Blocking(metrics_pb2_grpc.MetricsIngestServicer):
    def Push(self, request, context):
        if status := status_of(request):
            context.abort(CODES[status[0]], status[1])
        if is_slow(request):
            time.sleep(SLOW_SECONDS)
        return answer(request)


class Async(metrics_pb2_grpc.MetricsIngestServicer):
    async def Push(self, request, context):
        if status := status_of(request):
            await context.abort(CODES[status[0]], status[1])
        if is_slow(request):
            await asyncio.sleep(SLOW_SECONDS)
        return answer(request)
