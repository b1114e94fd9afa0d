// Each code block of the README compiles. The blocks for frameworks are the examples, which the tests run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const TSC = createRequire(import.meta.url).resolve("typescript/package.json").replace("package.json", "bin/tsc");

const readme = readFileSync(`${root}README.md`, "utf8");
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
const isForFramework = (code) => /from "(hono|itty-router)/.test(code);

test("the README's code for frameworks is that of the examples", () => {
  const examples = readdirSync(`${root}examples`)
    .filter((name) => name.endsWith(".ts"))
    // without the comment at the top
    .map((name) => readFileSync(`${root}examples/${name}`, "utf8").replace(/^\/\/.*\n/, ""));
  const shown = blocks.filter(isForFramework);
  assert.deepEqual(shown.toSorted(), examples.toSorted());
});

test("the README's other code compiles, and what it says is an error is one", () => {
  const directory = `${root}test/.readme`;
  mkdirSync(directory, { recursive: true });
  try {
    writeFileSync(
      `${directory}/globals.d.ts`,
      `declare const env: { METRICS: Service<import("metrics-reporter-client").MetricsReporter> };
       declare const ctx: ExecutionContext;
       declare const metrics: import("metrics-reporter-client").Metrics;
       declare const worker: { fetch(request: Request, e: typeof env, c: ExecutionContext): Promise<Response> };
       declare const assert: Record<"equal" | "deepEqual", (actual: unknown, expected: unknown) => void>;
       declare function query(): Promise<string[]>;`,
    );
    const plain = blocks.filter((code) => !isForFramework(code));
    assert.ok(plain.length >= 6, `${plain.length}`);
    for (const [i, code] of plain.entries()) writeFileSync(`${directory}/block-${i}.ts`, `${code}\nexport {};\n`);
    writeFileSync(`${directory}/tsconfig.json`, JSON.stringify({ extends: "../types/tsconfig.json", include: ["*.ts"] }));
    const { status, stdout } = run(["-p", directory]);
    assert.equal(status, 0, stdout);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

function run(args) {
  try {
    return { status: 0, stdout: execFileSync(process.execPath, [TSC, ...args], { encoding: "utf8", stdio: "pipe" }) };
  } catch (error) {
    return { status: error.status, stdout: error.stdout };
  }
}
