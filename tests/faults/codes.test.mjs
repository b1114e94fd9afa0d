// Pushes once for every code, and checks what the code proves and whether it is retried.

import assert from "node:assert/strict";
import { test } from "node:test";
import { counter } from "../e2e/system.mjs";
import {
  CODE_NAMES, FAULTS, REFUSED_CODES, RETRIED, SENT, TIMEOUT_MS, UNSENT, ok, proxyErrorText, proxyErrorThrown, status,
  statusInBody,
} from "./faults.mjs";
import { assertNotOverCounted, quiet, startFaulty } from "./load.mjs";

const push = (runtime, name = "codes_total") => runtime.value("push", [[counter(name)]]);

for (const [where, act] of [["the HTTP headers", status], ["the trailers", statusInBody]]) {
  test(`every status in ${where} is dropped only if it proves that nothing was applied`, async (t) => {
    const { gateway, runtime } = await startFaulty(t);
    for (let code = 1; code <= 16; code += 1) {
      gateway.next(act(code));
      const result = await push(runtime);
      const outcome = REFUSED_CODES.has(code) ? "dropped" : "unknown";
      assert.deepEqual(
        [result.ok, result.outcome, result.code, result.status, result.message],
        [false, outcome, code, CODE_NAMES[code], "told to fail"],
      );
    }
    const stats = await quiet(runtime, gateway);
    assert.deepEqual([stats.taken, stats.delivered, stats.pushes.retried], [16, 0, 0]);
    assert.equal(Object.keys(stats.dropped).length, REFUSED_CODES.size);
    assert.equal(Object.keys(stats.unknown).length, 16 - REFUSED_CODES.size);
    assertNotOverCounted(stats, gateway);
    // Nothing was sent twice.
    assert.equal(gateway.samplePushes.length, 16);
    assert.equal(new Set(gateway.pushes.map(({ id }) => id)).size, gateway.pushes.length);
  });
}

for (const [form, act, thrown] of [["text", proxyErrorText, false], ["an exception", proxyErrorThrown, true]]) {
  test(`the binding's errors before sending, as ${form}, are dropped, and tried again where that can help`, async (t) => {
    const { gateway, runtime } = await startFaulty(t, { thrown });
    // Each push finds its fault by its metric and fails once.
    gateway.otherwise = failOnce((name) => act(name.replace(/_total$/, ""), false));
    await Promise.all(
      UNSENT.map(async (code) => {
        const result = await push(runtime, `${code}_total`);
        const retried = RETRIED.has(code);
        assert.equal(result.outcome, retried ? "delivered" : "dropped", `${code}: ${JSON.stringify(result)}`);
        if (!retried) assert.match(result.message, new RegExp(code));
      }),
    );
    const stats = await quiet(runtime, gateway);
    assert.deepEqual(
      [stats.delivered, stats.pushes.retried, Object.keys(stats.dropped).length],
      [RETRIED.size, RETRIED.size, UNSENT.length - RETRIED.size],
    );
    assert.deepEqual(stats.unknown, {});
    assertNotOverCounted(stats, gateway);
    assert.equal(gateway.appliedMetrics, RETRIED.size);
  });

  test(`the binding's errors that can come after sending, as ${form}, are unknown and never tried again`, async (t) => {
    const { gateway, runtime } = await startFaulty(t, { thrown });
    for (const code of SENT) {
      gateway.next(act(code, true));
      const result = await push(runtime);
      assert.equal(result.outcome, "unknown", `${code}: ${JSON.stringify(result)}`);
    }
    const stats = await quiet(runtime, gateway);
    assert.deepEqual([stats.delivered, stats.pushes.unknown, stats.pushes.retried], [0, SENT.length, 0]);
    assert.deepEqual(stats.dropped, {});
    assertNotOverCounted(stats, gateway);
    assert.equal(gateway.appliedMetrics, SENT.length);
    assert.equal(gateway.samplePushes.length, SENT.length);
  });
}

/** The first push of each metric fails as `act` says for its name. Later pushes arrive. */
function failOnce(act) {
  const seen = new Set();
  return async (exchange) => {
    const [{ name }] = await exchange.read();
    if (seen.has(name)) return exchange.deliver();
    seen.add(name);
    return act(name)(exchange);
  };
}

