// Callers as modules for workerd, built from source.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ROOT } from "../harness/index.mjs";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
/**
 * For cargo. All Workers of the tests have one profile and one target folder, so that their
 * dependencies compile once. Without debug information, which only makes them larger.
 */
export const env = {
  ...process.env,
  CARGO_TARGET_DIR: TARGET,
  CARGO_PROFILE_DEV_DEBUG: "false",
  PATH: [join(ROOT, ".tools/bin"), process.env.PATH, join(process.env.CARGO_HOME ?? join(process.env.HOME ?? "", ".cargo"), "bin")].join(
    delimiter,
  ),
};

/** @typedef {{ name: string, kind: "esModule" | "wasm", content: string | Uint8Array }} Module */

/**
 * Builds a Rust Worker of this workspace with cargo, wasm-bindgen and esbuild. Users run
 * worker-build, and so does tests/dev/rust.test.mjs. The other tests need nothing that worker-build
 * adds (proxies that make a new instance after a panic).
 *
 * @param {string} name of the package
 * @param {string} entry JavaScript that exports what the Wasm has, from "./glue.js"
 * @param {{ release?: boolean }} [options] optimised, as it would be deployed; slow to build
 * @returns {Promise<Module[]>}
 */
export async function rustWorker(name, entry, { release = false } = {}) {
  const flags = ["--locked", "--target=wasm32-unknown-unknown", `--package=${name}`, ...(release ? ["--release"] : [])];
  run("cargo", ["build", ...flags]);
  const out = join(TARGET, "client-tests", name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const wasm = join(TARGET, `wasm32-unknown-unknown/${release ? "release" : "debug"}/${name.replaceAll("-", "_")}.wasm`);
  run(process.env.WASM_BINDGEN_BIN ?? "wasm-bindgen", [wasm, "--target=module", "--no-typescript", `--out-dir=${out}`, "--out-name=index"]);
  // workerd does not support source phase imports yet. A plain import of a Wasm module does the
  // same there.
  const glue = readFileSync(join(out, "index.js"), "utf8").replace("import source ", "import ");
  writeFileSync(join(out, "glue.js"), glue);
  writeFileSync(join(out, "entry.js"), entry);
  return [
    { name: "index.js", kind: "esModule", content: await bundle(join(out, "entry.js")) },
    { name: "index_bg.wasm", kind: "wasm", content: readFileSync(join(out, "index_bg.wasm")) },
  ];
}

/** A TypeScript Worker with the TypeScript client, both from source. @returns {Promise<Module[]>} */
export async function typescriptWorker(file) {
  return [{ name: "index.js", kind: "esModule", content: await bundle(join(ROOT, file)) }];
}

async function bundle(file) {
  const esbuild = await import("esbuild");
  const { outputFiles } = await esbuild.build({
    entryPoints: [file],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    alias: { "metrics-reporter-client": join(ROOT, "clients/typescript/src/index.ts") },
    external: ["cloudflare:workers", "./index_bg.wasm"],
    logLevel: "warning",
    logOverride: { "duplicate-object-key": "silent" }, // one import object, named once per crate
  });
  return outputFiles[0].contents;
}

function run(command, args) {
  execFileSync(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], env });
}
