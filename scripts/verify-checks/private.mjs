// Checks that the gateway and the Worker cannot be reached from outside. A check from one place can
// find a way in, but cannot prove that there is none. So this also reads the account's settings.

import { Resolver } from "node:dns/promises";
import { describe } from "./report.mjs";

const PUSH = "/marqo.metrics.v1.MetricsIngest/Push";

/** Requests `url` as a gRPC-Web client and as a scraper would. A gateway's answer is a failure. */
export async function checkNotPublic(report, url, timeoutMs) {
  const base = url.replace(/\/+$/, "");
  try {
    const push = await fetch(`${base}${PUSH}`, {
      method: "POST",
      redirect: "manual",
      headers: { "content-type": "application/grpc-web+proto", accept: "application/grpc-web+proto", "x-grpc-web": "1" },
      body: new Uint8Array(5), // one empty PushRequest, which changes no series
      signal: AbortSignal.timeout(timeoutMs),
    });
    // Report it now: whatever happens to the body or to the next request, this was a gateway.
    await push.body?.cancel().catch(() => {});
    if (isGrpc(push)) {
      report.fail(`private: ${base} answers gRPC-Web like a gateway (HTTP ${push.status})`, PUBLIC);
      return;
    }
    const page = await fetch(`${base}/metrics`, { redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
    const text = await page.text();
    if (page.status === 200 && /^# TYPE \S+ (counter|histogram|gauge)/m.test(text)) {
      report.fail(`private: ${base}/metrics shows metrics`, PUBLIC);
    } else {
      report.ok(`private: ${base} answers ${push.status}, and not as a gateway`);
    }
  } catch (error) {
    const why = describe(error);
    if (NOBODY.has(why)) report.ok(`private: nothing answers at ${base} (${why})`);
    else report.skip(`private: ${base} could not be asked (${why})`);
  }
}

/** Errors which prove that no server is there, and not only that the request was not sent. */
const NOBODY = new Set([
  ...["ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"],
  ...["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_SOCKET", "no answer in time"],
]);

const PUBLIC = "remove the address: only the bound Worker may reach the gateway";

function isGrpc({ headers }) {
  return headers.has("grpc-status") || /^application\/grpc/i.test(headers.get("content-type") ?? "");
}

/**
 * Checks that public DNS does not resolve the gateway's name. `server` is a public resolver's
 * address.
 */
export async function checkDns(report, hostname, server, timeoutMs) {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  resolver.setServers([server]);
  for (const type of ["A", "AAAA", "CNAME"]) {
    try {
      const found = await resolver.resolve(hostname, type);
      if (found.length > 0) {
        report.fail(`private: ${hostname} is in public DNS (${type} ${found.join(", ")})`, "remove the record");
        return;
      }
    } catch (error) {
      if (!["ENOTFOUND", "ENODATA"].includes(error.code)) {
        report.skip(`private: public DNS could not be asked for ${hostname} (${error.code ?? error.message})`);
        return;
      }
    }
  }
  report.ok(`private: ${hostname} is not in public DNS`);
}

/**
 * Checks the account's settings: no workers.dev address, no custom domain, no public hostname on
 * the tunnel.
 */
export async function checkAccount(report, { token, api, accountId, script, tunnelId, timeoutMs }) {
  if (!accountId || (!script && !tunnelId)) return;
  if (!token) {
    report.skip("private: without CLOUDFLARE_API_TOKEN the account's settings were not looked at");
    return;
  }
  const ask = async (path) => {
    const response = await fetch(`${api}/accounts/${accountId}/${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await response.json();
    if (!body.success) throw new Error(body.errors?.map(({ message }) => message).join(", ") || `HTTP ${response.status}`);
    return body.result;
  };
  const look = async (what, path, judge) => {
    let problem;
    try {
      problem = judge(await ask(path));
    } catch (error) {
      report.skip(`private: ${what} could not be looked at (${describe(error)})`);
      return;
    }
    if (problem) report.fail(`private: ${problem}`, "remove it, and apply again");
    else report.ok(`private: ${what}: none`);
  };

  if (script) {
    const name = encodeURIComponent(script);
    await look(`workers.dev address of ${script}`, `workers/scripts/${name}/subdomain`, (result) => {
      if (typeof result?.enabled !== "boolean") throw new Error("an answer without `enabled`");
      if (result.enabled) return `${script} has a workers.dev address`;
      return result.previews_enabled ? `${script} has preview addresses` : undefined;
    });
    await look(`custom domains of ${script}`, `workers/domains?service=${name}`, (result) => {
      if (!Array.isArray(result)) throw new Error("an answer without a list");
      const own = result.filter(({ service }) => service === script);
      return own.length > 0 ? `${script} answers at ${own.map(({ hostname }) => hostname).join(", ")}` : undefined;
    });
  }
  if (tunnelId) {
    await look(`public hostnames of the tunnel`, `cfd_tunnel/${encodeURIComponent(tunnelId)}/configurations`, (result) => {
      const open = (result?.config?.ingress ?? []).filter((rule) => rule.hostname || !/^http_status:4/.test(rule.service));
      return open.length > 0
        ? `the tunnel publishes ${open.map((rule) => rule.hostname ?? rule.service).join(", ")}`
        : undefined;
    });
  }
}
