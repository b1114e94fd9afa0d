import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLedger, counter, histogram, settled, startSystem } from "./system.mjs";

test("increments and observations arrive on /metrics, each exactly once", async (t) => {
  const { gateway, runtime } = await startSystem(t, { gatewayArgs: ["--buckets", "10,100"] });
  const results = await runtime.sequence([
    ["incr", "requests_total", { route: "/a", status: 200 }],
    ["incr", "requests_total", { route: "/a", status: 200 }, 2],
    ["incr", "requests_total", 0.5, { route: "/b", status: 500 }],
    ["observe", "request_latency_ms", 10, { route: "/a" }],
    ["observe", "request_latency_ms", 10.5, { route: "/a" }],
    ["observe", "request_latency_ms", 1e6, { route: "/a" }],
  ]);
  assert.deepEqual(results, Array(6).fill({ value: 1 }));

  const stats = await settled(runtime);
  assert.equal(stats.taken, 6);
  const page = await gateway.scrape();
  assert.equal(page.types.get("pushed_requests_total"), "counter");
  assert.equal(page.value("pushed_requests_total", { route: "/a", status: "200" }), 3);
  assert.equal(page.value("pushed_requests_total", { route: "/b", status: "500" }), 0.5);
  assert.equal(page.types.get("pushed_request_latency_ms"), "histogram");
  assert.deepEqual(page.histogram("pushed_request_latency_ms", { route: "/a" }), {
    count: 3,
    sum: 1_000_020.5,
    buckets: { 10: 1, 100: 2, "+Inf": 3 },
  });
});

test("record takes many samples in one call and says how many it took", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  const samples = [
    counter("a_total", 2),
    { name: "a_total", type: 1, value: 3 },
    histogram("b_ms", 4),
    { name: "b_ms", type: 3, value: 5 },
    { name: "b_ms", type: "gauge", value: 6 },
    counter("bad name"),
  ];
  assert.equal(await runtime.value("record", [samples]), 4);
  await settled(runtime);
  const page = await gateway.scrape();
  assert.equal(page.value("pushed_a_total"), 5);
  assert.equal(page.histogram("pushed_b_ms").count, 2);
  assert.equal(page.histogram("pushed_b_ms").sum, 9);
});

test("push waits for the gateway: when it resolves, the samples stand on /metrics", async (t) => {
  const { gateway, runtime } = await startSystem(t, { vars: { FLUSH_INTERVAL_MS: "10000" } });
  const result = await runtime.value("push", [[counter("a_total", 7, { k: "v" }), histogram("b_ms", 1)]]);
  assert.equal(result.ok, true);
  assert.equal(result.accepted, 2);
  const page = await gateway.scrape();
  assert.equal(page.value("pushed_a_total", { k: "v" }), 7);
  assert.equal(page.histogram("pushed_b_ms").count, 1);
});

test("push names each sample it refuses and sends the others", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  const result = await runtime.value("push", [
    [counter("a_total"), counter("a_total", -1), { name: 5 }, counter("b_total", 1, { le: "1" }), "text"],
  ]);
  assert.equal(result.ok, false);
  assert.equal(result.outcome, "delivered");
  assert.equal(result.accepted, 1);
  assert.deepEqual(result.refused.map(({ index }) => index), [1, 2, 3, 4]);
  for (const { reason, message } of result.refused) {
    assert.match(reason, /^[a-z_]+$/);
    assert.ok(message.length > 10 && !message.endsWith("."), message);
  }
  assert.equal((await gateway.scrape()).value("pushed_a_total"), 1);
});

test("flush sends what is buffered without waiting for the interval", async (t) => {
  const { gateway, runtime } = await startSystem(t, { vars: { FLUSH_INTERVAL_MS: "10000" } });
  const [first, flushed, second] = await runtime.sequence([["incr", "a_total", 3], ["flush"], ["flush"]]);
  assert.equal(first.value, 1);
  assert.equal(flushed.value.ok, true);
  assert.equal(flushed.value.outcome, "delivered");
  assert.equal((await gateway.scrape()).value("pushed_a_total"), 3);
  // The buffer is empty, so nothing is sent twice.
  assert.equal(second.value.accepted, 0);
  assert.equal((await gateway.scrape()).value("pushed_a_total"), 3);
  assertLedger(await runtime.value("stats"));
});

