// Writes seeds/ from the test data of the protocol crate: `node fuzz/make-seeds.mjs`.
// A seed's name is the hash of its content, so that writing them again changes nothing.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const here = new URL(".", import.meta.url);
const data = new URL("../crates/grpc-web/tests/data/", here);
const read = (name) => JSON.parse(readFileSync(new URL(name, data), "utf8")).cases;
const cases = [...read("conformance.json"), ...read("captured.json")];

const seeds = { response: [], frames: [], text: [] };
for (const { http_status, headers, body_hex } of cases) {
  const body = Buffer.from(body_hex, "hex");
  const lines = [http_status, ...headers.map(([name, value]) => `${name}: ${value}`)];
  seeds.response.push(Buffer.concat([Buffer.from(`${lines.join("\n")}\n\n`), body]));
  if (body.length > 0) seeds.frames.push(body);
  for (const [name, value] of headers) {
    if (name === "grpc-message") seeds.text.push(Buffer.from(value));
  }
}
// Blocks of trailers on their own.
for (const body of [...seeds.frames]) {
  const at = body.indexOf(0x80);
  if (at >= 0) seeds.frames.push(body.subarray(at + 5));
}
// What neither suite has: errors of the platform, and texts.
const plain = "content-type: text/plain;charset=UTF-8";
for (const text of [
  "ProxyError: connection_refused",
  "ProxyError: connection_terminated\n",
  "ProxyError: something_new",
  "error code: 1101",
]) {
  seeds.response.push(Buffer.from(`500\n${plain}\n\n${text}`));
  seeds.text.push(Buffer.from(text));
}
const page = "<html><head><title>502 Bad Gateway</title></head>";
seeds.response.push(Buffer.from(`502\ncontent-type: text/html\n\n${page}`));
for (const text of [
  "Error: ProxyError: dns_error",
  "Uncaught Error: ProxyError: rate_limited: x",
  "connection_timeout",
  "Network connection lost.",
  "0",
  "16",
  "2147483647",
  "-1",
  "Zm9vYmE=",
  "CAMSEm7DpG1lIOKYuiAxMDAlCmJhZA",
  "100%, %zz and %4%41%FF",
]) {
  seeds.text.push(Buffer.from(text));
}

for (const [target, all] of Object.entries(seeds)) {
  const dir = new URL(`seeds/${target}/`, here);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const names = new Set();
  for (const seed of all) {
    const name = createHash("sha256").update(seed).digest("hex").slice(0, 16);
    names.add(name);
    writeFileSync(new URL(name, dir), seed);
  }
  console.log(`${target}: ${names.size} seeds`);
}
