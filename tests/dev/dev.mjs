// Starts `make dev` or `make demo` as a person does, and finds the processes that remain
// afterwards.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, until } from "../harness/index.mjs";

const READY_MS = 600_000; // the first run may have to build

/** False, or the reason why `Dev` cannot inspect processes here. */
export const skip = process.platform === "linux" ? false : "finds processes through /proc";

/** Two free ports, as the environment variables that choose them. */
export async function freePorts() {
  const servers = await Promise.all([listen(0), listen(0)]);
  const [DEV_PORT, GATEWAY_PORT] = servers.map((server) => String(server.address().port));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return { DEV_PORT, GATEWAY_PORT };
}

export function listen(port) {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** Marks the environment, so that every process that it starts inherits the mark. */
export class Dev {
  mark = randomUUID();
  output = "";
  /** The folder where wrangler keeps its state on this machine, with its registry of Workers. */
  config = mkdtempSync(join(tmpdir(), "metrics-dev-"));

  constructor(env, target = "dev") {
    this.child = spawn("make", ["--no-print-directory", target], {
      cwd: ROOT,
      env: { ...process.env, XDG_CONFIG_HOME: this.config, ...env, METRICS_DEV_TEST: this.mark },
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

  /** Waits for a non-zero exit code. It must have printed `why` and leave no process behind. */
  async fails(why) {
    const { code } = await this.ended;
    assert.notEqual(code, 0);
    assert.match(this.output, why);
    await this.allGone();
  }

  /** Every living process that `make dev` started, directly or not: `[{ pid, command }]`. */
  processes() {
    const found = [];
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, "latin1").includes(this.mark)) continue;
        const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
        if (command) found.push({ pid: Number(pid), command });
      } catch {
        // It ended during the check.
      }
    }
    return found;
  }

  /** The process behind `make` that controls the others. */
  supervisor() {
    const found = this.processes().find(({ command }) => command.includes("scripts/local/run.mjs"));
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

  /** Sends what Ctrl-C sends in a terminal, to the whole foreground process group. */
  async interrupt() {
    process.kill(-this.child.pid, "SIGINT");
    await this.ended;
    await this.allGone();
  }

  killEverything() {
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    rmSync(this.config, { recursive: true, force: true });
  }
}
