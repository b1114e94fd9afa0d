// Gateways as processes, and one connection to each.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { peakMemory } from "../lib/usage.mjs";
import { encodePush, encodeText } from "./workload.mjs";

class Contender {
  constructor(child, port) {
    this.child = child;
    this.port = port;
    this.agent = new Agent({ keepAlive: true, maxSockets: 1 });
  }

  get pid() {
    return this.child.pid;
  }

  /** Sends a request and drops the answer; its bytes. */
  async call(options, body, agent = this.agent) {
    const { port } = this;
    const sent = request({ host: "127.0.0.1", port, agent, ...options });
    sent.end(body);
    const [response] = await once(sent, "response");
    let bytes = 0;
    response.on("data", (data) => (bytes += data.length));
    await once(response, "end");
    if (response.statusCode >= 300) throw new Error(`${options.path} answered ${response.statusCode}`);
    return bytes;
  }

  /** Resident, in bytes. */
  memory() {
    return 1024 * Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))[1]);
  }

  peak() {
    return peakMemory(this.pid);
  }

  stop() {
    this.agent.destroy();
    this.child.kill("SIGKILL");
  }
}

export class Gateway extends Contender {
  observes = true;

  static async start(binary, flags) {
    const child = spawn(binary, ["--listen", "127.0.0.1:0", ...flags], { stdio: ["ignore", "pipe", "ignore"] });
    const [line] = await once(createInterface(child.stdout), "line");
    return new Gateway(child, Number(/:(\d+)$/.exec(line)[1]));
  }

  encode(samples) {
    return encodePush(samples);
  }

  async push(body) {
    const headers = { "content-type": "application/grpc-web+proto", "content-length": body.length };
    await this.call({ method: "POST", path: "/marqo.metrics.v1.MetricsIngest/Push", headers }, body);
  }

  scrape(headers) {
    return this.call({ path: "/metrics", headers });
  }

  /** By another process, so that reading the answer does not hold up what is measured here. */
  async scrapeElsewhere(headers) {
    const flags = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
    const curl = spawn("curl", ["-so", "/dev/null", ...flags, `http://127.0.0.1:${this.port}/metrics`]);
    await once(curl, "exit");
  }
}

const PUSHGATEWAY = "prometheus-pushgateway";

export function hasPushgateway() {
  try {
    execFileSync(PUSHGATEWAY, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export class Pushgateway extends Contender {
  observes = false;

  static async start() {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    server.close();
    const child = spawn(PUSHGATEWAY, [`--web.listen-address=127.0.0.1:${port}`], { stdio: "ignore" });
    const contender = new Pushgateway(child, port);
    for (const deadline = Date.now() + 10_000; ; ) {
      try {
        await contender.call({ path: "/-/ready" });
        return contender;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  encode(samples) {
    return encodeText(samples);
  }

  async push(body) {
    await this.call({ method: "POST", path: "/metrics/job/bench", headers: { "content-length": body.length } }, body);
  }
}
