// Sends one sample directly to a gateway, as bytes that are written out here. It uses no encoder of
// this project.

import assert from "node:assert/strict";

export const COUNTER = 1;
export const HISTOGRAM = 3;

/**
 * Pushes one increment or observation of 1, without labels, and expects status OK. `headers`:
 * additional headers.
 */
export async function rawPush(address, name, type, headers = {}) {
  const text = Buffer.from(name);
  const metric = Buffer.concat([
    Buffer.from([0x0a, text.length]),
    text,
    Buffer.from([0x18, type, 0x29]), // type, and value =
    Buffer.from(new Float64Array([1]).buffer), // … 1.0, little-endian
  ]);
  const message = Buffer.concat([Buffer.from([0x0a, metric.length]), metric]);
  const response = await fetch(`http://${address}/marqo.metrics.v1.MetricsIngest/Push`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+proto", accept: "application/grpc-web+proto", "x-grpc-web": "1", ...headers },
    body: Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]),
  });
  const answer = Buffer.from(await response.arrayBuffer());
  assert.ok(answer.includes("grpc-status:0"), answer.toString("latin1"));
}
