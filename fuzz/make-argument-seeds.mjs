// Writes seeds/arguments/: `node fuzz/make-argument-seeds.mjs`. The form is that of fuzz_targets/arguments.rs. seeds/metric/ needs none but a few bytes, and
// seeds/packed/ is text.

import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";

const INCR = 0;
const OBSERVE = 1;
const RECORD = 2;
const PUSH = 3;
const TAKE = 4;

function call(mode, args, labels) {
  const bytes = Buffer.from(JSON.stringify([labels ?? null, ...args]));
  const head = Buffer.from([mode, 0, 0]);
  head.writeUInt16LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

const good = (more) => ({ name: "a_total", type: "counter", value: 1, ...more });
const route = { route: "/search", status: 200, cached: true };

const INPUTS = [
  [0, call(INCR, ["a_total"]), call(INCR, ["a_total", 2]), call(INCR, ["a_total", route]), call(INCR, ["a_total", 2, route, { help: "h" }])],
  [0, call(INCR, ["a_total", route, 2], { team: "x" }), call(INCR, ["a_total", { team: "y" }], { team: "x" })],
  [0, call(INCR, [{ name: "a_total", value: 2, labels: route, help: "h" }]), call(INCR, [{ name: "a_total", type: "histogram" }])],
  [0, call(OBSERVE, ["b_ms", 42.5]), call(OBSERVE, ["b_ms", -0, route]), call(OBSERVE, ["b_ms"]), call(OBSERVE, ["b_ms", NaN])],
  [0, call(INCR, ["a", 1]), call(OBSERVE, ["a", 1])],
  [0, call(INCR, ["a", Number.MAX_VALUE]), call(INCR, ["a", Number.MAX_VALUE])],
  [1, ...Array.from({ length: 6 }, (_, i) => call(INCR, ["a_total", { i }], { overflow: "no", team: "x" }))],
  [2, call(RECORD | TAKE, [Array.from({ length: 7 }, (_, i) => good({ labels: { i: i % 4 } }))]), call(INCR, ["a_total", { i: 0 }])],
  [3, call(PUSH, [Array.from({ length: 7 }, (_, i) => good({ labels: { i } }))]), call(PUSH | TAKE, [[]])],
  [0, call(RECORD, ['1[["a_total",1,2,["route","/"],"h"],["b_ms",3,4.5],["c",2,1],[],null]']), call(PUSH, ['1[["a_total",1,2]]'])],
  [0, call(RECORD, ['1[["a_total",1,[2,-1,0],["route","/"]],["b_ms",3,[4.5,5]],["a_total",1,[1,null],null,"h"]]'])],
  [0, call(RECORD, [[good({ type: 3 }), good({ type: "gauge" }), good({ value: "1" }), good({ help: 5 }), good({ name: "é" }), 1, null, []]])],
  [0, call(INCR, ["a_total", { le: "1" }]), call(INCR, ["a_total", { __name__: "x" }]), call(INCR, ["a_total", { "": "" }]), call(INCR, ["x_bucket"])],
  [0, call(INCR, ["a_total", { a: null, b: undefined, c: 1e21, d: 5e-324, e: "\ud800", f: "😀" }])],
  [0, call(INCR, ["a_total", Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, i]))])],
  [0, call(INCR, ["a_total", { a: "x".repeat(1_025) }]), call(INCR, ["x".repeat(201)]), call(INCR, ["a", 1, {}, { help: "h".repeat(1_025) }])],
  [0, call(INCR, ["a", 1, {}, { help: "later" }]), call(INCR, ["a"]), call(INCR, ["a", 1, {}, { help: "other" }]), call(INCR | TAKE, ["a"])],
];

function write(target, inputs) {
  const dir = new URL(`seeds/${target}/`, import.meta.url);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  for (const input of inputs) {
    const name = createHash("sha256").update(input).digest("hex").slice(0, 16);
    writeFileSync(new URL(name, dir), input);
  }
  console.log(`${target}: ${inputs.length} seeds`);
}

write("arguments", INPUTS.map(([settings, ...calls]) => Buffer.concat([Buffer.from([settings]), ...calls])));
write("metric", [Buffer.alloc(40, 7), Buffer.from(Array.from({ length: 400 }, (_, i) => (i * 37) % 256))]);
write(
  "packed",
  [
    '1[["a_total",1,2,["route","/"],"h"],["b_ms",3,4.5],["c",2,1],[],null]',
    '1[["requests_total",1,1,["route","/indexes/1/search","method","GET"]],["latency_ms",3,42.5,["route","/\\u00e9\\ud83d\\ude00\\n"]]]',
    '1 [ [ "a" , 3 , -1.5e-7 , [ "k" , "v" ] ] , { "a" : [ true , false , null ] } ] ',
    '1[["a",1,123456789012345678],["a",1,5e-324],["a",3,1e999],["a",1,0.30000000000000004]]',
    '1[["latency_ms",3,[42.5,-1,1e3],["route","/"]],["a_total",1,[1,1]],["a_total",1,[],null,"h"],["a_total",1,[1,"2",-1]]]',
    "1[]",
    "2[]",
    '1[["a",1,1',
    '1[["\\ud83d",1,1,["k","\\ude00"]]]',
  ].map((text) => Buffer.from(text)),
);
