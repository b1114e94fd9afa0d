// The bytes that the built Worker sends, as a server receives them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { counter, histogram, startRuntime } from "../e2e/system.mjs";
import { DELIVERIES, PUSH, startReplay } from "./replay.mjs";

const OK = {
  http_status: 200,
  headers: [["content-type", "application/grpc-web+proto"]],
  body: Buffer.from("00000000020801" + "8000000010" + Buffer.from("grpc-status: 0\r\n").toString("hex"), "hex"),
};

async function capture(t, vars, call) {
  const server = await startReplay(t);
  for (const name of ["a_total", "b_ms"]) server.answers.set(name, (socket) => DELIVERIES.whole(socket, OK));
  const runtime = await startRuntime(t, { gateway: server.address, vars: { SELF_METRICS: "false", ...vars } });
  await call(runtime);
  assert.equal(server.requests.length, 1);
  return server.requests[0];
}

const push = (samples) => (runtime) => runtime.value("push", [samples]);

test("a request has the line and the headers of a unary gRPC-Web call, each once", async (t) => {
  const { line, headers } = await capture(t, { PUSH_TIMEOUT_MS: "1234" }, push([counter("a_total")]));
  assert.equal(line, `POST ${PUSH} HTTP/1.1`);
  const names = headers.map(([name]) => name);
  assert.equal(new Set(names).size, names.length, names.join());
  const fields = Object.fromEntries(headers);
  // Without parameters: some servers refuse the whole call because of one.
  assert.equal(fields["content-type"], "application/grpc-web+proto");
  // Some servers choose the form of the answer, such as base64, by this header.
  assert.equal(fields.accept, "application/grpc-web+proto");
  assert.equal(fields["x-grpc-web"], "1");
  assert.match(fields["user-agent"], /^grpc-rust-metrics-gateway-worker\/\d+\.\d+\.\d+(\+[\w.-]+)?$/);
  assert.equal(fields["grpc-timeout"], "1234m");
  assert.match(fields["x-push-id"], /^[0-9a-f]+-[0-9a-f]+$/);
  // The request asks for no encoding that the Worker cannot decode, and has no header of plain
  // gRPC.
  for (const absent of ["grpc-accept-encoding", "grpc-encoding", "te", "expect", "x-user-agent"]) {
    assert.equal(fields[absent], undefined, absent);
  }
});

test("a request's body is one length-prefixed message and nothing else", async (t) => {
  const { headers, body } = await capture(
    t,
    {},
    push([{ ...counter("a_total", 2, { route: "/é", empty: "" }), help: "What it counts." }, histogram("b_ms", -0.5)]),
  );
  const message = Buffer.concat([
    field(1, Buffer.concat([
      field(1, "a_total"),
      field(2, "What it counts."),
      Buffer.from([0x18, 1]),
      field(4, Buffer.concat([field(1, "empty")])),
      field(4, Buffer.concat([field(1, "route"), field(2, "/é")])),
      double(5, 2),
    ])),
    field(1, Buffer.concat([field(1, "b_ms"), Buffer.from([0x18, 3]), double(5, -0.5)])),
  ]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  assert.equal(body.toString("hex"), Buffer.concat([prefix, message]).toString("hex"));
  const fields = Object.fromEntries(headers);
  // Some servers need the length in advance.
  assert.equal(fields["content-length"], String(body.length));
  assert.equal(fields["transfer-encoding"], undefined);
});

test("a buffered push is the same kind of request", async (t) => {
  const request = await capture(t, { FLUSH_INTERVAL_MS: "10000" }, async (runtime) => {
    await runtime.value("incr", ["a_total", 2]);
    await runtime.value("incr", ["a_total", 3]);
    assert.equal((await runtime.value("flush")).outcome, "delivered");
  });
  const metric = Buffer.concat([field(1, "a_total"), Buffer.from([0x18, 1]), double(5, 5)]);
  assert.equal(request.body.subarray(5).toString("hex"), field(1, metric).toString("hex"));
  assert.equal(Object.fromEntries(request.headers)["content-type"], "application/grpc-web+proto");
});

// The protobuf encoding, written out here to share no code with the tested encoder.
function field(number, content) {
  const bytes = Buffer.from(content);
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

function double(number, value) {
  const bytes = Buffer.alloc(9);
  bytes[0] = (number << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}
