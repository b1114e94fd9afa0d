// Installs the servers and clients of other projects into .tools/interop (which git ignores). For
// each one that is not available, it reports what is missing. A download that does not build is an
// error. A second run takes almost no time.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ROOT } from "../harness/index.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const INTO = join(ROOT, ".tools", "interop");
const PROTO = "marqo/metrics/v1/metrics.proto";

const exec = promisify(execFile);

// Long enough for a slow network, and short enough to notice quickly that there is none.
const run = (file, args, options) => exec(file, args, { timeout: 300_000, maxBuffer: 1 << 26, ...options });

/** Runs a command on files that were downloaded before. A failure is therefore our own. */
const make = (...args) => run(...args).catch((error) => Promise.reject(Object.assign(error, { isBroken: true })));

/** @typedef {{ missing: string } & Record<string, never> | { missing?: undefined } & Record<string, string>} Tool */

// Everything was available but does not fit together: fix this, do not skip it.
const BROKEN = /could not compile|--locked was passed|can only install packages when/;

// Runs once per program run, for any number of callers. A missing tool is also a result.
const asked = new Map();
function once(name, bring) {
  return () => {
    if (!asked.has(name)) asked.set(name, attempt(bring));
    return asked.get(name);
  };
}

async function attempt(bring) {
  try {
    mkdirSync(INTO, { recursive: true });
    writeFileSync(join(ROOT, ".tools", ".gitignore"), "*\n");
    return await bring();
  } catch (error) {
    if (error.code === "ENOENT" && error.path) return { missing: `there is no ${error.path} on PATH` };
    // A tool's output explains more than its failure.
    const text = String(error.stderr || error.message);
    if (error.isBroken || BROKEN.test(text)) throw new Error(text.slice(0, 4_000), { cause: error });
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    return { missing: lines.find((line) => /error|not found|cannot|could not/i.test(line)) ?? lines.at(-1) ?? "it failed" };
  }
}

/** Installs into `folder` unless it was made from the same `inputs`. */
async function stamped(folder, inputs, install) {
  const hash = createHash("sha256");
  for (const input of inputs) hash.update(input);
  const stamp = hash.digest("hex");
  const file = join(folder, ".interop-stamp");
  if (existsSync(file) && readFileSync(file, "utf8") === stamp) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await install();
  writeFileSync(file, stamp);
}

const read = (name) => readFileSync(join(HERE, name));

/** The npm packages of package-lock.json: `{ servers, clients, proto }`. */
export const node = once("node", async () => {
  const folder = join(INTO, "node");
  await stamped(folder, [read("package.json"), read("package-lock.json")], async () => {
    for (const name of ["package.json", "package-lock.json"]) cpSync(join(HERE, name), join(folder, name));
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  });
  // Modules find their packages from their own location.
  for (const name of ["servers", "clients"]) {
    rmSync(join(folder, name), { recursive: true, force: true });
    cpSync(join(HERE, name), join(folder, name), { recursive: true, filter: (file) => !/\/(tonic|tonic-wasm|target)(\/|$)/.test(file) });
  }
  return { servers: join(folder, "servers"), clients: join(folder, "clients"), proto: join(ROOT, "proto", PROTO) };
});

/** The Python packages of requirements.txt: `{ python, path, envoy }`, `path` for PYTHONPATH. */
export const python = once("python", async () => {
  const folder = join(INTO, "python");
  const bin = (name) => join(folder, "bin", name);
  const system = await findPython();
  if (!system) return { missing: "no Python 3.10 or newer on PATH" };
  const proto = readFileSync(join(ROOT, "proto", PROTO));
  await stamped(folder, [read("requirements.txt"), proto, system.version], async () => {
    await run(system.file, ["-m", "venv", folder]);
    const quiet = ["--quiet", "--disable-pip-version-check"];
    await run(bin("pip"), ["install", ...quiet, "--no-deps", "--only-binary", ":all:", "--requirement", join(HERE, "requirements.txt")]);
    const generated = join(folder, "generated");
    mkdirSync(generated);
    const include = dirname(join(ROOT, "proto", PROTO));
    await make(bin("python"), ["-m", "grpc_tools.protoc", `-I${include}`, `--python_out=${generated}`, `--grpc_python_out=${generated}`, "metrics.proto"]);
  });
  return { python: bin("python"), path: join(folder, "generated"), envoy: bin("envoy") };
});

