// Sends every kind of JavaScript value as every argument of every method, through real RPC. No call
// may trap, reset the instance, reject, or be counted wrongly. The next valid call must work.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { assertLedger, settled, startSystem } from "../e2e/system.mjs";

const CALLER = fileURLToPath(new URL("caller.worker.mjs", import.meta.url));

async function start(t, vars = {}) {
  const { gateway, runtime } = await startSystem(t, {
    callers: { hostile: { file: CALLER } },
    // The buffered samples must stay: losing the instance would lose them.
    vars: { FLUSH_INTERVAL_MS: "10000", SELF_METRICS: "false", ...vars },
  });
  const ask = async (path) => {
    const response = await runtime.fetch("hostile", path, { method: "POST" });
    const text = await response.text();
    assert.equal(response.status, 200, `${path}: ${text.slice(0, 500)}\n${runtime.process.output()}`);
    return JSON.parse(text);
  };
  return { gateway, runtime, ask, names: await ask("/names") };
}

/** The number of samples that a result reports as accepted. */
function takenOf({ method, value }) {
  if (method === "push") return value.accepted + value.rejected;
  return typeof value === "number" ? value : 0;
}

function checkResult(result, context) {
  const { method, value } = result;
  switch (method) {
    case "incr":
    case "observe":
      assert.ok(value === 0 || value === 1, context);
      break;
    case "record":
      assert.ok(Number.isInteger(value) && value >= 0, context);
      break;
    case "push":
    case "flush":
      assert.equal(typeof value.ok, "boolean", context);
      assert.ok(["delivered", "dropped", "unknown"].includes(value.outcome), context);
      assert.ok(Number.isInteger(value.code), context);
      assert.ok(Array.isArray(value.refused), context);
      break;
    case "stats":
      assertLedger(value);
      assert.equal(value.polluted, undefined, context);
      break;
  }
}

const TROUBLE = /instance_trapped|instance_reset|RuntimeError|panicked|memory access|Uncaught/;

function assertNoTrouble(runtime) {
  assert.deepEqual(runtime.process.lines.filter(({ text }) => TROUBLE.test(text)).map(({ text }) => text), []);
}

const residentMiB = (pid, what = "VmRSS") => Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
const canMeasure = process.platform === "linux";

test("any value, wherever it stands, is taken or refused, and nothing else happens", async (t) => {
  const { gateway, runtime, ask, names } = await start(t);
  assert.ok(names.values.length > 130 && names.positions > 45);
  await runtime.value("incr", ["before_total", 7]);
  let expected = 1;
  let calls = 0;
  let unsent = 0;
  const before = canMeasure && residentMiB(runtime.process.pid);

  for (const name of names.values) {
    await t.test(name, async () => {
      const results = await ask(`/value?name=${encodeURIComponent(name)}`);
      for (const result of results) {
        const context = `${result.method}, ${result.position}: ${JSON.stringify(result)}`.slice(0, 600);
        calls++;
        if (result.error !== undefined) {
          // The caller cannot serialize it at all.
          assert.equal(result.sent, false, context);
          unsent++;
          continue;
        }
        checkResult(result, context);
        expected += takenOf(result);
      }
      // The next valid calls work, and every sample so far was counted once.
      assert.equal(await runtime.value("incr", ["honest_total"]), 1);
      const pushed = await runtime.value("push", [[{ name: "pushed_total", type: "counter", value: 1 }]]);
      assert.deepEqual([pushed.ok, pushed.accepted], [true, 1]);
      expected += 2;
      const stats = await runtime.value("stats");
      assertLedger(stats);
      assert.equal(stats.taken, expected, "taken is what the calls said");
      assertNoTrouble(runtime);
    });
  }

  const grown = canMeasure ? `; resident memory went from ${before.toFixed(0)} to ${residentMiB(runtime.process.pid).toFixed(0)} MiB` : "";
  t.diagnostic(`${names.values.length} values at ${names.positions} positions: ${calls} calls, ${unsent} of them could not be sent by the caller${grown}`);
  // It is still the first instance, with the samples from the start.
  await runtime.value("flush");
  const stats = await settled(runtime);
  assert.equal(stats.unknown.reset, undefined);
  const page = await gateway.scrape();
  assert.equal(page.value("pushed_before_total"), 7);
  assert.equal(page.value("pushed_pushed_total"), names.values.length);
});

