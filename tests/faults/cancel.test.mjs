// Cancelled requests. The runtime ends a waitUntil after 30 s, and with it the timer, the fetch and
// all other work of the request. A local workerd does not enforce that limit. A probed copy of the
// Worker (probe.mjs), whose waitUntil keeps nothing alive, has the same effect.

import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../harness/index.mjs";
import { assertLedger, counter } from "../e2e/system.mjs";
import { ok } from "./faults.mjs";
import { assertNotOverCounted, callAndLeave, quiet, startFaulty } from "./load.mjs";
import { probedDist } from "./probe.mjs";

const stall = async (exchange) => {
  await exchange.read();
  await exchange.closed;
};
const stallAfterApplying = async (exchange) => {
  await exchange.apply();
  await exchange.closed;
};

/** A system whose clock advances only when the test says so: `probe({ skewMs })`. */
async function startProbed(t, vars) {
  const system = await startFaulty(t, { dist: probedDist(t), vars });
  const probe = (changes) => system.runtime.value("probe", [changes]);
  await probe({ stoppedAt: Date.now() });
  return { ...system, probe };
}

/** A call whose request ends, with all its work, when the gateway has received its push. */
async function cutOff({ runtime, gateway, probe }, method, args) {
  await probe({ keeps: false });
  const before = gateway.samplePushes.length;
  const pushed = until("its push arrives", () => gateway.samplePushes.length > before);
  await callAndLeave(runtime, { method, args }, pushed);
  // The push's connection is closed as well.
  await gateway.samplePushes.at(-1).closed;
  await probe({ keeps: true });
}

test("a leader that is cut off while it waits does not keep the buffer: a later call takes over", async (t) => {
  const system = await startProbed(t, { FLUSH_INTERVAL_MS: "100", SELF_METRICS: "false" });
  const { gateway, runtime, probe } = system;
  await probe({ keeps: false });
  assert.equal(await runtime.value("incr", ["cut_total"]), 1);
  await probe({ keeps: true });
  // Its lease lasts for some seconds more than the delay.
  assert.equal(await runtime.value("incr", ["cut_total"]), 1);
  await probe({ skewMs: 1_000 });
  let stats = await runtime.value("stats");
  assert.deepEqual([stats.taken, stats.buffered, gateway.pushes.length], [2, 1, 0]);
  await probe({ skewMs: 3_000 });
  assert.equal(await runtime.value("incr", ["cut_total"]), 1);
  stats = await quiet(runtime, gateway);
  assert.deepEqual([stats.taken, stats.coalesced, stats.delivered], [3, 2, 1]);
  assert.equal(gateway.total("cut_total"), 3);
  assertNotOverCounted(stats, gateway);
});

test("flush gets out what a leader that was cut off has left behind", async (t) => {
  const { gateway, runtime, probe } = await startProbed(t, { FLUSH_INTERVAL_MS: "100" });
  await probe({ keeps: false });
  await runtime.value("incr", ["cut_total"]);
  await probe({ keeps: true });
  assert.equal((await runtime.value("flush")).ok, true);
  assert.equal(gateway.total("cut_total"), 1);
  assertLedger(await quiet(runtime, gateway));
});

for (const [what, act, applied] of [["", stall, 0], [" after it was applied", stallAfterApplying, 1]]) {
  for (const [method, args] of [["incr", ["cut_total"]], ["push", [[counter("cut_total")]]]]) {
    test(`a push of ${method} that is cut off${what} is given up as unknown, once, and later calls go through`, async (t) => {
      const system = await startProbed(t, { FLUSH_INTERVAL_MS: method === "incr" ? "0" : "50", SELF_METRICS: "false" });
      const { gateway, runtime, probe } = system;
      gateway.otherwise = act;
      await cutOff(system, method, args);
      let stats = await runtime.value("stats");
      assert.deepEqual([stats.taken, stats.in_flight, stats.unknown], [1, 1, {}]);
      // It could still end within 30 s after its call.
      await probe({ skewMs: 29_000 });
      assert.equal((await runtime.value("stats")).in_flight, 1);
      await probe({ skewMs: 31_000 });
      stats = await runtime.value("stats");
      assert.deepEqual([stats.in_flight, stats.unknown], [0, { cancelled: 1 }]);
      assertLedger(stats);

      gateway.otherwise = ok;
      assert.equal(await runtime.value("incr", ["after_total"]), 1);
      stats = await quiet(runtime, gateway);
      assert.equal(gateway.total("after_total"), 1);
      assert.equal(gateway.total("cut_total"), applied);
      assert.deepEqual([stats.delivered, stats.unknown], [1, { cancelled: 1 }]);
      assertNotOverCounted(stats, gateway);
    });
  }
}

test("when every push that may be in flight has been cut off, the buffer still drains in the end", async (t) => {
  const system = await startProbed(t, { FLUSH_INTERVAL_MS: "0", SELF_METRICS: "false" });
  const { gateway, runtime, probe } = system;
  gateway.otherwise = stall;
  for (let i = 0; i < 4; i += 1) await cutOff(system, "incr", ["cut_total", { i }]);
  gateway.otherwise = ok;
  // Four pushes count as in flight, so this one waits for a slot and meanwhile notices the end.
  const waiting = runtime.value("incr", ["after_total"]);
  let stats = await runtime.waitForStats("it is buffered", (s) => s.buffered === 1);
  assert.equal(stats.in_flight, 4);
  await probe({ skewMs: 31_000 });
  assert.equal(await waiting, 1);
  assert.equal(await runtime.value("incr", ["after_total"]), 1);
  stats = await quiet(runtime, gateway);
  assert.equal(gateway.total("after_total"), 2);
  assert.deepEqual([stats.delivered + stats.coalesced, stats.unknown], [2, { cancelled: 4 }]);
  assertNotOverCounted(stats, gateway);
});

