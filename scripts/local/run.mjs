// Starts the parts of `make dev`, waits until all of them work, watches them, and stops them.
// scripts/dev has already checked the ports and built everything. With DEV_DEMO set this is `make
// demo`: a shop in front of the example caller, and visitors (demo/).

import { join, resolve } from "node:path";
import { Process, describe } from "../lib/process.mjs";
import { until } from "../lib/until.mjs";
import { lineFilter, step } from "./output.mjs";
import { chooseRegistry, registryEnv } from "./registry.mjs";
import { columns, quoted, tour } from "./tour.mjs";
import { goes, isBuilding, stopsAnswering } from "./watch.mjs";

const { DEV_PORT, GATEWAY_PORT } = process.env;
const CALLER = `http://127.0.0.1:${DEV_PORT}`;
const GATEWAY_URL = `http://127.0.0.1:${GATEWAY_PORT}`;
const GATEWAY = join(process.env.CARGO_TARGET_DIR ?? "target", "release", "metrics-gateway");
// Written by set-up after `npm ci`, and removed by every other `npm ci`.
const INSTALLED = "node_modules/.installed-lock.json";
// The runtime answers this path itself, so the check does not count as a request of the example.
const RUNTIME = `${CALLER}/cdn-cgi/local/explorer`;
const demo = process.env.DEV_DEMO ? await import("./demo/demo.mjs") : undefined;

const processes = [];
let stopping = false;

async function stop(exitCode) {
  if (stopping) return;
  stopping = true;
  await Promise.all(processes.map((each) => each.stop()));
  process.exit(exitCode);
}

/** Stops everything because one part no longer works. */
function fail(why, child) {
  if (stopping) return;
  const last = child?.lines.slice(-5).map(({ text }) => `\n    ${text}`).join("") ?? "";
  process.stderr.write(`error: ${why}; stopping the rest${last && `\n  its last lines:${last}`}\n`);
  void stop(1);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    // The terminal may be gone. Then the message is not needed.
    if (!stopping) process.stderr.write("==> stopping\n");
    void stop(0);
  });
}
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

function start(name, file, args, env) {
  const child = new Process(name, file, args, { env });
  processes.push(child);
  void child.closed.then(() => fail(`the ${name} ended ${describe(child.ended)}`, child));
  return child;
}

function startWrangler(registry) {
  const configs = [
    ...(demo?.CONFIGS ?? []),
    "examples/caller/wrangler.toml",
    "wrangler.local.toml",
    "scripts/local/gateway-stand-in/wrangler.toml",
  ];
  return start(
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
      ...registryEnv(registry),
      // Makes no request to the internet to locate this machine.
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      ...(process.stderr.isTTY ? { FORCE_COLOR: "1" } : {}),
    },
  );
}

/** Waits until one sample has passed through the example caller, the Worker and the gateway. */
async function verify(wrangler) {
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
}

/** How the reader's own Worker finds this one. */
function binding({ folder, why }) {
  const line = Object.entries(registryEnv(folder)).map(([name, value]) => `${name}=${quoted(value)}`).join(" ");
  const found = why
    ? `A Worker of your own, bound as in README.md, finds this one with these variables in its shell. (Not without them: ${why}.)`
    : "A Worker of your own, bound as in README.md, finds this one under a plain `npx wrangler dev`. Miniflare, the Vite\nplugin and older versions need these variables in their shell:";
  return `${found}\n\n  export ${line}\n\nThe typed client for it: make client`;
}

try {
  const gateway = await step("starting the gateway", async () => {
    const child = start("gateway", GATEWAY, ["--listen", `127.0.0.1:${GATEWAY_PORT}`]);
    await child.until("the gateway says that it listens", () => child.lines.some(({ text }) => text.includes(`127.0.0.1:${GATEWAY_PORT}`)));
    return child;
  });

  const names = ["metrics-gateway-worker", "gateway-stand-in", "example-caller", ...(demo?.NAMES ?? [])];
  const registry = await chooseRegistry(names, resolve(".wrangler", `registry-${DEV_PORT}`));
  const wrangler = await step("starting the Worker and the example caller", async () => {
    const child = startWrangler(registry.folder);
    await child.until("wrangler is ready", () => child.lines.some(({ text }) => text.includes("Ready on")), 300_000);
    return child;
  });
  await step("sending one sample all the way", () => verify(wrangler));

  // From here on, their output is shown immediately.
  for (const child of processes) {
    const isShown = lineFilter({ requests: !demo });
    child.onLine = ({ text }) => {
      if (!stopping && isShown(text)) process.stdout.write(`${child.name.padEnd(7)} | ${text}\n`);
    };
  }
  void stopsAnswering(`${GATEWAY_URL}/-/healthy`).then((why) => fail(`the gateway stopped answering on ${GATEWAY_URL} (${why})`, gateway));
  void stopsAnswering(RUNTIME, { busy: () => isBuilding(wrangler) }).then((why) =>
    fail(`the Worker stopped answering on ${CALLER} (${why})`, wrangler),
  );
  void goes(INSTALLED).then(() => fail("node_modules was removed or installed anew, and wrangler runs from it"));

  const { places, commands } = tour({ caller: CALLER, gateway: GATEWAY_URL });
  process.stdout.write(`
Everything is up, and one sample went all the way.

${columns(places, "  ", "   ")}

${demo ? `${demo.ABOUT}\n\n` : ""}Try:

${columns(commands, "  ", "   # ")}

${binding(registry)}

A change under src/ is rebuilt and reloaded. Ctrl-C stops everything.

`);
  demo?.startVisitors(CALLER, (text) => stopping || process.stdout.write(`demo    | ${text}\n`));
} catch (error) {
  if (!stopping) {
    process.stderr.write(`error: ${error.message}\n`);
    await stop(1);
  }
}
