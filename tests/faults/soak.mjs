// Injects random faults for a chosen time. At the end the ledger must balance, nothing may be
// over-counted or stuck, and the memory of workerd must be flat.
//
//   node tests/faults/soak.mjs [--minutes N] [--seed S]     (make soak ARGS="--minutes 10")
//
// The same seed repeats the same choices. The timing between them depends on the machine.

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { assertLedger } from "../e2e/system.mjs";
import { FAULTS, ok } from "./faults.mjs";
import { assertNotOverCounted, callAndLeave, quiet, startFaulty } from "./load.mjs";
import { isFlat, watchMemory } from "./memory.mjs";
import { probedDist } from "./probe.mjs";
import { randomFrom } from "./random.mjs";

const LANES = 12;
// The longest pause between two calls of a lane, so that the test does not only measure the
// machine.
const PAUSE_MS = 20;
// A shorter run cannot show that memory is flat: under any load, workerd takes some hundred MiB in
// its first minute.
const FLAT_AFTER_S = 120;
// The limit for the memory of the Worker's Wasm in this test. Wasm memory cannot shrink.
const MOST_WASM_MIB = 8;

const total = (counts) => Object.values(counts).reduce((sum, n) => sum + n, 0);

/**
 * @param {{ after: (f: () => unknown) => void }} t registers clean-up functions
 * @param {{ seconds: number, seed: number, lanes?: number, trapEveryMs?: number, say?: (line: string) => void }} options
 *   `trapEveryMs`: traps only, with up to so many ms between them
 */
