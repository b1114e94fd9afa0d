import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics as create } from "metrics-reporter-client";

import { assertBalanced, count, fakeBinding, fakeCtx, rows, valuesOf, warnings, withoutUnhandledRejections } from "./helpers.mjs";

// Each request on its own. isolate.test.mjs tests what requests share.
const createMetrics = (binding, ctx, options) => create(binding, ctx, { scope: "request", ...options });
const useTimers = (t) => t.mock.timers.enable({ apis: ["setTimeout"] });
// Runs everything that waits for promises, but not for timers.
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("a thousand calls make one waitUntil and one record, sent after flushAfterMs", async (t) => {
  useTimers(t);
  const binding = fakeBinding();
  const ctx = fakeCtx();
  const metrics = createMetrics(binding, ctx);
  for (let i = 0; i < 500; i += 1) {
    metrics.incr("a_total", { n: i % 10 });
    metrics.observe("b_ms", i);
    if (i % 100 === 0) await settle();
  }
  assert.equal(ctx.promises.length, 1);
  t.mock.timers.tick(99);
  assert.equal(binding.calls.length, 0);
  t.mock.timers.tick(1);
  await Promise.all(ctx.promises);
  assert.equal(binding.calls.length, 1);
  assert.equal(rows(binding.calls[0]).length, 11);
  assert.equal(count(binding.calls[0]), 510);
  assert.deepEqual(metrics.account(), {
    recorded: 1000,
    folded: 490,
    taken: 510,
    refused: 0,
    dropped: 0,
    unknown: 0,
    pending: 0,
    calls: 1,
  });
});

test("nothing recorded makes no waitUntil, no timer and no call", async () => {
  const binding = fakeBinding();
  const ctx = fakeCtx();
  await createMetrics(binding, ctx).flush();
  assert.deepEqual([binding.calls, ctx.promises], [[], []]);
});

test("what comes after a batch goes into the next one, which waits twice as long, and never longer than 15 s", async (t) => {
  useTimers(t);
  const binding = fakeBinding();
  const ctx = fakeCtx();
  const metrics = createMetrics(binding, ctx);
  const waits = [];
  for (let batch = 0; batch < 10; batch += 1) {
    metrics.incr("a_total");
    let waited = 0;
    while (binding.calls.length === batch) {
      t.mock.timers.tick(50);
      waited += 50;
    }
    waits.push(waited);
    await settle();
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000]);
  assert.equal(ctx.promises.length, 10);
  await Promise.all(ctx.promises);
});

test("with flushAfterMs: 0 the first batch leaves in the next turn of the event loop", async (t) => {
  useTimers(t);
  const binding = fakeBinding();
  createMetrics(binding, fakeCtx(), { flushAfterMs: 0 }).incr("a_total");
  assert.equal(binding.calls.length, 0);
  t.mock.timers.tick(0);
  assert.equal(binding.calls.length, 1);
});

test("one call carries at most 1000 samples", async () => {
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx());
  for (let i = 0; i < 2500; i += 1) metrics.observe("a_ms", i);
  await metrics.flush();
  assert.deepEqual(
    binding.calls.map(count),
    [1000, 1000, 500],
  );
  assert.deepEqual(
    binding.calls.flatMap((call) => rows(call).flatMap(valuesOf)),
    Array.from({ length: 2500 }, (_, i) => i),
  );
});

test("one call carries at most 160 Ki characters", async () => {
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx());
  for (let i = 0; i < 40; i += 1) metrics.observe("a_ms", i, { i, text: "x".repeat(30_000) });
  await metrics.flush();
  assert.deepEqual(
    binding.calls.map((call) => rows(call).length),
    Array(8).fill(5),
  );
  for (const call of binding.calls) assert.ok(call.length <= 160 * 1024, `${call.length}`);
});

test("a further observation of a series takes the room of its number only", async () => {
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx());
  const longest = -0.0000012345678901234567;
  for (let i = 0; i < 990; i += 1) metrics.observe("a_ms", longest, { text: "x".repeat(30_000) });
  for (let i = 0; i < 10; i += 1) metrics.observe("b_ms", 1, { i, text: "y".repeat(20_000) });
  await metrics.flush();
  assert.deepEqual(binding.calls.map(count), [995, 5]);
  assert.ok(binding.calls[0].length <= 160 * 1024, `${binding.calls[0].length}`);
});

test("one bad value does not make the rest of its call too large for the reporter", async () => {
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx());
  for (let i = 0; i < 999; i += 1) metrics.observe("a_ms", i, { text: "x".repeat(8_500) });
  metrics.observe("x_ms", NaN);
  await metrics.flush();
  assert.deepEqual(binding.calls.map(count), [1000]);
  assert.equal(typeof binding.calls[0], "string");
  assert.ok(binding.calls[0].length <= 160 * 1024, `${binding.calls[0].length}`);
});

