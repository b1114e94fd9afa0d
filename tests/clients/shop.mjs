// The crate that a newcomer has after following the README of the Rust client.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../harness/index.mjs";
import { env } from "./build.mjs";

const README = readFileSync(join(ROOT, "clients/rust/README.md"), "utf8");

/** The code blocks of one language in the text of a README; "" for blocks without one. */
export function blocks(text, language) {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].filter(([, name]) => name === language).map(([, , code]) => code);
}

/** The block of the README that has these words. */
export function block(language, words) {
  return blocks(README, language).find((code) => code.includes(words)) ?? assert.fail(`the README has no block with ${words}`);
}

/**
 * Makes the crate with the README's own commands, in a temporary folder. It uses the versions that
 * this repository has locked, and needs no network.
 */
export function shop() {
  const home = mkdtempSync(join(tmpdir(), "metrics-shop-"));
  cpSync(join(ROOT, "rust-toolchain.toml"), join(home, "rust-toolchain.toml"));
  const offline = { ...env, CARGO_NET_OFFLINE: "true" };
  const run = (cwd, command, args) => {
    const done = spawnSync(command, args, { cwd, env: offline, encoding: "utf8" });
    if (done.error) throw done.error;
    return done;
  };
  const shell = (cwd, script) => {
    const { status, stderr } = run(cwd, "/bin/sh", ["-ec", script]);
    assert.equal(status, 0, `${script}\n${stderr}`);
  };

  const [create, ...addWorker] = block("sh", "cargo new").trim().split("\n");
  shell(home, create);
  const folder = join(home, /cd (\w+)$/.exec(create)[1]);
  cpSync(join(ROOT, "Cargo.lock"), join(folder, "Cargo.lock"));
  const addClient = block("sh", "--path").replace("../metrics-gateway-worker", ROOT);
  const more = [...README.matchAll(/`(cargo add [^`]+)`/g)].map(([, command]) => command);
  shell(folder, [...addWorker, addClient, ...more].join("\n"));
  appendFileSync(join(folder, "Cargo.toml"), `\n${block("toml", "[lib]")}`);
  writeFileSync(join(folder, "wrangler.toml"), block("toml", "[build]"));
  for (const [file, code] of Object.entries(sources())) writeFileSync(join(folder, file), code);
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules")); // where npx finds wrangler
  return {
    folder,
    cargo: (...args) => run(folder, "cargo", [...args, "--quiet"]),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/**
 * All Rust code of the README. A block whose paragraph names a file is that file. Each other block
 * becomes a function with the values that a handler has, or a module. Its imports are its own.
 */
function sources() {
  const files = {};
  const fragments = [];
  for (const [, before, language, code] of README.matchAll(/([^\n]*(?:\n[^\n]+)*)\n\n```(\w*)\n(.*?)^```$/gms)) {
    if (language !== "rust") continue;
    const [, file] = /`(src\/\w+\.rs)`/.exec(before) ?? [];
    if (file !== undefined) files[file] = code;
    else fragments.push(fragment(code, fragments.length));
  }
  assert.deepEqual(Object.keys(files).sort(), ["src/lib.rs", "src/orders.rs", "src/series.rs"]);
  files["src/fragments.rs"] = `use metrics_reporter_client::Reporter;
use worker::{Context, Env, Request, Response, Result};
async fn query() {}
${fragments.join("")}`;
  const modules = [...README.matchAll(/`(mod \w+;)`/g)].map(([, module]) => module);
  files["src/lib.rs"] = `#![allow(dead_code, unused, reason = "it is only shown")]
mod fragments;
${modules.join("\n")}
${files["src/lib.rs"]}`;
  return files;
}

function fragment(code, i) {
  if (/^async fn /m.test(code)) {
    return `mod fragment_${i} {
use super::*;
${code.replace(/^async fn /m, "pub async fn ")}}
use fragment_${i}::*;
`;
  }
  return `async fn fragment_${i}(metrics: Reporter, env: Env, ctx: Context, request: Request) -> Result<()> {
let _ = {
${code}};
Ok(())
}
`;
}
