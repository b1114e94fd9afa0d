// Runs scripts/deploy.sh in its own small repository, with a `tofu` that records its calls.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { ROOT } from "../harness/index.mjs";

// Plans as $PLAN_STATUS says (0 no changes, 2 changes), with the resource changes of $PLAN_CHANGES,
// over the state that $STATE lists. Like the real tofu, it keeps no output that is null (here the
// tunnel's, which another stack owns), and fails when that output is requested by name.
const TOFU = `#!/bin/sh
echo "$*" >>"$TOFU_LOG"
shift # -chdir=…
case $1 in
  init) exit "\${INIT_STATUS:-0}" ;;
  plan)
    for argument; do case $argument in -out=*) echo "a plan" >"\${argument#-out=}" ;; esac; done
    echo "revision: $TF_VAR_revision data: $TF_DATA_DIR" >>"$TOFU_LOG"
    echo "workspace: \${TF_WORKSPACE-none}" >>"$TOFU_LOG"
    echo "variables: $TF_VAR_cell $TF_VAR_env $TF_VAR_account_id $TF_VAR_kubeconfig_context" >>"$TOFU_LOG"
    exit "\${PLAN_STATUS:-2}" ;;
  show)
    printf '{"resource_changes":[%s]}' "$PLAN_CHANGES" ;;
  state)
    [ -n "$STATE" ] || { echo "No state file was found!" >&2; exit 1; }
    echo "$STATE" ;;
  apply) exit "\${APPLY_STATUS:-0}" ;;
  output)
    [ "$*" = "output -json" ] || { echo "Output not found" >&2; exit 1; }
    echo '{'
    [ -z "$WORKLOAD" ] || echo '"kubernetes_workloads":{"value":["'$WORKLOAD'"]},'
    echo '"metrics_gateway_worker_script_name":{"sensitive":false,"type":"string","value":"cell1-dev-metrics-gateway-worker"}}' ;;
esac
`;

// Records its calls as well. A roll-out ends as $ROLLOUT_STATUS says.
const KUBECTL = `#!/bin/sh
echo "kubectl $*" >>"$TOFU_LOG"
echo "kubeconfig: $KUBECONFIG" >>"$TOFU_LOG"
case $* in
  *" get service "*) exit 1 ;;
  *" rollout status "*) exit "\${ROLLOUT_STATUS:-0}" ;;
  *" get pods"*) echo "cloudflared-0 0/1 ImagePullBackOff" ;;
esac
`;

// Leaves the same parts in dist/ as the real build, with the revision in the Wasm.
const MAKEFILE = `build:
\t@mkdir -p dist
\t@echo 'export { MetricsReporter } from "./index_bg.wasm";' >dist/index.js
\t@printf '\\000asm 0.1.0+%s%s' "$\${REVISION-$$(git rev-parse --short=12 HEAD)}" "$$DIRTY" >dist/index_bg.wasm
\t@[ -z "$$TOUCHES" ] || echo touched >>tracked.txt
`;

const BACKEND = 'bucket = "b"\nkey    = "metrics-gateway-worker/dev.tfstate"\n';

/** A resource change in the form of `tofu show -json`. */
const change = (type, actions, action_reason) => JSON.stringify({ address: `module.a.${type}.b[0]`, type, action_reason, change: { actions } });
const REMOVES = { PLAN_CHANGES: change("cloudflare_zero_trust_tunnel_cloudflared", ["delete"]) };

const DEV = `account_id = "0123456789abcdef0123456789abcdef"
cell       = "cell1"
env        = "dev"
`;

let directory, log, caller, verified, version;

function git(...args) {
  return execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], { cwd: directory, encoding: "utf8" });
}

function commit() {
  git("add", "--all");
  git("commit", "--quiet", "--allow-empty", "--message", "a change");
  return git("rev-parse", "HEAD").trim();
}

