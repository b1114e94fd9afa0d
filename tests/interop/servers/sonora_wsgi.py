"""sonora's WSGI application on the standard library's server."""

from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import metrics_pb2_grpc
from sonora.wsgi import grpcWSGI

from grpc_servicer import Blocking


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


app = grpcWSGI(None)
metrics_pb2_grpc.add_MetricsIngestServicer_to_server(Blocking(), app)
server = make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Quiet)
print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
