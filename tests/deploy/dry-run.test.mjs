import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { DIST, ROOT } from "../harness/index.mjs";

const run = promisify(execFile);
const WRANGLER = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");

/** The upload of `wrangler deploy`, in an environment without an account. */
async function dryRun(config, outdir) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(CLOUDFLARE|CF)_/.test(name)));
  const { stdout } = await run(
    process.execPath,
    [WRANGLER, "deploy", "--dry-run", "--config", config, "--outdir", outdir],
    // Wrangler keeps a login under XDG_CONFIG_HOME. HOME stays: the build depends on it.
    { cwd: ROOT, env: { ...env, XDG_CONFIG_HOME: outdir }, timeout: 600_000 },
  );
  return stdout;
}

/** Every wrangler configuration in the repository. */
function configurations() {
  const built = ["node_modules", "target", "dist", "build"];
  const look = (folder) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return entry.name.startsWith(".") || built.includes(entry.name) ? [] : look(join(folder, entry.name));
      return /^wrangler\b.*\.(toml|jsonc?)$/.test(entry.name) ? [join(folder, entry.name)] : [];
    });
  return look("").sort();
}

describe("wrangler deploy, without an account", { timeout: 900_000 }, () => {
  let outdir;
  before(() => {
    outdir = mkdtempSync(join(tmpdir(), "metrics-dry-run-"));
  });
  after(() => rmSync(outdir, { recursive: true, force: true }));

  test("wrangler.toml builds and uploads dist/index.js and dist/index_bg.wasm, byte for byte", async () => {
    const out = join(outdir, "worker");
    const stdout = await dryRun("wrangler.toml", out);
    const uploaded = readdirSync(out).filter((name) => /\.(js|mjs|wasm|map|txt|bin)$/.test(name));
    assert.deepEqual(uploaded.sort(), ["index.js", "index_bg.wasm"]);
    for (const name of uploaded) {
      assert.ok(readFileSync(join(out, name)).equals(readFileSync(join(DIST, name))), `${name} was changed on the way`);
    }
    assert.match(stdout, /env\.METRICS_GATEWAY .*VPC Service/);
  });

  test("wrangler.toml gives the Worker no public address, no preview and no dashboard logs", () => {
    const toml = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
    assert.match(toml, /^workers_dev = false$/m);
    assert.match(toml, /^preview_urls = false$/m);
    assert.match(toml, /^logpush = true$/m);
    assert.match(toml, /^\[observability\]\nenabled = false$/m);
    assert.doesNotMatch(toml, /^\s*(routes?\b|\[\[routes)/m);
  });

  test("the example caller bundles and binds to the entrypoint MetricsReporter", async () => {
    const stdout = await dryRun("examples/caller/wrangler.toml", join(outdir, "caller"));
    assert.match(stdout, /env\.METRICS \(metrics-gateway-worker#MetricsReporter\)/);
  });

  test("everything that starts locally names one compatibility date, which plugins of this year accept", () => {
    const files = configurations().filter((file) => file !== "wrangler.toml");
    assert.ok(files.includes("wrangler.local.toml") && files.includes("examples/caller-rust/wrangler.toml"), files.join(", "));
    const date = (file) => /^compatibility_date = "(\d{4}-\d{2}-\d{2})"$/m.exec(readFileSync(join(ROOT, file), "utf8"))?.[1];
    const deployed = date("wrangler.toml");
    assert.ok(deployed, "wrangler.toml has no compatibility date");
    // A runtime older than the date refuses to start, and a project's plugin may be months older
    // than ours.
    for (const file of files) assert.equal(date(file), `${deployed.slice(0, 4)}-01-01`, file);
  });
});