test("with packed: false a further observation takes the room of its labels too", async () => {
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx(), { packed: false });
  for (let i = 0; i < 100; i += 1) metrics.observe("a_ms", i, { text: "x".repeat(8_500) });
  await metrics.flush();
  assert.deepEqual(binding.calls.map(count), [19, 19, 19, 19, 19, 5]);
  for (const call of binding.calls) assert.ok(JSON.stringify(call).length <= 160 * 1024);
  assert.deepEqual(
    binding.calls.flat().map(({ value }) => value),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

test("helps that come late stay within the characters of their call", async () => {
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx());
  for (const help of [undefined, "h".repeat(30_000)]) {
    for (let i = 0; i < 10; i += 1) {
      metrics.incr(`a${i}_total`, 1, {}, { help });
      metrics.observe(`a${i}_ms`, 1, {}, { help });
    }
  }
  await metrics.flush();
  assert.deepEqual(binding.calls.map(count), [30]);
  const helps = rows(binding.calls[0]).filter((row) => row.length > 3);
  assert.equal(helps.length, 5);
  assert.ok(binding.calls[0].length <= 160 * 1024, `${binding.calls[0].length}`);
});

test("no text makes a string longer than the 1 Mi that the reporter reads", async (t) => {
  warnings(t);
  for (const character of ["\0", "\ud800", '"', "\\", "😀"]) {
    const binding = fakeBinding();
    const metrics = createMetrics(binding, fakeCtx());
    const text = character.repeat(32_000 / character.length);
    for (let i = 0; i < 20; i += 1) metrics.incr("a_total", { i, text });
    for (let i = 0; i < 1000; i += 1) metrics.incr("b_total", { i, [`\0${i}`]: "\0".repeat(200) });
    await metrics.flush();
    assert.equal(metrics.account().dropped, 0);
    for (const call of binding.calls) assert.ok(call.length <= 1 << 20, `${call.length}`);
  }
});

test("a sample of more than 32 Ki characters is dropped, with its name in a warning", async (t) => {
  const lines = warnings(t);
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx());
  metrics.incr("big_value_total", { text: "x".repeat(40_000) });
  metrics.incr("many_labels_total", Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`l${i}`, i])));
  metrics.incr("n".repeat(40_000));
  metrics.incr("big_help_total", 1, {}, { help: "x".repeat(40_000) });
  metrics.incr("good_total");
  await metrics.flush();
  assert.deepEqual(binding.calls.map(rows), [[["good_total", 1, 1]]]);
  assert.equal(metrics.account().dropped, 4);
  assert.equal(lines.length, 4);
  for (const [i, name] of ["big_value_total", "many_labels_total", "nnnn", "big_help_total"].entries()) {
    assert.ok(lines[i].includes(name) && lines[i].includes("32768"), lines[i]);
    assert.ok(lines[i].length < 400, "a warning stays short");
  }
});

test("a request makes at most maxCalls calls; what does not fit is counted and warned about", async (t) => {
  const lines = warnings(t);
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx(), { maxCalls: 2 });
  metrics.incr("a_total");
  for (let i = 0; i < 2500; i += 1) metrics.observe("a_ms", i);
  metrics.incr("a_total", 5);
  assert.equal(metrics.account().dropped, 501);
  await metrics.flush();
  metrics.incr("late_total");
  await metrics.flush();
  assert.deepEqual(
    binding.calls.map(count),
    [1000, 1000],
  );
  assert.deepEqual(rows(binding.calls[0])[0], ["a_total", 1, 6], "a counter that waits still adds up");
  assert.equal(metrics.account().dropped, 502);
  assert.equal(metrics.account().pending, 0);
  assertBalanced(metrics.account(), "after too much");
  assert.ok(lines.some((line) => line.includes('"a_ms"') && line.includes("maxCalls")), lines[0]);
  assert.ok(lines.some((line) => line.includes('"late_total"')));
});

test("no flood of samples makes more than 16 calls by default", async (t) => {
  t.mock.method(console, "warn", () => {});
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx());
  for (let i = 0; i < 50_000; i += 1) metrics.observe("a_ms", i);
  for (let i = 0; i < 100; i += 1) {
    metrics.incr("a_total");
    await metrics.flush();
  }
  assert.equal(binding.calls.length, 16);
  assert.equal(metrics.account().taken, 16_000);
  assertBalanced(metrics.account(), "after the flood");
});

