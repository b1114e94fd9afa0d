// The compiler's message for a wrong call must name the mistake, in either order of arguments.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const TSC = createRequire(import.meta.url).resolve("typescript/package.json").replace("package.json", "bin/tsc");
const directory = fileURLToPath(new URL(".messages", import.meta.url));

const HEAD = `
import { createMetrics, defineMetrics } from "metrics-reporter-client";
const catalogue = defineMetrics({
  requests_total: { type: "counter", labels: ["route", "status"] },
  upstream_ms: { type: "histogram", labels: ["upstream", "outcome"] },
});
const metrics = createMetrics(null, null, { catalogue });
`;

const WRONG = [
  ['metrics.incr("request_total", { route: "/", status: 200 });', /'"request_total"' is not assignable to .*"requests_total"/],
  ['metrics.incr("requests_total", { rout: "/", status: 200 });', /'rout' does not exist in type '\{ route: LabelValue; status: LabelValue; \}'/],
  ['metrics.incr("requests_total", { route: "/" });', /Property 'status' is missing/],
  ['metrics.incr("requests_total", 2, { rout: "/", status: 200 });', /'rout' does not exist/],
  ['metrics.incr("requests_total", 2, { route: "/" });', /Property 'status' is missing/],
  ['metrics.incr("requests_total");', /Expected 2.* arguments, but got 1/],
  ['metrics.observe("upstream_ms", 1.5, { upstream: "db", outcom: "ok" });', /'outcom' does not exist/],
  ['metrics.observe("upstream_ms", 1.5, { upstream: "db" });', /Property 'outcome' is missing/],
  ['metrics.observe("upstream_ms", 1.5);', /Expected 3.* arguments, but got 2/],
  ['metrics.observe("requests_total", 1.5, { route: "/", status: 200 });', /'"requests_total"' is not assignable to .*"upstream_ms"/],
  ['metrics.time("upstream_ms", { upstream: "db" }, () => 1);', /Property 'outcome' is missing/],
  ['metrics.startTimer("upstream_ms", { upstreem: "db" });', /'upstreem' does not exist/],
];

test("the message about a wrong call names the label or the metric", () => {
  mkdirSync(directory, { recursive: true });
  try {
    const head = HEAD.split("\n").length;
    writeFileSync(`${directory}/wrong.ts`, `${HEAD}\n${WRONG.map(([call]) => call).join("\n")}\n`);
    writeFileSync(`${directory}/tsconfig.json`, JSON.stringify({ extends: "../types/tsconfig.json", include: ["*.ts"] }));
    const messages = new Map();
    let line;
    for (const text of compile().split("\n")) {
      line = Number(text.match(/^\S*wrong\.ts\((\d+),/)?.[1] ?? line);
      messages.set(line, `${messages.get(line) ?? ""}${text}\n`);
    }
    for (const [i, [call, expected]] of WRONG.entries()) assert.match(messages.get(head + 1 + i) ?? "", expected, call);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

function compile() {
  try {
    execFileSync(process.execPath, [TSC, "-p", directory, "--pretty", "false"], { encoding: "utf8", stdio: "pipe" });
    return "";
  } catch (error) {
    return error.stdout;
  }
}
