// Starts what `make dev` shows, waits until all of it works, and ends all of it. The ports are
// checked and everything is built by then (scripts/dev). With DEV_DEMO set it is `make demo`: a shop in
// front of the example caller, and visitors (scripts/local/demo).

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Process } from "../lib/process.mjs";
import { until } from "../lib/until.mjs";
import { columns, quoted, tour } from "./tour.mjs";

const { DEV_PORT, GATEWAY_PORT } = process.env;
const CALLER = `http://127.0.0.1:${DEV_PORT}`;
const GATEWAY_URL = `http://127.0.0.1:${GATEWAY_PORT}`;
const GATEWAY = join(process.env.CARGO_TARGET_DIR ?? "target", "release", "metrics-gateway");
const demo = process.env.DEV_DEMO ? await import("./demo/demo.mjs") : undefined;

const processes = [];
// Wrangler finds local Workers through a folder per user, where two of these would meet. Ours is there
// the next time, too: a Worker that was started with it finds this one again.
const registry = resolve(".wrangler", `registry-${DEV_PORT}`);
mkdirSync(registry, { recursive: true });
let stopping = false;

async function stop(exitCode) {
  if (stopping) return;
  stopping = true;
  await Promise.all(processes.map((each) => each.stop()));
  process.exit(exitCode);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    // The terminal may be gone: nobody needs to read this.
    if (!stopping) say("stopping");
    void stop(0);
  });
}
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

function start(name, file, args, env) {
  const child = new Process(name, file, args, { env });
  processes.push(child);
  void child.closed.then(() => {
    if (stopping) return;
    say(`${name} ended; stopping the rest`);
    void stop(1);
  });
  return child;
}

function say(text) {
  process.stderr.write(`==> ${text}\n`);
}

try {
  say("starting the reference gateway");
  const gateway = start("gateway", GATEWAY, ["--listen", `127.0.0.1:${GATEWAY_PORT}`]);
  await gateway.until("the gateway says that it listens", () =>
    gateway.lines.some(({ text }) => text.includes(`127.0.0.1:${GATEWAY_PORT}`)),
  );

  say("starting the Worker and the example caller under wrangler dev");
  const configs = [...(demo?.CONFIGS ?? []), "examples/caller/wrangler.toml", "wrangler.local.toml", "scripts/local/gateway-stand-in/wrangler.toml"];
  const wrangler = start(
    "worker",
    process.execPath,
    [
      "node_modules/wrangler/bin/wrangler.js",
      "dev",
      ...configs.flatMap((config) => ["--config", config]),
      ...["--ip", "127.0.0.1", "--port", DEV_PORT, "--inspector-port", "0"],
      "--show-interactive-dev-session=false",
    ],
    {
      GATEWAY_PORT,
      WRANGLER_REGISTRY_PATH: registry,
      // Asks nobody on the internet where this machine is.
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      ...(process.stderr.isTTY ? { FORCE_COLOR: "1" } : {}),
    },
  );
  await wrangler.until(
    "wrangler is ready",
    () => wrangler.lines.some(({ text }) => text.includes("Ready on")),
    300_000,
  );

  let answer = "";
  await until(
    "one sample goes all the way",
    async () => {
      try {
        const response = await fetch(`${CALLER}/verify`, { signal: AbortSignal.timeout(10_000) });
        answer = await response.text();
        return response.status === 200;
      } catch (error) {
        answer = String(error);
        return false;
      }
    },
    30_000,
    () => `the example caller's last answer: ${answer}\n${wrangler.output()}`,
  );

  // From here on what they print is shown as it comes.
  for (const child of processes) {
    child.onLine = ({ text }) => {
      if (!stopping && !demo?.isNoise(text)) process.stdout.write(`${child.name.padEnd(7)} | ${text}\n`);
    };
  }

  const { places, commands } = tour({ caller: CALLER, gateway: GATEWAY_URL });
  process.stdout.write(`
Everything is up, and one sample went all the way.

${columns(places, "  ", "   ")}

${demo ? `${demo.ABOUT}\n\n` : ""}Try:

${columns(commands, "  ", "   # ")}

A Worker of your own, bound as in README.md, finds this one when it is started so:

  WRANGLER_REGISTRY_PATH=${quoted(registry)} npx wrangler dev

A change under src/ is rebuilt and reloaded. Ctrl-C stops everything.

`);
  demo?.startVisitors(CALLER, (text) => stopping || process.stdout.write(`demo    | ${text}\n`));
} catch (error) {
  if (!stopping) {
    process.stderr.write(`error: ${error.message}\n`);
    await stop(1);
  }
}
