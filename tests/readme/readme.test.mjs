// What README.md shows is true: a newcomer copies it as it stands.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { unstable_readConfig as readConfig } from "wrangler";
import { tour } from "../../tools/dev/tour.mjs";
import { ROOT, startGateway, startWorkerd } from "../e2e/harness/index.mjs";

const README = readFileSync(join(ROOT, "README.md"), "utf8");

/** The code blocks of one language; "" for those that name none. */
function blocks(language) {
  return [...README.matchAll(/^```(\w*)\n(.*?)^```$/gms)].filter(([, name]) => name === language).map(([, , code]) => code);
}

const [BINDING] = blocks("toml");
const [CALLS, CLIENT] = blocks("ts");
const SERIES = blocks("").find((text) => text.startsWith("pushed_")).trim();

/** Calls `use` with the path of a folder that is gone afterwards. */
async function scratch(parent, use) {
  const directory = mkdtempSync(join(parent, ".readme-"));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The service binding as wrangler reads it. */
function bound(toml) {
  return scratch(tmpdir(), (directory) => {
    const config = join(directory, "wrangler.toml");
    writeFileSync(config, `name = "shop"\nmain = "index.js"\ncompatibility_date = "2026-10-23"\n\n${toml}`);
    writeFileSync(join(directory, "index.js"), "export default {};\n");
    const { services } = readConfig({ config });
    assert.equal(services.length, 1);
    return JSON.parse(JSON.stringify(services[0]));
  });
}

function compile(code) {
  return scratch(join(ROOT, "tests/readme"), (directory) => {
    const compilerOptions = {
      target: "es2024",
      lib: ["es2024"],
      module: "esnext",
      moduleResolution: "bundler",
      types: ["@cloudflare/workers-types"],
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      paths: { "metrics-reporter-client": [join(ROOT, "clients/typescript/src/index.ts")] },
    };
    writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["index.ts"] }));
    writeFileSync(join(directory, "index.ts"), code);
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", directory], { encoding: "utf8" });
    return { status, output: stdout + stderr };
  });
}

/** The two calls in a Worker, where README.md says that they go. */
const worker = (types) => `${types ? 'import type { MetricsReporter } from "metrics-reporter-client";\n' : ""}
export default {
  async fetch(request, env, ctx) {
    ${CALLS}
    return new Response("ok");
  },
}${types ? " satisfies ExportedHandler<{ METRICS: Service<MetricsReporter> }>" : ""};
`;

test("the binding is what wrangler reads, with and without the labels that a caller cannot forge", async () => {
  const plain = { binding: "METRICS", service: "metrics-gateway-worker", entrypoint: "MetricsReporter" };
  assert.deepEqual(await bound(BINDING), plain);
  const props = BINDING.replace(/^# (?=props)/m, "");
  assert.notEqual(props, BINDING);
  assert.deepEqual(await bound(props), { ...plain, props: { labels: { worker: "checkout" } } });
});

test("the binding names the Worker as wrangler.toml deploys it, and the example caller binds the same", async () => {
  const { service } = await bound(BINDING);
  assert.equal(readConfig({ config: join(ROOT, "wrangler.toml") }).name, service);
  const [example] = readConfig({ config: join(ROOT, "examples/caller/wrangler.toml") }).services;
  assert.deepEqual({ ...example }, await bound(BINDING));
});

test("the two calls compile against the client's types, and a wrong one does not", async () => {
  const right = await compile(worker(true));
  assert.equal(right.status, 0, right.output);
  const wrong = await compile(worker(true).replace('incr("searches_total"', "incr(42"));
  assert.notEqual(wrong.status, 0);
});

test("the client's snippet compiles, and a wrong label in it does not", async () => {
  const right = await compile(CLIENT);
  assert.equal(right.status, 0, right.output);
  const wrong = await compile(CLIENT.replace("{ shelf:", "{ self:"));
  assert.notEqual(wrong.status, 0);
  assert.match(wrong.output, /self/);
});

test("the two calls give exactly the series that is shown", async (t) => {
  const gateway = await startGateway();
  t.after(() => gateway.stop());
  const runtime = await startWorkerd({ gateway: gateway.address, callers: { shop: { source: worker(false) } } });
  t.after(() => runtime.stop());

  assert.equal(await (await runtime.fetch("shop")).text(), "ok");
  const labels = { shelf: "books" };
  const scrape = await gateway.waitFor(
    "both metrics",
    (page) => page.value("pushed_searches_total", labels) && page.histogram("pushed_search_duration_ms", labels),
  );
  assert.equal(scrape.histogram("pushed_search_duration_ms", labels).sum, 42.5);
  const text = await (await fetch(`http://${gateway.address}/metrics`)).text();
  assert.deepEqual(text.split("\n").filter((line) => line.startsWith("pushed_searches_total")), [SERIES]);
});

test("the commands to try are those that make dev prints", () => {
  const { commands } = tour({ caller: "http://127.0.0.1:8787", gateway: "http://127.0.0.1:8080" });
  const printed = commands.map(([command]) => command);
  const shown = blocks("sh").flatMap((code) => code.split("\n")).filter((line) => line.startsWith("curl "));
  assert.ok(shown.length > 0);
  for (const command of shown) assert.ok(printed.includes(command), `make dev does not print: ${command}`);
});
