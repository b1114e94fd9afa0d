// Stands in for the reporter Worker: stores its calls, and shows them over HTTP.
import { WorkerEntrypoint } from "cloudflare:workers";

let calls: unknown[] = [];

export class MetricsReporter extends WorkerEntrypoint {
  record(samples: string | unknown[]): number {
    calls.push(samples);
    if (typeof samples !== "string") return samples.length;
    return JSON.parse(samples.slice(1)).flatMap((row: unknown[]) => row[2]).length;
  }
}

export class Rejects extends WorkerEntrypoint {
  record(): number {
    throw new TypeError('metric "a_total": value must be finite, got NaN');
  }
}

export class Hangs extends WorkerEntrypoint {
  async record(): Promise<number> {
    await scheduler.wait(60_000);
    return 0;
  }
}

export class HasNoRecord extends WorkerEntrypoint {}

export default {
  async fetch(request: Request): Promise<Response> {
    const answer = Response.json(calls);
    if (request.method === "DELETE") calls = [];
    return answer;
  },
};
