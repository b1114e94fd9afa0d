// Bundles Workers and runs them in workerd, on a port that the system chooses.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
// the program itself: the package's bin is a script, and killing it would leave the program running
const workerdPath = require("workerd").default;
const here = fileURLToPath(new URL(".", import.meta.url));
// the date of the deployed Worker
const COMPATIBILITY_DATE = /^compatibility_date = "(.+)"$/m.exec(readFileSync(join(here, "../../../../wrangler.toml"), "utf8"))[1];

const SERVICES = (callerFile) => `
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "caller", worker = .caller), (name = "reporter", worker = .reporter) ],
  sockets = [
    (name = "caller", address = "127.0.0.1:0", http = (), service = "caller"),
    (name = "reporter", address = "127.0.0.1:0", http = (), service = "reporter"),
  ],
);

const caller :Workerd.Worker = (
  modules = [ (name = "caller", esModule = embed "caller.js") ],
  compatibilityDate = "${COMPATIBILITY_DATE}",
  compatibilityFlags = [${callerFile === "caller.ts" ? '"nodejs_als"' : ""}],
  bindings = [
    (name = "METRICS", service = (name = "reporter", entrypoint = "MetricsReporter")),
    ${
      callerFile === "caller.ts"
        ? `
    (name = "REJECTS", service = (name = "reporter", entrypoint = "Rejects")),
    (name = "HANGS", service = (name = "reporter", entrypoint = "Hangs")),
    (name = "NO_RECORD", service = (name = "reporter", entrypoint = "HasNoRecord")),
    (name = "SELF", service = (name = "caller", entrypoint = "Greeter")),
    (name = "COUNTER", durableObjectNamespace = "Counter"),
  ],
  durableObjectNamespaces = [ (className = "Counter", uniqueKey = "counter") ],
  durableObjectStorage = (inMemory = void),`
        : `],`
    }
);

const reporter :Workerd.Worker = (
  modules = [ (name = "reporter", esModule = embed "reporter.js") ],
  compatibilityDate = "${COMPATIBILITY_DATE}",
);
`;

/**
 * Starts the Worker in `callerFile` with the stand-in for the reporter bound as METRICS.
 *
 * @returns `fetch` for the Worker and its `address`; `calls` and `forget` for the calls that the stand-in
 * received; `log` and `logged` for the output of workerd; and `stop`.
 */
export async function start(callerFile = "caller.ts") {
  const esbuild = await import("esbuild");
  const directory = mkdtempSync(join(tmpdir(), "metrics-reporter-client-"));
  await esbuild.build({
    entryPoints: { caller: join(here, callerFile), reporter: join(here, "reporter.ts") },
    outdir: directory,
    bundle: true,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:workers"],
    logLevel: "warning",
  });
  writeFileSync(join(directory, "config.capnp"), SERVICES(callerFile));

  const workerd = spawn(workerdPath, ["serve", "--control-fd=3", join(directory, "config.capnp")], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const log = [];
  for (const stream of [workerd.stdout, workerd.stderr]) createInterface({ input: stream }).on("line", (line) => log.push(line));

  const ports = await new Promise((resolve, reject) => {
    const found = {};
    workerd.once("exit", (code) => reject(new Error(`workerd ended with ${code}: ${log.join("\n")}`)));
    createInterface({ input: workerd.stdio[3] }).on("line", (line) => {
      const event = JSON.parse(line);
      if (event.event === "listen") found[event.socket] = event.port;
      if (found.caller && found.reporter) resolve(found);
    });
  });

  const reporter = `http://127.0.0.1:${ports.reporter}/`;
  const read = async () => (await fetch(reporter)).json();
  const until = async (look, note) => {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const found = await look();
      if (found) return found;
      assert.ok(Date.now() < deadline, `still waiting for ${await note()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return {
    log,
    fetch: (path, init) => fetch(`http://127.0.0.1:${ports.caller}${path}`, init),
    address: `127.0.0.1:${ports.caller}`,
    forget: () => fetch(reporter, { method: "DELETE" }),
    /** Resolves with the samples of each call so far, when `enough` returns true for them. */
    calls: (enough) =>
      until(
        async () => {
          const calls = (await read()).map((call) => (typeof call === "string" ? JSON.parse(call.slice(1)) : call));
          return enough(calls) && calls;
        },
        async () => `${enough}; calls so far: ${JSON.stringify(await read()).slice(0, 2000)}`,
      ),
    /** Resolves when workerd has written these words. */
    logged: (words) =>
      until(
        () => log.some((line) => line.includes(words)),
        () => `${words} in ${log.join("\n")}`,
      ),
    async stop() {
      workerd.removeAllListeners("exit");
      const ended = new Promise((resolve) => workerd.once("exit", resolve));
      workerd.kill();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
