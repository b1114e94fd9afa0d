// What the requests of one isolate share, and the duties of each request.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics, getMetrics, withMetrics } from "metrics-reporter-client";

import { assertBalanced, count, fakeBinding, fakeCtx, rows, warnings } from "./helpers.mjs";

/** Timers and the clock, advanced together by the test. */
function useTime(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1e12 });
  return (ms) => t.mock.timers.tick(ms);
}
const settle = () => new Promise((resolve) => setImmediate(resolve));
const sum = (calls, name) => calls.flatMap(rows).reduce((sum, [found, , value]) => (found === name ? sum + value : sum), 0);

test("a thousand requests make one call, covered by the one that leads; the others make no waitUntil", async (t) => {
  const tick = useTime(t);
  const binding = fakeBinding();
  const contexts = Array.from({ length: 1000 }, fakeCtx);
  for (const ctx of contexts) {
    const metrics = createMetrics(binding, ctx);
    metrics.incr("requests_total", { route: "/" });
  }
  assert.deepEqual(contexts.map(({ promises }) => promises.length), [1, ...Array(999).fill(0)]);
  tick(999);
  assert.equal(binding.calls.length, 0);
  tick(1);
  assert.deepEqual(binding.calls.map(rows), [[["requests_total", 1, 1000, ["route", "/"]]]]);
  await contexts[0].promises[0];
  const account = createMetrics(binding, fakeCtx()).account();
  assert.deepEqual(account, { recorded: 1000, folded: 999, taken: 1, refused: 0, dropped: 0, unknown: 0, pending: 0, calls: 1 });
});

test("an isolate that falls silent sends what it has within the interval, each time", async (t) => {
  const tick = useTime(t);
  const binding = fakeBinding();
  for (let i = 1; i <= 3; i += 1) {
    const ctx = fakeCtx();
    createMetrics(binding, ctx, { flushIntervalMs: 300 }).incr("a_total");
    tick(300);
    await Promise.all(ctx.promises);
    assert.equal(binding.calls.length, i);
    tick(60_000);
  }
});

test("a leader that was cancelled is replaced by the next request, and nothing is lost", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1e12 });
  const binding = fakeBinding();
  // A cancelled request's timers never fire.
  const cancelled = t.mock.method(globalThis, "setTimeout", () => 0);
  createMetrics(binding, fakeCtx()).incr("a_total");
  cancelled.mock.restore();
  t.mock.timers.reset();
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1e12 + 1_500 });
  const during = fakeCtx();
  createMetrics(binding, during).incr("a_total");
  assert.equal(during.promises.length, 0, "it may only be late");
  t.mock.timers.tick(1_501);
  const next = fakeCtx();
  createMetrics(binding, next).incr("a_total");
  assert.equal(next.promises.length, 1);
  t.mock.timers.tick(1_000);
  await Promise.all(next.promises);
  assert.deepEqual(binding.calls.map(rows), [[["a_total", 1, 3]]]);
});

test("a leader that comes late, after it was replaced, sends nothing twice", async (t) => {
  const tick = useTime(t);
  const binding = fakeBinding();
  const [slow, quick] = [fakeCtx(), fakeCtx()];
  createMetrics(binding, slow, { flushIntervalMs: 10_000 }).incr("a_total");
  createMetrics(binding, quick, { flushIntervalMs: 100 }).incr("a_total");
  assert.equal(quick.promises.length, 1, "nobody waits longer than its own interval");
  tick(100);
  await Promise.all(quick.promises);
  tick(10_000);
  await Promise.all(slow.promises);
  assert.deepEqual(binding.calls.map(rows), [[["a_total", 1, 2]]]);
});

test("a full batch is sent at once, by the request that filled it", async (t) => {
  const tick = useTime(t);
  const binding = fakeBinding();
  const [first, second] = [fakeCtx(), fakeCtx()];
  createMetrics(binding, first, { maxBatch: 10 }).observe("a_ms", 0);
  const filling = createMetrics(binding, second, { maxBatch: 10 });
  for (let i = 1; i < 25; i += 1) filling.observe("a_ms", i);
  assert.equal(second.promises.length, 1);
  tick(0);
  await Promise.all(second.promises);
  assert.deepEqual(binding.calls.map(count), [10, 10, 5]);
  tick(1_000);
  await Promise.all(first.promises);
  assert.equal(binding.calls.length, 3);
});

