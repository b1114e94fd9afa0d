// What the clients' READMEs show is true: a newcomer copies it as it stands. (The TypeScript in them
// is compiled by that client's own tests.)

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, test } from "node:test";
import { unstable_readConfig as readConfig } from "wrangler";
import { ROOT } from "../harness/index.mjs";

const env = {
  ...process.env,
  CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"),
  PATH: [process.env.PATH, join(process.env.CARGO_HOME ?? join(process.env.HOME ?? "", ".cargo"), "bin")].join(delimiter),
};

const readme = (file) => readFileSync(join(ROOT, file), "utf8");
const blocks = (text, language) =>
  [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].filter(([, name]) => name === language).map(([, , code]) => code);

for (const client of ["typescript", "rust"]) {
  describe(`the binding in the README of the ${client} client`, () => {
    const text = readme(`clients/${client}/README.md`);
    const binding = { binding: "METRICS", service: "metrics-gateway-worker", entrypoint: "MetricsReporter" };

    for (const language of ["toml", "jsonc"]) {
      test(`is what wrangler reads from ${language}`, () => {
        const directory = mkdtempSync(join(tmpdir(), "metrics-clients-"));
        try {
          const [block] = blocks(text, language);
          const config = join(directory, `wrangler.${language}`);
          const head = { toml: 'name = "shop"\nmain = "index.js"\ncompatibility_date = "2026-10-23"\n', jsonc: "" }[language];
          writeFileSync(config, head + block);
          writeFileSync(join(directory, "index.js"), "export default {};\n");
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
  const code = blocks(readme("clients/rust/README.md"), "rust");
  const isTest = (block) => block.includes("#[test]");

  test("compiles in a Worker", () => {
    const shown = code.filter((block) => !isTest(block));
    assert.ok(shown.length >= 5, String(shown.length));
    const files = Object.fromEntries(shown.map((block, i) => [`src/bin/block_${i}.rs`, inWorker(block)]));
    const { status, stderr } = cargo(files, ["check", "--target=wasm32-unknown-unknown"]);
    assert.equal(status, 0, stderr);
  });

  test("does not compile with a label that is not there", () => {
    const [block] = code.filter((block) => block.includes("define_metrics!"));
    const wrong = block.replace("orders_total { country:", "orders_total { county:");
    assert.notEqual(wrong, block);
    const { status, stderr } = cargo({ "src/bin/wrong.rs": inWorker(wrong) }, ["check", "--target=wasm32-unknown-unknown"]);
    assert.notEqual(status, 0);
    assert.match(stderr, /`orders_total<_>` has no field named `county`|no field named `county`/);
  });

  test("passes where it is a test", () => {
    const [block] = code.filter(isTest);
    const { status, stdout, stderr } = cargo({ "tests/shown.rs": block, "src/lib.rs": "" }, ["test"]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /1 passed/);
  });
});

/** A whole program: a fragment gets what its neighbours would have made. */
function inWorker(block) {
  const whole = /^(#\[event|define_metrics!)/m.test(block);
  const fragment = `use metrics_reporter_client::{Reporter, labels};
use worker::{Fetch, Result};
async fn query() {}
async fn fragment(metrics: Reporter) -> Result<()> {
${block}
Ok(())
}`;
  return `#![allow(dead_code, unused, reason = "it is only shown")]\n${whole ? block : fragment}\nfn main() {}\n`;
}

/** Runs cargo in a package of its own, with the versions that this repository has locked. */
function cargo(files, args) {
  const directory = mkdtempSync(join(tmpdir(), "metrics-clients-"));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(directory, file, ".."), { recursive: true });
      writeFileSync(join(directory, file), text);
    }
    const manifest = `[package]
name = "client-readme"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
metrics = "0.24"
metrics-reporter-client = { path = ${JSON.stringify(join(ROOT, "clients/rust"))} }

[target.'cfg(target_family = "wasm")'.dependencies]
worker = "0.8"
`;
    writeFileSync(join(directory, "Cargo.toml"), manifest);
    for (const file of ["Cargo.lock", "rust-toolchain.toml"]) cpSync(join(ROOT, file), join(directory, file));
    const [command, ...rest] = args;
    const run = spawnSync("cargo", [command, "--offline", "--quiet", ...rest], { cwd: directory, env, encoding: "utf8" });
    if (run.error) throw run.error;
    return run;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
