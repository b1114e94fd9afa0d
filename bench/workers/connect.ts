// The same with libraries: connect-web speaks gRPC-Web, protobuf-es writes the PushRequest.

import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { WorkerEntrypoint } from "cloudflare:workers";
import { MetricType, MetricsIngest } from "./gen/marqo/metrics/v1/metrics_pb.js";

type Labels = Record<string, string>;
type Sample = { name: string; type: "counter" | "histogram"; value: number; labels?: Labels; help?: string };
type Env = { METRICS_GATEWAY: { fetch: typeof fetch } };
type Answer = { accepted: number; rejected: number };

export class MetricsReporter extends WorkerEntrypoint<Env> {
  async incr(name: string, value = 1, labels?: Labels) {
    return (await this.push([{ name, type: "counter", value, labels }])).accepted;
  }

  async observe(name: string, value: number, labels?: Labels) {
    return (await this.push([{ name, type: "histogram", value, labels }])).accepted;
  }

  async record(samples: Sample[]) {
    return (await this.push(samples)).accepted;
  }

  async push(samples: Sample[]): Promise<Answer> {
    const { accepted, rejected } = await clientOf(this.env).push({
      metrics: samples.map(({ name, type, value, labels, help }) => ({
        name,
        type: type === "counter" ? MetricType.COUNTER : MetricType.HISTOGRAM,
        value,
        labels,
        help,
      })),
    });
    return { accepted: Number(accepted), rejected: Number(rejected) };
  }
}

let client: ReturnType<typeof makeClient> | undefined;

function clientOf(env: Env) {
  return (client ??= makeClient(env));
}

function makeClient(env: Env) {
  const transport = createGrpcWebTransport({
    baseUrl: "http://gateway",
    // It asks for redirect: "error", which Workers do not have.
    fetch: (input, init) => env.METRICS_GATEWAY.fetch(input, { ...init, redirect: "manual" }),
  });
  return createClient(MetricsIngest, transport);
}

export default { fetch: () => new Response(null, { status: 404 }) };
