// Runs callers of every kind in parallel, and checks the invariants during and after the calls.

import assert from "node:assert/strict";
import { until } from "../harness/index.mjs";
import { assertLedger, settled, startRuntime } from "../e2e/system.mjs";
import { throwing } from "./faults.mjs";
import { startFaultGateway } from "./gateway.mjs";

// Only the intended delays are long: a slow machine must not turn an answer into a time-out.
const VARS = { FLUSH_INTERVAL_MS: "20", PUSH_TIMEOUT_MS: "20000" };

// A caller that makes its calls and ends when its request's body ends, with or without answers. The
// calls that it did not wait for are cancelled.
const quitter = {
  source: `export default {
    async fetch(request, env) {
      const body = request.body.pipeThrough(new TextDecoderStream()).getReader();
      const { method, args, times = 1 } = JSON.parse((await body.read()).value);
      for (let i = 0; i < times; i += 1) env.METRICS[method](...args).catch(() => {});
      while (!(await body.read()).done);
      return new Response("gone");
    },
  };`,
};

/** Makes a caller send calls, and ends it without their answers when `reason` resolves. */
export async function callAndLeave(runtime, order, reason) {
  let leave;
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(JSON.stringify(order)));
      leave = () => controller.close();
    },
  });
  const gone = runtime.fetch("quitter", "/", { method: "POST", body, duplex: "half" });
  await reason;
  leave();
  assert.equal(await (await gone).text(), "gone");
}

/**
 * A fault gateway and a runtime in front of it. `thrown` adds a binding between them that can
 * throw.
 */
export async function startFaulty(t, { thrown = false, vars = {}, ...options } = {}) {
  const gateway = await startFaultGateway();
  t.after(() => gateway.close());
  const { address } = gateway;
  const runtime = await startRuntime(t, {
    gateway: thrown ? { source: throwing, upstream: address } : address,
    vars: { ...VARS, ...vars },
    callers: { quitter },
    ...options,
  });
  return { gateway, runtime };
}

/** Reads the ledger continuously and checks it each time. */
export function watch(runtime) {
  let watching = true;
  let polls = 0;
  const done = (async () => {
    while (watching) {
      assertLedger(await runtime.value("stats"));
      polls += 1;
    }
  })();
  done.catch(() => {}); // stop() reports it
  return {
    async stop() {
      watching = false;
      await done;
      return polls;
    },
  };
}

/**
 * Runs `count` callers in parallel. Of five callers, one waits for its calls, one makes them in
 * waitUntil, one returns at once, one returns and one loses its HTTP client when the gateway has
 * its first push. Every sample has the value 1 and the caller's number as a label.
 *
 * @returns {Promise<{ attempted: number, taken: number }>} `taken`: the sum of the results of
 * awaited calls
 */
export async function callFromAllSides(runtime, gateway, { count = 40, calls = 4, name = "faults" } = {}) {
  const before = gateway.pushes.length;
  const firstPush = until("a push arrives", () => gateway.pushes.length > before, 20_000, () => gateway.errors.join());
  let attempted = 0;
  let taken = 0;
  const one = async (i) => {
    const caller = { caller: i };
    const sample = { name: `${name}_total`, type: "counter", value: 1, labels: caller };
    // [method, arguments, samples in it]
    const [method, args, samples] = [
      ["incr", [`${name}_total`, caller], 1],
      ["observe", [`${name}_ms`, 1, caller], 1],
      ["record", [[sample, { ...sample, labels: {} }]], 2],
      ["push", [[sample]], 1],
    ][Math.floor(i / 5) % 4];
    const order = { method, args, times: calls, concurrency: 2 };
    attempted += samples * calls;
    const send = (more, init) =>
      runtime.fetch("driver", "/call", { method: "POST", body: JSON.stringify({ ...order, ...more }), ...init });
    switch (i % 5) {
      case 0: {
        const { results } = await (await send()).json();
        for (const { value, error } of results) {
          assert.equal(error, undefined, `${method}: ${JSON.stringify(error)}`);
          if (method !== "push") taken += value;
          else assert.equal(typeof value.ok, "boolean");
        }
        return;
      }
      case 1:
        return void (await send({ in: "waitUntil" })).body.cancel();
      case 2:
        return void (await send({ in: "nothing" })).body.cancel();
      case 3: {
        const client = new AbortController();
        const answer = send({ concurrency: 1 }, { signal: client.signal }).catch(() => {});
        await firstPush;
        client.abort();
        await answer;
        return;
      }
      case 4:
        return callAndLeave(runtime, order, firstPush);
    }
  };
  await Promise.all(Array.from({ length: count }, (_, i) => one(i)));
  return { attempted, taken };
}

/** Waits until nothing is buffered, in flight, or waiting for an answer. */
export async function quiet(runtime, gateway) {
  let stats;
  await until(
    "the last push is over, here and there",
    async () => {
      stats = await settled(runtime);
      const pushes = gateway.pushes.length;
      await Promise.all(gateway.pushes.map(({ closed }) => closed));
      // No new call has started meanwhile.
      const again = await runtime.value("stats");
      return gateway.pushes.length === pushes && again.taken === stats.taken && again.in_flight === 0;
    },
    30_000,
    () => JSON.stringify(stats),
  );
  return stats;
}

const total = (counts) => Object.values(counts).reduce((sum, n) => sum + n, 0);

/** Checks that the gateway counted the delivered samples, possibly the unknown ones, and none twice. */
export function assertNotOverCounted(stats, gateway) {
  assert.deepEqual(gateway.errors, []);
  const { delivered, unknown, taken } = stats;
  const most = delivered + total(unknown);
  const said = JSON.stringify(stats);
  assert.ok(delivered <= gateway.appliedMetrics, `delivered ${delivered} of ${gateway.appliedMetrics} applied: ${said}`);
  assert.ok(gateway.appliedMetrics <= most, `applied ${gateway.appliedMetrics}, delivered or unknown ${most}: ${said}`);
  // Every sample has the value 1.
  let sum = 0;
  for (const [key, series] of gateway.applied) {
    if (!key.startsWith('["metrics_reporter_')) sum += series.type === 1 ? series.sum : series.count;
  }
  assert.ok(sum <= taken, `the gateway counted ${sum} of ${taken} taken`);
  for (const [id, times] of gateway.appliedPushes) assert.equal(times, 1, `${id} was applied ${times} times`);
  assertOwnMetrics(stats, gateway);
  return sum;
}

/** Checks that the Worker's own metrics do not exceed its ledger. */
function assertOwnMetrics(stats, gateway) {
  for (const [key, { sum }] of gateway.applied) {
    const [name, ...labels] = JSON.parse(key);
    const { outcome, reason } = Object.fromEntries(labels);
    const of = (counts) => (typeof counts === "object" ? (counts[reason] ?? 0) : counts);
    if (name === "metrics_reporter_samples_total") assert.ok(sum <= of(stats[outcome]), `${key}: ${sum}`);
    if (name === "metrics_reporter_pushes_total") assert.ok(sum <= stats.pushes[outcome], `${key}: ${sum}`);
  }
}
