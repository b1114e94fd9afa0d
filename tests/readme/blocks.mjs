// The code blocks of README.md.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../harness/index.mjs";

export const README = readFileSync(join(ROOT, "README.md"), "utf8");

/** The code blocks of one language; "" for blocks without one. */
export function blocks(language) {
  return [...README.matchAll(/^```(\w*)\n(.*?)^```$/gms)].filter(([, name]) => name === language).map(([, , code]) => code);
}

export const [BINDING] = blocks("toml");
export const [CALLS, CLIENT] = blocks("ts");
/** The line of /metrics that the calls produce. */
export const SERIES = blocks("").find((text) => text.startsWith("pushed_")).trim();
