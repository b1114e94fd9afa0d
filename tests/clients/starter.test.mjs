// The folder that a newcomer copies: installed, compiled and tested as its README says, with the client as it is packed.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "../harness/index.mjs";

const STARTER = join(ROOT, "examples/starter");
const LOCK = join(STARTER, "package-lock.json");
const INSTALLED = join(STARTER, "node_modules/.installed-lock.json");

describe("examples/starter", { timeout: 900_000 }, () => {
  let directory;
  let missing;

  before(() => {
    missing = install();
    directory = mkdtempSync(join(tmpdir(), "metrics-starter-"));
    const packed = mkdtempSync(join(tmpdir(), "metrics-packed-"));
    try {
      run(ROOT, "npm", ["pack", "--workspace", "clients/typescript", "--pack-destination", packed, "--loglevel=error"]);
      const skipped = new Set(["node_modules", "package-lock.json", "worker-configuration.d.ts", ".wrangler"]);
      cpSync(STARTER, directory, { recursive: true, filter: (path) => !skipped.has(path.slice(STARTER.length + 1)) });
      if (missing) return;
      cpSync(join(STARTER, "node_modules"), join(directory, "node_modules"), { recursive: true, verbatimSymlinks: true });
      const client = join(directory, "node_modules/metrics-reporter-client");
      run(packed, "tar", ["-xzf", readdirSync(packed)[0]]);
      rmSync(client, { recursive: true, force: true });
      cpSync(join(packed, "package"), client, { recursive: true });
    } finally {
      rmSync(packed, { recursive: true, force: true });
    }
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  test("its types come from wrangler, and it compiles with them", (t) => {
    if (missing) return t.skip(missing);
    run(directory, "npm", ["run", "check"]);
  });

  test("its test passes in workerd, with the stand-in behind the binding", (t) => {
    if (missing) return t.skip(missing);
    const { stdout } = run(directory, "npm", ["test"]);
    assert.match(stdout, /2 passed/);
  });

  test("it binds the Worker as it is deployed", () => {
    const name = /^name = "(.+)"$/m.exec(readFileSync(join(ROOT, "wrangler.toml"), "utf8"))[1];
    assert.match(readFileSync(join(STARTER, "wrangler.toml"), "utf8"), new RegExp(`^service = "${name}"$`, "m"));
  });
});

/** Installs the starter's dependencies once. Returns the reason if that is impossible here. */
function install() {
  try {
    if (readFileSync(INSTALLED, "utf8") === readFileSync(LOCK, "utf8")) return undefined;
  } catch {
    // not installed yet
  }
  const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: STARTER,
    encoding: "utf8",
  });
  if (status !== 0 && /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(stderr)) return "the npm registry cannot be reached";
  assert.equal(status, 0, stderr);
  cpSync(LOCK, INSTALLED);
  return undefined;
}

function run(cwd, command, args) {
  const done = spawnSync(command, args, { cwd, encoding: "utf8", env: { ...process.env, CI: "1", NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" } });
  assert.equal(done.status, 0, `${command} ${args.join(" ")}\n${done.stdout}\n${done.stderr}`);
  return done;
}