test("what waits is bounded; what does not fit is counted and warned about", async (t) => {
  const tick = useTime(t);
  const lines = [];
  t.mock.method(console, "warn", (line) => void lines.push(line));
  const binding = fakeBinding();
  const ctx = fakeCtx();
  const metrics = createMetrics(binding, ctx, { maxBatch: 10, maxCalls: 2 });
  for (let i = 0; i < 25; i += 1) metrics.observe("a_ms", i);
  assert.equal(metrics.account().dropped, 5);
  assert.match(lines.at(-1), /"a_ms" dropped: 2 calls' worth of samples wait already/);
  tick(0);
  tick(1_000);
  await Promise.all(ctx.promises);
  assert.deepEqual(binding.calls.map(count), [10, 10]);
  assertBalanced(metrics.account(), "after too much");
});

test("a flush that the handler does not wait for is covered by its request", async () => {
  const binding = fakeBinding();
  const leads = fakeCtx();
  const flushes = fakeCtx();
  createMetrics(binding, leads).incr("a_total");
  const metrics = createMetrics(binding, flushes);
  void metrics.flush();
  assert.equal(binding.calls.length, 1);
  await Promise.all(flushes.promises);
  assert.equal(metrics.account().taken, 1, "the waitUntil of the request that flushed waits for the answer");
  await createMetrics(binding, leads).flush();
});

test("flush sends what all requests left, and another request's call is not waited for", async (t) => {
  useTime(t);
  let answer;
  const binding = fakeBinding(() => new Promise((resolve) => (answer = resolve)));
  createMetrics(binding, fakeCtx()).incr("a_total");
  const flushed = createMetrics(binding, fakeCtx()).flush();
  await settle();
  assert.equal(binding.calls.length, 1);
  await createMetrics(binding, fakeCtx()).flush();
  answer(1);
  await flushed;
});

test("a call whose request was cancelled before its answer counts as unknown once its time is up", (t) => {
  const tick = useTime(t);
  const binding = fakeBinding(() => new Promise(() => {}));
  const metrics = createMetrics(binding, fakeCtx(), { timeoutMs: 1_000 });
  metrics.incr("a_total");
  t.mock.method(globalThis, "setTimeout", () => 0);
  void metrics.flush();
  assert.equal(metrics.account().pending, 1);
  tick(6_001);
  const account = createMetrics(binding, fakeCtx()).account();
  assert.deepEqual([account.pending, account.unknown], [0, 1]);
});

test("two bindings, and the two scopes, have buffers of their own", async (t) => {
  useTime(t);
  const [one, other] = [fakeBinding(), fakeBinding()];
  const ctx = fakeCtx();
  createMetrics(one, ctx).incr("shared_total");
  createMetrics(other, ctx).incr("other_total");
  const own = createMetrics(one, ctx, { scope: "request" });
  own.incr("own_total");
  await own.flush();
  assert.deepEqual(one.calls.map(rows), [[["own_total", 1, 1]]]);
  assert.deepEqual([own.account().recorded, createMetrics(one, ctx).account().recorded], [1, 1]);
  assert.equal(other.calls.length, 0);
});

test("samples recorded while the Worker starts, where timers are refused, leave with the first request", async (t) => {
  const lines = warnings(t);
  const binding = fakeBinding();
  const refusing = t.mock.method(globalThis, "setTimeout", () => {
    throw new Error("Disallowed operation called within global scope");
  });
  createMetrics(binding).incr("starts_total");
  refusing.mock.restore();
  assert.deepEqual(lines, []);
  t.mock.restoreAll();
  const tick = useTime(t);
  const ctx = fakeCtx();
  createMetrics(binding, ctx).incr("requests_total");
  tick(1_000);
  await Promise.all(ctx.promises);
  assert.deepEqual(binding.calls.map(rows), [[["starts_total", 1, 1], ["requests_total", 1, 1]]]);
});

test("a request that stays open leads less and less often, and keeps a call for the end of its handler", async (t) => {
  const tick = useTime(t);
  const binding = fakeBinding();
  const ctx = fakeCtx();
  const handler = withMetrics(
    {
      async fetch(_request, _env, ctx) {
        for (let i = 0; i < 100; i += 1) {
          getMetrics(ctx).incr("chunks_total");
          tick(15_000);
          await settle();
        }
        return new Response();
      },
    },
    { maxCalls: 4 },
  );
  await handler.fetch(new Request("http://shop/"), { METRICS: binding }, ctx);
  assert.equal(binding.calls.length, 3);
  tick(15_000);
  await settle();
  assert.equal(binding.calls.length, 4);
  assert.equal(sum(binding.calls, "chunks_total"), 100);
});

test("a Durable Object leads each second, and its calls do not run out", async (t) => {
  const tick = useTime(t);
  const binding = fakeBinding();
  const state = { ...fakeCtx(), blockConcurrencyWhile() {} };
  const metrics = createMetrics(binding, state, { maxCalls: 1 });
  for (let batch = 0; batch < 40; batch += 1) {
    metrics.incr("a_total");
    tick(1_000);
    await settle();
  }
  assert.equal(binding.calls.length, 40);
  assert.equal(metrics.account().dropped, 0);
});

test("requests that come, lead, hang and are cancelled at random lose and double nothing", async (t) => {
  let seed = 7;
  const random = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n;
  for (let round = 0; round < 20; round += 1) {
    t.mock.timers.reset();
    const tick = useTime(t);
    const binding = fakeBinding();
    const realTimeout = globalThis.setTimeout;
    let recorded = 0;
    for (let i = 0; i < 200; i += 1) {
      // One request in four is cancelled: its timers and its waitUntil have no effect.
      if (random(4) === 0) globalThis.setTimeout = () => 0;
      const metrics = createMetrics(binding, fakeCtx(), { maxBatch: 20 });
      for (let n = random(5); n >= 0; n -= 1) {
        metrics.observe("a_ms", recorded);
        recorded += 1;
      }
      globalThis.setTimeout = realTimeout;
      tick(random(900));
      await settle();
    }
    tick(10_000);
    const last = createMetrics(binding, fakeCtx());
    last.observe("a_ms", recorded);
    recorded += 1;
    await last.flush();
    const values = binding.calls.flatMap(rows).flatMap(([, , value]) => value);
    assert.deepEqual(values, Array.from({ length: recorded }, (_, i) => i), `round ${round}`);
    assertBalanced(last.account(), `round ${round}`);
    assert.equal(last.account().taken, recorded);
  }
});
