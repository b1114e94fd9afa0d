// Paths in this repository.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The built Worker; `METRICS_WORKER_DIST` names another build of it. */
export const DIST = process.env.METRICS_WORKER_DIST ?? join(ROOT, "dist");

/** The reference gateway; `METRICS_GATEWAY_BIN` names another build of it. */
export function gatewayBinary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  const file = process.env.METRICS_GATEWAY_BIN ?? join(target, "release", "metrics-gateway");
  if (!existsSync(file)) throw new Error(`no reference gateway at ${file}: run \`make gateway\` first`);
  return file;
}

/** The workerd that wrangler runs, as npm installed it. */
export function workerdBinary() {
  // The package resolves to the binary of this platform's optional dependency.
  return createRequire(import.meta.url)("workerd").default;
}

/**
 * The date in wrangler.toml, so that tests run with the same compatibility rules as the deployed
 * Worker.
 */
export function compatibilityDate() {
  const toml = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
  const date = /^compatibility_date\s*=\s*"(\d{4}-\d{2}-\d{2})"/m.exec(toml)?.[1];
  if (!date) throw new Error("no compatibility_date in wrangler.toml");
  return date;
}