async function findPython() {
  for (const file of ["python3", "python3.13", "python3.12", "python3.11", "python3.10"]) {
    try {
      const { stdout } = await run(file, ["-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]);
      const [major, minor] = stdout.trim().split(".").map(Number);
      if (major === 3 && minor >= 10) return { file, version: stdout.trim() };
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

/** tonic with tonic-web, from servers/tonic: `{ file }`. */
export const tonic = once("tonic", async () => {
  const manifest = join(HERE, "servers", "tonic", "Cargo.toml");
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  await run("cargo", ["build", "--locked", "--quiet", "--manifest-path", manifest, "--target-dir", target], { timeout: 900_000 });
  return { file: join(target, "debug", "interop-tonic") };
});

/** tonic-web-wasm-client, from clients/tonic-wasm: `{ node, web, wasm }`, made for Node and for the web. */
export const tonicWasm = once("tonic-wasm", async () => {
  const manifest = join(HERE, "clients", "tonic-wasm", "Cargo.toml");
  const cargo = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  const target = "wasm32-unknown-unknown";
  const build = ["build", "--locked", "--quiet", "--release", "--target", target];
  await run("cargo", [...build, "--manifest-path", manifest, "--target-dir", cargo], { timeout: 900_000 });
  const folder = join(INTO, "tonic-wasm");
  for (const kind of ["nodejs", "web"]) {
    const file = join(cargo, target, "release", "interop_tonic_wasm.wasm");
    await make("wasm-bindgen", ["--target", kind, "--no-typescript", "--out-dir", join(folder, kind), file]);
  }
  // Otherwise the next package.json above would decide the module type.
  writeFileSync(join(folder, "nodejs", "package.json"), '{ "type": "commonjs" }\n');
  const web = join(folder, "web", "interop_tonic_wasm");
  return { node: join(folder, "nodejs", "interop_tonic_wasm.js"), web: `${web}.js`, wasm: `${web}_bg.wasm` };
});

/** nginx: from PATH, otherwise Debian's package, unpacked: `{ file, version }`. */
export const nginx = once("nginx", async () => {
  const found = (process.env.PATH ?? "").split(delimiter).concat("/usr/sbin").map((dir) => join(dir, "nginx")).find(existsSync);
  if (found) return versioned(found);
  const folder = join(INTO, "nginx");
  const file = join(folder, "usr", "sbin", "nginx");
  await stamped(folder, ["nginx, Debian"], async () => {
    // With its own package lists, so that root is not needed.
    const state = ["-o", `Dir::State=${folder}/state`, "-o", `Dir::Cache=${folder}/cache`, "-o", "APT::Sandbox::User="];
    for (const dir of ["state/lists/partial", "cache/archives/partial"]) mkdirSync(join(folder, dir), { recursive: true });
    // So that apt knows the packages of the system.
    const known = ["-o", "Dir::State::status=/var/lib/dpkg/status"];
    await run("apt-get", [...state, ...known, "update"]);
    await run("apt-get", [...state, ...known, "download", "nginx"], { cwd: folder });
    const [archive] = readdirSync(folder).filter((name) => name.endsWith(".deb"));
    await run("dpkg-deb", ["--extract", join(folder, archive), folder]);
    for (const dir of ["state", "cache"]) rmSync(join(folder, dir), { recursive: true });
  });
  return versioned(file);
});

async function versioned(file) {
  const { stderr } = await run(file, ["-v"]);
  return { file, version: /nginx\/([\d.]+)/.exec(stderr)?.[1] ?? "?" };
}

/** The pinned version of a package, for the table's rows. */
export function versionOf(name) {
  const fromNpm = JSON.parse(read("package.json")).dependencies[name];
  const fromPython = new RegExp(`^${name}==(.+)$`, "m").exec(read("requirements.txt"))?.[1];
  const manifests = ["servers/tonic/Cargo.toml", "clients/tonic-wasm/Cargo.toml"].map(read).join("\n");
  const fromCargo = new RegExp(`^${name} = .*"=([\\d.]+)"`, "m").exec(manifests)?.[1];
  const version = fromNpm ?? fromPython ?? fromCargo;
  if (!version) throw new Error(`no pinned version of ${name}`);
  return version;
}