export async function soak(t, { seconds, seed, lanes = LANES, trapEveryMs, say = () => {} }) {
  say(`seed ${seed}, ${seconds} s`);
  const random = randomFrom(seed);
  const { gateway, runtime } = await startFaulty(t, {
    thrown: true,
    dist: probedDist(t),
    // Limits that are too small for production, so that the test reaches them.
    vars: {
      FLUSH_INTERVAL_MS: "50",
      PUSH_TIMEOUT_MS: "400",
      MAX_BATCH_SAMPLES: "100",
      MAX_BUFFERED_SAMPLES: "1000",
      MAX_SERIES_PER_METRIC: "50",
    },
  });
  const probe = (changes) => runtime.value("probe", [changes]);
  const memory = watchMemory(runtime.process.pid);
  const end = Date.now() + seconds * 1_000;
  const running = () => Date.now() < end;
  const seen = { calls: 0, left: 0, longestMs: 0, polls: 0, weathers: 0, outages: 0, cuts: 0, wasmMib: 0 };

  const run = async () => {
    const work = [weather(), trouble(), look(), ...Array.from({ length: lanes }, lane)];
    await Promise.all(work);
  };

  /** Changes the gateway's behaviour from time to time. */
  async function weather() {
    while (running()) {
      seen.weathers += 1;
      const fault = random.pick(FAULTS).act;
      const mixed = (exchange) => (random.next() < 0.5 ? ok : random.pick(FAULTS).act)(exchange);
      const kind = random.pick(["calm", "calm", "one fault", "mixed", "mixed", "outage"]);
      gateway.otherwise = gateway.own = { "one fault": fault, mixed }[kind] ?? ok;
      if (kind === "outage") {
        seen.outages += 1;
        await gateway.close();
      }
      await sleep(200 + random.below(1_000));
      if (kind === "outage") await gateway.listen(gateway.port);
    }
  }

  /**
   * From time to time, makes the Wasm trap, or cancels requests with all their work. Traps happen
   * only in the first half: a new instance has new memory, and its growth needs time to show.
   */
  async function trouble() {
    while (running()) {
      if (trapEveryMs) {
        await sleep(random.below(trapEveryMs));
        await probe({ trapIn: 1 + random.below(20) });
        continue;
      }
      await sleep(1_000 + random.below(4_000));
      if (random.next() < 0.5) {
        if (Date.now() > end - seconds * 500) continue;
        await probe({ trapIn: 1 + random.below(20) });
      } else {
        seen.cuts += 1;
        await probe({ keeps: false });
        await sleep(random.below(100));
        await probe({ keeps: true });
      }
    }
  }

  /** Checks the ledger continuously. */
  async function look() {
    while (running()) {
      seen.polls += 1;
      const { wasmBytes } = await probe({});
      seen.wasmMib = Math.max(seen.wasmMib, wasmBytes / 2 ** 20);
      const applied = gateway.appliedMetrics;
      const stats = await runtime.value("stats");
      assertLedger(stats);
      const { delivered, unknown, in_flight, buffered } = stats;
      const most = delivered + total(unknown) + in_flight;
      const said = JSON.stringify(stats);
      assert.ok(applied <= most, `${applied} applied, at most ${most} delivered, unknown or in flight: ${said}`);
      assert.ok(delivered <= gateway.appliedMetrics, `${delivered} delivered, ${gateway.appliedMetrics} applied: ${said}`);
      assert.ok(buffered + in_flight <= 1_000, said);
      await sleep(20);
    }
  }

  /** Calls one caller after another. */
  async function lane() {
    while (running()) {
      seen.calls += 1;
      const labels = { route: `/${random.below(random.next() < 0.1 ? 1_000 : 20)}` };
      const sample = { name: random.pick(["a_total", "b_total"]), type: "counter", value: 1, labels };
      const [method, args] = random.pick([
        ["incr", ["a_total", labels]],
        ["incr", ["a_total", labels]],
        ["observe", ["c_ms", 1, labels]],
        ["record", [Array.from({ length: random.below(50) }, () => sample)]],
        ["push", [[sample, { ...sample, labels: {} }]]],
        ["incr", ["not a name"]],
        ["flush", []],
      ]);
      const kind = random.pick(["waits", "waits", "waitUntil", "nothing", "leaves"]);
      const started = performance.now();
      if (kind === "leaves") {
        seen.left += 1;
        await callAndLeave(runtime, { method, args, times: 3 }, sleep(random.below(60)));
      } else if (kind === "waits") {
        const { error } = await runtime.call(method, args);
        assert.equal(error, undefined, `${method}: ${JSON.stringify(error)}`);
        seen.longestMs = Math.max(seen.longestMs, performance.now() - started);
      } else {
        await runtime.call(method, args, { in: kind });
      }
      await sleep(random.below(PAUSE_MS));
    }
  }

  await run();
  memory.stop();

  // The gateway works again. Cancelled pushes are given up after half a minute, so the clock is
  // advanced.
  gateway.otherwise = gateway.own = ok;
  await probe({ trapIn: 0, keeps: true, skewMs: 31_000 });
  const after = await runtime.value("push", [[{ name: "after_total", type: "counter", value: 1 }]]);
  assert.equal(after.ok, true, JSON.stringify(after));
  assert.equal(await runtime.value("incr", ["after_total"]), 1);
  const stats = await quiet(runtime, gateway);
  const sum = assertNotOverCounted(stats, gateway);
  assert.equal(gateway.total("after_total"), 2, "the Worker is not stuck");

  const { config, last_error, ...ledger } = stats;
  const traps = runtime.logs.filter(({ event }) => event === "instance_trapped").length;
  say(JSON.stringify({ ...seen, traps, longestMs: Math.round(seen.longestMs) }));
  say(JSON.stringify(ledger));
  const unknown = total(stats.unknown);
  say(`delivered ${stats.delivered} <= applied ${gateway.appliedMetrics} <= delivered + unknown ${stats.delivered + unknown}`);
  say(`values: ${sum} at the gateway of ${stats.taken} taken`);
  assert.ok(seen.wasmMib <= MOST_WASM_MIB, `the Wasm has ${seen.wasmMib} MiB`);
  if (seconds >= FLAT_AFTER_S) {
    const { before, last, flat } = isFlat(memory.samples);
    const quarters = [0, 1, 2, 3].map((i) => Math.round(memory.samples[Math.floor((memory.samples.length * i) / 4)]));
    say(`workerd's memory in MiB: ${quarters.join(", ")} at each quarter, median ${Math.round(before)} in the third and ${Math.round(last)} in the last`);
    assert.ok(flat, `memory grows: ${before} MiB in the third quarter, ${last} MiB in the last`);
  }
  return { stats, seen };
}

async function main() {
  const { values } = parseArgs({ options: { minutes: { type: "string" }, seed: { type: "string" } } });
  const minutes = Number(values.minutes ?? 5);
  const seed = Number(values.seed ?? randomInt(2 ** 31));
  if (!(minutes > 0) || !Number.isInteger(seed)) throw new Error("expected --minutes N and --seed S, both numbers");
  const cleanup = [];
  try {
    const say = (line) => console.log(line);
    await soak({ after: (f) => cleanup.unshift(f) }, { seconds: minutes * 60, seed, say });
    console.log("balanced, not over-counted, not stuck");
  } catch (error) {
    console.error(`${error.stack ?? error}\nseed ${seed}`);
    process.exitCode = 1;
  } finally {
    for (const f of cleanup) await f();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
