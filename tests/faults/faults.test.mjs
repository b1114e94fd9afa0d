// Tests each fault with every kind of caller. Then the gateway recovers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FAULTS, TIMEOUT_MS, ok } from "./faults.mjs";
import { assertNotOverCounted, callFromAllSides, quiet, startFaulty, watch } from "./load.mjs";

for (const { name, act, outcome, reason, retried = false, thrown, stalls } of FAULTS) {
  test(`a gateway that ${name}: balanced, not over-counted, not stuck`, async (t) => {
    const { gateway, runtime } = await startFaulty(t, { thrown, vars: stalls ? { PUSH_TIMEOUT_MS: String(TIMEOUT_MS) } : {} });
    gateway.otherwise = gateway.own = act;
    const watcher = watch(runtime);
    const { attempted, taken } = await callFromAllSides(runtime, gateway);
    const bad = await quiet(runtime, gateway);
    assert.ok(bad.taken >= taken && bad.taken <= attempted, `${taken} <= ${bad.taken} <= ${attempted}`);
    assertNotOverCounted(bad, gateway);
    // The fault has its specified effect and no other.
    const counts = outcome === "delivered" ? { "": bad.delivered + bad.rejected } : bad[outcome];
    assert.ok(counts[reason ?? Object.keys(counts)[0]] > 0, JSON.stringify(bad));
    const others = ["delivered", "dropped", "unknown"].filter((other) => other !== outcome);
    for (const other of others) assert.equal(bad.pushes[other], 0, `${other}: ${JSON.stringify(bad)}`);
    assert.equal(bad.pushes.retried > 0, retried, JSON.stringify(bad.pushes));

    gateway.otherwise = gateway.own = ok;
    const after = await runtime.call("incr", ["after_total"], { times: 40, concurrency: 40 });
    assert.equal(after.results.filter(({ value }) => value === 1).length, 40);
    const good = await quiet(runtime, gateway);
    assert.ok((await watcher.stop()) > 0);
    assertNotOverCounted(good, gateway);
    assert.equal(gateway.total("after_total"), 40, "all of it arrives once the gateway is back");
    assert.deepEqual(good[outcome], outcome === "delivered" ? good.delivered : bad[outcome], "and no more is lost");
  });
}
