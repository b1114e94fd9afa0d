// How `make test`, `make check` and `make quick` report: scripts/steps.sh.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../harness/index.mjs";

const HEAD = ". scripts/lib.sh; . scripts/steps.sh";

/** Runs lines of bash that call `step` and `summary`. */
function steps(lines, env = {}) {
  const target = mkdtempSync(join(tmpdir(), "metrics-steps-"));
  try {
    const { status, stdout, stderr } = spawnSync("bash", ["-uc", `${HEAD}\n${lines}`, join(ROOT, "scripts", "x")], {
      cwd: ROOT,
      encoding: "utf8",
      env: { ...process.env, V: "", CARGO_TARGET_DIR: target, ...env },
    });
    return { status, stdout, stderr };
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

test("a step is one line with its time, and what a step that passed printed is not shown", () => {
  const { status, stdout } = steps(`step "the first" echo hidden\nstep "the second" true\nsummary "make it"`);
  assert.equal(status, 0);
  assert.match(stdout, /^the first +ok +\d+s *$/m);
  assert.match(stdout, /^the second +ok +\d+s *$/m);
  assert.doesNotMatch(stdout, /hidden/);
  assert.match(stdout, /^make it took \d+s\n2 passed, 0 failed, 0 skipped\n$/m);
});

test("with V=1 everything is shown as it comes", () => {
  const { status, stdout } = steps(`step "the first" echo shown\nsummary "make it"`, { V: "1" });
  assert.equal(status, 0);
  assert.match(stdout, /^shown$/m);
  assert.match(stdout, /^the first +ok/m);
});

test("what a failed step printed comes after every other step, and the totals are the last line", () => {
  const fails = "fails() { echo why-out; echo why-err >&2; return 3; }";
  for (const V of ["", "1"]) {
    const { status, stdout } = steps(`${fails}\nstep "bad" fails\nstep "good" true\nsummary "make it"`, { V });
    assert.notEqual(status, 0);
    assert.match(stdout, /good +ok[^]*FAILED: bad[^]*why-out\nwhy-err\n[^]*\n1 passed, 1 failed, 0 skipped\n$/);
  }
});

test("the tests of every runner are added up", () => {
  const cargo = "test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
  const node = "ℹ tests 9\\nℹ suites 1\\nℹ pass 7\\nℹ fail 0\\nℹ cancelled 0\\nℹ skipped 1\\nℹ todo 0";
  const { stdout } = steps(`step "cargo" printf '${cargo}\\n${cargo}\\n'\nstep "node" printf '${node}\\n'\nsummary "make it"`);
  assert.match(stdout, /^cargo +ok +\d+s +10 passed, 4 skipped$/m);
  assert.match(stdout, /^node +ok +\d+s +7 passed, 1 skipped$/m);
  assert.match(stdout, /^17 passed, 0 failed, 5 skipped$/m);
});

test("a step, or a test, that could not run is named with the reason", () => {
  const lines = `absent() { skip "no such tool"; return; }
step "needs a tool" absent
step "node" printf '  ﹣ needs nginx (0.2ms) # there is no nginx\\nℹ pass 1\\nℹ skipped 1\\n'
summary "make it"`;
  for (const V of ["", "1"]) {
    const { status, stdout } = steps(lines, { V });
    assert.equal(status, 0);
    assert.match(stdout, /^needs a tool +skipped/m);
    assert.match(stdout, /^ {2}skipped {2}needs a tool: no such tool$/m);
    assert.match(stdout, /^ {2}skipped {2}node: needs nginx: there is no nginx$/m);
    assert.match(stdout, /^1 passed, 0 failed, 2 skipped$/m);
  }
});
