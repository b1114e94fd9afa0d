// The package that users install.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("../", import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8"));

async function bundle(code, options) {
  const esbuild = await import("esbuild");
  const { outputFiles } = await esbuild.build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2024",
    write: false,
    ...options,
  });
  return outputFiles[0].text;
}

const { npm_execpath } = process.env;

/** Runs npm without scripts: a build would delete dist/ while parallel tests use it. */
function npm(cwd, ...args) {
  const [command, ...first] = npm_execpath ? [process.execPath, npm_execpath] : ["npm"];
  return execFileSync(command, [...first, ...args, "--ignore-scripts", "--loglevel=error"], { cwd, encoding: "utf8", stdio: "pipe" });
}

test("the file that the README installs is the one that npm pack makes, and a project of its own can use it", () => {
  const directory = mkdtempSync(join(tmpdir(), "metrics-package-"));
  try {
    npm(root, "pack", "--pack-destination", directory);
    const [file] = readdirSync(directory);
    assert.match(readFileSync(`${root}README.md`, "utf8"), new RegExp(`^npm install \\S+/${file.replaceAll(".", "\\.")}$`, "m"));

    const project = join(directory, "shop");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
    npm(project, "install", join(directory, file), "--offline", "--no-audit", "--no-fund");
    const code = `
      import { createMetrics } from "metrics-reporter-client";
      import { TestContext, TestReporter } from "metrics-reporter-client/testing";
      const [reporter, ctx] = [new TestReporter(), new TestContext()];
      createMetrics(reporter, ctx).incr("hellos_total", { page: "home" });
      await ctx.settled();
      console.log(reporter.counter("hellos_total", { page: "home" }));`;
    const args = ["--input-type=module", "--eval", code];
    assert.equal(execFileSync(process.execPath, args, { cwd: project, encoding: "utf8" }), "1\n");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the package holds what is built, its README and its licence, and nothing else", () => {
  const answer = JSON.parse(npm(root, "pack", "--dry-run", "--json"));
  const [{ files }] = Array.isArray(answer) ? answer : Object.values(answer);
  const paths = files.map(({ path }) => path);
  for (const path of paths) assert.match(path, /^(dist\/[a-z-]+(\/[a-z-]+)?\.(d\.ts|js)|README\.md|LICENSE|package\.json)$/);
  for (const path of ["README.md", "LICENSE", "dist/index.js", "dist/index.d.ts", "dist/testing/index.js"]) {
    assert.ok(paths.includes(path), path);
  }
});

test("npm publish would take it", () => {
  // Without the registry: npm tries for more than a minute to reach one that does not answer.
  const said = npm(root, "publish", "--dry-run", "--offline", "--json", "--access", "public");
  const answer = JSON.parse(said);
  const { id, files } = answer.id ? answer : Object.values(answer)[0];
  assert.equal(id, `${manifest.name}@${manifest.version}`);
  assert.ok(files.length > 10);
});

test("the package depends on nothing", () => {
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies", "bundledDependencies"]) {
    assert.equal(manifest[kind], undefined, kind);
  }
});

test("a bundle holds only what is used", async () => {
  assert.ok((await bundle(`export { defineMetrics } from "metrics-reporter-client";`)).length < 100);
  assert.equal(await bundle(`import "metrics-reporter-client";`, { logLevel: "error" }), "");
  const plain = await bundle(`export { createMetrics } from "metrics-reporter-client";`);
  assert.ok(!plain.includes("http_requests_total"));
  assert.ok(gzipSync(plain).length < 7100, `${gzipSync(plain).length} bytes`);
  const all = await bundle(`export * from "metrics-reporter-client";`);
  assert.ok(!all.includes("TestReporter"));
  assert.ok(gzipSync(all).length < 8800, `${gzipSync(all).length} bytes`);
});