test("everybody with the same ctx and binding shares one batch", async () => {
  const [binding, other] = [fakeBinding(), fakeBinding()];
  const ctx = fakeCtx();
  const first = createMetrics(binding, ctx, { labels: { part: "a" } });
  const second = createMetrics(binding, ctx, { labels: { part: "b" } });
  first.incr("a_total");
  second.incr("a_total");
  createMetrics(other, ctx).incr("a_total");
  createMetrics(binding, fakeCtx()).incr("another_request_total");
  await first.flush();
  assert.deepEqual(binding.calls.map(rows), [
    [
      ["a_total", 1, 1, ["part", "a"]],
      ["a_total", 1, 1, ["part", "b"]],
    ],
  ]);
  assert.deepEqual(first.account(), second.account());
  assert.equal(other.calls.length, 0);
});

test("in a Durable Object, whose ctx stays, batches go each second and calls do not run out", async (t) => {
  useTimers(t);
  const binding = fakeBinding();
  const state = { ...fakeCtx(), blockConcurrencyWhile() {} };
  const metrics = createMetrics(binding, state, { maxCalls: 1 });
  for (let batch = 0; batch < 40; batch += 1) {
    metrics.incr("a_total");
    t.mock.timers.tick(1000);
    await settle();
  }
  assert.equal(binding.calls.length, 40);
  assert.equal(metrics.account().dropped, 0);
});

test("flush waits for the answer to what was sent before", async () => {
  let answer;
  const binding = fakeBinding(() => new Promise((resolve) => (answer = resolve)));
  const metrics = createMetrics(binding, fakeCtx());
  metrics.incr("a_total");
  const first = metrics.flush();
  await settle();
  let done = false;
  const second = metrics.flush().then(() => (done = true));
  await settle();
  assert.equal(done, false);
  assert.equal(metrics.account().pending, 1);
  answer(1);
  await Promise.all([first, second]);
  assert.equal(metrics.account().taken, 1);
  assert.equal(binding.calls.length, 1);
});

test("a reporter that does not answer holds flush and waitUntil no longer than timeoutMs", async (t) => {
  useTimers(t);
  const lines = warnings(t);
  const binding = fakeBinding(() => new Promise(() => {}));
  const ctx = fakeCtx();
  const metrics = createMetrics(binding, ctx, { timeoutMs: 3000 });
  metrics.incr("a_total", { x: 1 });
  metrics.incr("a_total", { x: 2 });
  const flushed = metrics.flush();
  t.mock.timers.tick(3000);
  await flushed;
  await Promise.all(ctx.promises);
  assert.equal(metrics.account().unknown, 2);
  assertBalanced(metrics.account(), "after the timeout");
  assert.ok(lines[0].includes("3000 ms") && lines[0].includes("a_total"), lines[0]);
});

test("whatever the reporter does, nothing rejects, nothing is sent twice and every sample is accounted for", async (t) => {
  const lines = warnings(t);
  const throwing = (error) => ({
    record() {
      throw error;
    },
  });
  const evil = new Proxy({}, { get: () => assert.fail("touched") });
  const cases = {
    "rejects with an Error": [fakeBinding(() => Promise.reject(new Error("gone"))), "unknown", "gone"],
    "rejects with nothing": [fakeBinding(() => Promise.reject()), "unknown", "undefined"],
    "rejects with a proxy that throws": [fakeBinding(() => Promise.reject(evil)), "unknown", "an object"],
    "throws": [throwing(new TypeError("no more calls")), "dropped", "no more calls"],
    "throws a symbol": [throwing(Symbol("s")), "dropped", "Symbol(s)"],
    "has no record": [{ fetch() {} }, "dropped", "the binding has no method record"],
    "is a string": ["METRICS", "dropped", "the binding has no method record"],
    "is a proxy that throws": [evil, "dropped", "touched"],
    "answers nothing": [fakeBinding(() => undefined), "unknown", "number"],
    "answers too much": [fakeBinding(() => 3), "unknown", "number from 0 to 2"],
    "answers NaN": [fakeBinding(() => NaN), "unknown", "number"],
    "answers at once": [{ record: () => 2 }, "taken", undefined],
    "has a then that throws": [{ record: () => ({ get then() { throw new Error("then"); } }) }, "unknown", "then"],
    "took one": [fakeBinding(() => 1), "refused", "took 1 of 2"],
    "took none": [fakeBinding(() => 0), "refused", "packed: false"],
  };
  await withoutUnhandledRejections(async () => {
    for (const [note, [binding, term, words]] of Object.entries(cases)) {
      lines.length = 0;
      const ctx = fakeCtx();
      const metrics = createMetrics(binding, ctx);
      metrics.incr("first_total");
      metrics.incr("second_total");
      await metrics.flush();
      await Promise.all(ctx.promises);
      const account = metrics.account();
      assertBalanced(account, note);
      assert.equal(account.pending, 0, note);
      assert.equal(account.calls, 1, note);
      assert.ok(account[term] > 0, `${note}: ${JSON.stringify(account)}`);
      assert.equal(lines.length, words === undefined ? 0 : 1, `${note}: ${lines}`);
      if (words !== undefined) assert.ok(lines[0].includes(words) && lines[0].includes("first_total"), lines[0]);
    }
  });
});