/** Runs deploy.sh and resolves with its exit status, its output, and its calls of tofu. */
function deploy(args, env = {}) {
  rmSync(log, { force: true });
  return new Promise((resolve) => {
    const child = execFile(
      join(directory, "scripts", "deploy.sh"),
      args,
      {
        cwd: directory,
        env: { ...process.env, PATH: `${join(directory, "..", "bin")}:${process.env.PATH}`, TOFU: "", TOFU_LOG: log, VERIFY_URL: "", VERIFY_ARGS: "", CLOUDFLARE_API_TOKEN: "", CLOUDFLARE_ACCOUNT_ID: "", ...env },
      },
      (error, stdout, stderr) =>
        resolve({
          status: error ? error.code : 0,
          output: stdout + stderr,
          calls: existsSync(log) ? readFileSync(log, "utf8") : "",
        }),
    );
    child.stdin.end();
  });
}

before(async () => {
  caller = createServer((request, response) => {
    verified += 1;
    response.writeHead(200).end(JSON.stringify({ ok: true, outcome: "delivered", accepted: 1, rejected: 0, refused: [], version: version?.() }));
  });
  await new Promise((resolve) => caller.listen(0, "127.0.0.1", resolve));
});
after(() => caller.close());

beforeEach(() => {
  const parent = mkdtempSync(join(tmpdir(), "deploy-test-"));
  directory = join(parent, "repository");
  log = join(parent, "tofu.log");
  verified = 0;
  version = undefined;
  mkdirSync(join(parent, "bin"));
  for (const [name, text] of [["tofu", TOFU], ["kubectl", KUBECTL]]) {
    writeFileSync(join(parent, "bin", name), text);
    chmodSync(join(parent, "bin", name), 0o755);
  }
  for (const path of ["scripts/deploy.sh", "scripts/deploy-checks", "scripts/verify.mjs", "scripts/verify-checks"]) {
    cpSync(join(ROOT, path), join(directory, path), { recursive: true });
  }
  for (const path of ["variables.tf", ".gitignore"]) cpSync(join(ROOT, "infra", path), join(directory, "infra", path));
  mkdirSync(join(directory, "infra/config/vars"), { recursive: true });
  mkdirSync(join(directory, "infra/config/backend"), { recursive: true });
  writeFileSync(join(directory, "infra/config/vars/dev.tfvars"), DEV);
  writeFileSync(join(directory, "infra/config/backend/dev.hcl"), BACKEND);
  writeFileSync(join(directory, "Makefile"), MAKEFILE);
  writeFileSync(join(directory, ".gitignore"), "/dist\n");
  writeFileSync(join(directory, "tracked.txt"), "as committed\n");
  execFileSync("git", ["init", "--quiet", directory]);
  commit();
});
afterEach(() => rmSync(join(directory, ".."), { recursive: true }));

const url = () => `http://127.0.0.1:${caller.address().port}`;

