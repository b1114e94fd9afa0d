// Builds dist/index.js and dist/index_bg.wasm, exactly the two parts that are uploaded:
//
//   cargo         src/ -> Wasm
//   wasm-bindgen  the JavaScript that loads it; its version must be the crate's
//   esbuild       src/entrypoint.mjs and that JavaScript -> one module
//   wasm-metadce  without the exports that nothing names (binaryen)
//   wasm-opt      smaller and faster (binaryen)
//
// worker-build does much the same, but it makes one default class of all exports, with a proxy
// around every call. src/entrypoint.mjs names its methods itself and needs no proxy. The tools are
// taken from PATH or node_modules; WASM_BINDGEN_BIN, WASM_OPT_BIN and ESBUILD_BIN override that.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
const env = {
  ...process.env,
  PATH: [
    join(root, ".tools/bin"),
    join(root, "node_modules/.bin"),
    process.env.PATH,
    join(process.env.CARGO_HOME ?? join(process.env.HOME ?? "", ".cargo"), "bin"),
  ].join(delimiter),
  METRICS_REPORTER_REVISION: process.env.METRICS_REPORTER_REVISION ?? revision(),
};
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const staging = join(target, "worker-bundle");
const keyFile = join(target, "worker-bundle.key");
const dist = process.env.DIST_DIR ?? join(root, "dist");

try {
  build();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exit(1);
}

function build() {
  const bindgen = process.env.WASM_BINDGEN_BIN ?? "wasm-bindgen";
  checkBindgen(bindgen);
  const flags = process.argv.slice(2);
  run("cargo", ["build", "--lib", "--release", "--locked", "--target", "wasm32-unknown-unknown", ...flags], {
    // A path of the build machine does not belong in a panic message, and it makes the bytes of two
    // builds differ.
    CARGO_ENCODED_RUSTFLAGS: rustflags().join("\x1f"),
  });
  const key = inputs();
  if (readKey() === `${key} ${outputs()}`) {
    console.log("dist/ is up to date");
    return;
  }
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  run(bindgen, [
    join(target, "wasm32-unknown-unknown/release/metrics_gateway_worker.wasm"),
    "--target=module",
    "--no-typescript",
    "--remove-name-section",
    "--remove-producers-section",
    // After a trap, a fresh instance starts: src/runtime/instance.rs.
    "--experimental-reset-state-function",
    "--force-enable-abort-handler",
    `--out-dir=${staging}`,
    "--out-name=wasm",
  ]);
  const glue = join(staging, "wasm.js");
  // workerd does not support source phase imports yet. A plain import of a Wasm module does the
  // same there.
  const source = readFileSync(glue, "utf8");
  const plain = source
    .replace('import source wasmModule from "./wasm_bg.wasm"', 'import wasmModule from "./index_bg.wasm"')
    // Remove the classes that `worker` exports for other Workers if nothing uses them. Nothing may
    // then seem to use them.
    .replaceAll(/^if \(Symbol\.dispose\).*$/gm, "")
    .replaceAll(": new FinalizationRegistry", ": /* @__PURE__ */ new FinalizationRegistry");
  if (!plain.includes("./index_bg.wasm")) throw new Error("expected wasm-bindgen to import wasm_bg.wasm, found no such import");
  writeFileSync(glue, plain);
  cpSync("src/entrypoint.mjs", join(staging, "entrypoint.mjs"));
  run(process.env.ESBUILD_BIN ?? "esbuild", [
    join(staging, "entrypoint.mjs"),
    "--bundle",
    "--format=esm",
    "--target=es2024",
    "--minify",
    "--charset=utf8",
    "--external:cloudflare:workers",
    "--external:./index_bg.wasm",
    "--log-level=warning",
    "--log-override:duplicate-object-key=silent", // one import object, named once per crate
    `--outfile=${join(staging, "index.js")}`,
  ]);
  const features = [
    // The features that rustc emits by default, and the tag with which wasm-bindgen distinguishes
    // traps from exceptions. Not --all-features: binaryen would then emit features that runtimes do
    // not support yet.
    ...["bulk-memory", "bulk-memory-opt", "exception-handling", "multivalue", "mutable-globals"],
    ...["nontrapping-float-to-int", "reference-types", "sign-ext"],
  ].map((feature) => `--enable-${feature}`);
  // Removes exports that the JavaScript does not use, and then all code that only they reached.
  const bundle = readFileSync(join(staging, "index.js"), "utf8");
  const named = new Set([...bundle.matchAll(/\.([\w$]+)/g)].map(([, name]) => name));
  const exports = new Set([...plain.matchAll(/\bwasm\.([\w$]+)/g)].map(([, name]) => name));
  const graph = [...exports].filter((name) => named.has(name)).map((name) => ({ name, export: name, root: true }));
  writeFileSync(join(staging, "exports.json"), JSON.stringify(graph));
  const [bound, reached, optimised] = ["wasm_bg.wasm", "reached.wasm", "index_bg.wasm"].map((name) => join(staging, name));
  const graphFile = `--graph-file=${join(staging, "exports.json")}`;
  run(process.env.WASM_METADCE_BIN ?? "wasm-metadce", [bound, graphFile, "-o", reached, ...features, "--quiet"], {}, "ignore"); // it lists what it removes
  run(process.env.WASM_OPT_BIN ?? "wasm-opt", ["-O3", ...features, reached, "-o", optimised]);
  // A process that watches dist/ must never see an incomplete build.
  mkdirSync(dist, { recursive: true });
  for (const name of ["index_bg.wasm", "index.js"]) {
    cpSync(join(staging, name), join(dist, `.${name}`));
    renameSync(join(dist, `.${name}`), join(dist, name));
    const bytes = readFileSync(join(dist, name));
    console.log(`dist/${name}: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped`);
  }
  writeFileSync(keyFile, `${key} ${outputs()}`);
}