test("with GATEWAY_DEDUPES every fault that leaves the outcome open is tried again, and the sums are exact", async (t) => {
  const open = FAULTS.filter(({ outcome }) => outcome === "unknown");
  const vars = { GATEWAY_DEDUPES: "true", PUSH_TIMEOUT_MS: String(TIMEOUT_MS) };
  const { gateway, runtime } = await startFaulty(t, { thrown: true, vars });
  gateway.dedupes = true;
  gateway.otherwise = failOnce((name) => open[Number(/\d+/.exec(name)[0])].act);
  const results = await Promise.all(open.map((_, i) => push(runtime, `fault_${i}_total`)));
  for (const [i, result] of results.entries()) {
    assert.equal(result.outcome, "delivered", `${open[i].name}: ${JSON.stringify(result)}`);
  }
  const stats = await quiet(runtime, gateway);
  assert.deepEqual([stats.delivered, stats.dropped, stats.unknown], [open.length, {}, {}]);
  assert.ok(stats.pushes.retried >= open.length);
  for (const i of open.keys()) assert.equal(gateway.total(`fault_${i}_total`), 1, open[i].name);
  assertNotOverCounted(stats, gateway);
});

test("a gateway that miscounts is named in the log, once in a while", async (t) => {
  const { gateway, runtime } = await startFaulty(t);
  gateway.otherwise = FAULTS.find(({ name }) => name.includes("one less")).act;
  for (let i = 0; i < 20; i += 1) assert.equal((await push(runtime)).accepted, 0);
  const stats = await quiet(runtime, gateway);
  assert.deepEqual([stats.delivered, stats.rejected], [20, 0]);
  const lines = runtime.logs.filter(({ event }) => event === "push_miscounted");
  assert.deepEqual([lines[0].metrics, lines[0].accepted, lines[0].rejected], [1, 0, 0]);
  assert.ok(lines.length < 20, `${lines.length} lines`);
});

test("a push that the binding refuses every time is tried four times and dropped", async (t) => {
  const { gateway, runtime } = await startFaulty(t);
  gateway.otherwise = proxyErrorText("connection_refused", false);
  const result = await push(runtime);
  assert.equal(result.outcome, "dropped");
  assert.equal(gateway.samplePushes.length, 4);
  assert.equal(new Set(gateway.samplePushes.map(({ id }) => id)).size, 1, "under one x-push-id");
  const stats = await quiet(runtime, gateway);
  assert.deepEqual([stats.dropped, stats.pushes.retried], [{ connection_refused: 1 }, 3]);
});

test("grpc-retry-pushback-ms is waited for, and a negative one ends the push", async (t) => {
  const { gateway, runtime } = await startFaulty(t);
  gateway.next(status(8, { "grpc-retry-pushback-ms": "300" }), ok);
  assert.equal((await push(runtime)).outcome, "delivered");
  const [first, second] = gateway.samplePushes;
  assert.ok(second.at - first.at >= 299, `waited ${second.at - first.at} ms`);
  gateway.next(status(8, { "grpc-retry-pushback-ms": "-1" }));
  assert.equal((await push(runtime)).outcome, "dropped");
  // The push may have been applied, so the gateway's request to retry does not permit a retry.
  gateway.next(status(14, { "grpc-retry-pushback-ms": "10" }));
  assert.equal((await push(runtime)).outcome, "unknown");
  const stats = await quiet(runtime, gateway);
  assert.equal(stats.pushes.retried, 1);
  assert.equal(gateway.samplePushes.length, 4);
  assertNotOverCounted(stats, gateway);
});

test("a gateway that is not there loses what is pushed meanwhile, and gets the rest when it is back", async (t) => {
  const { gateway, runtime } = await startFaulty(t);
  assert.equal((await push(runtime)).ok, true);
  await gateway.close();
  assert.equal((await push(runtime)).outcome, "unknown");
  const lost = await runtime.call("incr", ["codes_total"], { times: 20, concurrency: 20 });
  assert.ok(lost.results.every(({ value }) => value === 1));
  await runtime.waitForStats("the buffer is tried", (s) => s.buffered + s.in_flight === 0);
  await gateway.listen(gateway.port);
  assert.equal((await push(runtime)).ok, true);
  const stats = await quiet(runtime, gateway);
  assert.equal(gateway.total("codes_total"), 2);
  assertNotOverCounted(stats, gateway);
});
