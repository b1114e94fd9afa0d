// Checks the whole way, from this Worker to the gateway's own count, with one sample.

import type { MetricsReporter, PushResult } from "metrics-reporter-client";

const SAMPLE = {
  name: "verifications_total",
  type: "counter",
  value: 1,
  help: "Samples sent by hand to see whether the way to the gateway is open.",
} as const;

/** Status 200 when the gateway has counted the sample, otherwise 502 with the reason. */
export async function verify(metrics: Service<MetricsReporter>): Promise<Response> {
  let result: PushResult;
  try {
    result = await metrics.push([SAMPLE]);
  } catch (error) {
    return reply(502, { reason: `the call to MetricsReporter failed: ${error}` });
  }
  if (result.ok && result.accepted === 1) return reply(200, { ...result, version: await version(metrics) });
  return reply(502, { reason: reason(result), ...result });
}

/** The build that answered: `scripts/verify --revision` compares it. */
async function version(metrics: MetricsReporter): Promise<string | undefined> {
  try {
    return String((await metrics.stats()).config.VERSION);
  } catch {
    return undefined;
  }
}

function reason({ outcome, rejected, refused, status, message }: PushResult): string {
  const [invalid] = refused;
  if (invalid) return `the Worker refused the sample: ${invalid.message}`;
  const answer = message ? `${status}: ${message}` : status;
  switch (outcome) {
    case "dropped":
      return `the sample did not reach the gateway (${answer})`;
    case "unknown":
      return `it is unknown whether the gateway counted the sample (${answer})`;
    case "delivered":
      return rejected > 0
        ? "the gateway answered, but rejected the sample; its log says why"
        : `the gateway answered (${answer}), but did not count the sample`;
  }
}

function reply(status: number, body: object): Response {
  return new Response(`${JSON.stringify(body, null, 2)}\n`, {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
