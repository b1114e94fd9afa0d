// `make demo`, and the commands that it and `make dev` print, run unchanged.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { Dev, freePorts, skip } from "../dev/dev.mjs";
import { WRANGLER_DEV, startOwn } from "../dev/own.mjs";
import { ROOT, Scrape, until } from "../harness/index.mjs";
import { BINDING, CLIENT, SERIES } from "./blocks.mjs";

const shell = (command) => promisify(execFile)("/bin/sh", ["-c", command], { timeout: 30_000 });

test("make demo keeps the page moving, prints commands that work, and ends on Ctrl-C", { skip, timeout: 900_000 }, async (t) => {
  const ports = await freePorts();
  const demo = new Dev(ports, "demo");
  t.after(() => demo.killEverything());
  await demo.ready();

  const page = `http://127.0.0.1:${ports.GATEWAY_PORT}/`;
  assert.ok(demo.output.split("\n").some((line) => line.endsWith(` ${page}`)), "the page's URL is printed");
  assert.match(await (await fetch(page)).text(), /<html/);

  let last;
  const scrape = () => fetch(`${page}metrics`).then(async (response) => (last = new Scrape(await response.text())));
  const requests = (seen, labels) => seen.sum("pushed_http_requests_total", labels);
  const missing = () => JSON.stringify(last?.series.filter(({ name }) => name.endsWith("_total")));
  const first = await until("visitors are counted", async () => requests(await scrape()) > 0 && last, 30_000, missing);
  // The same visitors are counted in the shop, and some of them in the example caller behind it.
  await until(
    "the numbers go up, in the shop and in the example caller",
    async () => {
      const now = await scrape();
      return (
        requests(now) > requests(first) &&
        now.find("pushed_http_request_duration_seconds_count").length >= 4 &&
        requests(now, { route: "/search", status: 200 }) > 0 &&
        now.sum("pushed_requests_total", { route: "/", status: 200 }) > 0 &&
        now.sum("pushed_requests_total", { route: "other", status: 404 }) > 0
      );
    },
    60_000,
    missing,
  );

  const commands = [...demo.output.matchAll(/^ {2}(curl .*?) +# /gm)].map(([, command]) => command);
  assert.equal(commands.length, 3);
  for (const command of commands) {
    const { stdout } = await shell(command);
    assert.notEqual(stdout, "", command);
    assert.doesNotMatch(stdout, /not found/, command);
  }

  // A Worker with the binding and the code of README, started with the printed command.
  const [, line] = /^ {2}(export WRANGLER_REGISTRY_PATH=\S.*)$/m.exec(demo.output);
  const alias = `"metrics-reporter-client" = ${JSON.stringify(join(ROOT, "clients/typescript/src/index.ts"))}`;
  const head = 'name = "shop"\nmain = "index.ts"\ncompatibility_date = "2026-10-23"\n';
  const shop = await startOwn({
    parent: join(ROOT, "tests/readme"), // where npx finds wrangler
    files: { "wrangler.toml": `${head}\n${BINDING}\n[alias]\n${alias}\n`, "index.ts": CLIENT },
    command: `${line}; ${WRANGLER_DEV}`,
  });
  t.after(() => shop.stop());
  assert.equal(await (await shop.fetch("/")).text(), "found");
  await until(
    "README's series stands on /metrics",
    async () => (await (await fetch(`${page}metrics`)).text()).split("\n").includes(SERIES),
    30_000,
    () => shop.output(),
  );

  await demo.interrupt();
});
