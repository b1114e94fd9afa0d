// The Rust client in the real runtime: RPC, waitUntil, timers, interleaved requests, clients that
// disconnect. A stand-in for the reporter records the calls.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../harness/index.mjs";
import { rustWorker } from "./build.mjs";
import { startCaller, startStandIn } from "./runtime.mjs";

const STAND_IN = `
import { WorkerEntrypoint } from "cloudflare:workers";

let calls = [];

export class MetricsReporter extends WorkerEntrypoint {
  record(samples) {
    if (typeof samples !== "string" || samples[0] !== "1") throw new TypeError("not packed: " + samples);
    const rows = JSON.parse(samples.slice(1));
    calls.push(rows);
    return rows.flatMap(([, , value]) => value).length;
  }
}
export class Rejects extends WorkerEntrypoint {
  record() {
    throw new TypeError("a_total: value must be finite, got NaN");
  }
}
export class Hangs extends WorkerEntrypoint {
  record() {
    return scheduler.wait(60_000);
  }
}
export class Nonsense extends WorkerEntrypoint {
  record() {
    return { taken: "all" };
  }
}
export class NoRecord extends WorkerEntrypoint {}

export default {
  fetch(request) {
    const answer = Response.json(calls);
    if (request.method === "DELETE") calls = [];
    return answer;
  },
};
`;
const BINDINGS = {
  METRICS: "MetricsReporter",
  REJECTS: "Rejects",
  HANGS: "Hangs",
  NONSENSE: "Nonsense",
  NO_RECORD: "NoRecord",
};
const ENTRY = `
import { Counter, fetch, scheduled } from "./glue.js";
export { Counter };
// ?cut: nothing keeps the request alive after its response. The runtime ends it with its timers, as
// it does after 30 s or beyond the CPU limit.
const cut = { waitUntil() {} };
export default {
  fetch: (request, env, ctx) => fetch(request, env, new URL(request.url).searchParams.has("cut") ? cut : ctx),
  scheduled,
};
`;

let standIn;
let worker;
before(async () => {
  const modules = await rustWorker("client-test-worker", ENTRY);
  standIn = await startStandIn(STAND_IN, Object.values(BINDINGS));
  const bindings = Object.entries(BINDINGS).map(([name, entrypoint]) => [name, standIn.addresses[entrypoint]]);
  worker = await startCaller(modules, Object.fromEntries(bindings), { objects: { COUNTER: "Counter" }, scheduled: true });
}, { timeout: 1_200_000 });
after(() => Promise.all([worker?.stop(), standIn?.stop()]));

const forget = () => standIn.fetch("/", { method: "DELETE" }).then((response) => response.text());
const text = async (path, init) => (await worker.fetch(path, init)).text();

/** Resolves with the samples of each call so far, when `enough` returns true for them. */
function calls(what, enough) {
  let last;
  return until(
    what,
    async () => {
      last = await (await standIn.fetch("/")).json();
      return (await enough(last)) && last;
    },
    20_000,
    () => JSON.stringify(last).slice(0, 2_000),
  );
}

const total = (calls, name) =>
  calls
    .flat()
    .filter((row) => row[0] === name)
    .flatMap(([, , value]) => value)
    .reduce((sum, value) => sum + value, 0);

test("what the start of the isolate recorded leaves with the first request, and then never again", async () => {
  assert.equal(await text("/plain"), "plain");
  await calls("the first request", (calls) => total(calls, "starts_total") === 1);
  await text("/plain");
  await calls("the second request", (calls) => total(calls, "steps_total") === 1_000 && total(calls, "starts_total") === 1);
});

test("what hundreds of requests record leaves in about one RPC a second", async () => {
  await forget();
  const began = performance.now();
  let requests = 0;
  while (performance.now() - began < 2_500) {
    await Promise.all(Array.from({ length: 10 }, () => text("/one")));
    requests += 10;
  }
  const all = await calls("every request", (calls) => total(calls, "requests_total") === requests);
  const observed = all.flat().filter(([name]) => name === "request_duration_seconds");
  assert.equal(observed.flatMap(([, , values]) => values).length, requests);
  const seconds = (performance.now() - began) / 1_000;
  // A full batch does not wait for its second.
  const full = requests / 999;
  assert.ok(all.length <= 2 + seconds + full, `${all.length} RPCs for ${requests} requests in ${seconds} s`);
});

test("a request that was cut off while it led is replaced by the next one", async () => {
  assert.equal(await text("/one"), "one");
  await calls("all that led before", async () => /pending: 0/.test(await text("/account")));
  await forget();
  const began = performance.now();
  assert.equal(await text("/one?cut"), "one");
  assert.match(await text("/account"), / pending: 2,/);
  let requests = 1;
  const [first] = await calls("a call", async (calls) => {
    if (calls.length > 0) return true;
    await text("/one");
    requests += 1;
    return false;
  });
  // The lease lasts for its second and two more, and no other request sends meanwhile.
  assert.ok(performance.now() - began > 3_000, `the first call arrived after ${performance.now() - began} ms`);
  assert.ok(total([first], "requests_total") > 1);
  const all = await calls("every request", (calls) => total(calls, "requests_total") === requests);
  assert.equal(all.flatMap((rows) => rows.filter(([name]) => name === "request_duration_seconds")).flatMap(([, , values]) => values).length, requests);
});

