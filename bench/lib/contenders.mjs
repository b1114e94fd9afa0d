// Who is measured, and how each is built: bundled and minified like dist/, into a directory of its own.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { DIST, ROOT } from "../../tests/harness/paths.mjs";

const WORKERS = join(dirname(fileURLToPath(import.meta.url)), "..", "workers");
const ESBUILD = process.env.ESBUILD_BIN ?? join(ROOT, "node_modules/.bin/esbuild");

/**
 * `flush`: what was taken is pushed before a measurement ends, so that nothing is left out of it.
 *
 * @typedef {{ name: string, title: string, source?: string, dist?: string, vars?: Record<string, string>, flush?: boolean, packed?: boolean }} Contender
 * @type {Contender[]}
 */
export const CONTENDERS = [
  { name: "floor", title: "no-op RPC (floor)", source: "floor.mjs", packed: true },
  { name: "typescript", title: "TypeScript, one push per call", source: "typescript.ts" },
  { name: "careful", title: "the same with deadline, id and `waitUntil`", source: "careful.ts" },
  { name: "connect", title: "connect-web and protobuf-es, one push per call", source: "connect.ts" },
  { name: "ours", title: "this Worker", flush: true, packed: true },
  { name: "unbuffered", title: "this Worker, `FLUSH_INTERVAL_MS=0`", vars: { FLUSH_INTERVAL_MS: "0" }, packed: true },
];

/** Another build of this Worker, to tell what a change is worth. */
export function other(dist, index) {
  return { name: `other${index}`, title: `the build in ${dist}`, dist, flush: true, packed: true };
}

/**
 * Puts a contender's modules and the caller into `directory`.
 *
 * @param {Contender} contender
 * @param {string} directory
 */
export function build({ name, source, dist = DIST }, directory) {
  const into = join(directory, name);
  mkdirSync(join(into, "caller"), { recursive: true });
  const modules = source || !existsSync(join(dist, "index_bg.wasm")) ? ["index.js"] : ["index.js", "index_bg.wasm"];
  if (source) bundle(join(WORKERS, source), join(into, "index.js"));
  else for (const file of modules) copyFileSync(join(dist, file), join(into, file));
  bundle(join(WORKERS, "caller.mjs"), join(into, "caller/caller.js"));
  return { directory: into, modules, caller: ["caller/caller.js"] };
}

/** Bytes of the upload, gzipped. */
export function gzipSize({ directory, modules }) {
  return modules.reduce((sum, file) => sum + gzipSync(readFileSync(join(directory, file)), { level: 9 }).length, 0);
}

function bundle(from, to) {
  execFileSync(ESBUILD, [
    from,
    "--bundle",
    "--format=esm",
    "--target=es2024",
    "--minify",
    "--external:cloudflare:workers",
    "--log-level=warning",
    `--outfile=${to}`,
  ]);
}
