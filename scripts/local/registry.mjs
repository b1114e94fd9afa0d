// Where wrangler, Miniflare and the Vite plugin find Workers that others started on this machine: a folder with a
// file for each of them.

import { mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { homedir, platform } from "node:os";
import { join } from "node:path";

/** Which variable is read depends on the version. @param {string} folder */
export function registryEnv(folder) {
  return {
    WRANGLER_REGISTRY_PATH: folder, // wrangler
    MINIFLARE_REGISTRY_PATH: folder, // Miniflare 4, and the Vite plugin that brings it
    CLOUDFLARE_DEV_REGISTRY_PATH: folder, // Miniflare 5, and what brings it
  };
}

/** The folder that a plain `npx wrangler dev` uses. */
export function defaultRegistry(env = process.env, home = homedir()) {
  const named = env.CLOUDFLARE_DEV_REGISTRY_PATH || env.WRANGLER_REGISTRY_PATH;
  if (named) return named;
  const legacy = join(home, ".wrangler");
  if (statSync(legacy, { throwIfNoEntry: false })?.isDirectory()) return join(legacy, "registry");
  const config = platform() === "darwin" ? join(home, "Library", "Preferences") : join(home, ".config");
  return join(env.XDG_CONFIG_HOME || config, ".wrangler", "registry");
}

/**
 * The folder to use: the default one, unless another process runs a Worker of one of these names in it, or it cannot
 * be written.
 *
 * @param {string[]} names
 * @param {string} own the folder to use instead
 * @returns {Promise<{ folder: string, why?: string }>} `why` it is not the default
 */
export async function chooseRegistry(names, own) {
  const folder = defaultRegistry();
  try {
    mkdirSync(folder, { recursive: true });
    const present = readdirSync(folder).filter((name) => names.includes(name));
    for (const name of present) {
      if (await runs(join(folder, name))) return instead(`another process runs a Worker named ${name}`);
    }
    return { folder };
  } catch (error) {
    return instead(`${folder} cannot be used: ${error.message}`);
  }

  function instead(why) {
    mkdirSync(own, { recursive: true });
    return { folder: own, why };
  }
}

/** Whether somebody listens where an entry says: a process that was killed leaves its entries behind. */
async function runs(file) {
  const ports = [...readFileSync(file, "utf8").matchAll(/\b(?:127\.0\.0\.1|localhost|\[::1\]):(\d+)/g)].map(([, port]) => Number(port));
  // An entry of an older version that names its address otherwise counts while it is fresh.
  if (ports.length === 0) return Date.now() - statSync(file).mtimeMs < 300_000;
  return (await Promise.all(ports.map(listens))).includes(true);
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", timeout: 2_000 });
    for (const event of ["connect", "error", "timeout"]) {
      socket.once(event, () => {
        socket.destroy();
        resolve(event === "connect");
      });
    }
  });
}
