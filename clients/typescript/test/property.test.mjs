// The reporter receives what was recorded, for any input and any way of sending.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics } from "metrics-reporter-client";

import { assertBalanced, count, fakeBinding, fakeCtx, rows, valuesOf } from "./helpers.mjs";

/** Mulberry32: the same numbers from the same seed. */
function random(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, below: (n) => Math.floor(next() * n), of: (list) => list[Math.floor(next() * list.length)] };
}

const TEXTS = ["", "/", "/users/:id", "é😀", "\0", "\"\\", "a\0b", "b", "x".repeat(9_000)];
const GOOD = [0, -0, 1, 0.1, 1e-7, 1e21, 2.5e-300, Number.MAX_VALUE, 5e-324];
const BAD = [-1, -0.5, NaN, Infinity, -Infinity];

/** Samples of few series or of many, with all kinds of values. */
function samples({ next, below, of }) {
  const series = 1 + below(of([2, 12, 300]));
  const odd = of([0, 0, 0.02]);
  return Array.from({ length: below(of([10, 400, 3000])) }, () => {
    const which = below(series);
    const labels = { a: TEXTS[which % 7], b: TEXTS[(which >> 3) % TEXTS.length], c: String(which >> 6) };
    const value = next() < odd ? of(BAD) : next() < 0.5 ? of(GOOD) : below(1000) / 8;
    return { counter: which % 3 === 0, name: `m${which % 5}`, labels, value };
  });
}

/** Every sample of a call, in either form, as `[name, type, labels, value]`. */
function unpack(call) {
  if (typeof call === "string") {
    return rows(call).flatMap((row) => valuesOf(row).map((value) => [row[0], row[1], row[3] ?? [], value]));
  }
  return call.map(({ name, type, labels = {}, value }) => [name, type === "counter" ? 1 : 3, Object.entries(labels).flat(), value]);
}

const isGood = (type, value) => Number.isFinite(value) && (type === 3 || value >= 0);

/** By series: observations in order, the sum of increments, and increments that must be refused. */
function summary(all) {
  const series = new Map();
  for (const [name, type, labels, value] of all) {
    const key = JSON.stringify([name, type, labels]);
    if (!series.has(key)) series.set(key, { observations: [], increments: [], refused: [] });
    const { observations, increments, refused } = series.get(key);
    // JSON has no negative zero, and writes NaN and the infinities as null
    if (!isGood(type, value)) refused.push(Number.isFinite(value) ? value : null);
    else if (type === 3) observations.push(value + 0);
    else increments.push(value);
  }
  return series;
}

test("unpacked is what was recorded: each observation in the order of its series, and the sum of each counter", async () => {
  for (let seed = 0; seed < 150; seed += 1) {
    const numbers = random(seed);
    const recorded = samples(numbers);
    const binding = fakeBinding();
    const metrics = createMetrics(binding, fakeCtx(), { packed: seed % 3 > 0, maxCalls: 32 });
    for (const { counter, name, labels, value } of recorded) metrics[counter ? "incr" : "observe"](name, value, labels);
    await metrics.flush();
    assertBalanced(metrics.account(), `seed ${seed}`);
    assert.equal(metrics.account().dropped, 0, `seed ${seed}`);

    const expected = summary(recorded.map(({ counter, name, labels, value }) => [name, counter ? 1 : 3, Object.entries(labels).flat(), value]));
    const actual = summary(binding.calls.flatMap(unpack));
    assert.deepEqual(new Set(actual.keys()), new Set(expected.keys()), `seed ${seed}`);
    for (const [key, { observations, increments, refused }] of expected) {
      const sent = actual.get(key);
      assert.deepEqual(sent.observations, observations, `seed ${seed}: ${key}`);
      assert.deepEqual(sent.refused, refused, `seed ${seed}: ${key}`);
      const sum = (values) => values.reduce((sum, value) => sum + value / 1e6, 0);
      const [is, should] = [sum(sent.increments), sum(increments)];
      assert.ok(Math.abs(is - should) <= 1e-9 * should, `seed ${seed}: ${key}: ${is}, not ${should}`);
    }

    for (const call of binding.calls) {
      assert.ok(count(call) <= 1000, `seed ${seed}: ${count(call)}`);
      if (typeof call !== "string") continue;
      const histograms = rows(call).filter(([, type]) => type === 3);
      const different = new Set(histograms.map(([name, , , labels]) => JSON.stringify([name, labels])));
      assert.equal(histograms.length, different.size, `seed ${seed}: one row for each histogram series`);
      assert.ok(call.length < 1 << 20, `seed ${seed}: ${call.length}`);
    }
  }
});
