// `make client`, and a project that has the client from it, beside `make dev`.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, lstatSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT, until } from "../harness/index.mjs";
import { install } from "../harness/npm.mjs";
import { readmeProject } from "../harness/typescript-readme.mjs";
import { Dev, freePorts, skip } from "./dev.mjs";
import { startOwn } from "./own.mjs";

const VITE = join(ROOT, "tests/dev/vite");

const run = promisify(execFile);

/** The time of each entry of node_modules, which npm would change. */
function installed() {
  const folder = join(ROOT, "node_modules");
  return Object.fromEntries(readdirSync(folder).map((name) => [name, lstatSync(join(folder, name)).mtimeMs]));
}

/** The line that `make client` prints, and what it touched. */
async function makeClient() {
  const earlier = installed();
  const { stdout } = await run("make", ["--no-print-directory", "client"], { cwd: ROOT });
  const [, line] = /^ {2}(npm install \S+\.tgz)$/m.exec(stdout) ?? assert.fail(stdout);
  return { line: `${line} --offline --no-audit --no-fund`, earlier, later: installed() };
}

let client;
before(async () => (client = await makeClient()));

test("make client prints a line that installs the client, and touches nothing that make dev runs from", { timeout: 300_000 }, async (t) => {
  assert.deepEqual(client.later, client.earlier);

  const worker = mkdtempSync(join(tmpdir(), "metrics-client-"));
  t.after(() => rmSync(worker, { recursive: true, force: true }));
  await run("npm", ["init", "--yes"], { cwd: worker });
  await run("/bin/sh", ["-c", client.line], { cwd: worker });
  const script = 'const { defineMetrics } = await import("metrics-reporter-client"); console.log(typeof defineMetrics);';
  const { stdout: printed } = await run(process.execPath, ["--input-type=module", "--eval", script], { cwd: worker });
  assert.equal(printed, "function\n");
});

test("a project with Vite and only what the client's README shows gets its metric to the page", { skip, timeout: 1_800_000 }, async (t) => {
  const missing = install(VITE);
  if (missing) return t.skip(missing);
  const ports = await freePorts();
  const dev = new Dev(ports);
  t.after(() => dev.killEverything());
  await dev.ready();

  const [, registry] = /^ {2}(export .*\bMINIFLARE_REGISTRY_PATH=\S.*)$/m.exec(dev.output) ?? assert.fail(dev.output);
  const shop = await startOwn({
    parent: VITE, // has the packages that the README installs
    files: readmeProject(["wrangler.toml", "src/index.ts", "vite.config.js"]),
    command: `${client.line} && ${registry} && npx vite dev --host 127.0.0.1 --port 0`,
  });
  t.after(() => shop.stop());
  assert.equal(await (await shop.fetch("/")).text(), "hello", shop.output());
  const page = `http://127.0.0.1:${ports.GATEWAY_PORT}/metrics`;
  await until(
    "the metric is on the page",
    async () => /^pushed_hellos_total\{page="home"\} 1$/m.test(await (await fetch(page)).text()),
    30_000,
    () => shop.output(),
  );
  await dev.interrupt();
});
