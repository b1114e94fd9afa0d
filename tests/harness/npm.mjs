// npm packages that only one test needs, so that the set-up of the repository does not install them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Installs a folder's lock file once. Returns the reason if that is impossible here. @param {string} folder */
export function install(folder) {
  const lock = join(folder, "package-lock.json");
  const installed = join(folder, "node_modules/.installed-lock.json");
  try {
    if (readFileSync(installed, "utf8") === readFileSync(lock, "utf8")) return undefined;
  } catch {
    // not installed yet
  }
  const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status !== 0 && /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(stderr)) return "the npm registry cannot be reached";
  assert.equal(status, 0, stderr);
  cpSync(lock, installed);
  return undefined;
}
