import assert from "node:assert/strict";
import { test } from "node:test";
import { startGateway, unusedAddress } from "../harness/index.mjs";
import { assertLedger, counter, histogram, settled, startRuntime, startSystem } from "./system.mjs";

const NEVER_REJECTS = [
  ["incr", "a_total"],
  ["observe", "a_ms", 1],
  ["record", [counter("a_total")]],
  ["push", [counter("a_total")]],
  ["flush"],
  ["stats"],
];

async function assertNothingRejects(runtime) {
  for (const [i, result] of (await runtime.sequence(NEVER_REJECTS)).entries()) {
    assert.equal(result.error, undefined, NEVER_REJECTS[i][0]);
  }
}

test("with no gateway listening, nothing rejects, and a push says that it does not know", async (t) => {
  const runtime = await startRuntime(t, { gateway: await unusedAddress(), vars: { FLUSH_INTERVAL_MS: "10" } });
  // workerd reports the same error for a refused and a reset connection, so it proves nothing.
  const result = await runtime.value("push", [[counter("a_total")]]);
  assert.equal(result.ok, false);
  assert.equal(result.outcome, "unknown");
  assert.equal(result.accepted, 0);
  assert.notEqual(result.code, 0);
  assert.match(result.message, /connection/i);
  await assertNothingRejects(runtime);
  const stats = await settled(runtime);
  assert.equal(stats.delivered, 0);
  assert.ok(stats.pushes.unknown > 0);
  assert.equal(stats.pushes.retried, 0);
  assert.match(stats.last_error, /connection/i);
  // The log shows it to the operator.
  await runtime.waitForLog("the failed push", (log) => /connection/i.test(JSON.stringify(log)));
});

test("with METRICS_GATEWAY not bound, nothing rejects, and samples are dropped for that reason", async (t) => {
  const runtime = await startRuntime(t, { vars: { FLUSH_INTERVAL_MS: "10" } });
  const result = await runtime.value("push", [[counter("a_total")]]);
  assert.equal(result.ok, false);
  assert.equal(result.outcome, "dropped");
  assert.match(result.message, /METRICS_GATEWAY/);
  await assertNothingRejects(runtime);
  const stats = await settled(runtime);
  assert.deepEqual(Object.keys(stats.dropped), ["no_binding"]);
  // The log tells the operator what is missing and what to do.
  const line = await runtime.waitForLog("the missing binding", ({ reason }) => reason === "no_binding");
  assert.equal(line.level, "error");
  assert.match(line.message, /METRICS_GATEWAY is not bound.*vpc_services/);
});

test("when the gateway rejects a part, the rest is counted and the push is not ok", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  // One metric with two sets of label names: the gateway keeps the first.
  const result = await runtime.value("push", [[counter("a_total", 5, { x: "1" }), counter("a_total", 1, { y: "1" })]]);
  assert.equal(result.outcome, "delivered");
  assert.equal(result.ok, false);
  assert.deepEqual([result.accepted, result.rejected, result.code], [1, 1, 0]);
  const page = await gateway.scrape();
  assert.equal(page.value("pushed_a_total", { x: "1" }), 5);
  assert.equal(page.find("pushed_a_total").length, 1);
  const stats = await settled(runtime);
  assert.deepEqual([stats.taken, stats.delivered, stats.rejected], [2, 1, 1]);
});

test("two isolates that disagree about a type: the second is rejected, and nothing breaks", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  const other = await startRuntime(t, { gateway: gateway.address });
  assert.equal((await runtime.value("push", [[counter("a", 2)]])).accepted, 1);
  const result = await other.value("push", [[histogram("a", 3), counter("b_total", 1)]]);
  assert.deepEqual([result.accepted, result.rejected, result.ok], [1, 1, false]);
  const page = await gateway.scrape();
  assert.equal(page.value("pushed_a"), 2);
  assert.equal(page.value("pushed_b_total"), 1);
});

test("a gateway without the method answers UNIMPLEMENTED: dropped, since no handler took it", async (t) => {
  const gateway = await startGateway();
  t.after(() => gateway.stop());
  const source = `export default {
    fetch(request, env) {
      const url = new URL(request.url);
      url.pathname = "/marqo.metrics.v1.MetricsIngest/Elsewhere";
      return env.UPSTREAM.fetch(url, request);
    },
  };`;
  const runtime = await startRuntime(t, { gateway: { source, upstream: gateway.address } });
  const result = await runtime.value("push", [[counter("a_total")]]);
  assert.deepEqual([result.ok, result.outcome, result.code, result.status], [false, "dropped", 12, "UNIMPLEMENTED"]);
  const stats = await settled(runtime);
  assert.deepEqual(stats.dropped, { UNIMPLEMENTED: 1 });
});

test("a gateway that goes away and comes back gets what is counted afterwards", async (t) => {
  const first = await startGateway();
  t.after(() => first.stop());
  const runtime = await startRuntime(t, { gateway: first.address, vars: { FLUSH_INTERVAL_MS: "10" } });
  assert.equal((await runtime.value("push", [[counter("a_total", 1)]])).ok, true);
  await first.stop("SIGKILL");
  assert.equal((await runtime.value("push", [[counter("a_total", 10)]])).ok, false);
  const second = await startGateway({ port: first.port });
  t.after(() => second.stop());
  assert.equal((await runtime.value("push", [[counter("a_total", 100)]])).ok, true);
  assert.equal((await second.scrape()).value("pushed_a_total"), 100);
  const stats = await settled(runtime);
  assert.deepEqual([stats.taken, stats.delivered], [3, 2]);
});

