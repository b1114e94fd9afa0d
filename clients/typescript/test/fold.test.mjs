import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics, defineMetrics } from "metrics-reporter-client";

import { assertBalanced, fakeBinding, fakeCtx, rows, valuesOf } from "./helpers.mjs";

async function sent(record, options) {
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx(), options);
  record(metrics);
  await metrics.flush();
  assertBalanced(metrics.account(), "after the flush");
  assert.equal(metrics.account().pending, 0);
  return binding.calls.flatMap(rows);
}

test("counters with the same name and labels are added up, whatever the order of the labels", async () => {
  const samples = await sent((metrics) => {
    metrics.incr("a_total", { route: "/", method: "GET" });
    metrics.incr("a_total", 2, { method: "GET", route: "/" });
    metrics.incr("a_total", { route: "/", method: "GET" }, 0.5);
    metrics.incr("a_total", { route: "/", method: "PUT" });
    metrics.incr("a_total");
    metrics.incr("a_total", {}, 4);
  });
  assert.deepEqual(samples, [
    ["a_total", 1, 3.5, ["method", "GET", "route", "/"]],
    ["a_total", 1, 1, ["method", "PUT", "route", "/"]],
    ["a_total", 1, 5],
  ]);
});

test("observations are kept one by one and in order, those of one series in one row", async () => {
  const samples = await sent((metrics) => {
    metrics.observe("a_ms", 5, { db: "x", op: "get" });
    metrics.observe("b_ms", 1);
    metrics.observe("a_ms", { op: "get", db: "x" }, 3);
    metrics.observe("a_ms", 7, { db: "y" });
    metrics.observe("a_ms", 5, { db: "x", op: "get" });
    metrics.observe("a_ms", 0);
    metrics.observe("b_ms", 2);
  });
  assert.deepEqual(samples, [
    ["a_ms", 3, [5, 3, 5], ["db", "x", "op", "get"]],
    ["b_ms", 3, [1, 2]],
    ["a_ms", 3, 7, ["db", "y"]],
    ["a_ms", 3, 0],
  ]);
});

test("a counter and a histogram of one name do not mix", async () => {
  const samples = await sent((metrics) => {
    for (const value of [1, 2]) {
      metrics.incr("a_total", value);
      metrics.observe("a_total", value);
    }
  });
  assert.deepEqual(samples, [
    ["a_total", 1, 3],
    ["a_total", 3, [1, 2]],
  ]);
});

test("however many series there are, each has one row", async () => {
  const samples = await sent((metrics) => {
    for (let i = 0; i < 600; i += 1) {
      metrics.observe("a_ms", i, { series: i % 200 });
      metrics.incr("a_total", i, { series: i % 200 });
    }
  });
  assert.equal(samples.length, 400);
  for (let i = 0; i < 200; i += 1) {
    assert.deepEqual(samples[2 * i], ["a_ms", 3, [i, i + 200, i + 400], ["series", String(i)]]);
    assert.deepEqual(samples[2 * i + 1], ["a_total", 1, 3 * i + 600, ["series", String(i)]]);
  }
});

// Found by trial.
const COLLIDING = ["2ya8", "zki6"];

test("series whose hashes are equal stay apart, and every sample is there", async () => {
  const samples = await sent((metrics) => {
    for (let i = 0; i < 8; i += 1) metrics.observe("a_ms", -1, { k: i });
    for (let i = 0; i < 5; i += 1) {
      for (const k of COLLIDING) metrics.observe("a_ms", i, { k });
    }
  });
  for (const k of COLLIDING) {
    const own = samples.filter(([, , , labels]) => labels[1] === k);
    assert.deepEqual(own.flatMap(valuesOf), [0, 1, 2, 3, 4]);
  }
});

test("a counter of zero is sent, because it creates the series", async () => {
  assert.deepEqual(await sent((metrics) => metrics.incr("a_total", 0)), [["a_total", 1, 0]]);
});

test("label values that look like another series' labels stay apart from it", async () => {
  const samples = await sent((metrics) => {
    metrics.incr("a_total", { a: "b", c: "d" });
    metrics.incr("a_total", { a: "b1:c1:d" });
    metrics.incr("a_total", { a: "b,c=d" });
    metrics.incr("a_total", { a: "b\0c\0d" });
    metrics.incr("a_total1:a1:b1:c1:d");
  });
  assert.equal(samples.length, 5);
});