describe("a deployment", () => {
  test("builds, plans, applies and verifies, in this order", async () => {
    const { status, output, calls } = await deploy(["--env", "dev", "--yes", "--verify-url", url()]);
    assert.equal(status, 0, output);
    assert.deepEqual([...calls.matchAll(/-chdir=\S+ (\w+)/g)].map((call) => call[1]).slice(0, 5), ["init", "state", "plan", "show", "apply"]);
    assert.equal(verified, 1);
    assert.match(output, /dev runs [0-9a-f]{12}, verified/);
  });

  test("uses the environment's variables, state and folder, and tells the revision", async () => {
    const { calls } = await deploy(["--env", "dev", "--yes", "--verify-url", url()]);
    const revision = git("rev-parse", "HEAD").trim();
    assert.match(calls, new RegExp(`init .*-backend-config=${directory}/infra/config/backend/dev\\.hcl`));
    assert.match(calls, new RegExp(`plan .*-var-file=${directory}/infra/config/vars/dev\\.tfvars`));
    assert.match(calls, new RegExp(`revision: ${revision} data: ${directory}/infra/\\.terraform\\.dev`));
  });

  test("applies the plan that was shown, and no other", async () => {
    const { calls } = await deploy(["--env", "dev", "--yes", "--verify-url", url()]);
    const planned = /plan .*-out=(\S+)/.exec(calls)[1];
    assert.match(calls, new RegExp(`apply -input=false ${planned}\\n`));
    assert.deepEqual(readdirSync(join(directory, "infra/.plans")), [], "an applied plan is no use, and holds secrets");
  });

  test("without changes applies nothing, and verifies all the same", async () => {
    const { status, output, calls } = await deploy(["--env", "dev", "--yes", "--verify-url", url()], { PLAN_STATUS: "0" });
    assert.equal(status, 0, output);
    assert.doesNotMatch(calls, / apply /);
    assert.match(output, /no changes: dev already runs/);
    assert.equal(verified, 1);
  });

  test("whose verification fails has failed, and says where to read on", async () => {
    const { status, output } = await deploy(["--env", "dev", "--yes", "--verify-url", "http://127.0.0.1:1"], { VERIFY_ARGS: "--settle 0.1" });
    assert.equal(status, 1, output);
    assert.match(output, /deployed, but not verified: docs\/runbook\.md/);
  });

  test("is verified by the arguments in its variables, and by no address", async () => {
    appendFileSync(join(directory, "infra/config/vars/dev.tfvars"), `verify_args = "--caller ${url()} --timeout 20"\n`);
    commit();
    const { status, output } = await deploy(["--env", "dev", "--yes"]);
    assert.equal(status, 0, output);
    assert.match(output, /dev runs [0-9a-f]{12}, verified/);
    assert.equal(verified, 1);
  });

  // Outputs that are null are not in the state. tofu fails when one is requested by name, and the
  // script used to end there.
  test("whose tunnel belongs to another stack is verified, too", async () => {
    const { status, output } = await deploy(["--env", "dev", "--yes", "--verify-url", url()]);
    assert.equal(status, 0, output);
    assert.match(output, /without CLOUDFLARE_API_TOKEN the account's settings were not looked at/, "the script's name was passed on");
    assert.equal(verified, 1);
  });

  test("waits until its own build answers", async () => {
    const revision = git("rev-parse", "--short=7", "HEAD").trim();
    version = () => `0.1.0+${verified < 2 ? "0123456" : revision}`;
    const { status, output } = await deploy(["--env", "dev", "--yes", "--verify-url", url()]);
    assert.equal(status, 0, output);
    assert.match(output, new RegExp(`ok +revision: 0\\.1\\.0\\+${revision} answered`));
    assert.equal(verified, 2);
  });

  test("goes to the environment's own state, whatever workspace the shell has", async () => {
    const { calls } = await deploy(["--env", "dev", "--yes", "--no-verify"], { TF_WORKSPACE: "another" });
    assert.match(calls, /workspace: none/);
  });

  test("that is not applied leaves no plan behind", async () => {
    for (const env of [REMOVES, { APPLY_STATUS: "1" }, { PLAN_STATUS: "1" }]) {
      await deploy(["--env", "dev", "--yes", "--no-verify"], env);
      assert.deepEqual(readdirSync(join(directory, "infra/.plans")), [], JSON.stringify(env));
    }
  });

  test("can go without verification when told so", async () => {
    const { status, output } = await deploy(["--env", "dev", "--yes", "--no-verify"]);
    assert.equal(status, 0, output);
    assert.match(output, /deployed, not verified/);
    assert.equal(verified, 0);
  });

  for (const [what, env, says] of [
    ["init", { INIT_STATUS: "1" }, /init failed/],
    ["plan", { PLAN_STATUS: "1" }, /plan failed/],
    ["apply", { APPLY_STATUS: "1" }, /apply failed; what was applied stays\. Mend the cause and run this again: docs\/runbook\.md, "A deployment fails"/],
  ]) {
    test(`stops when ${what} fails`, async () => {
      const { status, output } = await deploy(["--env", "dev", "--yes", "--verify-url", url()], env);
      assert.equal(status, 1, output);
      assert.match(output, says);
      assert.equal(verified, 0);
    });
  }

  test("uses terraform where there is no tofu", async () => {
    const bin = join(directory, "..", "bin");
    cpSync(join(bin, "tofu"), join(bin, "my-terraform"));
    const { status, output } = await deploy(["--env", "dev", "--yes", "--no-verify"], { TOFU: join(bin, "my-terraform") });
    assert.equal(status, 0, output);
  });
});

describe("what loses nothing", () => {
  for (const [what, PLAN_CHANGES, says] of [
    ["a challenge that was answered", change("cloudflare_logpush_ownership_challenge", ["delete"]), /removed in the state alone: module\.a\.cloudflare_logpush_ownership_challenge/],
    ["a connector whose first roll-out failed", change("kubernetes_deployment_v1", ["delete", "create"], "replace_because_tainted"), /replaced, because its first roll-out did not finish: module\.a\.kubernetes_deployment_v1/],
  ]) {
    test(`${what} goes without --allow-destroy`, async () => {
      const run = await deploy(["--env", "dev", "--yes", "--no-verify"], { PLAN_CHANGES });
      assert.equal(run.status, 0, run.output);
      assert.match(run.output, says);
      assert.match(run.calls, / apply /);
    });
  }

  for (const [what, PLAN_CHANGES] of [
    ["a connector that runs", change("kubernetes_deployment_v1", ["delete", "create"], "replace_because_cannot_update")],
    ["a connector that is taken away", change("kubernetes_deployment_v1", ["delete"])],
    ["a tunnel that is tainted", change("cloudflare_zero_trust_tunnel_cloudflared", ["delete", "create"], "replace_because_tainted")],
    ["a bucket", change("aws_s3_bucket", ["delete"])],
    ["a Worker", change("cloudflare_workers_script", ["create", "delete"])],
  ]) {
    test(`${what} does not`, async () => {
      const run = await deploy(["--env", "dev", "--yes", "--no-verify"], { PLAN_CHANGES });
      assert.equal(run.status, 2, run.output);
      assert.doesNotMatch(run.calls, / apply /);
    });
  }
});

describe("the roll-out", () => {
  const WORKLOAD = "metrics-gateway/deployment/cloudflared-cell1-dev-grpc-metrics-gateway";
  const args = ["--env", "dev", "--yes", "--no-verify", "--kube-context", "cell1-dev"];

  test("is waited for in the named context, after the apply", async () => {
    const { status, output, calls } = await deploy(args, { WORKLOAD });
    assert.equal(status, 0, output);
    assert.match(calls, / apply [^]*kubectl --context cell1-dev -n metrics-gateway rollout status deployment\/cloudflared-cell1-dev-grpc-metrics-gateway --timeout=300s/);
  });

  // The provider stores a failed update in the state as if it had succeeded.
  test("that is stuck fails the deployment although the plan has no changes", async () => {
    const { status, output, calls } = await deploy(args, { WORKLOAD, PLAN_STATUS: "0", ROLLOUT_STATUS: "1" });
    assert.equal(status, 1, output);
    assert.doesNotMatch(calls, / apply /);
    assert.match(output, /ImagePullBackOff/, "the pods are shown");
    assert.match(output, /applied, but deployment\/cloudflared-\S+ is not rolled out: docs\/runbook\.md, "A deployment fails"/);
    assert.equal(verified, 0);
  });

  test("that failed in the first apply is mended by the next run, without a flag", async () => {
    const first = await deploy(args, { APPLY_STATUS: "1" });
    assert.equal(first.status, 1, first.output);
    assert.match(first.output, /ImagePullBackOff[^]*apply failed; what was applied stays/, "the pods are shown");

    const next = await deploy(args, { WORKLOAD, PLAN_CHANGES: change("kubernetes_deployment_v1", ["delete", "create"], "replace_because_tainted") });
    assert.equal(next.status, 0, next.output);
    assert.match(next.calls, / apply [^]*rollout status/);
  });

  test("uses the kubeconfig of the variables", async () => {
    appendFileSync(join(directory, "infra/config/vars/dev.tfvars"), 'kubeconfig_path = "~/.kube/cell1"\n');
    commit();
    const { calls } = await deploy(args, { WORKLOAD });
    assert.match(calls, new RegExp(`kubectl --context cell1-dev -n .*\nkubeconfig: ${process.env.HOME}/\\.kube/cell1\n`));
  });

  test("is followed by a verification that reads the same cluster", async () => {
    const lines = ['grpc_metrics_gateway_namespace = "cell2-metrics"', 'grpc_metrics_gateway_service_name = "gateway"'];
    appendFileSync(join(directory, "infra/config/vars/dev.tfvars"), `${lines.join("\n")}\n`);
    commit();
    const { calls } = await deploy(["--env", "dev", "--yes", "--kube-context", "cell1-dev", "--verify-url", url()], { VERIFY_ARGS: "--kubectl" });
    assert.match(calls, /kubectl --context cell1-dev -n cell2-metrics get service gateway -o json/);
  });
});

describe("one of several cells", () => {
  beforeEach(() => {
    writeFileSync(join(directory, "infra/config/vars/cell2-dev.tfvars"), DEV.replace("cell1", "cell2"));
    writeFileSync(join(directory, "infra/config/backend/cell2-dev.hcl"), BACKEND.replace("dev.", "cell2-dev."));
    commit();
  });

  test("has variables, state and folder of its own", async () => {
    const { status, output, calls } = await deploy(["--env", "dev", "--cell", "cell2", "--yes", "--no-verify"]);
    assert.equal(status, 0, output);
    assert.match(calls, /init .*backend\/cell2-dev\.hcl/);
    assert.match(calls, /plan .*vars\/cell2-dev\.tfvars/);
    assert.match(calls, /data: \S+\/\.terraform\.cell2-dev/);
  });

  test("is not deployed with the variables of another", async () => {
    writeFileSync(join(directory, "infra/config/vars/cell2-dev.tfvars"), DEV);
    commit();
    const { status, output } = await deploy(["--env", "dev", "--cell", "cell2", "--yes", "--no-verify"]);
    assert.equal(status, 2);
    assert.match(output, /is for cell "cell1", not "cell2"/);
  });
});

// Without cell, environment, account and context.
test("a file made for the older runbook deploys unchanged", async () => {
  cpSync(join(ROOT, "tests/infra/runbook.tfvars"), join(directory, "infra/config/vars/cell1-prod2.tfvars"));
  writeFileSync(join(directory, "infra/config/backend/cell1-prod2.hcl"), BACKEND.replace("dev.", "cell1-prod2."));
  commit();
  const { status, output, calls } = await deploy(
    ["--env", "prod2", "--cell", "cell1", "--kube-context", "cell1-prod2", "--yes", "--no-verify"],
    { CLOUDFLARE_ACCOUNT_ID: "0123456789abcdef0123456789abcdef" },
  );
  assert.equal(status, 0, output);
  assert.match(calls, /variables: cell1 prod2 0123456789abcdef0123456789abcdef cell1-prod2/);
});

describe("a saved plan", () => {
  test("is kept, readable by its owner alone, and nothing is applied", async () => {
    const { status, output, calls } = await deploy(["--env", "dev", "--plan"]);
    assert.equal(status, 0, output);
    assert.doesNotMatch(calls, / apply /);
    const [name] = readdirSync(join(directory, "infra/.plans"));
    assert.equal(statSync(join(directory, "infra/.plans", name)).mode & 0o077, 0);
    assert.match(output, new RegExp(`scripts/deploy\\.sh --env dev --apply infra/\\.plans/${name}`));
  });

  test("can be applied later", async () => {
    await deploy(["--env", "dev", "--plan"]);
    const plan = join("infra/.plans", readdirSync(join(directory, "infra/.plans"))[0]);
    const { status, output, calls } = await deploy(["--env", "dev", "--apply", plan, "--yes", "--verify-url", url()]);
    assert.equal(status, 0, output);
    assert.doesNotMatch(calls, / plan /);
    assert.match(calls, / show \/\S+\.tfplan\n[^]* apply /, "whoever applies it sees it first");
  });

  test("is refused for another commit than it was made for", async () => {
    await deploy(["--env", "dev", "--plan"]);
    const plan = join("infra/.plans", readdirSync(join(directory, "infra/.plans"))[0]);
    commit();
    const { status, output, calls } = await deploy(["--env", "dev", "--apply", plan, "--yes", "--no-verify"]);
    assert.equal(status, 2, output);
    assert.match(output, /the plan was made for "dev [0-9a-f]{40} [0-9a-f]{64}", but this is/);
    assert.doesNotMatch(calls, / apply /);
  });

  test("does not make the tree unclean", async () => {
    await deploy(["--env", "dev", "--plan"]);
    assert.equal(git("status", "--porcelain"), "");
  });
});

describe("refused before anything is changed", () => {
  const untouched = ({ calls }) => assert.doesNotMatch(calls, / (plan|apply) /);

  test("a tree with a changed file", async () => {
    appendFileSync(join(directory, "tracked.txt"), "changed\n");
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"]);
    assert.equal(run.status, 2);
    assert.match(run.output, /changes that no commit has; commit or remove:\n M tracked\.txt/);
    untouched(run);
  });

  test("a tree with a file that git does not know", async () => {
    writeFileSync(join(directory, "new.txt"), "");
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"]);
    assert.equal(run.status, 2);
    assert.match(run.output, /\?\? new\.txt/);
    untouched(run);
  });

  for (const name of ["infra/override.tf", "infra/modules/worker/x_override.tf", "infra/own.auto.tfvars"]) {
    test(`a file that git ignores and tofu reads: ${name}`, async () => {
      appendFileSync(join(directory, ".git", "info", "exclude"), "*.auto.tfvars\n");
      mkdirSync(join(directory, name, ".."), { recursive: true });
      writeFileSync(join(directory, name), "");
      const run = await deploy(["--env", "dev", "--yes", "--no-verify"]);
      assert.equal(run.status, 2, run.output);
      assert.ok(run.output.includes(`files that git ignores would be deployed, too; commit or remove:\n${name}\n`), run.output);
      untouched(run);
    });
  }

  test("a build that changes a tracked file", async () => {
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"], { TOUCHES: "yes" });
    assert.equal(run.status, 2);
    assert.match(run.output, /the build changed files that git tracks/);
    untouched(run);
  });

  test("a build of another commit", async () => {
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"], { REVISION: "0123456789ab" });
    assert.equal(run.status, 1);
    assert.match(run.output, /dist\/index_bg\.wasm is not a build of [0-9a-f]{12}/);
    untouched(run);
  });

  test("a build of a changed tree", async () => {
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"], { DIRTY: "-dirty" });
    assert.equal(run.status, 1);
    assert.match(run.output, /built from a tree with changes/);
    untouched(run);
  });

  test("a plan that takes something away, unless that is meant", async () => {
    const refused = await deploy(["--env", "dev", "--yes", "--no-verify"], REMOVES);
    assert.equal(refused.status, 2);
    assert.match(refused.output, /--allow-destroy if that is meant:\n  removed: module\.a\.cloudflare_zero_trust_tunnel_cloudflared\.b\[0\]/);
    assert.doesNotMatch(refused.calls, / apply /);

    const meant = await deploy(["--env", "dev", "--yes", "--no-verify", "--allow-destroy"], REMOVES);
    assert.equal(meant.status, 0, meant.output);
    assert.match(meant.calls, / apply /);
  });

  test("an apply that nobody could confirm", async () => {
    const run = await deploy(["--env", "dev", "--no-verify"]);
    assert.equal(run.status, 2);
    assert.match(run.output, /no terminal to confirm on; pass --yes/);
    assert.doesNotMatch(run.calls, / apply /);
  });

  test("an environment without variables", async () => {
    const run = await deploy(["--env", "prod", "--yes", "--no-verify"]);
    assert.equal(run.status, 2);
    assert.match(run.output, /no infra\/config\/vars\/prod\.tfvars/);
  });

  test("variables of another environment", async () => {
    writeFileSync(join(directory, "infra/config/vars/prod.tfvars"), DEV);
    commit();
    const run = await deploy(["--env", "prod", "--yes", "--no-verify"]);
    assert.equal(run.status, 2);
    assert.match(run.output, /prod\.tfvars is for env "dev", not "prod"/);
  });

  test("the account id that the example has", async () => {
    writeFileSync(join(directory, "infra/config/vars/dev.tfvars"), DEV.replace(/0123456789abcdef/g, "0000000000000000"));
    commit();
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"]);
    assert.equal(run.status, 2);
    assert.match(run.output, /has no account_id yet/);
  });

  test("a misspelt variable, which tofu would only warn of", async () => {
    appendFileSync(join(directory, "infra/config/vars/dev.tfvars"), "enable_tunel = true\nsample_rat = 1\n");
    commit();
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"]);
    assert.equal(run.status, 2);
    assert.match(run.output, /sets what is no variable: enable_tunel, sample_rat$/m);
  });

  for (const [what, backend, says] of [
    ["a state whose key names no environment", 'bucket = "b"\nkey = "metrics-gateway-worker.tfstate"\n', /the state's key does not name dev/],
    ["a state whose key names an environment like it", 'bucket = "b"\nkey = "x/development.tfstate"\n', /the state's key does not name dev/],
    ["a state whose bucket alone names the environment", 'bucket = "state-dev-b"\nkey = "x.tfstate"\n', /the state's key does not name dev/],
  ]) {
    test(what, async () => {
      writeFileSync(join(directory, "infra/config/backend/dev.hcl"), backend);
      commit();
      const run = await deploy(["--env", "dev", "--yes", "--no-verify"]);
      assert.equal(run.status, 2, run.output);
      assert.match(run.output, says);
      untouched(run);
    });
  }

  test("two environments with one state", async () => {
    writeFileSync(join(directory, "infra/config/backend/prod-dev.hcl"), `# another file, the same place\n${BACKEND}`);
    commit();
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"]);
    assert.equal(run.status, 2, run.output);
    assert.match(run.output, /dev\.hcl keeps its state where prod-dev\.hcl does/);
    untouched(run);
  });

  test("a connector in a cluster that nobody named", async () => {
    appendFileSync(join(directory, "infra/config/vars/dev.tfvars"), "enable_grpc_metrics_gateway_tunnel = true # yes\n");
    commit();
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"]);
    assert.equal(run.status, 2, run.output);
    assert.match(run.output, /no context says which cluster: set kubeconfig_context/);
    untouched(run);

    const named = await deploy(["--env", "dev", "--yes", "--no-verify", "--kube-context", "cell1-dev"]);
    assert.equal(named.status, 0, named.output);
    assert.match(named.output, /the connector's image is pinned by no digest/);
  });

  test("a connector that is switched off while nobody names its cluster", async () => {
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"], { STATE: "module.tunnel.kubernetes_deployment_v1.cloudflared[0]" });
    assert.equal(run.status, 2, run.output);
    assert.match(run.output, /the state has resources in a cluster, and no context says which cluster/);
    untouched(run);
  });

  test("a context that contradicts the variables", async () => {
    appendFileSync(join(directory, "infra/config/vars/dev.tfvars"), 'kubeconfig_context = "cell1-dev"\n');
    commit();
    const run = await deploy(["--env", "dev", "--yes", "--no-verify", "--kube-context", "cell1-prod"]);
    assert.equal(run.status, 2, run.output);
    assert.match(run.output, /is for kubeconfig_context "cell1-dev", not "cell1-prod"/);
  });

  test("a log bucket that the variables forgot", async () => {
    const STATE = "module.logpush.aws_s3_bucket.logs[0]";
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"], { STATE });
    assert.equal(run.status, 2, run.output);
    assert.match(run.output, /keep it with logpush_create_bucket = true, or let it go with logpush_remove_bucket = true/);
    untouched(run);

    for (const line of ["logpush_create_bucket = true", "logpush_remove_bucket = true"]) {
      writeFileSync(join(directory, "infra/config/vars/dev.tfvars"), `${DEV}${line}\n`);
      commit();
      const said = await deploy(["--env", "dev", "--yes", "--no-verify"], { STATE });
      assert.equal(said.status, 0, said.output);
    }
  });

  test("an environment whose state has no place", async () => {
    rmSync(join(directory, "infra/config/backend/dev.hcl"));
    commit();
    const run = await deploy(["--env", "dev", "--yes", "--no-verify"]);
    assert.equal(run.status, 2);
    assert.match(run.output, /no infra\/config\/backend\/dev\.hcl says where the state is/);
    untouched(run);
  });

  for (const [args, says] of [
    [[], /--env must name an environment/],
    [["--env", "../dev"], /--env must name an environment/],
    [["--env"], /--env needs a value/],
    [["--env", "dev"], /nothing to verify with: give --verify-url/],
    [["--env", "dev", "--verify-url", ""], /nothing to verify with: give --verify-url/],
    [["--env", "dev", "--plan", "--apply", "x"], /exclude each other/],
    [["--env", "dev", "--no-verify", "--apply", "no-such-plan"], /no plan at no-such-plan/],
    [["--env", "dev", "--force"], /unknown argument --force/],
  ]) {
    test(`wrong usage: deploy.sh ${args.join(" ")}`, async () => {
      const run = await deploy(args);
      assert.equal(run.status, 2, run.output);
      assert.match(run.output, says);
      assert.equal(run.calls, "");
    });
  }
});
