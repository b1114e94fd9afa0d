/** Options of a Worker for Miniflare, in the form of the test runner's configuration. */
export interface ReporterStub {
  readonly name: string;
  readonly modules: true;
  readonly compatibilityDate: string;
  readonly script: string;
}

/**
 * A Worker that stands in for the reporter when tests run in workerd. It gives the binding of your
 * wrangler file a Worker to connect to. It accepts every sample and counts them in `stats().taken`.
 * To see the recorded samples in a test, use {@link TestReporter}.
 *
 * `name` is the `service` of your binding.
 *
 * @example
 * ```ts
 * cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { workers:
 * [reporterStub()] } });
 * ```
 */
export function reporterStub(name = "metrics-gateway-worker"): ReporterStub {
  return { name, modules: true, compatibilityDate: "2025-09-01", script: SCRIPT };
}

const SCRIPT = `
import { WorkerEntrypoint } from "cloudflare:workers";

let taken = 0;
function take(samples) {
  const rows = typeof samples === "string" ? JSON.parse(samples.slice(1)).flatMap((row) => row[2]) : samples;
  taken += rows.length;
  return rows.length;
}
function pushed(accepted) {
  return { ok: true, outcome: "delivered", accepted, rejected: 0, code: 0, status: "OK", message: "", refused: [] };
}

export class MetricsReporter extends WorkerEntrypoint {
  incr() { return take([1]); }
  observe() { return take([1]); }
  record(samples) { return take(samples); }
  push(samples) { return pushed(take(samples)); }
  flush() { return pushed(0); }
  stats() {
    return {
      taken, coalesced: 0, delivered: taken, rejected: 0, dropped: {}, unknown: {}, buffered: 0, in_flight: 0, refused: {},
      pushes: { delivered: 0, dropped: 0, unknown: 0, retried: 0 }, last_error: null, config: {},
    };
  }
}

export default { fetch: () => new Response("not found", { status: 404 }) };
`;
