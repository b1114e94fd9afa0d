import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics } from "metrics-reporter-client";
import { TestContext, TestReporter } from "metrics-reporter-client/testing";

import { warnings } from "./helpers.mjs";

test("the double sums counters and lists observations by the labels that are asked for", async () => {
  const reporter = new TestReporter();
  const ctx = new TestContext();
  const metrics = createMetrics(reporter, ctx);
  metrics.incr("a_total", 2, { route: "/", status: 200 });
  metrics.incr("a_total", 3, { route: "/", status: 404 });
  metrics.observe("a_ms", 5, { db: "x" });
  metrics.observe("a_ms", 4, { db: "y" });
  await ctx.settled();
  assert.equal(reporter.counter("a_total"), 5);
  assert.equal(reporter.counter("a_total", { status: 200 }), 2);
  assert.equal(reporter.counter("a_total", { status: "200", route: "/" }), 2);
  assert.equal(reporter.counter("a_total", { method: "GET" }), 0);
  assert.equal(reporter.counter("nothing_total"), 0);
  assert.deepEqual(reporter.observations("a_ms"), [5, 4]);
  assert.deepEqual(reporter.observations("a_ms", { db: "y" }), [4]);
  assert.equal(reporter.calls.length, 1);
  reporter.clear();
  assert.deepEqual(reporter.samples, []);
});

test("the double sees the same in both forms", async () => {
  const recorded = [];
  for (const packed of [true, false]) {
    const reporter = new TestReporter();
    const metrics = createMetrics(reporter, new TestContext(), { packed });
    metrics.incr("a_total", 2, { route: "/é", empty: "" }, { help: "A" });
    metrics.incr("b_total", 1, {}, { help: "B" });
    for (const value of [0.5, 2]) metrics.observe("a_ms", value, {}, { help: "Times a" });
    for (const value of [NaN, 3]) metrics.observe("b_ms", value, {}, { help: "Times b" });
    await metrics.flush();
    recorded.push(reporter.samples);
    assert.deepEqual(
      reporter.refused.map(({ message }) => message),
      ["value must be finite, got NaN"],
    );
  }
  assert.deepEqual(recorded[0], recorded[1]);
  assert.deepEqual(recorded[0], [
    { name: "a_total", type: "counter", value: 2, labels: { empty: "", route: "/é" }, help: "A" },
    { name: "b_total", type: "counter", value: 1, labels: {}, help: "B" },
    { name: "a_ms", type: "histogram", value: 0.5, labels: {}, help: "Times a" },
    { name: "a_ms", type: "histogram", value: 2, labels: {} },
    { name: "b_ms", type: "histogram", value: 3, labels: {}, help: "Times b" },
  ]);
});

test("a label that is null or undefined is empty to the double, as it is to the reporter", async () => {
  const reporter = new TestReporter();
  await reporter.incr("a_total", { route: null, zone: undefined });
  await reporter.record([{ name: "a_total", type: "counter", value: 1, labels: { route: null } }]);
  assert.deepEqual(reporter.samples.map(({ labels }) => labels), [{ route: "", zone: "" }, { route: "" }]);
});

test("the double refuses what the reporter would refuse", async (t) => {
  warnings(t);
  const cases = [
    [(m) => m.incr("with-dash"), "must match"],
    [(m) => m.incr("with:colon"), "must match"],
    [(m) => m.incr(""), "must match"],
    [(m) => m.observe("a_bucket", 1), "_bucket"],
    [(m) => m.incr("a_count"), "_count"],
    [(m) => m.incr("a_total", -1), "negative"],
    [(m) => m.incr("a_total", Infinity), "finite"],
    [(m) => m.observe("a_ms", NaN), "finite"],
    [(m) => m.incr("a_total", { le: "1" }), "reserved"],
    [(m) => m.incr("a_total", { __x: "1" }), "reserved"],
    [(m) => m.incr("a_total", { "a-b": "1" }), "must match"],
    [(m) => m.observe("known_total", 1), "was a counter before"],
  ];
  for (const [record, words] of cases) {
    const reporter = new TestReporter();
    await reporter.incr("known_total");
    const metrics = createMetrics(reporter, new TestContext());
    record(metrics);
    await metrics.flush();
    assert.equal(reporter.refused.length, 1, words);
    assert.ok(reporter.refused[0].message.includes(words), reporter.refused[0].message);
    assert.equal(metrics.account().refused, 1);
    assert.equal(reporter.samples.length, 1);
  }
});

