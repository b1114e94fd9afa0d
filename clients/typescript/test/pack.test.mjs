import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics } from "metrics-reporter-client";

import { fakeBinding, fakeCtx } from "./helpers.mjs";

async function call(record, options) {
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx(), options);
  record(metrics);
  await metrics.flush();
  assert.equal(binding.calls.length, 1);
  return binding.calls[0];
}

test("samples are sent as version 1 of the packed form", async () => {
  const packed = await call((metrics) => {
    metrics.incr("a_total", 2, { route: "/é\"\\" }, { help: "Counts \"a\"" });
    metrics.incr("b_total", 1, {}, { help: "Counts b" });
    metrics.observe("c_ms", 0.1 + 0.2, { x: 1, a: true });
    metrics.observe("d_ms", -1e21);
    metrics.observe("c_ms", 5, { x: 1, a: true });
    metrics.observe("e_ms", 1, {}, { help: "Times e" });
    metrics.observe("e_ms", 2.5, {}, { help: "Times e" });
  });
  assert.equal(
    packed,
    '1[["a_total",1,2,["route","/é\\"\\\\"],"Counts \\"a\\""],' +
      '["b_total",1,1,null,"Counts b"],' +
      '["c_ms",3,[0.30000000000000004,5],["a","true","x","1"]],' +
      '["d_ms",3,-1e+21],' +
      '["e_ms",3,[1,2.5],null,"Times e"]]',
  );
});

test("half a surrogate pair becomes U+FFFD, so that strict JSON readers take the rest", async () => {
  const packed = await call((metrics) => {
    metrics.incr("a_total", { lone: "\ud83d", pair: "😀", "na\udc00me": "x" });
    metrics.incr("b_total", { text: "\\ud83d" });
  });
  assert.equal(
    packed,
    '1[["a_total",1,1,["lone","\ufffd","na\ufffdme","x","pair","😀"]],["b_total",1,1,["text","\\\\ud83d"]]]',
  );
});

test("a value that JSON can't write is null, so that the reporter refuses it alone", async () => {
  const packed = await call((metrics) => {
    metrics.incr("a_total", { route: "/" });
    metrics.observe("b_ms", NaN, { x: 1 }, { help: "Times b" });
    metrics.observe("b_ms", -Infinity, {}, { help: "Times b" });
    metrics.observe("b_ms", 2, { x: 1 }, { help: "Times b" });
    metrics.incr("c_total", Infinity, {}, { help: "Counts c" });
  });
  assert.equal(
    packed,
    '1[["a_total",1,1,["route","/"]],["b_ms",3,[null,2],["x","1"],"Times b"],["b_ms",3,null],["c_total",1,null]]',
  );
});

test("with packed: false samples go as an array of objects", async () => {
  const samples = await call(
    (metrics) => {
      metrics.incr("a_total", { __proto__: null, ["__proto__"]: "own", x: 1 });
      metrics.observe("b_ms", 1);
      metrics.observe("b_ms", 2);
    },
    { packed: false },
  );
  assert.deepEqual(samples, [
    { name: "a_total", type: "counter", value: 1, labels: JSON.parse('{"__proto__":"own","x":"1"}') },
    { name: "b_ms", type: "histogram", value: 1 },
    { name: "b_ms", type: "histogram", value: 2 },
  ]);
});