test("with FLUSH_INTERVAL_MS=0 a sample has arrived when the call resolves", async (t) => {
  const { gateway, runtime } = await startSystem(t, { vars: { FLUSH_INTERVAL_MS: "0" } });
  assert.equal(await runtime.value("incr", ["a_total"]), 1);
  assert.equal((await gateway.scrape()).value("pushed_a_total"), 1);
  assert.equal(await runtime.value("observe", ["b_ms", 2]), 1);
  assert.equal((await gateway.scrape()).histogram("pushed_b_ms").sum, 2);
});

test("a zero increment creates the series", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  await runtime.value("incr", ["a_total", 0, { route: "/" }]);
  await settled(runtime);
  assert.equal((await gateway.scrape()).value("pushed_a_total", { route: "/" }), 0);
});

test("many calls at once, from many requests, add up exactly", async (t) => {
  const { gateway, runtime } = await startSystem(t, { vars: { FLUSH_INTERVAL_MS: "20", MAX_BATCH_SAMPLES: "50" } });
  const CALLERS = 20;
  const CALLS = 50; // per caller, 10 at a time
  await Promise.all(
    Array.from({ length: CALLERS }, (_, i) =>
      Promise.all([
        runtime.call("incr", ["calls_total", { caller: i % 4 }], { times: CALLS, concurrency: 10 }),
        runtime.call("observe", ["calls_ms", i], { times: CALLS, concurrency: 10 }),
      ]),
    ),
  );
  const stats = await settled(runtime);
  assert.equal(stats.taken, 2 * CALLERS * CALLS);
  const page = await gateway.scrape();
  assert.equal(page.sum("pushed_calls_total"), CALLERS * CALLS);
  for (let i = 0; i < 4; i++) assert.equal(page.value("pushed_calls_total", { caller: i }), (CALLERS / 4) * CALLS);
  assert.equal(page.histogram("pushed_calls_ms").count, CALLERS * CALLS);
  assert.equal(page.histogram("pushed_calls_ms").sum, ((CALLERS - 1) * CALLERS * CALLS) / 2);
});

test("a call inside ctx.waitUntil arrives although the response has gone", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  await runtime.call("incr", ["a_total", 2], { in: "waitUntil" });
  await gateway.waitFor("the increment", (page) => page.value("pushed_a_total") === 2);
});

test("label values of any text arrive unchanged, and lone surrogates as U+FFFD", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  const values = ['a"b', "a\\b", "a\nb", "größe", "日本語", "👍", "a,b={}", " ", "\u0001", "' OR 1=1"];
  await runtime.value("push", [values.map((v) => counter("a_total", 1, { v }))]);
  await runtime.value("incr", ["a_total", { v: { $js: "loneSurrogate" } }]);
  await runtime.sequence([
    ["incr", "b_total", { n: 1.5, yes: true, none: null }],
    ["incr", "b_total", { n: 1e21, yes: false, none: { $js: "undefined" } }],
  ]);
  await settled(runtime);
  const page = await gateway.scrape();
  for (const v of values) assert.equal(page.value("pushed_a_total", { v }), 1, JSON.stringify(v));
  assert.equal(page.value("pushed_a_total", { v: "a\ufffdb" }), 1);
  assert.equal(page.value("pushed_b_total", { n: "1.5", yes: "true", none: "" }), 1);
  assert.equal(page.value("pushed_b_total", { n: "1e+21", yes: "false", none: "" }), 1);
});

test("help given with the first sample stands on /metrics", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  await runtime.sequence([
    ["incr", "a_total", 1, {}, { help: "Things done." }],
    ["observe", "b_ms", 1, {}, { help: "Time \\ taken\nin ms." }],
  ]);
  await settled(runtime);
  const page = await gateway.scrape();
  assert.equal(page.help.get("pushed_a_total"), "Things done.");
  assert.equal(page.help.get("pushed_b_ms"), "Time \\ taken\nin ms.");
});
