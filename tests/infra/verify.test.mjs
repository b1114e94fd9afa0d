// Runs scripts/verify.mjs as a person does: its output and its exit status.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { build } from "esbuild";
import { ROOT, startGateway, startWorkerd, unusedAddress } from "../harness/index.mjs";
import { COUNTER, rawPush } from "./raw-push.mjs";

/** Runs verify.mjs and resolves with its output. */
function verify(args, env = {}) {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, "scripts", "verify.mjs"), ...args],
      { env: { ...process.env, VERIFY_URL: "", CLOUDFLARE_API_TOKEN: "", ...env } },
      (error, stdout, stderr) => resolve({ status: error ? error.code : 0, output: stdout + stderr }),
    );
  });
}

const servers = [];
/** A server on the loopback interface that answers as `answer(request)` says. */
async function serve(answer) {
  const server = createServer(async (request, response) => {
    const { status = 200, body = "", headers = {} } = await answer(request);
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  });
  servers.push(server);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

const ACCEPTED = { ok: true, outcome: "delivered", accepted: 1, rejected: 0, code: 0, status: "OK", message: "", refused: [] };

/** A caller whose /verify pushes to `gateway` and answers as examples/caller does. */
function caller(gateway) {
  return serve(async () => {
    await rawPush(gateway.address, "verifications_total", COUNTER);
    return { body: ACCEPTED };
  });
}

let gateway;
before(async () => {
  gateway = await startGateway();
});
after(async () => {
  await gateway?.stop();
  for (const server of servers) server.close();
});

describe("the push and the series", () => {
  test("a working set-up is verified, with the series before and after", async () => {
    const url = await caller(gateway);
    const args = ["--caller", url, "--metrics", `http://${gateway.address}/metrics`];
    const first = await verify(args);
    assert.equal(first.status, 0, first.output);
    assert.match(first.output, /ok +push: .*\/verify got one sample through, accepted: 1/);
    assert.match(first.output, /ok +series: pushed_verifications_total went from 0 to 1/);
    assert.match(first.output, /^verified: 2 passed, 0 failed, 0 skipped$/m);

    const second = await verify(args);
    assert.match(second.output, /went from 1 to 2/);
  });

  test("the example caller, the Worker and the gateway are verified together", async () => {
    const bundle = await build({
      entryPoints: [join(ROOT, "examples", "caller", "src", "index.ts")],
      bundle: true,
      format: "esm",
      write: false,
    });
    const worker = await startWorkerd({
      gateway: gateway.address,
      callers: { example: { source: bundle.outputFiles[0].text } },
    });
    try {
      const { status, output } = await verify([
        ...["--caller", worker.urls.example, "--metrics", `http://${gateway.address}/metrics`],
        ...["--not-public", worker.urls.worker],
      ]);
      assert.equal(status, 0, output);
      assert.match(output, /answers 404, and not as a gateway/);
      assert.match(output, /^verified: 3 passed, 0 failed, 0 skipped$/m);
    } finally {
      await worker.stop();
    }
  });

  test("VERIFY_URL stands in for --caller", async () => {
    const { status, output } = await verify([], { VERIFY_URL: await serve(() => ({ body: ACCEPTED })) });
    assert.equal(status, 0, output);
    assert.match(output, /skipped series: say where to read it/);
  });

  test("a caller under a path is asked below it", async () => {
    const url = await serve((request) => ({ status: request.url === "/sub/verify" ? 200 : 404, body: ACCEPTED }));
    assert.equal((await verify(["--caller", `${url}/sub`])).status, 0);
  });

  test("a sample that never shows up is not verified", async () => {
    const url = await serve(() => ({ body: ACCEPTED }));
    const { status, output } = await verify(["--caller", url, "--metrics", `http://${gateway.address}/metrics`, "--wait", "0.3"]);
    assert.equal(status, 1, output);
    assert.match(output, /FAILED +series: pushed_verifications_total is \d+, expected \d+ or more/);
    assert.match(output, /^NOT verified: 1 passed, 1 failed/m);
  });

  test("Prometheus can be the place where the series is looked for", async () => {
    let value = 4;
    const prometheus = await serve(({ url }) => {
      assert.equal(new URL(url, "http://x").searchParams.get("query"), "sum(pushed_verifications_total)");
      return { body: { status: "success", data: { resultType: "vector", result: [{ metric: {}, value: [0, String(value)] }] } } };
    });
    const url = await serve(() => {
      value += 1;
      return { body: ACCEPTED };
    });
    const { status, output } = await verify(["--caller", url, "--prometheus", prometheus]);
    assert.equal(status, 0, output);
    assert.match(output, /went from 4 to 5/);
  });

  describe("with kubectl", () => {
    let bin, other;
    before(async () => {
      other = await startGateway();
      bin = mkdtempSync(join(tmpdir(), "verify-kubectl-"));
    });
    after(async () => {
      await other?.stop();
      rmSync(bin, { recursive: true });
    });

    // Answers for exactly these command lines, so that a changed one fails. `get` fails on a port
    // without a listener.
    const stub = (exec) => {
      writeFileSync(
        join(bin, "kubectl"),
        `#!/bin/sh
case $* in
  "--context cell1 -n metrics-gateway get service grpc-metrics-gateway -o json") echo '{"spec":{"selector":{"a/b":"gateway","cell":"cell1"}}}' ;;
  "--context cell1 -n metrics-gateway get pods -l a/b=gateway,cell=cell1 -o json") echo '{"items":[
    {"metadata":{"name":"gateway-0"},"status":{"phase":"Running"}},
    {"metadata":{"name":"gateway-1"},"status":{"phase":"Running"}},
    {"metadata":{"name":"gateway-2","deletionTimestamp":"2026-11-28T00:00:00Z"},"status":{"phase":"Running"}},
    {"metadata":{"name":"gateway-3"},"status":{"phase":"Pending"}}]}' ;;
  "--context cell1 -n metrics-gateway exec gateway-0 -- ${exec}") exec curl -sS http://${gateway.address}/metrics ;;
  "--context cell1 -n metrics-gateway exec gateway-1 -- ${exec}") exec curl -sS http://${other.address}/metrics ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
`,
      );
      chmodSync(join(bin, "kubectl"), 0o755);
      return { PATH: `${bin}:${process.env.PATH}` };
    };

    for (const [what, exec] of [
      ["a gateway with an admin port", "metrics-gateway get http://localhost:8081/metrics"],
      ["a gateway with one port", "metrics-gateway get http://localhost:8080/metrics"],
      ["another gateway, whose image has wget", "wget -qO- http://localhost:8080/metrics"],
    ]) {
      test(`${what} is read in each of its pods, and added up`, async () => {
        await rawPush(gateway.address, "verifications_total", COUNTER);
        const { status, output } = await verify(["--caller", await caller(other), "--kubectl", "--kube-context", "cell1"], stub(exec));
        assert.equal(status, 0, output);
        const both = async () => (await gateway.scrape()).sum("pushed_verifications_total") + (await other.scrape()).sum("pushed_verifications_total");
        assert.match(output, new RegExp(`ok +series: pushed_verifications_total went from ${(await both()) - 1} to ${await both()}`));
      });
    }

    test("a given port is the only one that is asked", async () => {
      const env = stub("metrics-gateway get http://localhost:9000/metrics");
      const { status, output } = await verify(["--caller", await caller(other), "--kubectl", "--kube-context", "cell1", "--gateway-port", "9000"], env);
      assert.equal(status, 0, output);
    });

    test("what fails is said as the first way failed", async () => {
      const { status, output } = await verify(["--caller", await caller(other), "--kubectl", "--kube-context", "cell1"], stub("nothing"));
      assert.equal(status, 1, output);
      assert.match(output, /series: pushed_verifications_total cannot be read \(unexpected: .*metrics-gateway get http:\/\/localhost:8081\/metrics\)/);
    });
  });

  test("the build that answered is compared with the one expected", async () => {
    const url = await serve(() => ({ body: { ...ACCEPTED, version: "0.1.0+0123456" } }));
    const same = await verify(["--caller", url, "--revision", "0123456789abcdef0123456789abcdef01234567"]);
    assert.equal(same.status, 0, same.output);
    const other = await verify(["--caller", url, "--revision", "fedcba9876543210fedcba9876543210fedcba98"]);
    assert.equal(other.status, 1);
    assert.match(other.output, /FAILED +revision: 0\.1\.0\+0123456 answered, expected fedcba/);
  });
});

describe("right after a deployment", () => {
  const revision = "0123456789abcdef0123456789abcdef01234567";

  test("a failure and the build before are given time", async () => {
    const answers = [
      { status: 502, body: { ...ACCEPTED, ok: false, outcome: "unknown", accepted: 0, reason: "HTTP error 1101" } },
      { body: { ...ACCEPTED, version: "0.1.0+fedcba9" } },
    ];
    const url = await serve(() => answers.shift() ?? { body: { ...ACCEPTED, version: "0.1.0+0123456" } });
    const { status, output } = await verify(["--caller", url, "--revision", revision, "--settle", "60"]);
    assert.equal(status, 0, output);
    assert.match(output, /ok +revision: 0\.1\.0\+0123456 answered/);
  });

  test("but no more than that", async () => {
    const url = await serve(() => ({ body: { ...ACCEPTED, version: "0.1.0+fedcba9" } }));
    const { status, output } = await verify(["--caller", url, "--revision", revision, "--settle", "0.6"]);
    assert.equal(status, 1, output);
    assert.match(output, /FAILED +revision: 0\.1\.0\+fedcba9 answered/);
  });
});

describe("what is wrong is said in plain words", () => {
  const cases = [
    {
      name: "nobody at the caller's address",
      url: async () => `http://${await unusedAddress()}`,
      says: /push: .* cannot be reached \(ECONNREFUSED\)/,
    },
    {
      name: "a Worker without /verify",
      url: () => serve(() => ({ status: 404, body: "not found" })),
      says: /answered 404 and no JSON: not found[\s\S]*has no \/verify/,
    },
    {
      name: "a login page",
      url: () => serve(() => ({ status: 200, body: "<html>Sign in</html>", headers: { "content-type": "text/html" } })),
      says: /answered 200 and no JSON: <html>Sign in/,
    },
    {
      name: "JSON that is no PushResult",
      url: () => serve(() => ({ body: { hello: "world" } })),
      says: /FAILED +push: .*answered 200/,
    },
    {
      name: "a push whose sample was rejected",
      url: () => serve(() => ({ status: 502, body: { ...ACCEPTED, ok: false, accepted: 0, rejected: 1, reason: "the gateway answered, but rejected the sample" } })),
      says: /rejected the sample[\s\S]*the gateway is reached and said no/,
    },
    {
      name: "a VPC error code",
      url: () => serve(() => ({ status: 502, body: { ...ACCEPTED, ok: false, outcome: "dropped", accepted: 0, reason: "the sample did not reach the gateway (UNAVAILABLE: dns_error)" } })),
      says: /look up dns_error in docs\/runbook\.md/,
    },
    {
      name: "an outcome nobody knows",
      url: () => serve(() => ({ status: 502, body: { ...ACCEPTED, ok: false, outcome: "unknown", accepted: 0, reason: "nobody can tell" } })),
      says: /the gateway may have counted it/,
    },
    {
      name: "accepted: 1 that is not ok",
      url: () => serve(() => ({ body: { ...ACCEPTED, ok: false } })),
      says: /FAILED +push/,
    },
  ];
  for (const { name, url, says } of cases) {
    test(`${name} is a failure with exit status 1`, async () => {
      const { status, output } = await verify(["--caller", await url(), "--timeout", "10"]);
      assert.equal(status, 1, output);
      assert.match(output, says);
      assert.match(output, /^NOT verified: /m);
      assert.doesNotMatch(output, /at .*\.mjs:\d+/, "a stack trace is not plain words");
    });
  }

  test("a caller that hangs is a failure after --timeout", async () => {
    const url = await serve(() => new Promise(() => {}));
    const { status, output } = await verify(["--caller", url, "--timeout", "0.2"]);
    assert.equal(status, 1, output);
    assert.match(output, /cannot be reached \(no answer in time\)/);
  });

  test("a metrics page that cannot be read is a failure", async () => {
    const url = await serve(() => ({ body: ACCEPTED }));
    const { status, output } = await verify(["--caller", url, "--metrics", `http://${await unusedAddress()}/metrics`]);
    assert.equal(status, 1, output);
    assert.match(output, /series: pushed_verifications_total cannot be read \(ECONNREFUSED\)/);
  });

  for (const [args, says] of [
    [[], /--caller is missing/],
    [["--caller", "localhost:8787"], /--caller must be an http\(s\) URL, found localhost:8787/],
    [["--caller", "http://x.invalid", "--kubectl", "--metrics", "http://x.invalid"], /exclude each other/],
    [["--caller", "http://x.invalid", "--timeout", "soon"], /--timeout must be seconds/],
    [["--caller", "http://x.invalid", "--series", "up) or vector(1"], /--series is not a metric name/],
    [["--caller", "http://x.invalid", "--metricss"], /Unknown option '--metricss'/],
  ]) {
    test(`wrong usage (${args.join(" ") || "nothing"}) has exit status 2`, async () => {
      const { status, output } = await verify(args);
      assert.equal(status, 2, output);
      assert.match(output, says);
    });
  }
});

describe("not publicly reachable", () => {
  let working;
  before(async () => {
    working = await serve(() => ({ body: ACCEPTED }));
  });

  test("an address that leads to a gateway is found", async () => {
    const { status, output } = await verify(["--caller", working, "--not-public", `http://${gateway.address}`]);
    assert.equal(status, 1, output);
    assert.match(output, /FAILED +private: .*answers gRPC-Web like a gateway/);
  });

  test("a gateway that breaks off afterwards is found all the same", async () => {
    const url = await serve((request) => {
      if (request.url === "/metrics") request.socket.destroy();
      return { headers: { "content-type": "application/grpc-web+proto" } };
    });
    const { status, output } = await verify(["--caller", working, "--not-public", url]);
    assert.equal(status, 1, output);
    assert.match(output, /FAILED +private: .*answers gRPC-Web like a gateway/);
  });

  test("asking changes no series of the gateway", async () => {
    const before = (await gateway.scrape()).sum("pushed_verifications_total");
    await verify(["--caller", working, "--not-public", `http://${gateway.address}`]);
    assert.equal((await gateway.scrape()).sum("pushed_verifications_total"), before);
  });

  test("an address that shows a metrics page is found", async () => {
    const url = await serve(({ url }) =>
      url === "/metrics" ? { body: "# TYPE a_total counter\na_total 1\n" } : { status: 404 },
    );
    const { status, output } = await verify(["--caller", working, "--not-public", url]);
    assert.equal(status, 1, output);
    assert.match(output, /\/metrics shows metrics/);
  });

  test("an address that answers something else, or nothing, is private", async () => {
    const url = await serve(() => ({ status: 404, body: "not found" }));
    const { status, output } = await verify([
      ...["--caller", working, "--not-public", url],
      ...["--not-public", `http://${await unusedAddress()}`],
    ]);
    assert.equal(status, 0, output);
    assert.match(output, /answers 404, and not as a gateway/);
    assert.match(output, /nothing answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/);
  });

  /** The part of Cloudflare's API that verify.mjs uses. `state` is the content of the account. */
  function account(state) {
    return serve((request) => {
      if (request.headers.authorization !== "Bearer a-token") {
        return { status: 403, body: { success: false, errors: [{ message: "Authentication error" }], result: null } };
      }
      const result = Object.entries(state).find(([path]) => request.url.startsWith(`/accounts/0123/${path}`))?.[1];
      return result === undefined
        ? { status: 404, body: { success: false, errors: [{ message: "not found" }], result: null } }
        : { body: { success: true, errors: [], result } };
    });
  }
  const PRIVATE = {
    "workers/scripts/cell1-dev-metrics-gateway-worker/subdomain": { enabled: false, previews_enabled: false },
    "workers/domains?service=cell1-dev-metrics-gateway-worker": [],
    "cfd_tunnel/6f0a/configurations": { config: { ingress: [{ service: "http_status:404" }] } },
  };
  const ask = (api, token = "a-token") =>
    verify(
      ["--caller", working, "--account-id", "0123", "--script", "cell1-dev-metrics-gateway-worker", "--tunnel-id", "6f0a"],
      { CLOUDFLARE_API_BASE_URL: api, CLOUDFLARE_API_TOKEN: token },
    );

  test("an account without a way in is verified", async () => {
    const { status, output } = await ask(await account(PRIVATE));
    assert.equal(status, 0, output);
    assert.match(output, /^verified: 4 passed, 0 failed, 1 skipped$/m);
  });

  for (const [name, change, says] of [
    ["a workers.dev address", { "workers/scripts/cell1-dev-metrics-gateway-worker/subdomain": { enabled: true, previews_enabled: false } }, /has a workers\.dev address/],
    ["preview addresses", { "workers/scripts/cell1-dev-metrics-gateway-worker/subdomain": { enabled: false, previews_enabled: true } }, /has preview addresses/],
    ["a custom domain", { "workers/domains?service=cell1-dev-metrics-gateway-worker": [{ service: "cell1-dev-metrics-gateway-worker", hostname: "m.example.com" }] }, /answers at m\.example\.com/],
    ["a public hostname on the tunnel", { "cfd_tunnel/6f0a/configurations": { config: { ingress: [{ hostname: "m.example.com", service: "http://gateway:8080" }, { service: "http_status:404" }] } } }, /the tunnel publishes m\.example\.com/],
    ["a tunnel that publishes by default", { "cfd_tunnel/6f0a/configurations": { config: { ingress: [{ service: "http://gateway:8080" }] } } }, /the tunnel publishes http:\/\/gateway:8080/],
  ]) {
    test(`${name} is found`, async () => {
      const { status, output } = await ask(await account({ ...PRIVATE, ...change }));
      assert.equal(status, 1, output);
      assert.match(output, says);
    });
  }

  test("what the token may not see is skipped, and said", async () => {
    const { status, output } = await ask(await account(PRIVATE), "another-token");
    assert.equal(status, 0, output);
    assert.match(output, /skipped private: workers\.dev address of .* could not be looked at \(Authentication error\)/);
    assert.doesNotMatch(output, /another-token/);
  });

  test("without a token the account is not asked, and that is said", async () => {
    const { output } = await ask(await account(PRIVATE), "");
    assert.match(output, /without CLOUDFLARE_API_TOKEN the account's settings were not looked at/);
  });
});
