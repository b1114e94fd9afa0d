// `make client`, while `make dev` is running.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, lstatSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../harness/index.mjs";

const run = promisify(execFile);

/** The time of each entry of node_modules, which npm would change. */
function installed() {
  const folder = join(ROOT, "node_modules");
  return Object.fromEntries(readdirSync(folder).map((name) => [name, lstatSync(join(folder, name)).mtimeMs]));
}

test("make client prints a line that installs the client, and touches nothing that make dev runs from", { timeout: 300_000 }, async (t) => {
  const before = installed();
  const { stdout } = await run("make", ["--no-print-directory", "client"], { cwd: ROOT });
  assert.deepEqual(installed(), before);

  const [, line] = /^ {2}(npm install \S+\.tgz)$/m.exec(stdout) ?? assert.fail(stdout);
  const worker = mkdtempSync(join(tmpdir(), "metrics-client-"));
  t.after(() => rmSync(worker, { recursive: true, force: true }));
  await run("npm", ["init", "--yes"], { cwd: worker });
  await run("/bin/sh", ["-c", `${line} --offline --no-audit --no-fund`], { cwd: worker });
  const script = 'const { defineMetrics } = await import("metrics-reporter-client"); console.log(typeof defineMetrics);';
  const { stdout: printed } = await run(process.execPath, ["--input-type=module", "--eval", script], { cwd: worker });
  assert.equal(printed, "function\n");
});
