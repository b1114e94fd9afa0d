// A newcomer with a Rust Worker: the README of the Rust client, followed to the gateway's page beside
// `make dev`, and two mistakes on the way.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { env } from "../clients/build.mjs";
import { block, shop } from "../clients/shop.mjs";
import { ROOT, until } from "../harness/index.mjs";
import { Dev, freePorts, skip } from "./dev.mjs";
import { WRANGLER_DEV, serve } from "./own.mjs";

// worker-build would download these.
const TOOLS = {
  WASM_BINDGEN_BIN: process.env.WASM_BINDGEN_BIN ?? "wasm-bindgen",
  WASM_OPT_BIN: process.env.WASM_OPT_BIN ?? join(ROOT, "node_modules/.bin/wasm-opt"),
  ESBUILD_BIN: process.env.ESBUILD_BIN ?? join(ROOT, "node_modules/.bin/esbuild"),
};

/** The environment in which the README's command installs worker-build beside the other tools, unless it is installed. */
function installing() {
  const [, version] = /worker-build@(\S+)/.exec(block("toml", "[build]"));
  const installed = execFileSync("cargo", ["install", "--list"], { env, encoding: "utf8" });
  if (installed.includes(`worker-build v${version}:`)) return {};
  // Unoptimised, it compiles in a third of the CPU time.
  return { CARGO_INSTALL_ROOT: join(ROOT, ".tools"), CARGO_PROFILE_RELEASE_OPT_LEVEL: "0" };
}

test("the README of the Rust client leads to a metric on the page, and to what is wrong where it is not there", { skip, timeout: 1_800_000 }, async (t) => {
  const { folder, remove } = shop();
  let dev;
  let own;
  t.after(async () => {
    await own?.stop();
    dev?.killEverything();
    remove();
  });
  const config = join(folder, "wrangler.toml");
  const edit = (from, to) => {
    const text = readFileSync(config, "utf8");
    assert.ok(text.includes(from), `${from} in ${text}`);
    writeFileSync(config, text.replace(from, to));
  };
  edit("worker-build --release", "worker-build --dev"); // compiles faster, and the other tests have its dependencies

  const ports = await freePorts();
  dev = new Dev(ports);
  await dev.ready();
  const command = block("sh", "npx wrangler dev").trim();
  const [, port] = /^npx wrangler dev --port (\d+)$/.exec(command);
  own = await serve({ folder, command: WRANGLER_DEV, env: { ...env, ...TOOLS, ...installing(), XDG_CONFIG_HOME: dev.config } });

  await until("the binding is connected", () => own.output().includes("local [connected]"), 30_000, () => own.output());

  const [request, look] = block("sh", "curl").trim().split("\n");
  const shell = (line) => execFileSync("/bin/sh", ["-c", line], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  assert.equal(shell(request.replace(`http://localhost:${port}`, own.url)), "hello");
  let page;
  await until(
    "the page shows what the README shows",
    () => {
      page = shell(`${look.replace(":8080/", `:${ports.GATEWAY_PORT}/`)} || true`);
      return page === block("", "pushed_");
    },
    30_000,
    () => `${page}\n${own.output()}`,
  );

  /** Sends requests until the client has logged these words. */
  const logs = (words) =>
    until(
      `the warning ${words}`,
      async () => {
        await own.fetch("/").catch(() => {}); // wrangler may be reloading
        return own.output().includes(words);
      },
      60_000,
      () => own.output(),
    );
  edit('entrypoint = "MetricsReporter"', 'entrypoint = "Reporter"');
  await logs('dropped: Error: Worker does not export an entrypoint named "Reporter"; the binding needs entrypoint = "MetricsReporter"');
  edit('entrypoint = "Reporter"', 'entrypoint = "MetricsReporter"');
  await dev.interrupt();
  await logs('dropped: Error: Worker "metrics-gateway-worker" not found. Make sure it is running locally; run `make dev` in the reporter\'s repository');
});
