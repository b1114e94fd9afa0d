// Which parts `make bench` runs. A stand-in for node says what would have been measured.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../harness/index.mjs";

const PROGRAMS = {
  node: 'if [ "$1" = --version ]; then echo v22.99.0; else echo "$*"; fi',
  rustc: "echo rustc 1.99.0",
};

let copy;
before(() => {
  copy = mkdtempSync(join(tmpdir(), "metrics-bench-"));
  for (const file of ["scripts/bench", "scripts/lib.sh", "bench/package-lock.json"]) cpSync(join(ROOT, file), join(copy, file));
  cpSync(join(ROOT, "bench/package-lock.json"), join(copy, "bench/node_modules/.installed-lock.json"));
  const program = (file, text) => writeFileSync(join(copy, file), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  mkdirSync(join(copy, "bin"));
  for (const [name, text] of Object.entries(PROGRAMS)) program(join("bin", name), text);
  program("scripts/build-gateway", "exit 0");
});
after(() => rmSync(copy, { recursive: true, force: true }));

const ran = (...args) =>
  execFileSync(join(copy, "scripts/bench"), args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, PATH: [join(copy, "bin"), process.env.PATH].join(delimiter), METRICS_WORKER_DIST: "dist" },
  })
    .trim()
    .split("\n");

test("without a part it measures the Worker and the clients", () => {
  assert.deepEqual(ran(), ["bench/run.mjs", "bench/clients/run.mjs"]);
  assert.deepEqual(ran("--quick"), ["bench/run.mjs --quick", "bench/clients/run.mjs --quick"]);
});

test("a part runs alone, with its arguments", () => {
  assert.deepEqual(ran("--clients", "--rounds", "1"), ["bench/clients/run.mjs --clients --rounds 1"]);
  assert.deepEqual(ran("--gateway", "--quick"), ["bench/gateway/run.mjs --gateway --quick"]);
  assert.deepEqual(ran("--profile"), ["bench/profile.mjs --profile"]);
  assert.deepEqual(ran("--only", "incr"), ["bench/run.mjs --only incr"]);
});

test("its README names the parts that there are", () => {
  const readme = readFileSync(join(ROOT, "bench/README.md"), "utf8");
  const parts = [...readme.matchAll(/^\| `--(\w+)` \|/gm)].map(([, part]) => part);
  assert.deepEqual(parts, ["clients", "gateway", "profile"]);
  for (const part of parts) {
    const [program] = ran(`--${part}`)[0].split(" ");
    assert.ok(existsSync(join(ROOT, program)), program);
  }
});