test("flush takes along what a request that was cut off has left behind", async () => {
  await text("/flush");
  await forget();
  assert.equal(await text("/one?cut"), "one");
  assert.match(await text("/flush"), / pending: 0,/);
  const [call] = await calls("both requests", (calls) => calls.length > 0);
  assert.deepEqual(call.map(([name]) => name).sort(), ["flushed_total", "request_duration_seconds", "requests_total"]);
});

test("debug writes a line that says what a request recorded", async () => {
  await text("/one?debug");
  await worker.logged(
    "metrics-reporter-client: this request recorded 2 samples: requests_total 1, request_duration_seconds 1; the isolate so far: ",
  );
});

test("a thousand metrics of one request reach the reporter in one RPC", async () => {
  await text("/flush");
  await forget();
  assert.equal(await text("/plain"), "plain");
  const [call, ...more] = await calls("a call", (calls) => calls.length > 0);
  assert.deepEqual(more, []);
  assert.deepEqual(call, [
    ["steps_total", 1, 500, ["path", "/plain"]],
    ["step_ms", 3, Array.from({ length: 500 }, (_, i) => i), ["path", "/plain"]],
  ]);
});

test("a reporter that rejects, hangs, talks nonsense, knows no record or is not bound leaves the response as it is", async () => {
  for (const via of ["REJECTS", "HANGS", "NONSENSE", "NO_RECORD", "UNBOUND"]) {
    // One reporter does not answer for a minute, and the client gives up after 2 s. A response that
    // waited would be late each time. A response that is late only sometimes is due to the machine.
    const took = [];
    do {
      const began = performance.now();
      const response = await worker.fetch(`/plain?via=${via}`);
      assert.equal(response.status, 200, via);
      assert.equal(await response.text(), "plain", via);
      took.push(performance.now() - began);
    } while (took.at(-1) >= 1_500 && took.length < 5);
    assert.ok(took.at(-1) < 1_500, `${via} took ${took} ms`);
  }
  for (const words of [
    "outcome unknown: TypeError: a_total: value must be finite",
    "outcome unknown: no answer within 2000 ms",
    "outcome unknown: expected a number from 0 to 501",
    'does not implement the method "record"',
    "there is no reporter binding, so no metrics are recorded: Binding `UNBOUND` is undefined.",
  ]) {
    await worker.logged(words);
  }
  assert.equal(await text("/plain"), "plain");
});

test("flush waits for the reporter, and the ledger says how it ended", async () => {
  assert.match(await text("/flush"), /recorded: \d+,.* unknown: 0, pending: 0,/);
  assert.match(await text("/flush?scope=request"), /recorded: 1, folded: 0, taken: 1, refused: 0, dropped: 0, unknown: 0, pending: 0, calls: 1/);
  assert.match(await text("/flush?scope=request&via=REJECTS"), /recorded: 1,.* unknown: 1, pending: 0, calls: 1/);
  assert.match(await text("/flush?via=UNBOUND"), /recorded: 0,.* calls: 0/);
});

test("a timer measures a wait", async () => {
  await forget();
  assert.equal(await text("/time"), "timed");
  const [[[name, type, value]]] = await calls("the timer", (calls) => calls.length > 0);
  assert.deepEqual([name, type], ["step_ms", 3]);
  assert.ok(value >= 29 && value < 5_000, String(value));
});

test("odd text crosses the binding, and a number that JSON cannot write stays behind", async () => {
  await forget();
  await text("/text");
  const [[odd]] = await calls("the text", (calls) => calls.length > 0);
  assert.deepEqual(odd, ["odd_total", 1, 1, ["n", "1.5", "pair", "😀", "quotes", '"\\', "zero", "a\0b"]]);
  await forget();
  await text("/nan");
  assert.deepEqual(await calls("the number", (calls) => calls.length > 0), [[["odd_ms", 3, 1]]]);
  await worker.logged('"odd_ms" dropped: its value must be finite, got NaN');
});

test("what is too large for one call arrives in several, whole", async () => {
  await forget();
  await text("/large");
  const all = await calls("all of it", (calls) => calls.length === 3);
  assert.deepEqual(all.map(([[, , values]]) => values.length).sort(), [1_000, 1_000, 500]);
  const values = all.flatMap(([[, , values]]) => values).sort((a, b) => a - b);
  assert.deepEqual(values, Array.from({ length: 2_500 }, (_, i) => i));
});

test("what goes on after the response is still one call", async () => {
  await forget();
  assert.equal(await text("/background"), "background");
  const all = await calls("what came late", (calls) => total(calls, "late_total") === 1);
  assert.equal(all.length, 1);
  assert.equal(total(all, "answered_total"), 1);
});