test("numbers and booleans count as their text, nothing as the empty string", async () => {
  const samples = await sent((metrics) => {
    metrics.incr("a_total", { status: 200, hit: true, who: null });
    metrics.incr("a_total", { status: "200", hit: "true", who: undefined });
    metrics.incr("a_total", { status: "200", hit: "true", who: "" });
  });
  assert.deepEqual(samples, [["a_total", 1, 3, ["hit", "true", "status", "200", "who", ""]]]);
});

test("an increment that the reporter must refuse is sent alone and spoils no sum", async () => {
  const samples = await sent((metrics) => {
    metrics.incr("a_total", 10);
    for (const bad of [NaN, -5, Infinity, -Infinity]) metrics.incr("a_total", bad);
    metrics.incr("a_total", 1);
  });
  assert.deepEqual(
    samples.map(([, , value]) => value),
    [11, null, -5, null, null],
  );
});

test("a sum that would leave the finite numbers starts anew", async () => {
  const samples = await sent((metrics) => {
    metrics.incr("a_total", Number.MAX_VALUE);
    metrics.incr("a_total", Number.MAX_VALUE);
  });
  assert.deepEqual(samples, [
    ["a_total", 1, Number.MAX_VALUE],
    ["a_total", 1, Number.MAX_VALUE],
  ]);
});

test("labels for every sample are added to each, and the call's own win", async () => {
  const samples = await sent(
    (metrics) => {
      metrics.incr("a_total");
      metrics.incr("a_total", { m: 1, z: 2 });
      metrics.incr("a_total", { app: "other", route: "/" });
      metrics.incr("a_total", { a: 1, zz: 2 });
    },
    { labels: { zone: "eu", app: "shop" } },
  );
  assert.deepEqual(
    samples.map(([, , , labels]) => labels),
    [
      ["app", "shop", "zone", "eu"],
      ["app", "shop", "m", "1", "z", "2", "zone", "eu"],
      ["app", "other", "route", "/", "zone", "eu"],
      ["a", "1", "app", "shop", "zone", "eu", "zz", "2"],
    ],
  );
});

test("help comes from the catalogue or the call, and once per metric in a call", async () => {
  const catalogue = defineMetrics({
    a_total: { type: "counter", labels: ["x"], help: "Counts a" },
    b_ms: { type: "histogram", help: "Times b" },
  });
  const samples = await sent(
    (metrics) => {
      metrics.incr("a_total", -1, { x: "refused samples carry no help" });
      metrics.incr("a_total", { x: 1 });
      metrics.incr("a_total", { x: 2 });
      metrics.observe("b_ms", 1);
      metrics.observe("b_ms", 2);
      metrics.incr("c_total", 1, {}, { help: "Counts c" });
      metrics.incr("constructor");
    },
    { catalogue },
  );
  assert.deepEqual(samples, [
    ["a_total", 1, -1, ["x", "refused samples carry no help"]],
    ["a_total", 1, 1, ["x", "1"], "Counts a"],
    ["a_total", 1, 1, ["x", "2"]],
    ["b_ms", 3, [1, 2], null, "Times b"],
    ["c_total", 1, 1, null, "Counts c"],
    ["constructor", 1, 1],
  ]);
});

test("a help that comes with a later sample of a series is sent", async () => {
  const samples = await sent((metrics) => {
    for (const help of [undefined, "Times a", "too late"]) metrics.observe("a_ms", 1, { k: "v" }, { help });
    for (const help of [undefined, "Counts b", "too late"]) metrics.incr("b_total", 1, { k: "v" }, { help });
    metrics.observe("c_ms", NaN, {}, { help: "Times c" });
    metrics.observe("c_ms", 1, {}, { help: "Times c" });
  });
  assert.deepEqual(samples, [
    ["a_ms", 3, [1, 1, 1], ["k", "v"], "Times a"],
    ["b_total", 1, 3, ["k", "v"], "Counts b"],
    ["c_ms", 3, [null, 1], null, "Times c"],
  ]);
});
