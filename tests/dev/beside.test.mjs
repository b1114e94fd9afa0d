// The purpose of `make dev`: a user's own Worker runs beside it. And its messages when a part
// fails.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Process, ROOT, until } from "../harness/index.mjs";
import { Dev, freePorts, skip } from "./dev.mjs";
import { WRANGLER_DEV, startOwn, writeProject } from "./own.mjs";

const OWN_TOML = `name = "own"
main = "index.mjs"
compatibility_date = "2026-01-01"

[[services]]
binding = "METRICS"
service = "metrics-gateway-worker"
entrypoint = "MetricsReporter"
`;

const OWN = `export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/bad") ctx.waitUntil(env.METRICS.incr("not a name"));
    else await env.METRICS.incr("own_total");
    return new Response("ok");
  },
};
`;

// What runs outside of workerd, such as a framework's development server, has its bindings from getPlatformProxy.
const PROXY = `import { createMetrics } from "metrics-reporter-client";
import { getPlatformProxy } from "wrangler";
const { env, ctx, dispose } = await getPlatformProxy({ configPath: "wrangler.toml", persist: false });
const metrics = createMetrics(env.METRICS, ctx);
metrics.incr("proxied_total");
await metrics.flush();
console.log(JSON.stringify(metrics.account()));
await dispose();
`;

const PARENT = join(ROOT, "tests/dev"); // where npx finds wrangler

/** A Worker, started by its author with plain `npx wrangler dev`. */
function startWrangler(env) {
  return startOwn({ parent: PARENT, files: { "wrangler.toml": OWN_TOML, "index.mjs": OWN }, command: WRANGLER_DEV, env });
}

describe("beside make dev", { skip, timeout: 1_800_000 }, () => {
  const started = [];
  const dev = async (env) => {
    const ports = await freePorts();
    const one = Object.assign(new Dev({ ...ports, ...env }), { ports });
    started.push(one);
    await one.ready();
    return one;
  };
  after(() => started.forEach((one) => one.killEverything()));

  test("a plain `npx wrangler dev` finds the Worker, a refused sample is told without a stack, and a second make dev says what differs", async (t) => {
    const one = await dev();
    assert.match(one.output, /under a plain `npx wrangler dev`/);
    assert.doesNotMatch(one.output, /Compiling|⠋|⠙/);
    assert.match(one.output, /^building the gateway +ok +\d+s/m);
    const own = await startWrangler({ XDG_CONFIG_HOME: one.config });
    t.after(() => own.stop());
    await until("the binding is connected", async () => (await own.fetch("/")).status === 200, 30_000);

    await own.fetch("/bad");
    await until("the refusal is told", () => /TypeError: "not a name" is not a metric name/.test(one.output), 30_000, () => one.output);
    // The rest of the message comes before the output of the next request.
    await own.fetch("/bad");
    await until("the next refusal, too", () => one.output.match(/TypeError: "not a name"/g).length > 1, 30_000, () => one.output);
    assert.doesNotMatch(one.output, /had hung|^worker +\|\s+at /m);

    const second = await dev({ XDG_CONFIG_HOME: one.config });
    assert.match(second.output, /Not without them: another process runs a Worker named/);
    for (const name of ["WRANGLER", "MINIFLARE", "CLOUDFLARE_DEV"]) {
      assert.match(second.output, new RegExp(`^  export .*\\b${name}_REGISTRY_PATH=\\S*registry-\\d+`, "m"));
    }
    await second.interrupt();
    await one.interrupt();
  });

  test("the client sends through the binding that `getPlatformProxy` gives", async (t) => {
    const one = await dev();
    const folder = writeProject(PARENT, { "wrangler.toml": OWN_TOML, "proxy.mjs": PROXY });
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const child = new Process("getPlatformProxy", process.execPath, ["proxy.mjs"], {
      cwd: folder,
      env: { CLOUDFLARE_CF_FETCH_ENABLED: "false", XDG_CONFIG_HOME: one.config },
    });
    t.after(() => child.stop("SIGKILL"));
    await child.closed;
    assert.deepEqual(child.ended, { code: 0, signal: null }, child.output());
    const account = JSON.parse(child.lines.map(({ text }) => text).find((text) => text.startsWith("{")));
    assert.deepEqual([account.recorded, account.taken], [1, 1], child.output());
    const page = `http://127.0.0.1:${one.ports.GATEWAY_PORT}/metrics`;
    await until("the sample is on the page", async () => /^pushed_proxied_total 1$/m.test(await (await fetch(page)).text()), 30_000);
    await one.interrupt();
  });

  test("names a part that ended, and exits", async () => {
    const one = await dev();
    const gateway = one.processes().find(({ command }) => /metrics-gateway --listen/.test(command) && !command.startsWith("/bin/sh"));
    process.kill(gateway.pid, "SIGKILL");
    await one.fails(/^error: the gateway ended by SIGKILL; stopping the rest$/m);
  });

  test("names a part that stopped answering, and exits", async () => {
    const one = await dev();
    for (const { pid, command } of one.processes()) if (/workerd\S* serve/.test(command)) process.kill(pid, "SIGSTOP");
    await one.fails(/^error: the Worker stopped answering on http:\S+ \(no answer within 5 s, 3 times in a row\); stopping the rest$/m);
  });
});
