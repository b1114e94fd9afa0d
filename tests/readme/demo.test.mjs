// `make demo`, and the commands that it and `make dev` print, typed in as they stand.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { promisify } from "node:util";
import { Process, ROOT, Scrape, unusedAddress, until } from "../e2e/harness/index.mjs";

const skip = process.platform === "linux" ? false : "finds processes through /proc";
const shell = (command) => promisify(execFile)("/bin/sh", ["-c", command], { timeout: 30_000 });

/** Every living process with this mark in its environment. */
function marked(mark) {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark);
    } catch {
      return false; // it ended while we looked
    }
  });
}

test("make demo keeps the page moving, prints commands that work, and ends on Ctrl-C", { skip, timeout: 900_000 }, async (t) => {
  const [DEV_PORT, GATEWAY_PORT] = await Promise.all([unusedAddress(), unusedAddress()]).then((all) => all.map((at) => at.split(":")[1]));
  const mark = randomUUID();
  const demo = new Process("make demo", "make", ["--no-print-directory", "demo"], {
    cwd: ROOT,
    env: { DEV_PORT, GATEWAY_PORT, METRICS_DEMO_TEST: mark },
  });
  t.after(() => demo.stop("SIGKILL"));
  // The first run may have to build.
  await demo.until("everything is up", () => demo.lines.some(({ text }) => text.includes("Ctrl-C stops everything")), 600_000);

  const page = `http://127.0.0.1:${GATEWAY_PORT}/`;
  assert.ok(demo.lines.some(({ text }) => text.trim().endsWith(page)), "the page's URL is printed");
  assert.match(await (await fetch(page)).text(), /<html/);

  let last;
  const scrape = () => fetch(`${page}metrics`).then(async (response) => (last = new Scrape(await response.text())));
  const requests = (seen, labels) => seen.sum("pushed_http_requests_total", labels);
  const missing = () => JSON.stringify(last?.series.filter(({ name }) => name.endsWith("_total")));
  const first = await until("visitors are counted", async () => requests(await scrape()) > 0 && last, 30_000, missing);
  // The same visitors at once in the shop, which uses the client, and in the example caller, which does not.
  await until(
    "the numbers go up, in the shop and in the example caller",
    async () => {
      const now = await scrape();
      return (
        requests(now) > requests(first) &&
        now.find("pushed_http_request_duration_ms_count").length >= 4 &&
        requests(now, { route: "/search", status: 200 }) > 0 &&
        now.sum("pushed_requests_total", { route: "/", status: 200 }) > 0 &&
        now.sum("pushed_requests_total", { route: "other", status: 404 }) > 0
      );
    },
    60_000,
    missing,
  );

  const commands = demo.lines.map(({ text }) => /^ {2}(curl .*?) +# /.exec(text)?.[1]).filter(Boolean);
  assert.equal(commands.length, 3);
  for (const command of commands) {
    const { stdout } = await shell(command);
    assert.notEqual(stdout, "", command);
    assert.doesNotMatch(stdout, /not found/, command);
  }

  process.kill(-demo.pid, "SIGINT");
  await demo.closed;
  await until("no process is left", () => marked(mark).length === 0, 20_000, () => marked(mark).join(" "));
});