test("each of many interleaved requests gets exactly what its own code recorded through the facade", async () => {
  await forget();
  const ids = Array.from({ length: 20 }, (_, i) => `r${i}`);
  await Promise.all(ids.map((id) => text(`/facade?scope=request&id=${id}`)));
  const all = await calls("every request", (calls) => total(calls, "facade_steps") === 100);
  assert.equal(all.length, ids.length);
  for (const call of all) {
    const [, id] = call[0][3].slice(2);
    assert.deepEqual(
      call,
      [
        ["facade_steps", 1, 5, ["kind", "step", "request", id]],
        ["facade_ms", 3, [2, 2, 2], ["request", id]],
      ],
    );
  }
  assert.deepEqual(all.map((call) => call[0][3][3]).sort(), ids.sort());
  await worker.logged('gauge "facade_size" is ignored');
});

test("interleaved requests that share a call keep their own labels", async () => {
  await text("/flush");
  await forget();
  const ids = Array.from({ length: 20 }, (_, i) => `r${i}`);
  await Promise.all(ids.map((id) => text(`/facade?id=${id}`)));
  const all = await calls("every request", (calls) => total(calls, "facade_steps") === 100 && total(calls, "facade_ms") === 120);
  assert.ok(all.length <= 3, `${all.length} RPCs`);
  for (const id of ids) {
    const own = all.flat().filter(([, , , labels]) => labels?.at(-1) === id);
    assert.equal(total([own], "facade_steps"), 5);
    assert.equal(total([own], "facade_ms"), 6);
  }
});

test("what is recorded outside of a scope arrives once, whichever request takes it along", async () => {
  await forget();
  await Promise.all(Array.from({ length: 20 }, (_, i) => text(`/unscoped?id=r${i}`)));
  const all = await calls("every sample", (calls) => total(calls, "facade_steps") === 100 && total(calls, "facade_ms") === 120);
  for (const row of all.flat()) assert.equal(row[3]?.includes("request") ?? false, false, "it has no request's labels");
});

test("a Durable Object's metrics arrive, those of several requests together", async () => {
  await forget();
  const began = performance.now();
  for (let i = 0; i < 5; i++) assert.equal(await text("/object"), "counted");
  const seconds = Math.floor((performance.now() - began) / 1_000);
  const all = await calls("five requests", (calls) => total(calls, "object_total") === 5);
  // It sends every second.
  assert.ok(all.length <= 2 + seconds, `${all.length} in ${seconds} s`);
  await text("/object");
  await calls("a sixth", (calls) => total(calls, "object_total") === 6);
});

test("a cron trigger's metrics arrive", async () => {
  await forget();
  assert.equal(await (await worker.fetch("/", {}, "scheduler")).text(), "ok");
  await calls("the metric", (calls) => total(calls, "scheduled_total") === 1);
});

test("hundreds of requests leave no memory behind", async () => {
  const pages = async () => Number(await text("/memory"));
  const some = async () => {
    for (let i = 0; i < 50; i++) {
      await Promise.all(Array.from({ length: 10 }, () => text("/facade")));
      if (i % 20 === 0) await forget();
    }
  };
  // The number of concurrent requests depends on the machine, and memory never shrinks. Five
  // hundred more may need more memory once, but a leak would need more each time.
  const seen = [];
  do {
    await some();
    seen.push(await pages());
  } while (seen.length < 6 && seen.at(-1) !== seen.at(-2));
  assert.equal(seen.at(-1), seen.at(-2), `pages of Wasm memory after each five hundred requests: ${seen}`);
});

// Both wait in between, and each finds its own samples.
describe("a handler that works for long", { concurrency: true }, () => {
  const of = (id) => (calls) => calls.map((rows) => rows.filter(([, , , labels]) => labels?.at(-1) === id)).filter((rows) => rows.length > 0);
  const part = (name, id) => [["long_total", 1, 1, ["part", name, "request", id]]];

  test("sends what it has after ten seconds, and the rest at its end", async () => {
    let ended = false;
    const long = text("/long?scope=request&id=stays").then(() => (ended = true));
    await calls("the first part", (calls) => of("stays")(calls).length === 1);
    assert.equal(ended, false);
    await long;
    const all = await calls("the second part", (calls) => of("stays")(calls).length === 2);
    assert.deepEqual(of("stays")(all), [part("first", "stays"), part("second", "stays")]);
  });

  test("has its metrics arrive although its client went away, in either scope", async () => {
    const leaving = new AbortController();
    const left = assert.rejects(worker.fetch("/long?id=leads", { signal: leaving.signal }), { name: "AbortError" });
    await worker.logged("leads is at work");
    leaving.abort();
    await left;
    await calls("what it recorded in the isolate", (calls) => of("leads")(calls).length >= 1);

    const going = new AbortController();
    const gone = assert.rejects(worker.fetch("/long?scope=request&id=goes", { signal: going.signal }), { name: "AbortError" });
    await worker.logged("goes is at work");
    going.abort();
    await gone;
    await calls("the first part", (calls) => of("goes")(calls).length >= 1);
  });
});
