// serve.mjs CLIENT ADDRESS PROTO WASM: makes the calls from its standard input, one line of JSON
// each, and prints their results. It runs where its packages are installed.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const [name, address, proto, wasmFile] = process.argv.slice(2);
const require = createRequire(import.meta.url);

const options = { baseUrl: `http://${address}` };
if (name === "connect-es") options.service = (await import("../servers/service.mjs")).loadService(proto);
if (name === "grpc-web") globalThis.XMLHttpRequest = require("xhr2");
if (name === "tonic-wasm") options.wasm = require(wasmFile);
const { makeCall } = await import(`./${name}.mjs`);
const call = makeCall(options);

const print = (line) => console.log(JSON.stringify(line));
let id = 0;

// The client threw where no caller can catch it, so its call has not returned: report it and
// continue.
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, (error) => print({ id, thrown: `nobody could catch: ${error}` }));
}

print({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { metric, timeoutMs } = JSON.parse(line);
  const own = ++id;
  call(metric, timeoutMs).then(
    ([code, message, accepted, rejected]) => print({ id: own, code: Number.isInteger(code) ? code : String(code), message, accepted, rejected }),
    (error) => print({ id: own, thrown: String(error) }),
  );
}
process.exit();
