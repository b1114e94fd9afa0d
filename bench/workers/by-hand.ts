// What one writes in an afternoon: the PushRequest by hand, one push for each call. No validation,
// no buffer, no account of what was lost.

import { WorkerEntrypoint } from "cloudflare:workers";

export type Labels = Record<string, string>;
export type Sample = { name: string; type: "counter" | "histogram"; value: number; labels?: Labels; help?: string };
export type Env = { METRICS_GATEWAY: { fetch: typeof fetch } };
export type Answer = { accepted: number; rejected: number };

export const URL = "http://gateway/marqo.metrics.v1.MetricsIngest/Push";
const COUNTER = 1;
const HISTOGRAM = 3;
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

const utf8 = new TextEncoder();
const text = new TextDecoder();

function varint(out: number[], value: number) {
  for (; value > 127; value = Math.floor(value / 128)) out.push((value & 127) | 128);
  out.push(value);
}

function bytes(out: number[], field: number, value: ArrayLike<number>) {
  out.push((field << 3) | BYTES);
  varint(out, value.length);
  for (let i = 0; i < value.length; i++) out.push(value[i]!);
}

function string(out: number[], field: number, value: string) {
  bytes(out, field, utf8.encode(value));
}

function double(out: number[], field: number, value: number) {
  out.push((field << 3) | FIXED64);
  out.push(...new Uint8Array(new Float64Array([value]).buffer));
}

function metric(sample: Sample): number[] {
  const out: number[] = [];
  string(out, 1, sample.name);
  if (sample.help) string(out, 2, sample.help);
  out.push((3 << 3) | VARINT, sample.type === "counter" ? COUNTER : HISTOGRAM);
  for (const [key, value] of Object.entries(sample.labels ?? {})) {
    const entry: number[] = [];
    string(entry, 1, key);
    string(entry, 2, value);
    bytes(out, 4, entry);
  }
  double(out, 5, sample.value);
  return out;
}

export function frame(samples: Sample[]): Uint8Array {
  const message: number[] = [];
  for (const sample of samples) bytes(message, 1, metric(sample));
  const framed = new Uint8Array(5 + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, 5);
  return framed;
}

export function readAnswer(body: Uint8Array): Answer {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const answer: Answer = { accepted: 0, rejected: 0 };
  let status = "missing";
  for (let at = 0; at + 5 <= body.length; ) {
    const flags = body[at]!;
    const payload = body.subarray(at + 5, (at += 5 + view.getUint32(at + 1)));
    if (flags & 0x80) status = /^grpc-status:\s*(\d+)/im.exec(text.decode(payload))?.[1] ?? status;
    else readCounts(payload, answer);
  }
  if (status !== "0") throw new Error(`grpc-status ${status}`);
  return answer;
}

function readCounts(message: Uint8Array, answer: Answer) {
  for (let at = 0; at < message.length; ) {
    const field = message[at++]! >> 3;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    if (field === 1) answer.accepted = value;
    if (field === 2) answer.rejected = value;
  }
}

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
    const response = await this.env.METRICS_GATEWAY.fetch(URL, {
      method: "POST",
      headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
      body: frame(samples),
    });
    if (response.status !== 200) throw new Error(`HTTP ${response.status}`);
    return readAnswer(new Uint8Array(await response.arrayBuffer()));
  }
}