test("an isolate that is only pushed to is not full for ever when its pushes are cut off", async (t) => {
  const system = await startProbed(t, { MAX_BUFFERED_SAMPLES: "2", SELF_METRICS: "false" });
  const { gateway, runtime, probe } = system;
  gateway.otherwise = stall;
  for (let i = 0; i < 2; i += 1) await cutOff(system, "push", [[counter("cut_total")]]);
  gateway.otherwise = ok;
  const full = await runtime.value("push", [[counter("after_total")]]);
  assert.deepEqual(full.refused.map(({ reason }) => reason), ["buffer_full"]);
  await probe({ skewMs: 31_000 });
  assert.equal((await runtime.value("push", [[counter("after_total")]])).ok, true);
});

test("a clock that was set back by an hour does not keep what was cut off alive", async (t) => {
  const system = await startProbed(t, { FLUSH_INTERVAL_MS: "100", SELF_METRICS: "false" });
  const { gateway, runtime, probe } = system;
  await probe({ keeps: false });
  await runtime.value("incr", ["cut_total"]);
  await probe({ keeps: true, skewMs: -3_600_000 });
  await runtime.value("incr", ["cut_total"]);
  await probe({ skewMs: -3_600_000 + 3_000 });
  await runtime.value("incr", ["cut_total"]);
  await quiet(runtime, gateway);
  assert.equal(gateway.total("cut_total"), 3);
});

test("a push goes on when its caller leaves, and is settled by its answer", async (t) => {
  // The same with the real waitUntil: a caller that does not wait loses nothing.
  const { gateway, runtime } = await startFaulty(t, { vars: { SELF_METRICS: "false" } });
  let answer;
  const told = new Promise((resolve) => (answer = resolve));
  gateway.otherwise = async (exchange) => {
    await exchange.apply();
    await told;
    exchange.succeed();
  };
  const pushed = until("the push is applied", () => gateway.appliedMetrics === 1);
  await callAndLeave(runtime, { method: "push", args: [[counter("kept_total")]] }, pushed);
  assert.equal((await runtime.value("stats")).in_flight, 1);
  answer();
  const stats = await quiet(runtime, gateway);
  assert.deepEqual([stats.delivered, stats.unknown], [1, {}]);
});

test("flush is not ok if it had no time to push what is buffered", async (t) => {
  // It said that all was delivered.
  const vars = { MAX_BATCH_SAMPLES: "1", PUSH_TIMEOUT_MS: "20000", SELF_METRICS: "false" };
  const { gateway, runtime, probe } = await startProbed(t, { FLUSH_INTERVAL_MS: "10000", ...vars });
  const answers = [];
  gateway.otherwise = (exchange) => answers.push(() => exchange.deliver());
  for (let i = 0; i < 6; i += 1) assert.equal(await runtime.value("incr", ["slow_total", { i }]), 1);
  await until("four pushes are in flight", () => answers.length === 4);
  const flushed = runtime.value("flush");
  await answers[0]();
  await until("flush has its turn", () => answers.length === 5);
  await probe({ skewMs: 21_000 });
  await answers[4]();
  const { ok: isOk, outcome, accepted, status, message } = await flushed;
  assert.deepEqual([isOk, outcome, accepted, status], [false, "unknown", 1, "DEADLINE_EXCEEDED"]);
  assert.match(message, /stay buffered/);
  assert.equal((await runtime.value("stats")).buffered, 1);
});

test("refused samples are reported also by an isolate that takes none", async (t) => {
  // Its refusals waited for a push of samples, and no alert saw them.
  const { gateway, runtime, probe } = await startProbed(t, {});
  for (const skewMs of [0, 11_000]) {
    await probe({ skewMs });
    const before = gateway.pushes.length;
    for (let i = 0; i < 3; i += 1) assert.equal(await runtime.value("incr", ["http.requests"]), 0);
    assert.equal(await runtime.value("record", [[counter("http.requests")]]), 0);
    await until("its own push", () => gateway.pushes.length > before);
  }
  await until("both are applied", () => gateway.applied.size > 0);
  assert.deepEqual(gateway.pushes.map(({ own }) => own), [true, true], "one in ten seconds");
  const key = JSON.stringify(["metrics_reporter_samples_total", ["outcome", "refused"], ["reason", "bad_name"]]);
  await until("the refusals until the second push are counted", () => gateway.applied.get(key)?.sum === 5);
});

// An isolate that only gets pushes has no flusher to send them: they were never sent.
for (const [method, args] of [["incr", ["a_total"]], ["push", [[counter("a_total")]]]]) {
  test(`the Worker's own metrics are delivered, ${method} by ${method}, each under its own x-push-id`, async (t) => {
    // They are pushed every ten seconds. The test advances the clock instead of waiting.
    const { gateway, runtime, probe } = await startProbed(t, {});
    for (let round = 1; round <= 3; round += 1) {
      await runtime.value(method, args);
      await quiet(runtime, gateway);
      await until("its own push", () => gateway.pushes.filter(({ own }) => own).length === round);
      await probe({ skewMs: round * 11_000 });
    }
    await quiet(runtime, gateway);
    const ids = gateway.pushes.map(({ id }) => id);
    assert.equal(ids.length, 6);
    assert.equal(new Set(ids).size, ids.length);
    const key = JSON.stringify(["metrics_reporter_samples_total", ["outcome", "delivered"], ["reason", ""]]);
    assert.equal(gateway.applied.get(key).sum, 3);
  });
}
