// Finds kustomize, and a Python with the schemas of Kubernetes (in .tools/manifests, which git
// ignores).

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../../harness/index.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const INTO = join(ROOT, ".tools", "manifests");

/** The missing tool, or `undefined`. */
export function missing() {
  if (!renderer()) return "neither kubectl 1.24 or later nor kustomize on PATH";
  const { status, stderr } = python();
  return status === 0 ? undefined : `no Python with kubernetes-validate: ${stderr.trim().split("\n").at(-1)}`;
}

let found;
function renderer() {
  found ??= [
    // A kubectl that does not report the version of its kustomize has one that is too old for
    // directories as resources.
    ["kubectl", "kustomize", /"kustomizeVersion"/],
    ["kustomize", "build", /v[3-9]\./],
  ].find(([tool, , known]) => known.test(spawnSync(tool, tool === "kubectl" ? ["version", "--client", "--output=json"] : ["version"]).stdout ?? "")) ?? [];
  return found.length > 0 ? found.slice(0, 2) : undefined;
}

/** The virtual environment, created again when requirements.txt has changed. */
function python() {
  const wanted = readFileSync(join(HERE, "requirements.txt"), "utf8");
  const stamp = join(INTO, ".stamp");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return { status: 0, stderr: "" };
  rmSync(INTO, { recursive: true, force: true });
  mkdirSync(dirname(INTO), { recursive: true });
  const run = (file, ...args) => {
    const { status, stderr, error } = spawnSync(file, args, { encoding: "utf8", timeout: 300_000 });
    return { status: status ?? 1, stderr: stderr || String(error?.message ?? "it failed") };
  };
  const made = run("python3", "-m", "venv", INTO);
  if (made.status !== 0) return made;
  const quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"];
  const installed = run(join(INTO, "bin", "pip"), "install", ...quiet, "--requirement", join(HERE, "requirements.txt"));
  if (installed.status === 0) writeFileSync(stamp, wanted);
  return installed;
}

/** The output that `kubectl apply -k FOLDER` would send. */
export function render(folder) {
  const [tool, ...args] = renderer();
  const { status, stdout, stderr } = spawnSync(tool, [...args, folder], { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${tool} ${args.join(" ")} ${folder}: ${stderr}`);
  return stdout;
}

/** The objects of a YAML text, and its errors: `{ objects, errors }`. */
export function validate(yaml) {
  const directory = mkdtempSync(join(tmpdir(), "manifests-"));
  try {
    const file = join(directory, "objects.yaml");
    writeFileSync(file, yaml);
    const { status, stdout, stderr } = spawnSync(join(INTO, "bin", "python"), [join(HERE, "validate.py"), file], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
