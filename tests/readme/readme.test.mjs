// The code in README.md works, because newcomers copy it unchanged.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { unstable_readConfig as readConfig } from "wrangler";
import { tour } from "../../scripts/local/tour.mjs";
import { ROOT, startGateway, startWorkerd } from "../harness/index.mjs";
import { BINDING, CALLS, CLIENT, README, SERIES, blocks } from "./blocks.mjs";

/** Calls `use` with the path of a temporary folder, which is removed afterwards. */
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

/** The two calls in a Worker, at the place that README.md names. */
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
    (page) => page.value("pushed_searches_total", labels) && page.histogram("pushed_search_duration_seconds", labels),
  );
  assert.equal(scrape.histogram("pushed_search_duration_seconds", labels).sum, 0.0425);
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

test("no other code is shown, and every target of make that is named exists", () => {
  const count = (language) => blocks(language).length;
  assert.deepEqual({ toml: count("toml"), ts: count("ts"), sh: count("sh"), "": count("") }, { toml: 1, ts: 2, sh: 2, "": 2 });
  assert.equal([...README.matchAll(/^```/gm)].length, 2 * 7, "a block in a language that nothing here looks at");
  const makefile = readFileSync(join(ROOT, "Makefile"), "utf8");
  const targets = [...README.matchAll(/^make (\w+)|`make (\w+)`/gm)].map(([, line, word]) => line ?? word);
  assert.ok(targets.includes("dev") && targets.includes("test"), targets.join(" "));
  for (const target of targets) assert.match(makefile, new RegExp(`^${target}: ##`, "m"), target);
});

const source = (file) => readFileSync(join(ROOT, file), "utf8");
// README wraps long lines.
const PROSE = README.replace(/\s+/g, " ");
const says = (text) => assert.ok(PROSE.includes(text), `README does not say "${text}"`);

test("the limits are those of the code", () => {
  const limits = source("src/limits.rs");
  const limit = (name, text = limits) => {
    const [, value] = new RegExp(`const ${name}: \\w+ = ([\\d_.]+);`).exec(text) ?? assert.fail(`no ${name}`);
    return Number(value.replaceAll("_", ""));
  };
  const shown = (name) => limit(name).toLocaleString("en");
  const reference = source("docs/reference.md");
  const row = (what, value) => assert.ok(reference.includes(`| ${what} | ${value} |`), `reference.md does not say ${what}: ${value}`);
  row("a metric's or label's name", `${shown("MAX_NAME_BYTES")} bytes`);
  row("a label's value, a help text", `${shown("MAX_LABEL_VALUE_BYTES")} bytes`);
  row("labels of a sample, the trusted ones included", shown("MAX_LABELS"));
  row("samples in one call", shown("MAX_SAMPLES_PER_CALL"));
  row("metrics in one isolate", shown("MAX_METRICS"));
  row("series in one isolate", shown("MAX_SERIES"));
  assert.equal(limit("MAX_HELP_BYTES"), limit("MAX_LABEL_VALUE_BYTES"));
  assert.equal(limit("MAX_ATTEMPTS", source("src/delivery/policy.rs")), 1 + 3);
  says(`tried again up to three times within ${limit("FLUSH_BUDGET_MS") / 1000} s`);
});

test("what a call costs is what was measured", () => {
  const measured = (what) => Number(new RegExp(`^\\| ${what} +\\| +[\\d.]+ \\| +([\\d.]+) \\|`, "m").exec(source("docs/performance.md"))?.[1]);
  const within = (value, least, most) => assert.ok(value >= least && value <= most, `${value} is not from ${least} to ${most}`);
  says("costs 1.1 to 1.6 times the CPU time of an RPC that does nothing");
  within(measured("`incr`, × floor"), 1.05, 1.6);
  says("a third to a tenth of what a TypeScript Worker costs");
  within(measured("`incr`, × TypeScript"), 1 / 10, 1 / 2.8);
  says("costs a tenth to a third of one bare RPC");
  within(Number(/\(([\d.]+) × the rpc\)/.exec(source("bench/clients/README.md"))?.[1]), 0.1, 0.37);
});
