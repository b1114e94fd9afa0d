// Real Wasm traps in a probed copy of the Worker (probe.mjs): an allocation that fails, wherever
// the Worker reads the clock.

import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../harness/index.mjs";
import { counter } from "../e2e/system.mjs";
import { ok } from "./faults.mjs";
import { assertNotOverCounted, callFromAllSides, quiet, startFaulty, watch } from "./load.mjs";
import { probedDist } from "./probe.mjs";

async function startProbed(t, vars) {
  const system = await startFaulty(t, { dist: probedDist(t), vars });
  const probe = (changes) => system.runtime.value("probe", [changes]);
  const traps = () => system.runtime.logs.filter(({ event }) => event === "instance_trapped").length;
  return { ...system, probe, traps };
}

test("a trap loses what was buffered and in flight, counts it, and the next call works", async (t) => {
  const { gateway, runtime, probe, traps } = await startProbed(t, { FLUSH_INTERVAL_MS: "10000" });
  let let_go;
  const told = new Promise((resolve) => (let_go = resolve));
  gateway.next(async (exchange) => {
    await exchange.apply();
    await told;
    exchange.succeed();
  });
  const pushed = runtime.value("push", [[counter("pushed_total"), counter("pushed_total", 1, { a: "b" })]]);
  await until("the push is applied", () => gateway.appliedMetrics === 2);
  for (let i = 0; i < 3; i += 1) assert.equal(await runtime.value("incr", ["buffered_total", { i }]), 1);

  await probe({ trapIn: 1 });
  assert.equal(await runtime.value("incr", ["buffered_total"]), 0);
  await until("the trap is in the log", () => traps() === 1);
  assert.equal(await runtime.value("incr", ["after_total"]), 1);
  let stats = await runtime.value("stats");
  assert.deepEqual([stats.taken, stats.buffered, stats.in_flight, stats.unknown], [6, 1, 0, { reset: 5 }]);
  const reset = runtime.logs.filter(({ event }) => event === "instance_reset");
  assert.deepEqual(reset.map(({ metrics }) => metrics), [5]);

  // The waiting caller gets an error, and the result of its push changes nothing.
  let_go();
  const result = await pushed;
  assert.deepEqual([result.ok, result.outcome], [false, "unknown"]);
  assert.equal((await runtime.value("flush")).ok, true);
  stats = await quiet(runtime, gateway);
  assert.deepEqual([stats.delivered, stats.unknown], [1, { reset: 5 }]);
  assert.deepEqual([gateway.total("after_total"), gateway.total("pushed_total")], [1, 2]);
  assertNotOverCounted(stats, gateway);
});

test("an instance that traps before it has taken over the ledger of the instance before it passes that ledger on", async (t) => {
  // The new instance used to replace the ledger with its own empty one, so the earlier counts were
  // lost.
  const { gateway, runtime, probe, traps } = await startProbed(t, { SELF_METRICS: "false" });
  assert.equal((await runtime.value("push", [[counter("pushed_total")]])).ok, true);
  for (let i = 1; i <= 3; i += 1) {
    await probe({ trapIn: 1 });
    assert.equal(await runtime.value("incr", ["buffered_total"]), 0);
    await until("the trap is in the log", () => traps() === i);
  }
  assert.equal(await runtime.value("incr", ["after_total"]), 1);
  const stats = await quiet(runtime, gateway);
  assert.deepEqual([stats.taken, stats.delivered, stats.pushes.delivered], [2, 2, 2]);
  assertNotOverCounted(stats, gateway);
});

test("wherever a call or a flusher traps, every caller is answered and the ledger adds up", async (t) => {
  const { gateway, runtime, probe, traps } = await startProbed(t, { FLUSH_INTERVAL_MS: "10" });
  const calls = [
    ["incr", ["all_total"]],
    ["observe", ["all_ms", 1]],
    ["record", [[counter("all_total"), counter("all_total", 1, { a: "b" })]]],
    ["push", [[counter("all_total")]]],
    ["flush", []],
    ["stats", []],
  ];
  let happened = 0;
  for (let n = 1; n <= 30; n += 1) {
    await probe({ trapIn: n });
    const answers = await Promise.all(calls.map(([method, args]) => runtime.call(method, args)));
    for (const [i, { error }] of answers.entries()) assert.equal(error, undefined, `${calls[i][0]} with ${n}`);
    // The remaining traps happen in a flusher, or not at all.
    await probe({ trapIn: 0 });
    happened = traps();
    assertNotOverCounted(await quiet(runtime, gateway), gateway);
  }
  assert.ok(happened >= 10, `${happened} traps`);
  const before = gateway.total("after_total");
  assert.equal(await runtime.value("incr", ["after_total"]), 1);
  const stats = await quiet(runtime, gateway);
  assert.equal(gateway.total("after_total"), before + 1);
  assertNotOverCounted(stats, gateway);
});

test("traps among many callers and a gateway that drops answers: balanced, not over-counted, not stuck", async (t) => {
  const { gateway, runtime, probe, traps } = await startProbed(t, {});
  gateway.otherwise = gateway.own = async (exchange) => {
    await exchange.apply();
    if (gateway.pushes.length % 3 === 0) exchange.reset();
    else exchange.succeed();
  };
  const watcher = watch(runtime);
  let calling = true;
  const trapper = (async () => {
    for (let n = 7; calling; n = (n * 5) % 97) {
      const before = traps();
      await probe({ trapIn: n });
      await until("it traps, or nobody calls any more", () => !calling || traps() > before);
    }
  })();
  await callFromAllSides(runtime, gateway, { calls: 20 });
  calling = false;
  await trapper;
  await probe({ trapIn: 0 });
  gateway.otherwise = gateway.own = ok;
  assert.equal(await runtime.value("incr", ["after_total"]), 1);
  const stats = await quiet(runtime, gateway);
  await watcher.stop();
  t.diagnostic(`${traps()} traps, ${stats.unknown.reset} of ${stats.taken} lost in them`);
  assert.ok(traps() > 1);
  assert.equal(gateway.total("after_total"), 1);
  assertNotOverCounted(stats, gateway);
});

test("after a trap the Worker does not report of itself again what it had reported", async (t) => {
  const { gateway, runtime, probe } = await startProbed(t, {});
  assert.equal((await runtime.value("incr", ["a_total"])), 1);
  await quiet(runtime, gateway);
  await probe({ trapIn: 1 });
  await runtime.value("incr", ["a_total"]);
  assert.equal((await runtime.value("incr", ["a_total"])), 1);
  const stats = await quiet(runtime, gateway);
  assert.equal(gateway.pushes.filter(({ own }) => own).length, 2);
  assertNotOverCounted(stats, gateway);
  const key = JSON.stringify(["metrics_reporter_samples_total", ["outcome", "delivered"], ["reason", ""]]);
  assert.equal(gateway.applied.get(key).sum, 2);
});
