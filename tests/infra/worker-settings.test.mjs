// The OpenTofu module accepts the same values as the built Worker. The test asks the Worker and
// does not read its source.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT, startWorkerd } from "../harness/index.mjs";

const variables = readFileSync(join(ROOT, "infra", "modules", "worker", "variables.tf"), "utf8");
const ranges = [...variables.matchAll(/^\s+([A-Z_]+)\s+= \[(\d+), (\d+)\]$/gm)].map(([, name, least, most]) => ({
  name,
  least: Number(least),
  most: Number(most),
}));

/** The vars that apply in a Worker that was given `vars`. */
async function inForce(t, vars) {
  const runtime = await startWorkerd({ vars });
  t.after(() => runtime.stop());
  const { VERSION, ...config } = (await runtime.value("stats")).config;
  return config;
}

/** A Worker in which every number is `pick(range)`. */
const given = (t, pick) => inForce(t, Object.fromEntries(ranges.map((range) => [range.name, String(pick(range))])));

test("the module takes exactly the vars the Worker reads", async (t) => {
  const [, taken] = /setsubtract\(keys\(var\.settings\), \[(.+?)\]\)/s.exec(variables);
  const names = [...taken.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  assert.deepEqual(names.sort(), Object.keys(await inForce(t, {})).sort());
});

test("the least and the most that the module takes are in force as they are", async (t) => {
  assert.equal(ranges.length, 5);
  for (const end of ["least", "most"]) {
    const config = await given(t, (range) => range[end]);
    for (const range of ranges) assert.equal(config[range.name], range[end], `${end} of ${range.name}`);
  }
});

test("what the module refuses would not be in force", async (t) => {
  const above = await given(t, ({ most }) => most + 1);
  const below = await given(t, ({ least }) => least - 1);
  for (const { name, least, most } of ranges) {
    assert.notEqual(above[name], most + 1, name);
    assert.notEqual(below[name], least - 1, name);
  }
});
