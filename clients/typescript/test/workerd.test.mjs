// In the real runtime: RPC, waitUntil, streams and clients that disconnect.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { start } from "./workerd/harness.mjs";

let worker;
before(async () => {
  worker = await start();
});
after(() => worker.stop());

// The totals of all calls: counters by name, observations by name.
function totals(calls) {
  const sums = {};
  for (const [name, , value] of calls.flat()) sums[name] = [value].flat().reduce((sum, value) => sum + value, sums[name] ?? 0);
  return sums;
}
const has = (name, sum) => (calls) => totals(calls)[name] === sum;

test("requests of one isolate share a call a second, and none of them waits for it", async () => {
  await worker.forget();
  const began = performance.now();
  const accounts = await Promise.all(Array.from({ length: 300 }, () => worker.fetch("/shared").then((response) => response.json())));
  const calls = await worker.calls((calls) => has("shared_total", 300)(calls) && has("shared_ms", 300)(calls));
  const seconds = Math.ceil((performance.now() - began) / 1000);
  assert.ok(calls.length <= 1 + seconds, `${calls.length} in ${seconds} s`);
  assert.equal(accounts.length, 300);
});

test("one request alone is sent within the interval", async () => {
  await worker.forget();
  await worker.fetch("/shared");
  await worker.calls(has("shared_total", 1));
});

test("a spread, proxied, destructured or missing ctx loses nothing, in either scope", async () => {
  for (const scope of ["isolate", "request"]) {
    for (const how of ["spread", "proxy", "destructured", "missing"]) {
      await worker.forget();
      assert.equal(await (await worker.fetch(`/copied?how=${how}&scope=${scope}`)).text(), "copied");
      await worker.calls(has("copied_total", 1));
    }
  }
  assert.ok(!/Illegal invocation|keeps this request alive/.test(worker.log.join("\n")), worker.log.join("\n"));
});

test("a thousand metrics of one request reach the reporter in one RPC after the response", async () => {
  await worker.forget();
  assert.equal(await (await worker.fetch("/plain")).text(), "plain");
  const calls = await worker.calls((calls) => calls.length > 0);
  assert.equal(calls.length, 1);
  assert.deepEqual(calls[0], [
    ["steps_total", 1, 500, ["path", "/plain"], "Steps of the test Worker"],
    ["step_ms", 3, Array.from({ length: 500 }, (_, i) => i), ["path", "/plain"]],
  ]);
});

test("a wrapped handler that works for a while still makes one RPC", async () => {
  await worker.forget();
  const response = await worker.fetch("/wrapped");
  assert.equal(response.status, 202);
  const calls = await worker.calls(has("http_requests_total", 1));
  assert.equal(calls.length, 1);
  const labels = ["method", "GET", "route", "/wrapped", "status", "202"];
  assert.deepEqual(calls[0][0].slice(0, 4), ["steps_total", 1, 1000, ["path", "/wrapped"]]);
  assert.deepEqual(calls[0][1].slice(0, 4), ["http_requests_total", 1, 1, labels]);
  assert.deepEqual(calls[0][2].slice(0, 2), ["http_request_duration_seconds", 3]);
  assert.ok(calls[0][2][2] >= 0.2, `four waits of 60 ms took ${calls[0][2][2]}`);
});

test("a reporter that rejects, hangs, is missing or knows no record leaves every response as it is", async () => {
  for (const path of ["/plain", "/wrapped", "/time"]) {
    const expected = await worker.fetch(path);
    const text = await expected.text();
    for (const via of ["REJECTS", "HANGS", "UNBOUND", "NO_RECORD"]) {
      // The reporter does not answer for a minute, and the client gives up after 2 s. A response that waited
      // would be late each time. A response that is late only sometimes is due to the machine.
      const took = [];
      do {
        const began = performance.now();
        const response = await worker.fetch(`${path}?via=${via}`);
        assert.equal(response.status, expected.status, `${path} ${via}`);
        assert.equal(await response.text(), text, `${path} ${via}`);
        took.push(performance.now() - began);
      } while (took.at(-1) >= 1500 && took.length < 5);
      assert.ok(took.at(-1) < 1500, `${path} ${via} took ${took} ms`);
    }
  }
  for (const words of ["value must be finite", "no answer within 2000 ms", "does not implement the method", "no reporter binding"]) {
    await worker.logged(words);
  }
  assert.equal((await worker.fetch("/plain")).status, 200, "the isolate is still well");
  assert.ok(!/uncaught|unhandled|hung/i.test(worker.log.join("\n")), worker.log.join("\n"));
});

test("flush in a handler gives up on a reporter that hangs", async () => {
  const account = await (await worker.fetch("/flush?via=HANGS")).json();
  assert.deepEqual([account.recorded, account.unknown, account.pending], [1, 1, 0]);
  const answered = await (await worker.fetch("/flush")).json();
  assert.deepEqual([answered.recorded, answered.taken, answered.calls], [1, 1, 1]);
  const rejected = await (await worker.fetch("/flush?via=REJECTS")).json();
  assert.deepEqual([rejected.recorded, rejected.refused], [1, 1], "a TypeError of the reporter is a refusal");
});

