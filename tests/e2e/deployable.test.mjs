import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DIST } from "../harness/index.mjs";
import { startSystem } from "./system.mjs";

test("dist holds exactly the two parts that are uploaded", () => {
  assert.deepEqual(readdirSync(DIST).sort(), ["index.js", "index_bg.wasm"]);
});

test("index.js imports nothing but the Wasm and the runtime", () => {
  const source = readFileSync(join(DIST, "index.js"), "utf8");
  const imports = [...source.matchAll(/(?:^|[;\n}])\s*(?:import|export)\b[^;"'`(]*?(?:from\s*)?["']([^"']+)["']/g)].map(
    ([, name]) => name,
  );
  assert.deepEqual([...new Set(imports)].sort(), ["./index_bg.wasm", "cloudflare:workers"]);
  assert.doesNotMatch(source, /\brequire\(|\beval\(|new Function\(/);
});

test("the build names no path of the machine it was built on", () => {
  for (const part of ["index.js", "index_bg.wasm"]) {
    const text = readFileSync(join(DIST, part), "latin1");
    assert.doesNotMatch(text, /\/(?:home|root|Users|work|tmp)\/[\w.-]+/, part);
  }
});

test("dist runs unchanged in bare workerd and reaches the gateway", async (t) => {
  const { runtime } = await startSystem(t);
  const result = await runtime.value("push", [[{ name: "a_total", type: "counter", value: 1 }]]);
  assert.deepEqual(
    { ...result, message: undefined },
    { ok: true, outcome: "delivered", accepted: 1, rejected: 0, code: 0, status: "OK", message: undefined, refused: [] },
  );
});
