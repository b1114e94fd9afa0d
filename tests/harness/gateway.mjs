// The reference gateway as a process, and a reader of its /metrics.

import { createServer } from "node:net";
import { gatewayBinary } from "./paths.mjs";
import { Process } from "../../scripts/lib/process.mjs";
import { Scrape } from "./prometheus.mjs";
import { until } from "../../scripts/lib/until.mjs";

/**
 * Starts a gateway on a free port of the loopback interface, or on `port` (to come back where an
 * earlier one was).
 *
 * @param {{ port?: number, args?: string[], env?: Record<string, string> }} [options]
 */
export async function startGateway(options = {}) {
  const gateway = new Gateway(options);
  try {
    await gateway.ready();
  } catch (error) {
    await gateway.stop();
    throw error;
  }
  return gateway;
}

export class Gateway {
  /** Host and port, once it listens. */
  address = "";

  constructor({ port = 0, args = [], env } = {}) {
    this.process = new Process("gateway", gatewayBinary(), ["--listen", `127.0.0.1:${port}`, ...args], { env });
  }

  get port() {
    return Number(this.address.split(":")[1]);
  }

  async ready() {
    this.address = await this.process.until("the gateway says where it listens", () =>
      this.process.lines.map(({ text }) => /127\.0\.0\.1:[1-9]\d*/.exec(text)?.[0]).find(Boolean),
    );
  }

  /** The page in the form in which Prometheus reads it. */
  async scrape() {
    const response = await fetch(`http://${this.address}/metrics`, { signal: AbortSignal.timeout(10_000) });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`/metrics answered ${response.status}: ${text}`);
    return new Scrape(text);
  }

  /** Scrapes until `check(scrape)` is truthy, and resolves with that scrape. */
  async waitFor(what, check, timeoutMs) {
    let last;
    return until(
      what,
      async () => {
        last = await this.scrape();
        return check(last) ? last : undefined;
      },
      timeoutMs,
      () => JSON.stringify(last.series),
    );
  }

  stop(signal) {
    return this.process.stop(signal);
  }
}

/** An address on the loopback interface where nothing listens. */
export async function unusedAddress() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}
