// A gateway that costs little and counts what arrives. It runs in the benchmark's own process, which
// is not the one that is measured.

import { createServer } from "node:http";
import { response, trailers } from "../../tests/harness/wire.mjs";

const OK = trailers({ "grpc-status": 0 });

export class Upstream {
  pushes = 0;
  metrics = 0;
  /** Of the request bodies. */
  bodyBytes = 0;
  #closedBytes = 0;
  #sockets = new Set();

  async listen() {
    this.server = createServer((request, reply) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
        const metrics = countMetrics(body);
        this.pushes += 1;
        this.metrics += metrics;
        this.bodyBytes += body.length;
        const answer = Buffer.concat([response(metrics, 0), OK]);
        reply.writeHead(200, { "content-type": "application/grpc-web+proto", "content-length": answer.length });
        reply.end(answer);
      });
    });
    this.server.keepAliveTimeout = 60_000;
    this.server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        this.#closedBytes += socket.bytesRead;
      });
    });
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.address = `127.0.0.1:${this.server.address().port}`;
  }

  /** Everything that came over its connections, HTTP headers included. */
  get wireBytes() {
    let bytes = this.#closedBytes;
    for (const socket of this.#sockets) bytes += socket.bytesRead;
    return bytes;
  }

  snapshot() {
    const { pushes, metrics, bodyBytes, wireBytes } = this;
    return { pushes, metrics, bodyBytes, wireBytes };
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** How many fields a framed PushRequest has: it has no others but its Metrics. */
function countMetrics(body) {
  if (body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) throw new Error("expected one frame, got something else");
  let metrics = 0;
  let at = 5;
  while (at < body.length) {
    if (body[at++] !== 0x0a) throw new Error("expected a Metric, got another field");
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = body[at++];
      length |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    at += length;
    metrics += 1;
  }
  return metrics;
}