test("without a binding nothing is recorded, and only undefined is worth a warning", async (t) => {
  const lines = warnings(t);
  const ctx = fakeCtx();
  for (const binding of [undefined, null]) {
    const metrics = createMetrics(binding, ctx);
    metrics.incr("a_total");
    metrics.observe("a_ms", 1);
    assert.equal(metrics.time("a_ms", () => 42), 42);
    assert.equal(await metrics.time("a_ms", {}, async () => 43), 43);
    assert.ok(metrics.startTimer("a_ms")() >= 0);
    await metrics.flush();
    assert.equal(metrics.account().recorded, 0);
  }
  assert.equal(ctx.promises.length, 0);
  assert.equal(lines.length, 1);
  assert.match(lines[0], /no reporter binding/);
});

test("a ctx that is missing or broken costs the cover of waitUntil, not the samples", async (t) => {
  const lines = warnings(t);
  const broken = {
    waitUntil() {
      throw new TypeError("Illegal invocation");
    },
  };
  for (const ctx of [undefined, null, 42, {}, broken, Object.freeze({ waitUntil() {} })]) {
    lines.length = 0;
    const binding = fakeBinding();
    const metrics = createMetrics(binding, ctx);
    metrics.incr("a_total");
    await metrics.flush();
    assert.equal(binding.calls.length, 1, String(ctx));
    assert.equal(lines.length, Object.isFrozen(ctx) && typeof ctx === "object" && ctx !== null ? 0 : 1, String(lines));
  }
});

test("where timers are refused, samples wait for flush", async (t) => {
  const lines = warnings(t);
  const binding = fakeBinding();
  t.mock.method(globalThis, "setTimeout", () => {
    throw new Error("Disallowed operation called within global scope");
  });
  const metrics = createMetrics(binding, fakeCtx());
  metrics.incr("a_total");
  assert.match(lines[0], /outside a request/);
  await metrics.flush();
  assert.equal(metrics.account().taken, 1);
});

test("samples that had no timer leave with the next one that gets a timer", async (t) => {
  warnings(t);
  const binding = fakeBinding();
  const ctx = fakeCtx();
  const metrics = createMetrics(binding, ctx);
  const refusing = t.mock.method(globalThis, "setTimeout", () => {
    throw new Error("Disallowed operation called within global scope");
  });
  metrics.incr("a_total");
  refusing.mock.restore();
  useTimers(t);
  metrics.incr("a_total");
  t.mock.timers.tick(100);
  await Promise.all(ctx.promises);
  assert.deepEqual(rows(binding.calls[0]), [["a_total", 1, 2]]);
});

test("settings that make no sense are replaced by the defaults", async (t) => {
  useTimers(t);
  for (const bad of [-1, NaN, Infinity, "7", {}, null, 1e9]) {
    const binding = fakeBinding();
    const metrics = createMetrics(binding, fakeCtx(), { flushAfterMs: bad, maxCalls: bad, timeoutMs: bad, packed: bad });
    for (let i = 0; i < 1001; i += 1) metrics.observe("a_ms", i);
    t.mock.timers.tick(100);
    assert.equal(binding.calls.length, 2, String(bad));
    assert.equal(typeof binding.calls[0], "string");
    await settle();
  }
});

test("the same mistake is warned about once a minute, and different ones without end fall silent", async (t) => {
  const lines = [];
  let clock = 2e12;
  t.mock.method(Date, "now", () => clock);
  t.mock.method(console, "warn", (line) => void lines.push(line));
  const metrics = createMetrics(fakeBinding(), fakeCtx());
  const mistake = () => metrics.incr("same_total", "2");
  for (let i = 0; i < 1000; i += 1) mistake();
  assert.equal(lines.length, 1);
  clock += 59_999;
  mistake();
  assert.equal(lines.length, 1);
  clock += 1;
  mistake();
  assert.equal(lines.length, 2);
  for (let i = 0; i < 5000; i += 1) metrics.incr(`name_${i}_total`, "2");
  assert.ok(lines.length <= 260, `${lines.length}`);
  clock += 60_000;
  metrics.incr("after_a_minute_total", "2");
  assert.match(lines.at(-1), /after_a_minute_total/);
});