test("a handler that throws is counted as 500, and its own error reaches the runtime", async () => {
  await worker.forget();
  assert.equal((await worker.fetch("/wrapped/throws")).status, 500);
  const calls = await worker.calls(has("http_requests_total", 1));
  assert.deepEqual(calls[0][0][3], ["method", "GET", "route", "/wrapped/throws", "status", "500"]);
  await worker.logged("the handler's own");
});

test("a streaming response arrives as it is written, and what it records later is sent too", async () => {
  await worker.forget();
  const response = await worker.fetch("/wrapped/stream");
  assert.equal(response.headers.get("x-kept"), "yes");
  const chunks = [];
  for await (const chunk of response.body) chunks.push(new TextDecoder().decode(chunk));
  assert.deepEqual(chunks, ["one ", "two ", "three"]);
  const calls = await worker.calls((calls) => has("chunks_total", 3)(calls) && has("http_requests_total", 1)(calls));
  assert.ok(calls.length <= 4, `${calls.length}`);
});

test("an upgrade to a WebSocket counts as 101 at once, and what its messages record is sent while it is open", async () => {
  await worker.forget();
  const socket = new WebSocket(`ws://${worker.address}/wrapped/socket`);
  const next = (event) =>
    new Promise((resolve, reject) => {
      socket.addEventListener(event, resolve, { once: true });
      socket.addEventListener("error", () => reject(new Error("the socket failed")), { once: true });
    });
  await next("open");
  // Selected by its route: a call of an earlier test may arrive late.
  const request = ([name, , , labels]) => name === "http_requests_total" && labels.includes("/wrapped/socket");
  const upgraded = await worker.calls((calls) => calls.flat().some(request));
  const [, , , labels] = upgraded.flat().find(request);
  assert.deepEqual(labels, ["method", "GET", "route", "/wrapped/socket", "status", "101"]);
  for (const word of ["one", "two"]) {
    const heard = next("message");
    socket.send(word);
    assert.equal((await heard).data, `heard ${word}`);
  }
  await worker.calls(has("messages_total", 2));
  const closed = next("close");
  socket.close();
  await closed;
});

test("the metrics of a request whose client went away arrive", async () => {
  await worker.forget();
  const going = new AbortController();
  const gone = assert.rejects(worker.fetch("/wrapped/slow", { signal: going.signal }), { name: "AbortError" });
  await worker.logged("the slow one works");
  going.abort();
  await gone;
  await worker.calls(has("slow_total", 1));
});

test("time measures a wait", async () => {
  await worker.forget();
  assert.equal(await (await worker.fetch("/time")).text(), "timed");
  const [[[name, type, value]]] = await worker.calls(records("step_ms"));
  assert.deepEqual([name, type], ["step_ms", 3]);
  assert.ok(value >= 29 && value < 5000, `${value}`);
});

test("what is too large for one call arrives in several, whole", async () => {
  await worker.forget();
  await worker.fetch("/large");
  const calls = await worker.calls((calls) => calls.length === 3);
  assert.deepEqual(
    calls.map((call) => call.map(([, , values]) => values.length)),
    [[1000], [1000], [500]],
  );
});

test("odd text and odd numbers cross the binding", async () => {
  await worker.forget();
  await worker.fetch("/surrogates");
  const [[odd]] = await worker.calls((calls) => calls.length === 1);
  assert.deepEqual(odd, ["odd_total", 1, 1, ["lone", "\ufffd", "pair", "😀", "zero", "a\0b"]]);

  await worker.forget();
  await worker.fetch("/nan");
  const [[nan]] = await worker.calls((calls) => calls.length === 1);
  assert.deepEqual(nan, ["odd_ms", 3, null, ["path", "/nan"]]);
});

test("a Durable Object's metrics arrive, those of several requests together", async () => {
  await worker.forget();
  const began = performance.now();
  for (let i = 1; i <= 5; i += 1) assert.equal(await (await worker.fetch("/object")).text(), String(i));
  const seconds = Math.floor((performance.now() - began) / 1000);
  const calls = await worker.calls(has("object_total", 5));
  // it sends each second
  assert.ok(calls.length <= 2 + seconds, `${calls.length} in ${seconds} s`);
  await worker.fetch("/object");
  await worker.calls(has("object_total", 6));
});

test("a wrapped Durable Object's fetch is counted, with its route", async () => {
  await worker.forget();
  assert.equal((await worker.fetch("/object/fetch")).status, 203);
  const calls = await worker.calls((calls) => has("object_fetched_total", 1)(calls) && has("http_requests_total", 1)(calls));
  const [, , , labels] = calls.flat().find(([name]) => name === "http_requests_total");
  assert.deepEqual(labels, ["method", "GET", "route", "/object", "status", "203"]);
});

test("with nodejs_als getMetrics needs no ctx", async () => {
  await worker.forget();
  assert.equal(await (await worker.fetch("/wrapped/storage")).text(), "storage");
  const calls = await worker.calls((calls) => calls.flat().some(([, , , labels]) => labels?.[1] === "/wrapped/storage"));
  assert.ok(has("steps_total", 1)(calls));
});

test("a wrapped WorkerEntrypoint's metrics arrive", async () => {
  await worker.forget();
  assert.equal(await (await worker.fetch("/entrypoint")).text(), "hello world");
  await worker.calls(has("greeted_total", 1));
});

function records(name) {
  return (calls) => calls.flat().some(([found]) => found === name);
}
