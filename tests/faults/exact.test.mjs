// The gateway gets exactly the recorded samples: without faults, and with a gateway that
// deduplicates.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startGateway } from "../harness/index.mjs";
import { settled, startRuntime } from "../e2e/system.mjs";
import { assertNotOverCounted, quiet, startFaulty, watch } from "./load.mjs";
import { startDroppingProxy } from "./proxy.mjs";

test("5,000 increments by 40 concurrent callers arrive as exactly 5,000, in a few dozen pushes at most", async (t) => {
  // The defaults, without tuning.
  const { gateway, runtime } = await startFaulty(t, { vars: { FLUSH_INTERVAL_MS: "1000", PUSH_TIMEOUT_MS: "5000" } });
  const watcher = watch(runtime);
  const order = { times: 125, concurrency: 1 };
  const callers = Array.from({ length: 40 }, (_, i) =>
    runtime.call("incr", ["requests_total", { route: `/${i % 10}` }], order),
  );
  for (const { results } of await Promise.all(callers)) {
    assert.ok(results.every(({ value }) => value === 1));
  }
  const stats = await quiet(runtime, gateway);
  await watcher.stop();
  assertNotOverCounted(stats, gateway);
  assert.deepEqual([stats.taken, stats.refused, stats.dropped, stats.unknown], [5000, {}, {}, {}]);
  assert.equal(gateway.total("requests_total"), 5000);
  const pushes = gateway.samplePushes.length;
  t.diagnostic(`5,000 increments in ${pushes} pushes, ${gateway.appliedMetrics} Metrics`);
  assert.ok(pushes <= 36, `${pushes} pushes`);
});

/**
 * A reference gateway behind a proxy that drops the answer to one push in three, and to every third
 * of these twice.
 */
async function startDropping(t, vars) {
  const gateway = await startGateway();
  t.after(() => gateway.stop());
  const numbers = new Map();
  const proxy = await startDroppingProxy(gateway.address, (id, attempt) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size);
    const n = numbers.get(id);
    return n % 3 === 0 && attempt <= (n % 9 === 0 ? 2 : 1);
  });
  t.after(() => proxy.stop());
  const runtime = await startRuntime(t, { gateway: proxy.address, vars: { FLUSH_INTERVAL_MS: "50", ...vars } });
  return { gateway, proxy, runtime };
}

/** Callers with pauses, so that there are many pushes. Resolves when all are settled. */
async function callSlowly(runtime) {
  const callers = Array.from({ length: 20 }, async (_, i) => {
    for (let round = 0; round < 5; round += 1) {
      const order = { times: 10, concurrency: 2 };
      await runtime.call("incr", ["requests_total", { caller: i }], order);
      await runtime.call("observe", ["latency_ms", 2, { caller: i }], order);
      await runtime.value("push", [[{ name: "pushed_total", type: "counter", value: 1 }]]);
    }
  });
  await Promise.all(callers);
  return settled(runtime);
}

test("with GATEWAY_DEDUPES and a gateway that does, dropped answers change nothing: the sums are exact", async (t) => {
  const { gateway, proxy, runtime } = await startDropping(t, { GATEWAY_DEDUPES: "true" });
  const watcher = watch(runtime);
  const stats = await callSlowly(runtime);
  await watcher.stop();
  assert.ok(proxy.dropped >= 10, `${proxy.dropped} answers dropped`);
  assert.deepEqual([stats.taken, stats.dropped, stats.unknown], [2100, {}, {}]);
  assert.ok(stats.pushes.retried >= 10);
  const page = await gateway.scrape();
  assert.equal(page.sum("pushed_requests_total"), 1000);
  assert.equal(page.sum("pushed_latency_ms_count"), 1000);
  assert.equal(page.sum("pushed_latency_ms_sum"), 2000);
  assert.equal(page.sum("pushed_pushed_total"), 100);
  assert.ok(page.sum("metrics_gateway_dedupe_hits_total") >= 10, "the gateway saw the repeats");
});

test("without GATEWAY_DEDUPES, dropped answers are unknown and nothing is sent twice", async (t) => {
  const { gateway, proxy, runtime } = await startDropping(t, {});
  const stats = await callSlowly(runtime);
  assert.ok(proxy.dropped > 0);
  assert.deepEqual([stats.taken, stats.dropped, stats.pushes.retried], [2100, {}, 0]);
  assert.ok(stats.unknown.connection_lost > 0);
  assert.ok([...proxy.attempts.values()].every((attempts) => attempts === 1));
  const page = await gateway.scrape();
  // The gateway had counted all of them.
  assert.equal(page.sum("pushed_requests_total"), 1000);
  assert.equal(page.sum("pushed_latency_ms_count"), 1000);
  assert.equal(page.sum("pushed_pushed_total"), 100);
});
