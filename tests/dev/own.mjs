// A Worker of a user's own, beside `make dev`.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Process } from "../harness/index.mjs";

export const WRANGLER_DEV = "npx wrangler dev --ip 127.0.0.1 --port 0 --inspector-port 0 --show-interactive-dev-session=false";

// wrangler's line, and Vite's.
const READY = /(?:Ready on|Local:) +(http:\/\/127\.0\.0\.1:\d+)/;

/** Writes files to a new folder in `parent`, and returns its path. @param {Record<string, string>} files */
export function writeProject(parent, files) {
  const folder = mkdtempSync(join(parent, ".own-"));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return folder;
}

/**
 * Runs a shell's command in a folder until it serves. The folder's parents have the tools that the command needs.
 *
 * @param {{ folder: string, command: string, env?: Record<string, string> }} options
 */
export async function serve({ folder, command, env }) {
  const child = new Process("a Worker of one's own", "/bin/sh", ["-c", command], {
    cwd: folder,
    env: { CLOUDFLARE_CF_FETCH_ENABLED: "false", NO_COLOR: "1", ...env },
  });
  const stop = () => child.stop("SIGKILL");
  try {
    const url = await child.until("it is ready", () => child.lines.map(({ text }) => READY.exec(text)?.[1]).find(Boolean), 600_000);
    return { url, fetch: (path) => fetch(url + path, { signal: AbortSignal.timeout(30_000) }), output: () => child.output(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Serves a new folder with these files, which goes when the Worker stops.
 *
 * @param {{ parent: string, files: Record<string, string>, command: string, env?: Record<string, string> }} options
 */
export async function startOwn({ parent, files, ...options }) {
  const folder = writeProject(parent, files);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const own = await serve({ folder, ...options });
    return { ...own, stop: () => own.stop().then(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}