// The output of cargo, and all other inputs of dist/. The steps after cargo take seconds, and
// wrangler requests a build on every start.
function inputs() {
  const files = ["src/entrypoint.mjs", "scripts/build.mjs", "package-lock.json"];
  return digest([join(target, "wasm32-unknown-unknown/release/metrics_gateway_worker.wasm"), ...files]);
}

function outputs() {
  return digest([join(dist, "index.js"), join(dist, "index_bg.wasm")]);
}

function readKey() {
  return existsSync(keyFile) ? readFileSync(keyFile, "utf8") : undefined;
}

function digest(files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(existsSync(file) ? readFileSync(file) : "missing").update("\0");
  return hash.digest("hex");
}

function rustflags() {
  const home = process.env.HOME ?? "";
  const cargo = process.env.CARGO_HOME ?? join(home, ".cargo");
  const own = process.env.RUSTFLAGS?.split(" ").filter(Boolean) ?? [];
  return [
    ...own,
    `--remap-path-prefix=${root}=/`,
    `--remap-path-prefix=${cargo}=/cargo`,
    `--remap-path-prefix=${join(home, ".rustup")}=/rustup`,
  ];
}

function checkBindgen(bindgen) {
  const lock = readFileSync("Cargo.lock", "utf8");
  const wanted = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)?.[1];
  let found;
  try {
    found = execFileSync(bindgen, ["--version"], { env, encoding: "utf8" }).trim().split(" ").at(-1);
  } catch {
    throw new Error(`${bindgen} was not found: run scripts/setup, or cargo install wasm-bindgen-cli --version ${wanted}`);
  }
  if (found !== wanted) {
    throw new Error(`expected wasm-bindgen ${wanted} as in Cargo.lock, got ${found}: run scripts/setup`);
  }
}

function revision() {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return ""; // built from an archive
  }
}

function run(command, args, extra = {}, stdout = "inherit") {
  try {
    execFileSync(command, args, { stdio: ["ignore", stdout, "inherit"], env: { ...env, ...extra } });
  } catch (error) {
    const why = error.code === "ENOENT" ? "was not found: run scripts/setup" : `failed with exit code ${error.status}`;
    throw new Error(`${command} ${why}`);
  }
}
