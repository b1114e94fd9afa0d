import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { after, describe, test } from "node:test";
import { ROOT, Scrape, until } from "../e2e/harness/index.mjs";

const READY_MS = 600_000; // the first run may have to build

async function freePort() {
  const server = await listen(0);
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listen(port) {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** `make dev`, or `make demo`, as a person starts it; whatever it starts inherits a mark in its environment. */
class Dev {
  mark = randomUUID();
  output = "";

  constructor(env, target = "dev") {
    this.child = spawn("make", ["--no-print-directory", target], {
      cwd: ROOT,
      env: { ...process.env, ...env, METRICS_DEV_TEST: this.mark },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // like a terminal's foreground process group
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.output += text));
    }
    this.ended = new Promise((resolve) => this.child.once("close", (code, signal) => resolve({ code, signal })));
  }

  async ready() {
    let ended;
    void this.ended.then((how) => (ended = how));
    await until(
      "make dev says that everything is up",
      () => {
        if (ended) throw new Error(`make dev ended early: ${JSON.stringify(ended)}\n${this.output}`);
        return this.output.includes("Ctrl-C stops everything");
      },
      READY_MS,
      () => this.output,
    );
  }

  /** Every living process that `make dev` started, however indirectly: `[{ pid, command }]`. */
  processes() {
    const found = [];
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, "latin1").includes(this.mark)) continue;
        const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
        if (command) found.push({ pid: Number(pid), command });
      } catch {
        // It ended while we looked.
      }
    }
    return found;
  }

  /** The process behind `make` that looks after the others. */
  supervisor() {
    const found = this.processes().find(({ command }) => command.includes("tools/dev/run.mjs"));
    assert.ok(found, "no supervisor among the processes");
    return found.pid;
  }

  async allGone() {
    await until(
      "no process is left",
      () => this.processes().length === 0,
      20_000,
      () => JSON.stringify(this.processes(), null, 1),
    );
  }

  killEverything() {
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
  }
}

const skip = process.platform === "linux" ? false : "finds processes through /proc";

describe("make dev", { skip, timeout: 1_800_000 }, () => {
  const started = [];
  const dev = (env, target) => {
    const one = new Dev(env, target);
    started.push(one);
    return one;
  };
  after(() => started.forEach((one) => one.killEverything()));

  test("shows a real metric arriving, and Ctrl-C leaves no process behind", async () => {
    const [DEV_PORT, GATEWAY_PORT] = [await freePort(), await freePort()];
    const one = dev({ DEV_PORT: String(DEV_PORT), GATEWAY_PORT: String(GATEWAY_PORT) });
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
    process.kill(-one.child.pid, "SIGINT");
    await one.ended;
    await one.allGone();
    // The ports are free again.
    for (const port of [DEV_PORT, GATEWAY_PORT]) (await listen(port)).close();
  });

  for (const signal of ["SIGTERM", "SIGHUP", "SIGKILL"]) {
    test(`leaves no process behind when ${signal} ends it`, async () => {
      const one = dev({ DEV_PORT: String(await freePort()), GATEWAY_PORT: String(await freePort()) });
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
          const ports = { DEV_PORT: String(await freePort()), GATEWAY_PORT: String(await freePort()) };
          const one = dev({ ...ports, [name]: String(port) }, target);
          const { code } = await one.ended;
          assert.notEqual(code, 0);
          assert.match(one.output, new RegExp(`port ${port} is in use.*${name}=\\d+ make ${target}$`, "m"));
          assert.doesNotMatch(one.output, /building|starting/);
        } finally {
          taken.close();
        }
      });
    }

    test(`names ${name} when it is not a port`, async () => {
      const ports = { DEV_PORT: String(await freePort()), GATEWAY_PORT: String(await freePort()) };
      for (const wrong of ["http", "0", "65536", "-1", " "]) {
        const one = dev({ ...ports, [name]: wrong });
        const { code } = await one.ended;
        assert.notEqual(code, 0, wrong);
        assert.match(one.output, new RegExp(`${name} is '.*', expected a port from 1 to 65535`), wrong);
      }
    });
  }
});