test("with REJECT_INVALID every rejection is a TypeError that says what was wrong", async (t) => {
  const { runtime, ask, names } = await start(t, { REJECT_INVALID: "true" });
  for (const name of names.values) {
    await t.test(name, async () => {
      for (const result of await ask(`/value?name=${encodeURIComponent(name)}`)) {
        const context = `${result.method}, ${result.position}: ${JSON.stringify(result)}`.slice(0, 600);
        if (result.error !== undefined && result.sent) {
          assert.match(result.error, /^TypeError: .{20}/s, context);
          assert.ok(result.error.length < 1_000, context);
        } else if (result.error === undefined) {
          checkResult(result, context);
        }
      }
      assert.equal(await runtime.value("incr", ["honest_total"]), 1);
      assertNoTrouble(runtime);
    });
  }
  assertLedger(await runtime.value("stats"));
});

test("texts that look like packed samples are taken or refused, sample by sample", async (t) => {
  const { runtime, ask, names } = await start(t);
  const results = await ask("/packed");
  assert.equal(results.length, names.packed.length * 2);
  let taken = 0;
  for (const result of results) {
    const context = JSON.stringify(result);
    assert.equal(result.error, undefined, context);
    checkResult(result, context);
    taken += takenOf(result);
  }
  const by = (text) => results.filter((result) => result.text === text && takenOf(result) > 0).length;
  for (const text of names.packed.slice(0, 3)) assert.equal(by(text), 2, `${text} is honest`);
  const stats = await runtime.value("stats");
  assertLedger(stats);
  assert.equal(stats.taken, taken);
  assertNoTrouble(runtime);
});

test("what is large, or grows when it is written out, costs bounded time and memory", async (t) => {
  const { runtime, ask, names } = await start(t);
  await runtime.value("incr", ["before_total"]);
  const pid = runtime.process.pid;
  const numbers = [];
  for (const name of names.heavy) {
    await t.test(name, async () => {
      const started = performance.now();
      const result = await ask(`/heavy?name=${encodeURIComponent(name)}`);
      const tookMs = performance.now() - started;
      if (result.error !== undefined) {
        // More than a call can carry: the platform reports it, or the caller's own stack overflows.
        assert.match(result.error, /32MiB|could not be cloned|Maximum call stack|DataCloneError|Invalid array length|limit/i, result.error);
      } else {
        checkResult(result, JSON.stringify(result).slice(0, 600));
        assert.ok(JSON.stringify(result).length < 2_000_000, "the answer is bounded, too");
      }
      assert.equal(await runtime.value("incr", ["honest_total"]), 1);
      assertNoTrouble(runtime);
      const peak = canMeasure ? residentMiB(pid, "VmHWM") : NaN;
      numbers.push([name, tookMs, canMeasure ? residentMiB(pid) : NaN, peak]);
      // A generous limit: creating and sending 30 MB takes time on a busy machine.
      assert.ok(tookMs < 15_000, `took ${tookMs} ms`);
    });
  }
  for (const [name, tookMs, resident, peak] of numbers) {
    t.diagnostic(`${name}: ${tookMs.toFixed(0)} ms, resident ${resident.toFixed(0)} MiB, peak so far ${peak.toFixed(0)} MiB`);
  }
  // The caller's own copies are also in this process.
  if (canMeasure) assert.ok(residentMiB(pid, "VmHWM") < 1_500, `peak ${residentMiB(pid, "VmHWM")} MiB`);
  const stats = await runtime.value("stats");
  assertLedger(stats);
  assert.equal(stats.unknown.reset, undefined);
  assert.ok(runtime.process.lines.length < 500, `${runtime.process.lines.length} lines of log`);
});

test("the same again and again leaves nothing behind", { skip: !canMeasure && "reads /proc" }, async (t) => {
  const { runtime, ask } = await start(t);
  const names = ["text of a million", "packed, honest", "array of 20000 numbers", "RpcTarget", "stub", "function", "object with a stub", "129 properties", "ReadableStream", "error with a cause"];
  const resident = [];
  for (let round = 0; round < 8; round++) {
    for (const name of names) await ask(`/value?name=${encodeURIComponent(name)}`);
    resident.push(residentMiB(runtime.process.pid));
  }
  t.diagnostic(`${names.length * 50} calls a round, resident after each: ${resident.map((mib) => mib.toFixed(0)).join(", ")} MiB`);
  // A leak of these arguments would be hundreds of MiB by now: a round sends more than 30 million characters.
  assert.ok(resident.at(-1) < 1.25 * Math.max(...resident.slice(0, 4)) + 32, resident.join());
  assert.equal(await runtime.value("incr", ["honest_total"]), 1);
  assertNoTrouble(runtime);
});
