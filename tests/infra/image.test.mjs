// The image: built from crates/gateway/Dockerfile with a static binary that is built here, without a network, and started.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Process, ROOT, unusedAddress, until } from "../harness/index.mjs";
import { COUNTER, rawPush } from "./raw-push.mjs";

const DOCKERFILE = join("crates", "gateway", "Dockerfile");
const TARGET = `${{ x64: "x86_64", arm64: "aarch64" }[process.arch]}-unknown-linux-musl`;

const read = (path) => readFileSync(join(ROOT, path), "utf8");

function run(file, args) {
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${file} ${args.join(" ")}: ${error ?? stderr}`);
  return stdout.trim();
}

function missing() {
  if (process.platform !== "linux") return "images are built on Linux";
  if (spawnSync("buildah", ["--version"]).error) return "no buildah on PATH (Debian and Ubuntu: the package buildah)";
  if (process.getuid() !== 0) return "an image is started with chroot, which only root may";
  const { status, stdout } = spawnSync("rustc", ["--print", "target-libdir", "--target", TARGET], { cwd: ROOT, encoding: "utf8" });
  const there = status === 0 && spawnSync("ls", [stdout.trim()]).status === 0;
  return there ? undefined : `no Rust for static binaries: rustup target add ${TARGET}`;
}

test("the Dockerfile builds with the toolchain that the project is tested with", () => {
  const [, channel] = /^channel = "(.+)"$/m.exec(read("rust-toolchain.toml"));
  assert.match(read(DOCKERFILE), new RegExp(`rust:${channel.replaceAll(".", "\\.")}-alpine AS build`));
  assert.match(read(DOCKERFILE), new RegExp(`RUSTUP_TOOLCHAIN=${channel.replaceAll(".", "\\.")} `));
});

/** The text of each job of the release workflow, by name. */
function releaseJobs() {
  const [, jobs] = read(".github/workflows/release.yml").split("\njobs:\n");
  return Object.fromEntries(jobs.split(/^  (?=[a-z]+:\n)/m).slice(1).map((job) => [job.slice(0, job.indexOf(":")), job]));
}

test("a release pushes the image with SBOM and provenance, from a job that runs no code of the build", () => {
  const { build, publish } = releaseJobs();
  assert.match(build, /--file crates\/gateway\/Dockerfile/);
  assert.match(build, /--provenance=mode=max --sbom=true --output type=oci,dest=image\/metrics-gateway\.tar/);
  assert.doesNotMatch(build, /packages: write|docker push/);
  assert.match(publish, /packages: write/);
  assert.match(publish, /skopeo copy --all --preserve-digests/);
  assert.match(publish, /subject-digest: \$\{\{ steps\.image\.outputs\.digest \}\}\n +push-to-registry: true/);
  assert.doesNotMatch(publish, /actions\/checkout|make |tests\/|docker (?:run|build)/);
});

test("a release publishes the clients where the repository asks for it, from jobs that run no code of the build", () => {
  const { build, npm, crate } = releaseJobs();
  assert.match(build, /npm pack --workspace clients\/typescript/);
  assert.match(build, /cargo publish --dry-run --locked --package metrics-reporter-client/);
  assert.doesNotMatch(build, /id-token|secrets\./);
  for (const job of [npm, crate]) {
    assert.match(job, /^    needs: publish\n    if: \$\{\{ vars\.PUBLISH_PACKAGES == 'true' \}\}$/m);
    assert.doesNotMatch(job, /contents: write|npm (?:ci|install|run)|make |tests\//);
  }
  assert.match(npm, /id-token: write/);
  assert.match(npm, /npm publish \.\/client\.tgz --provenance --access public --ignore-scripts/);
  assert.match(crate, /cargo publish --locked --no-verify --package metrics-reporter-client/);

  // npm refuses a provenance whose repository is not the package's.
  const [, repository] = /^repository = "(.+)"$/m.exec(read("Cargo.toml"));
  const client = JSON.parse(read("clients/typescript/package.json"));
  assert.equal(client.repository.url, `git+${repository}.git`);
  assert.equal(client.private, false);
  assert.match(read("clients/rust/Cargo.toml"), /^publish = true$/m);
});

describe("the image", { skip: missing(), timeout: 1_200_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "image-"));
  // buildah keeps all its files in one folder. Neither option needs a kernel that allows nested containers.
  const storage = ["--root", join(directory, "root"), "--runroot", join(directory, "run"), "--storage-driver", "vfs"];
  const buildah = (command, ...args) => run("buildah", [...storage, command, ...args]);
  let container, mounted, config;
  /** Runs it as a runtime would, without namespaces: in the image's files, as its user. `buildah run` forwards no signals. */
  const start = (name, ...args) => new Process(name, "chroot", [`--userspec=${config.User}`, mounted, ...config.Entrypoint, ...args]);

  before(() => {
    run("cargo", ["build", "--locked", "--quiet", "--release", "--package", "metrics-gateway", "--target", TARGET]);
    const binary = join(directory, "binary");
    mkdirSync(binary);
    copyFileSync(join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), TARGET, "release", "metrics-gateway"), join(binary, "metrics-gateway"));
    buildah(
      "build", "--quiet", "--isolation", "chroot", "--build-context", `binary=${binary}`, "--build-arg", "VERSION=1.2.3",
      "--build-arg", "REVISION=0123abc", "--file", DOCKERFILE, "--tag", "metrics-gateway", ".",
    );
    container = buildah("from", "metrics-gateway");
    mounted = buildah("mount", container);
    ({ config } = JSON.parse(buildah("inspect", "--type", "image", "metrics-gateway")).OCIv1);
  });

  after(() => {
    if (container) buildah("rm", container); // unmounts it, too
    rmSync(directory, { recursive: true, force: true });
  });

  test("has the binary and nothing else: no shell, no libraries", () => {
    const files = readdirSync(mounted, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.deepEqual(files.map(({ name }) => name), ["metrics-gateway"]);
  });

  test("says its version and revision, and starts as nobody", () => {
    assert.equal(config.Labels["org.opencontainers.image.version"], "1.2.3");
    assert.equal(config.Labels["org.opencontainers.image.revision"], "0123abc");
    assert.equal(config.User, "65532:65532");
    assert.deepEqual(config.Entrypoint, ["/usr/local/bin/metrics-gateway"]);
  });

  test("starts, takes a push, answers its own `get`, and ends when it is told to", async () => {
    const address = await unusedAddress();
    const gateway = start("gateway", `--listen=${address}`);
    try {
      await until("the gateway is ready", async () => {
        if (gateway.ended) throw new Error(gateway.output());
        return (await fetch(`http://${address}/-/ready`).catch(() => undefined))?.ok;
      });
      await rawPush(address, "from_the_image_total", COUNTER);

      // Inside the image, which has no curl, as `kubectl exec` does.
      const get = start("get", "get", `http://localhost:${address.split(":")[1]}/metrics`);
      await get.closed;
      assert.deepEqual(get.ended, { code: 0, signal: null }, get.output());
      assert.match(get.output(), /pushed_from_the_image_total 1$/m);
    } finally {
      assert.deepEqual(await gateway.stop("SIGTERM", 30_000), { code: 0, signal: null }, gateway.output());
    }
  });
});
