// Stands in for the Worker: takes what it is sent, and does nothing with it.

import { WorkerEntrypoint } from "cloudflare:workers";

export class MetricsReporter extends WorkerEntrypoint {
  noop(): void {}

  record(samples: string): number {
    const rows = JSON.parse(samples.slice(1)) as [string, number, number | number[]][];
    return rows.reduce((sum, [, , value]) => sum + (Array.isArray(value) ? value.length : 1), 0);
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
