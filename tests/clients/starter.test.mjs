// The folder that a newcomer copies: installed, compiled and tested as its README says, with the client as it is packed.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "../harness/index.mjs";
import { install } from "../harness/npm.mjs";
import { readmeProject } from "../harness/typescript-readme.mjs";

const STARTER = join(ROOT, "examples/starter");

// What the README's Worker counts reaches the stand-in of the README's config.
const README_TEST = `import { createExecutionContext, env, waitOnExecutionContext } from "cloudflare:test";
import { expect, test } from "vitest";
import worker from "../src/index.ts";

test("counts", async () => {
  const ctx = createExecutionContext();
  await worker.fetch(new Request("http://shop/"), env, ctx);
  await waitOnExecutionContext(ctx);
  expect(await env.METRICS.stats()).toMatchObject({ taken: 1 });
});
`;

describe("examples/starter", { timeout: 900_000 }, () => {
  let directory;
  let missing;

  before(() => {
    missing = install(STARTER);
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

  test("a project with only what the README of the client shows has its metrics taken under vitest, too", (t) => {
    if (missing) return t.skip(missing);
    const project = join(directory, "readme"); // finds the packages of the folder above
    const files = readmeProject(["wrangler.toml", "src/index.ts", "vitest.config.js"]);
    for (const [file, text] of Object.entries({ ...files, "test/index.test.js": README_TEST })) {
      mkdirSync(join(project, file, ".."), { recursive: true });
      writeFileSync(join(project, file), text);
    }
    const { stdout } = run(project, "npx", ["vitest", "run"]);
    assert.match(stdout, /1 passed/);
  });

  test("it binds the Worker as it is deployed", () => {
    const name = /^name = "(.+)"$/m.exec(readFileSync(join(ROOT, "wrangler.toml"), "utf8"))[1];
    assert.match(readFileSync(join(STARTER, "wrangler.toml"), "utf8"), new RegExp(`^service = "${name}"$`, "m"));
  });
});

function run(cwd, command, args) {
  const done = spawnSync(command, args, { cwd, encoding: "utf8", env: { ...process.env, CI: "1", NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" } });
  assert.equal(done.status, 0, `${command} ${args.join(" ")}\n${done.stdout}\n${done.stderr}`);
  return done;
}