// Answers that a real server would rarely give, from a Worker in its place: [source of the reply,
// outcome, status].
const frame = (flag, text) => `(() => { const b = new TextEncoder().encode(${JSON.stringify(text)}); const f = new Uint8Array(5 + b.length); f[0] = ${flag}; new DataView(f.buffer).setUint32(1, b.length); f.set(b, 5); return f; })()`;
const GRPC = `{ headers: { "content-type": "application/grpc-web+proto" } }`;
const REPLIES = [
  ["a page of HTML with status 200", `new Response("<html>", { headers: { "content-type": "text/html" } })`, "unknown"],
  ["an empty body with status 200 and no grpc-status", `new Response(null, ${GRPC})`, "unknown"],
  ["a message without trailers", `new Response(${frame(0, "\b\u0001")}, ${GRPC})`, "unknown"],
  ["trailers without grpc-status", `new Response(${frame(128, "grpc-message: hi\r\n")}, ${GRPC})`, "unknown"],
  ["a truncated frame", `new Response(new Uint8Array([0, 0, 0, 0, 9, 8]), ${GRPC})`, "unknown"],
  ["a body that never ends", `new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(65536)); } }), ${GRPC})`, "unknown"],
  ["HTTP 500", `new Response("oops", { status: 500 })`, "unknown"],
  ["HTTP 503", `new Response("busy", { status: 503 })`, "unknown"],
  ["HTTP 403 from something in between", `new Response("no", { status: 403 })`, "dropped"],
  ["a redirect", `new Response(null, { status: 302, headers: { location: "http://elsewhere/" } })`, "dropped"],
  ["UNAVAILABLE", `new Response(null, { headers: { "content-type": "application/grpc-web+proto", "grpc-status": "14", "grpc-message": "going%20down" } })`, "unknown", "UNAVAILABLE"],
  ["RESOURCE_EXHAUSTED", `new Response(null, { headers: { "content-type": "application/grpc-web+proto", "grpc-status": "8" } })`, "dropped", "RESOURCE_EXHAUSTED"],
  ["a status that is no number", `new Response(null, { headers: { "content-type": "application/grpc-web+proto", "grpc-status": "zero" } })`, "unknown"],
  ["the VPC binding's answer for a wrong destination", `new Response("ProxyError: destination_not_found", { status: 500, headers: { "content-type": "text/plain" } })`, "dropped"],
  ["the VPC binding's answer for a cut connection", `new Response("ProxyError: connection_terminated", { status: 500, headers: { "content-type": "text/plain" } })`, "unknown"],
  ["an exception with the VPC binding's code", `(() => { throw new Error("ProxyError: destination_ip_prohibited"); })()`, "dropped"],
  ["an exception that says nothing", `(() => { throw new Error("internal error; reference = abc"); })()`, "unknown"],
  ["OK in the HTTP headers, and no message", `new Response(null, { headers: { "content-type": "application/grpc-web+proto", "grpc-status": "0" } })`, undefined],
];
for (const [what, reply, outcome, status] of REPLIES) {
  test(`a gateway that answers with ${what} is never taken for success`, async (t) => {
    const runtime = await startRuntime(t, {
      gateway: { source: `export default { async fetch(request) { await request.arrayBuffer(); return ${reply}; } };` },
      vars: { SELF_METRICS: "false" },
    });
    const result = await runtime.value("push", [[counter("a_total"), counter("b_total")]]);
    assert.equal(result.ok, false, JSON.stringify(result));
    if (outcome) assert.equal(result.outcome, outcome, JSON.stringify(result));
    if (status) assert.equal(result.status, status);
    assert.equal(result.accepted, 0);
    const stats = await runtime.value("stats");
    assertLedger(stats);
    assert.equal(stats.delivered, 0);
    assert.equal(stats.taken, 2);
  });
}

test("grpc-message is percent-decoded for the reader", async (t) => {
  const runtime = await startRuntime(t, {
    gateway: {
      source: `export default { fetch: () => new Response(null, { headers: {
        "content-type": "application/grpc-web+proto", "grpc-status": "3", "grpc-message": "gr%C3%B6%C3%9Fe%20fehlt" } }) };`,
    },
  });
  const result = await runtime.value("push", [[counter("a_total")]]);
  assert.deepEqual([result.code, result.status, result.message], [3, "INVALID_ARGUMENT", "größe fehlt"]);
});

test("a gateway that never answers is given up after PUSH_TIMEOUT_MS, outcome unknown", async (t) => {
  const runtime = await startRuntime(t, {
    gateway: { source: `export default { fetch: () => new Promise((resolve) => setTimeout(() => resolve(new Response("late")), 60_000)) };` },
    vars: { PUSH_TIMEOUT_MS: "200" },
  });
  const started = Date.now();
  const result = await runtime.value("push", [[counter("a_total")]]);
  assert.ok(Date.now() - started < 10_000);
  assert.deepEqual([result.ok, result.outcome], [false, "unknown"]);
  const stats = await settled(runtime);
  assert.equal(Object.values(stats.unknown).reduce((a, b) => a + b, 0), 1);
});
