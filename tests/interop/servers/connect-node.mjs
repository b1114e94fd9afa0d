// connect-node on Node's own HTTP/1.1 server. See behaviours.md.
//
// connect-node.mjs PROTO. It runs where its packages are installed.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { loadService } from "./service.mjs";

const MESSAGE = "näme ☺ 100%\nbad";

const service = loadService(process.argv[2]);

async function push({ metrics }) {
  const name = metrics[0]?.name ?? "";
  if (name.startsWith("status_")) throw new ConnectError(MESSAGE, Number(name.slice("status_".length)));
  if (name === "echo") {
    const seen = metrics.map((m) => [m.name, m.help ?? null, m.type, sorted(m.labels), m.value]);
    throw new ConnectError(JSON.stringify(seen), 9);
  }
  if (name === "slow") await sleep(3_000);
  const rejected = metrics.filter((metric) => metric.name.startsWith("rejected_")).length;
  return { accepted: BigInt(metrics.length - rejected), rejected: BigInt(rejected) };
}

const sorted = (labels) => Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

const server = createServer(connectNodeAdapter({ routes: (router) => router.service(service, { push }) }));
server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
