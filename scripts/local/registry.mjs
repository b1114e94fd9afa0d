// The folder where wrangler, Miniflare and the Vite plugin find Workers of other processes on this
// machine. It has one file for each Worker.

import { mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { homedir, platform } from "node:os";
import { join } from "node:path";

/** The version decides which variable is read. @param {string} folder */
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
 * Chooses the folder: the default one, unless it cannot be written or another process runs a Worker
 * with one of these names in it.
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

/** Whether a process listens on an entry's address: a killed process leaves its entries behind. */
async function runs(file) {
  const ports = [...readFileSync(file, "utf8").matchAll(/\b(?:127\.0\.0\.1|localhost|\[::1\]):(\d+)/g)].map(([, port]) => Number(port));
  // An entry of an older version has its address in another form. It counts while it is fresh.
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
