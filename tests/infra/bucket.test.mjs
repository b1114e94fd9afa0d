// The logs' bucket under plain tofu: the state record that keeps it, with the real binary. It needs
// no provider.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "../harness/index.mjs";

const binary = ["tofu", "terraform"].find((name) => spawnSync(name, ["version"]).status === 0);

describe("a bucket that was made here", { skip: binary ? false : "neither tofu nor terraform is on the PATH" }, () => {
  let folder;
  const run = (...args) => {
    const { status, stdout, stderr } = spawnSync(binary, [`-chdir=${folder}`, ...args, "-no-color"], { encoding: "utf8" });
    return { status, output: stdout + stderr };
  };
  const plan = (create, remove) => run("plan", "-detailed-exitcode", `-var=create_bucket=${create}`, `-var=remove_bucket=${remove}`);

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "bucket-"));
    const [note] = /^resource "terraform_data" [^]*?^}$/m.exec(readFileSync(join(ROOT, "infra/modules/logpush/bucket.tf"), "utf8"));
    writeFileSync(join(folder, "main.tf"), `${note}\nvariable "create_bucket" { type = bool }\nvariable "remove_bucket" { type = bool }\n`);
    const made = [run("init"), run("apply", "-auto-approve", "-var=create_bucket=true", "-var=remove_bucket=false")];
    for (const { status, output } of made) assert.equal(status, 0, output);
  });
  after(() => rmSync(folder, { recursive: true }));

  test("stops a plan that forgot it, and the message names the setting", () => {
    const { status, output } = plan(false, false);
    assert.equal(status, 1, output);
    assert.match(output, /bucket_stays_until_remove_bucket/);
  });

  for (const create of [true, false]) {
    test(`goes by its own setting, with create_bucket = ${create}`, () => {
      const { status, output } = plan(create, true);
      assert.equal(status, 0, output);
    });
  }

  test("is no change in the plan after", () => {
    const { status, output } = plan(true, false);
    assert.equal(status, 0, output);
  });
});
