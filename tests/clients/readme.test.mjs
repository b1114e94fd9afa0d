// The code in the clients' READMEs works, because newcomers copy it unchanged. (The TypeScript
// client's own tests compile the TypeScript in its README.)

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
  const text = readme("clients/rust/README.md");

  test("is one crate: a Worker for Wasm, with unit tests that run natively", () => {
    const files = rustCrate(text);
    assert.deepEqual(Object.keys(files).sort(), ["src/fragments.rs", "src/lib.rs", "src/orders.rs", "src/series.rs"]);
    const native = cargo(files, ["test"], text);
    assert.equal(native.status, 0, native.stderr);
    assert.match(native.stdout, /1 passed/);
    const wasm = cargo(files, ["check", "--target=wasm32-unknown-unknown"], text);
    assert.equal(wasm.status, 0, wasm.stderr);
  });

  test("does not compile with a label that is not there", () => {
    const wrong = text.replace("orders_total { country: ", "orders_total { county: ");
    assert.notEqual(wrong, text);
    const { status, stderr } = cargo(rustCrate(wrong), ["check"], text);
    assert.notEqual(status, 0);
    assert.match(stderr, /no field named `county`/);
  });

  test("has the set-up that a Worker in Rust needs", () => {
    const { name, main, build } = wrangler(blocks(text, "toml").find((block) => block.includes("[build]")));
    assert.equal(name, "shop");
    assert.match(main, /\/build\/index\.js$/);
    assert.match(build.command, /worker-build --release$/);
    const { version } = /^name = "worker"\nversion = "(?<version>.+)"$/m.exec(readFileSync(join(ROOT, "Cargo.lock"), "utf8")).groups;
    assert.ok(build.command.includes(`worker-build@${version} `), `worker-build of the version of worker, ${version}`);
    assert.ok(text.includes(`cargo add worker@${version}`));
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

function wrangler(toml) {
  const directory = mkdtempSync(join(tmpdir(), "metrics-clients-"));
  try {
    const config = join(directory, "wrangler.toml");
    writeFileSync(config, toml);
    return readConfig({ config });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * All Rust code of a README as one crate. A block whose paragraph names a file becomes that file.
 * Each other block goes into a function or a module, together with the values that its neighbours
 * would have defined.
 */
function rustCrate(text) {
  const files = { "src/lib.rs": "" };
  const items = [];
  const lines = [];
  for (const [, before, language, code] of text.matchAll(/([^\n]*(?:\n[^\n]+)*)\n\n```(\w*)\n(.*?)^```$/gms)) {
    if (language !== "rust") continue;
    const [, file] = /`(src\/\w+\.rs)`/.exec(before) ?? [];
    if (file !== undefined) files[file] = code;
    else if (/^(pub |async )*fn /.test(code)) items.push(code);
    else lines.push(code);
  }
  const functions = lines.map(
    (code, i) => `async fn fragment_${i}(metrics: Reporter, env: Env, ctx: Context, request: Request) -> Result<()> {
let _ = {
${code}};
Ok(())
}`,
  );
  files["src/fragments.rs"] = `use std::time::Duration;
use metrics_reporter_client::{Reporter, labels};
use worker::{Context, Env, Fetch, Request, Response, Result};
async fn query() {}
${[...items, ...functions].join("\n")}`;
  const modules = [...text.matchAll(/`(mod \w+;)`/g)].map(([, module]) => module);
  files["src/lib.rs"] = `#![allow(dead_code, unused, reason = "it is only shown")]\n${modules.join("\n")}\nmod fragments;\n${files["src/lib.rs"]}`;
  return files;
}

/**
 * Runs cargo in its own package, set up as `readme` says, with the versions that this repository
 * has locked.
 */
function cargo(files, args, readme) {
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

${blocks(readme, "toml").find((block) => block.startsWith("[lib]"))}
[dependencies]
metrics = "0.24"
metrics-reporter-client = { path = ${JSON.stringify(join(ROOT, "clients/rust"))} }
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
