import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, describe, test } from "node:test";
import { ROOT, Scrape, until } from "../harness/index.mjs";
import { Dev, freePorts, listen, skip } from "./dev.mjs";

describe("make dev", { skip, timeout: 1_800_000 }, () => {
  const started = [];
  const dev = (env, target) => {
    const one = new Dev(env, target);
    started.push(one);
    return one;
  };
  after(() => started.forEach((one) => one.killEverything()));

  test("shows a real metric arriving, and Ctrl-C leaves no process behind", async () => {
    const ports = await freePorts();
    const { DEV_PORT, GATEWAY_PORT } = ports;
    const one = dev(ports);
    await one.ready();
    assert.match(one.output, new RegExp(`http://127\\.0\\.0\\.1:${DEV_PORT}`));
    assert.match(one.output, new RegExp(`http://127\\.0\\.0\\.1:${GATEWAY_PORT}/metrics`));

    const caller = `http://127.0.0.1:${DEV_PORT}`;
    for (let i = 0; i < 3; i++) assert.equal(await (await fetch(`${caller}/`)).text(), "hello\n");
    const verified = await fetch(`${caller}/verify`);
    assert.equal(verified.status, 200);
    assert.equal((await verified.json()).accepted, 1);

    const page = await until("the requests stand on /metrics", async () => {
      const scrape = new Scrape(await (await fetch(`http://127.0.0.1:${GATEWAY_PORT}/metrics`)).text());
      const requests = scrape.sum("pushed_requests_total", { route: "/", method: "GET", status: "200" });
      const timed = scrape.sum("pushed_request_latency_ms_count", { route: "/" });
      return requests >= 3 && timed >= 3 && scrape;
    });
    assert.equal(page.sum("pushed_requests_total", { route: "/", method: "GET", status: "200" }), 3);
    assert.equal(page.sum("pushed_request_latency_ms_bucket", { route: "/", le: "+Inf" }), 3);

    assert.ok(one.processes().length > 3);
    await one.interrupt();
    // The ports are free again.
    for (const port of [DEV_PORT, GATEWAY_PORT]) (await listen(port)).close();
  });

  for (const signal of ["SIGTERM", "SIGHUP", "SIGKILL"]) {
    test(`leaves no process behind when ${signal} ends it`, async () => {
      const one = dev(await freePorts());
      await one.ready();
      process.kill(one.supervisor(), signal);
      await one.ended;
      await one.allGone();
    });
  }

  for (const name of ["DEV_PORT", "GATEWAY_PORT"]) {
    for (const target of ["dev", "demo"]) {
      test(`make ${target} says how to choose another ${name} when that port is in use, before it builds anything`, async () => {
        const taken = await listen(0);
        try {
          const { port } = taken.address();
          const one = dev({ ...(await freePorts()), [name]: String(port) }, target);
          const { code } = await one.ended;
          assert.notEqual(code, 0);
          assert.match(one.output, new RegExp(`port ${port} is in use.*${name}=\\d+ make ${target}$`, "m"));
          assert.doesNotMatch(one.output, /building|starting/);
        } finally {
          taken.close();
        }
      });
    }

    test(`keeps the other port in the command that it shows when ${name} is in use`, async () => {
      const taken = await listen(0);
      try {
        const ports = { ...(await freePorts()), [name]: String(taken.address().port) };
        const one = dev(ports);
        await one.ended;
        const [, shown] = /Choose another: (.*) make dev$/m.exec(one.output) ?? assert.fail(one.output);
        const [kept, chosen] = shown.split(" ");
        const other = name === "DEV_PORT" ? "GATEWAY_PORT" : "DEV_PORT";
        assert.equal(kept, `${other}=${ports[other]}`);
        assert.notEqual(chosen, `${name}=${ports[other]}`);
      } finally {
        taken.close();
      }
    });

    test(`names ${name} when it is not a port`, async () => {
      const ports = await freePorts();
      for (const wrong of ["http", "0", "65536", "-1", " "]) {
        const one = dev({ ...ports, [name]: wrong });
        const { code } = await one.ended;
        assert.notEqual(code, 0, wrong);
        assert.match(one.output, new RegExp(`${name} is '.*', expected a port from 1 to 65535`), wrong);
      }
    });
  }

  test("shows one command that works when both ports are in use", async () => {
    const taken = [await listen(0), await listen(0)];
    try {
      const [DEV_PORT, GATEWAY_PORT] = taken.map((server) => String(server.address().port));
      const one = dev({ DEV_PORT, GATEWAY_PORT });
      const { code } = await one.ended;
      assert.notEqual(code, 0);
      const shown = /ports (\d+) and (\d+) are in use\. Choose others: DEV_PORT=(\d+) GATEWAY_PORT=(\d+) make dev$/m.exec(one.output);
      assert.ok(shown, one.output);
      assert.deepEqual(shown.slice(1, 3), [DEV_PORT, GATEWAY_PORT]);
      assert.equal(new Set(shown.slice(1)).size, 4, shown[0]);
    } finally {
      for (const server of taken) server.close();
    }
  });
});

test("set-up names everything that is missing at once, before it takes its time", () => {
  const PATH = mkdtempSync(join(tmpdir(), "metrics-path-"));
  try {
    for (const name of ["bash", "dirname"]) symlinkSync(which(name), join(PATH, name));
    // With an empty home, there is no cargo in ~/.cargo/bin either.
    const { status, stderr } = spawnSync(join(ROOT, "scripts/setup"), { env: { PATH, HOME: PATH }, encoding: "utf8" });
    assert.notEqual(status, 0);
    for (const name of ["cargo", "npm", "cc"]) assert.match(stderr, new RegExp(`^error: no ${name} on PATH`, "m"));
    assert.doesNotMatch(stderr, /installing|building/);
  } finally {
    rmSync(PATH, { recursive: true, force: true });
  }
});

function which(name) {
  return process.env.PATH.split(delimiter).map((folder) => join(folder, name)).find(existsSync);
}
