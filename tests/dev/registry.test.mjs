import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chooseRegistry, defaultRegistry } from "../../scripts/local/registry.mjs";
import { unusedAddress } from "../harness/index.mjs";

const NAMES = ["metrics-gateway-worker"];

/** A folder that is the default registry while the test runs. */
function registry(t) {
  const root = mkdtempSync(join(tmpdir(), "metrics-registry-"));
  const before = process.env.WRANGLER_REGISTRY_PATH;
  process.env.WRANGLER_REGISTRY_PATH = join(root, "default");
  t.after(() => {
    if (before === undefined) delete process.env.WRANGLER_REGISTRY_PATH;
    else process.env.WRANGLER_REGISTRY_PATH = before;
    rmSync(root, { recursive: true, force: true });
  });
  mkdirSync(join(root, "default"));
  const enter = (name, address) => writeFileSync(join(root, "default", name), JSON.stringify({ debugPortAddress: address }));
  return { root, enter, folder: join(root, "default"), own: join(root, "own") };
}

test("the default registry is used beside Workers of other names, and over what a killed process left", async (t) => {
  const { enter, folder, own } = registry(t);
  enter("somebody-elses", "127.0.0.1:1");
  enter(NAMES[0], await unusedAddress());
  assert.deepEqual(await chooseRegistry(NAMES, own), { folder });
});

test("a registry of its own is used where another process runs a Worker of that name", async (t) => {
  const { enter, own } = registry(t);
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  enter(NAMES[0], `127.0.0.1:${server.address().port}`);
  assert.deepEqual(await chooseRegistry(NAMES, own), { folder: own, why: `another process runs a Worker named ${NAMES[0]}` });
});

test("a registry of its own is used where the default one cannot be written", async (t) => {
  const { root, own } = registry(t);
  writeFileSync(join(root, "file"), "");
  process.env.WRANGLER_REGISTRY_PATH = join(root, "file");
  const { folder, why } = await chooseRegistry(NAMES, own);
  assert.equal(folder, own);
  assert.match(why, /cannot be used/);
});

test("the default registry is where wrangler looks", () => {
  assert.equal(defaultRegistry({ WRANGLER_REGISTRY_PATH: "/a" }, "/home/x"), "/a");
  assert.equal(defaultRegistry({ CLOUDFLARE_DEV_REGISTRY_PATH: "/b", WRANGLER_REGISTRY_PATH: "/a" }, "/home/x"), "/b");
  assert.equal(defaultRegistry({ XDG_CONFIG_HOME: "/config" }, "/home/x"), join("/config", ".wrangler", "registry"));
});
