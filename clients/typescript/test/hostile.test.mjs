import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics, defineMetrics, getMetrics, withMetrics } from "metrics-reporter-client";

import { assertBalanced, fakeBinding, fakeCtx, rows, warnings, withoutUnhandledRejections } from "./helpers.mjs";

const boom = () => {
  throw new Error("boom");
};
const trap = () =>
  new Proxy(
    {},
    new Proxy({}, { get: () => boom }), // every trap throws
  );
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const circular = {};
circular.self = circular;
class Labelled {
  route = "/";
}
const thrower = () => ({
  get route() {
    throw new Error("boom");
  },
});
const unprintable = {
  toString: boom,
  valueOf: boom,
  [Symbol.toPrimitive]: boom,
  toJSON: boom,
};

// Values that no caller should pass to a metric, and that some callers will pass.
const hostile = {
  undefined: undefined,
  null: null,
  true: true,
  NaN: NaN,
  "-1": -1,
  bigint: 10n,
  "empty string": "",
  "long string": "x".repeat(100_000),
  "lone surrogate": "\ud800",
  symbol: Symbol("s"),
  function: () => boom(),
  class: Labelled,
  array: [1, 2],
  "sparse array": new Array(1e6),
  Map: new Map([["route", "/"]]),
  Date: new Date(NaN),
  Headers: new Headers({ route: "/" }),
  instance: new Labelled(),
  circular,
  "null prototype": Object.assign(Object.create(null), { route: "/" }),
  "getter that throws": thrower(),
  "proxy whose traps throw": trap(),
  "revoked proxy": revoked(),
  "rejected promise": (() => {
    const promise = Promise.reject(new Error("boom"));
    promise.catch(() => {});
    return promise;
  })(),
  unprintable,
  "value unprintable": { route: unprintable },
  "value symbol": { route: Symbol("s") },
  "value bigint": { route: 1n },
  "value object": { route: { a: 1 } },
  "value revoked": { route: revoked() },
  "value function": { route: boom },
  globalThis,
};

test("no argument, in any place, makes a metric throw, reject, or spoil another metric", async (t) => {
  const lines = warnings(t);
  await withoutUnhandledRejections(async () => {
    const cases = ["isolate", "request"].flatMap((scope) => Object.entries(hostile).map((entry) => [scope, ...entry]));
    for (const [scope, note, value] of cases) {
      const binding = fakeBinding();
      const metrics = createMetrics(binding, fakeCtx(), { scope });
      metrics.incr("good_total", 2, { route: "/" });
      for (const method of [metrics.incr, metrics.observe]) {
        method(value);
        method(value, value, value, value, value);
        method("a_total", value);
        method("a_total", 1, value);
        method("a_total", value, 1);
        method("a_total", 1, { route: "/" }, value);
        method("a_total", 1, {}, { help: value });
        method("a_total", 1, { [typeof value === "symbol" ? "s" : "k"]: value });
      }
      metrics.startTimer(value)();
      metrics.startTimer("a_ms", value)();
      metrics.startTimer("a_ms")(value);
      assert.equal(metrics.time(value, () => 1), 1, note);
      assert.equal(metrics.time("a_ms", value, () => 1), 1, note);
      await metrics.time("a_ms", { x: value }, async () => 1);
      if (typeof value !== "function") metrics.time("a_ms", {}, value);
      await Promise.resolve(metrics.time("a_ms", {}, () => value)).catch(() => {});
      metrics.incr("good_total", 3, { route: "/" });
      await metrics.flush();

      assertBalanced(metrics.account(), note);
      assert.equal(metrics.account().pending, 0, note);
      assert.equal(binding.calls.length, 1, note);
      const good = rows(binding.calls[0]).find((row) => (row.name ?? row[0]) === "good_total");
      assert.equal(good.value ?? good[2], 5, note);
      // The sent data must be plain for any input: a function would become a stub, and a symbol would make
      // the whole call fail.
      assert.doesNotThrow(() => structuredClone(binding.calls[0]), note);
    }
  });
  assert.ok(lines.length > 100);
  for (const line of lines) assert.ok(typeof line === "string" && line.length < 500, line);
});

test("a dropped sample is warned about once, with the metric's name and what was wrong", (t) => {
  const lines = warnings(t);
  const metrics = createMetrics(fakeBinding(), fakeCtx());
  const cases = [
    [() => metrics.incr(42), "(a number) dropped: a metric's name must be a string, got a number"],
    [() => metrics.incr("w_total", "2"), '"w_total" dropped: after the name come a number, labels and options'],
    [() => metrics.incr("w_total", 1, 2), "got also a number"],
    [() => metrics.observe("w_ms"), '"w_ms" dropped: an observation needs a value'],
    [() => metrics.observe("w_ms", { route: "/" }), '"w_ms" dropped: an observation needs a value'],
    [() => metrics.incr("w_total", ["a"]), '"w_total" dropped: labels must be a plain object, got an array'],
    [() => metrics.incr("w_total", new Map()), "got a Map"],
    [() => metrics.incr("w_total", { user: { id: 1 } }), 'label "user" must be a string, number or boolean, got an object'],
    [() => metrics.incr("w_total", { user: 1n }), "got a bigint"],
    [() => metrics.incr("w_total", thrower()), '"w_total" dropped: reading it failed: Error: boom'],
    [() => metrics.time("w_ms", {}, 42), '"w_ms" dropped: time needs a function to run, got a number'],
  ];
  for (const [call, expected] of cases) {
    lines.length = 0;
    call();
    assert.equal(lines.length, 1, expected);
    assert.ok(lines[0].startsWith("metrics-reporter-client: ") && lines[0].includes(expected), lines[0]);
  }
  assert.equal(metrics.account().dropped, cases.length);
});

test("hostile options do not keep the metrics from working", async (t) => {
  warnings(t);
  for (const [note, value] of Object.entries(hostile)) {
    for (const options of [value, { labels: value }, { catalogue: value }, { catalogue: { good_total: value } }, { maxCalls: value }]) {
      const binding = fakeBinding();
      const metrics = createMetrics(binding, fakeCtx(), options);
      metrics.incr("good_total");
      await metrics.flush();
      assertBalanced(metrics.account(), note);
    }
    const metrics = createMetrics(value, value, value);
    metrics.incr("good_total");
    await metrics.flush();
    assertBalanced(metrics.account(), note);
    getMetrics(value, value).incr("good_total");
    defineMetrics(value);
  }
});

test("a console that throws changes nothing", async (t) => {
  t.mock.method(console, "warn", boom);
  const metrics = createMetrics(fakeBinding(() => Promise.reject(new Error("gone"))), fakeCtx());
  metrics.incr("console_total", {}, {}, {});
  metrics.incr("console_total");
  await metrics.flush();
  assert.equal(metrics.account().unknown, 1);
});

test("no env, ctx or option makes a wrapped handler fail", async (t) => {
  warnings(t);
  // later calls are not checked here, and their warnings must not appear in other tests
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const [note, value] of Object.entries(hostile)) {
    for (const options of [value, { binding: value }, { labels: value }, { catalogue: value }, { route: value }, { route: () => value }]) {
      const handler = withMetrics({ fetch: async (request) => `answer to ${request}` }, options);
      for (const env of [value, { METRICS: value }, { METRICS: fakeBinding() }]) {
        assert.equal(await handler.fetch("a request", env, value), "answer to a request", note);
        assert.equal(await handler.fetch("a request", env, fakeCtx()), "answer to a request", note);
      }
    }
    // a handler that cannot be wrapped stays unchanged
    assert.doesNotThrow(() => typeof withMetrics(value), note);
  }
});
