import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics } from "metrics-reporter-client";

import { fakeBinding, fakeCtx, rows, withoutUnhandledRejections } from "./helpers.mjs";

function setUp(t) {
  let clock = 1000;
  t.mock.method(performance, "now", () => clock);
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx());
  return {
    metrics,
    pass: (ms) => (clock += ms),
    async sent() {
      await metrics.flush();
      return binding.calls.flatMap(rows);
    },
  };
}

test("time measures a function and gives back its result", async (t) => {
  const { metrics, pass, sent } = setUp(t);
  const result = {};
  assert.equal(
    metrics.time("a_ms", { db: "x" }, () => {
      pass(12.3456789);
      return result;
    }),
    result,
  );
  assert.equal(metrics.time("b_ms", () => pass(1) && "text"), "text");
  assert.deepEqual(await sent(), [
    ["a_ms", 3, 12.346, ["db", "x"]],
    ["b_ms", 3, 1],
  ]);
});

test("time measures a promise until it settles", async (t) => {
  const { metrics, pass, sent } = setUp(t);
  const result = await metrics.time("a_ms", {}, async () => {
    pass(5);
    await null;
    pass(7);
    return "row";
  });
  assert.equal(result, "row");
  assert.deepEqual(await sent(), [["a_ms", 3, 12]]);
});

test("time records what throws, and the very same error goes on", async (t) => {
  const { metrics, pass, sent } = setUp(t);
  const error = Object.freeze(new RangeError("mine"));
  const thrown = [error, undefined, null, "text", Symbol("s")];
  await withoutUnhandledRejections(async () => {
    for (const reason of thrown) {
      let caught = "nothing";
      try {
        metrics.time("sync_ms", () => {
          pass(3);
          throw reason;
        });
      } catch (e) {
        caught = e;
      }
      assert.equal(caught, reason);

      caught = "nothing";
      try {
        await metrics.time("async_ms", async () => {
          pass(4);
          throw reason;
        });
      } catch (e) {
        caught = e;
      }
      assert.equal(caught, reason);
    }
  });
  assert.deepEqual(await sent(), [
    ["sync_ms", 3, thrown.map(() => 3)],
    ["async_ms", 3, thrown.map(() => 4)],
  ]);
});

test("time calls a thenable's then once, because some do their work in it", async (t) => {
  const { metrics, sent } = setUp(t);
  let queries = 0;
  const query = {
    then(resolve) {
      queries += 1;
      resolve("rows");
    },
  };
  assert.equal(await metrics.time("query_ms", () => query), "rows");
  assert.equal(queries, 1);
  assert.equal((await sent()).length, 1);
});

test("a timer takes labels at both ends, the later win, and records once", async (t) => {
  const { metrics, pass, sent } = setUp(t);
  const stop = metrics.startTimer("a_ms", { db: "x", outcome: "unknown" });
  pass(8);
  assert.equal(stop({ outcome: "ok" }), 8);
  pass(8);
  assert.equal(stop({ outcome: "failed" }), 8);
  metrics.startTimer("never_stopped_ms");
  assert.deepEqual(await sent(), [["a_ms", 3, 8, ["db", "x", "outcome", "ok"]]]);
});

test("a clock that goes backwards measures zero", async (t) => {
  const { metrics, pass, sent } = setUp(t);
  metrics.time("a_ms", () => pass(-5));
  assert.deepEqual(await sent(), [["a_ms", 3, 0]]);
});

test("the functions work taken apart", async (t) => {
  const { metrics, sent } = setUp(t);
  const { incr, observe, time, startTimer } = metrics;
  incr("a_total");
  observe("b_ms", 1);
  time("c_ms", () => {});
  startTimer("d_ms")();
  assert.equal((await sent()).length, 4);
});