test("the double names what the gateway would reject: other labels than the metric had before", async () => {
  const reporter = new TestReporter();
  const ctx = new TestContext();
  const metrics = createMetrics(reporter, ctx);
  metrics.incr("a_total", { route: "/", status: 200 });
  metrics.incr("a_total", { status: 404, route: "/" });
  metrics.incr("a_total", { route: "/" });
  metrics.observe("a_ms", 1);
  metrics.observe("a_ms", 2, { route: "/" });
  await ctx.settled();
  assert.deepEqual(
    reporter.rejected.map(({ message }) => message),
    ['"a_total" had the labels ["route","status"] before, got ["route"]', '"a_ms" had the labels [] before, got ["route"]'],
  );
  // the reporter itself accepts them
  assert.deepEqual([reporter.refused, reporter.samples.length, metrics.account().taken], [[], 5, 5]);
  reporter.clear();
  assert.deepEqual(reporter.rejected, []);
  await reporter.incr("a_total");
  assert.deepEqual(reporter.rejected, []);
  // a caller that waits for the gateway's answer gets the rejection
  const pushed = await reporter.push([
    { name: "a_total", type: "counter", value: 1 },
    { name: "a_total", type: "counter", value: 1, labels: { route: "/" } },
  ]);
  assert.deepEqual([pushed.ok, pushed.outcome, pushed.accepted, pushed.rejected], [false, "delivered", 1, 1]);
  const stats = await reporter.stats();
  assert.deepEqual([stats.taken, stats.delivered, stats.rejected], [3, 2, 1]);
});

test("the double fails, hangs and recovers on demand", async (t) => {
  warnings(t);
  const reporter = new TestReporter();
  const ctx = new TestContext();
  const metrics = createMetrics(reporter, ctx, { timeoutMs: 5 });
  for (const [trouble, term] of [
    [() => reporter.fail(), "unknown"],
    [() => reporter.hang(), "unknown"],
    [() => reporter.recover(), "taken"],
  ]) {
    const before = metrics.account()[term];
    trouble();
    metrics.incr("a_total");
    await ctx.settled();
    assert.equal(metrics.account()[term], before + 1);
  }
  assert.equal(reporter.counter("a_total"), 1);
});

test("the double answers all methods of the entrypoint", async () => {
  const reporter = new TestReporter();
  assert.equal(await reporter.incr("a_total", { route: "/" }, 2, { help: "A" }), 1);
  assert.equal(await reporter.incr({ name: "a_total", labels: { route: "/" } }), 1);
  assert.equal(await reporter.observe("a_ms", { db: "x" }, 4.5), 1);
  assert.equal(await reporter.observe({ name: "a_ms", labels: { db: "x" }, value: 1 }), 1);
  assert.equal(await reporter.observe("a_ms", NaN), 0);
  assert.equal(await reporter.record([{ name: "b_total", type: 1, value: 1 }]), 1);
  const pushed = await reporter.push([
    { name: "c_total", type: "counter", value: 1 },
    { name: "c-total", type: "counter", value: 1 },
  ]);
  assert.deepEqual([pushed.ok, pushed.accepted, pushed.refused[0].index], [false, 1, 1]);
  assert.equal((await reporter.flush()).ok, true);
  const stats = await reporter.stats();
  assert.deepEqual([stats.taken, stats.delivered, stats.refused], [6, 6, { invalid: 2 }]);
  assert.equal((await reporter.fetch("http://reporter/")).status, 404);
  assert.equal(reporter.counter("a_total", { route: "/" }), 3);
  assert.deepEqual(reporter.observations("a_ms"), [4.5, 1]);
});

test("settled waits for what waitUntil was given, also for what that recorded", async () => {
  const reporter = new TestReporter();
  const ctx = new TestContext();
  const metrics = createMetrics(reporter, ctx);
  ctx.waitUntil(
    (async () => {
      await new Promise((resolve) => setImmediate(resolve));
      metrics.incr("late_total");
    })(),
  );
  ctx.waitUntil(Promise.reject(new Error("not the metrics' business")));
  await ctx.settled();
  assert.equal(reporter.counter("late_total"), 1);
});

test("settled does not wait for the interval, in either scope", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const scope of ["isolate", "request"]) {
    const reporter = new TestReporter();
    const ctx = new TestContext();
    createMetrics(reporter, ctx, { scope }).incr("a_total");
    await ctx.settled();
    assert.equal(reporter.counter("a_total"), 1, scope);
  }
});
