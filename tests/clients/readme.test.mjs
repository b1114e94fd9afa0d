// The code in the clients' READMEs works, because newcomers copy it unchanged. (The TypeScript
// client's own tests compile the TypeScript in its README.)

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { unstable_readConfig as readConfig } from "wrangler";
import { ROOT } from "../harness/index.mjs";
import { env } from "./build.mjs";
import { blocks, shop } from "./shop.mjs";

const readme = (file) => readFileSync(join(ROOT, file), "utf8");

for (const client of ["typescript", "rust"]) {
  describe(`the binding in the README of the ${client} client`, () => {
    const text = readme(`clients/${client}/README.md`);
    const binding = { binding: "METRICS", service: "metrics-gateway-worker", entrypoint: "MetricsReporter" };

    for (const language of ["toml", "jsonc"]) {
      test(`is what wrangler reads from ${language}`, () => {
        const directory = mkdtempSync(join(tmpdir(), "metrics-clients-"));
        try {
          const block = blocks(text, language).find((block) => block.includes("services"));
          const config = join(directory, `wrangler.${language}`);
          const isWhole = language === "jsonc" || block.startsWith("name =");
          const head = isWhole ? "" : 'name = "shop"\nmain = "index.js"\ncompatibility_date = "2026-10-23"\n';
          writeFileSync(config, head + block);
          const { services } = readConfig({ config });
          const props = language === "jsonc" ? { props: { labels: { worker: "checkout" } } } : {};
          assert.deepEqual(JSON.parse(JSON.stringify(services)), [{ ...binding, ...props }]);
        } finally {
          rmSync(directory, { recursive: true, force: true });
        }
      });
    }

    test("names the Worker as it is deployed, in every form", () => {
      const { name } = readConfig({ config: join(ROOT, "wrangler.toml") });
      assert.equal(name, binding.service);
      const [hcl] = blocks(text, "hcl");
      const fields = Object.fromEntries([...hcl.matchAll(/^ {4}(\w+) += "(.+)"$/gm)].map(([, key, value]) => [key, value]));
      assert.deepEqual(fields, { name: "METRICS", type: "service", service: name, entrypoint: "MetricsReporter" });
    });
  });
}

describe("the code in the README of the Rust client", { timeout: 1_200_000 }, () => {
  // tests/dev/rust.test.mjs builds the same crate for Wasm.
  test("is one crate, with unit tests that run natively", (t) => {
    const crate = shop();
    t.after(() => crate.remove());
    const native = crate.cargo("test");
    assert.equal(native.status, 0, native.stderr);
    assert.match(native.stdout, /1 passed/);
  });

  test("has the worker-build of the version of worker", () => {
    const { version } = /^name = "worker"\nversion = "(?<version>.+)"$/m.exec(readFileSync(join(ROOT, "Cargo.lock"), "utf8")).groups;
    const text = readme("clients/rust/README.md");
    assert.ok(text.includes(`cargo add worker@${version}`));
    assert.ok(text.includes(`command = "cargo install --quiet worker-build@${version} && worker-build --release"`));
  });
});

describe("the package of the Rust client", { timeout: 1_200_000 }, () => {
  test("holds what it needs to build, and nothing else", () => {
    const { status, stdout, stderr } = spawnSync(
      "cargo",
      ["package", "--package=metrics-reporter-client", "--list", "--allow-dirty", "--offline", "--locked"],
      { cwd: ROOT, env, encoding: "utf8" },
    );
    assert.equal(status, 0, stderr);
    const files = stdout.trim().split("\n");
    for (const file of ["Cargo.toml", "LICENSE", "README.md", "src/lib.rs", "src/workers/sleep.rs", "src/batch/tests.rs"]) {
      assert.ok(files.includes(file), `${file} in ${files}`);
    }
    const other = files.filter((file) => !/^(src|tests)\/[\w/]+\.rs$|^(Cargo\.(toml|toml\.orig|lock)|LICENSE|README\.md|\.cargo_vcs_info\.json)$/.test(file));
    assert.deepEqual(other, []);
  });

  // The part of a publish that works without a registry.
  test("can be packed", () => {
    const { status, stderr } = spawnSync(
      "cargo",
      ["package", "--package=metrics-reporter-client", "--no-verify", "--allow-dirty", "--offline", "--locked"],
      { cwd: ROOT, env, encoding: "utf8" },
    );
    assert.equal(status, 0, stderr);
    assert.match(stderr, /Packaged \d+ files/);
    assert.doesNotMatch(stderr, /warning/);
  });
});
