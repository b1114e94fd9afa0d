#!/usr/bin/env bash
# Checks infra/, dashboards/ and the deploy scripts, as far as that needs no account and no cluster.
#
# It checks OpenTofu code with tofu-check if that is installed (TOFU_CHECK, or on PATH), which needs no provider
# registry. Otherwise it uses tofu or terraform, which need one. It skips and reports checks that cannot run here.
set -uo pipefail
. "$(dirname "$0")/../../scripts/lib.sh"
. scripts/steps.sh
use_node || die "no usable Node; run make setup"

TOFU_CHECK=${TOFU_CHECK:-$(command -v tofu-check || true)}
TOFU=${TOFU:-$(command -v tofu || command -v terraform || true)}
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

# check_stack ROOT DIR: formatting, validity and tests of the OpenTofu code in ROOT/DIR.
check_stack() {
  local root=$1 dir=$1/$2
  if [ -n "$TOFU_CHECK" ]; then
    "$TOFU_CHECK" "$dir" --root "$root" --test
  elif [ -n "$TOFU" ]; then
    # In a copy: the downloads of init stay out of the tree, and are shared by all stacks.
    export TF_PLUGIN_CACHE_DIR=${TF_PLUGIN_CACHE_DIR:-$SCRATCH/plugins} TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE=true
    mkdir -p "$TF_PLUGIN_CACHE_DIR"
    local copy=$SCRATCH/real
    rm -rf "$copy" && cp -R "$root" "$copy" || return 1
    "$TOFU" "-chdir=$copy/$2" fmt -check -recursive -diff || return 1
    if ! "$TOFU" "-chdir=$copy/$2" init -backend=false -input=false >"$SCRATCH/init.log" 2>&1; then
      skip "$(basename "$TOFU") could not get the providers (formatting was checked)"
      return
    fi
    "$TOFU" "-chdir=$copy/$2" validate && "$TOFU" "-chdir=$copy/$2" test
  else
    skip "no tofu-check, tofu or terraform on PATH"
    return
  fi
}

# plan_with FILE [LINE…]: the root stack planned on mock providers with the values of a tfvars file, and those lines.
plan_with() {
  local copy=$SCRATCH/vars
  rm -rf "$copy" && cp -R infra "$copy" && rm -f "$copy"/tests/*.tftest.hcl || return 1
  # Fills in only the values that the example leaves to its user.
  sed 's/"00000000000000000000000000000000"/"0123456789abcdef0123456789abcdef"/' "$1" >"$copy/example.auto.tfvars"
  printf '\n%s\n' "${@:2}" >>"$copy/example.auto.tfvars"
  {
    sed '/^variables {/,$d' infra/tests/stack.tftest.hcl # its mocks
    printf 'run "plans" {\n  command = plan\n  variables {\n'
    printf '    metrics_gateway_worker_build_dir = "./modules/worker/tests/fixture"\n  }\n}\n'
  } >"$copy/tests/vars.tftest.hcl"
  check_stack "$copy" .
}

# The real build passes the Worker module's own checks, and is uploaded as exactly two parts.
upload() {
  if [ ! -s dist/index.js ] || [ ! -s dist/index_bg.wasm ]; then
    skip "no dist/; run make build"
    return
  fi
  local copy=$SCRATCH/upload
  rm -rf "$copy" && cp -R infra "$copy" && rm -f "$copy"/modules/worker/tests/*.tftest.hcl || return 1
  cp dist/index.js dist/index_bg.wasm "$copy/modules/worker/tests/fixture/" || return 1
  cat >"$copy/modules/worker/tests/upload.tftest.hcl" <<EOF
mock_provider "cloudflare" {}

run "uploads_the_build" {
  command = plan
  variables {
    account_id                            = "0123456789abcdef0123456789abcdef"
    cell                                  = "cell1"
    env                                   = "dev"
    build_dir                             = "./tests/fixture"
    metrics_gateway_worker_vpc_service_id = "0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
  }

  assert {
    condition     = output.parts == { "index.js" = "$(digest dist/index.js)", "index_bg.wasm" = "$(digest dist/index_bg.wasm)" }
    error_message = "what is uploaded must be dist/, byte for byte"
  }
}
EOF
  check_stack "$copy" modules/worker
}

# infra/modules/gateway makes what deploy/kubernetes/gateway says.
one_truth() {
  local copy=$SCRATCH/truth code=0
  rm -rf "$copy" && cp -R infra "$copy" && rm -f "$copy"/modules/gateway/tests/*.tftest.hcl || return 1
  # It reports itself why it cannot run here.
  node tests/infra/manifests/shape.mjs >"$copy/modules/gateway/tests/kustomize.json" || code=$?
  [ "$code" -eq 0 ] || return "$code"
  cp tests/infra/manifests/gateway.tftest.hcl.in "$copy/modules/gateway/tests/truth.tftest.hcl"
  check_stack "$copy" modules/gateway
}

digest() { node -e 'console.log(require("crypto").createHash("sha256").update(require("fs").readFileSync(process.argv[1])).digest("hex"))' "$1"; }

rules() {
  have promtool || {
    skip "no promtool on PATH (Debian and Ubuntu: the package prometheus)"
    return
  }
  promtool check rules dashboards/rules.yml && promtool test rules dashboards/*.test.yml
}

# A second clean build of this commit, in another folder, gives the same bytes as dist/.
reproducible() {
  if [ -n "$(git status --porcelain 2>&1)" ]; then
    skip "only a commit can be built again, and the tree has changes that no commit has"
    return
  fi
  use_rust && node scripts/build.mjs && tests/infra/reproducible.sh --once dist
}

dashboard() { node dashboards/build.mjs --check; }
scripts_and_docs() { node --test tests/infra/*.test.mjs; }

for module in infra/modules/*/; do
  name=$(basename "$module")
  step "module $name" check_stack infra "modules/$name"
done
step "root stack" check_stack infra .
for file in infra/config/vars/*; do
  step "example $(basename "$file")" plan_with "$file"
done
# The values that deploy.sh adds from its command line.
step "the older runbook's tfvars" plan_with tests/infra/runbook.tfvars \
  'account_id = "0123456789abcdef0123456789abcdef"' 'cell = "cell1"' 'env = "prod2"' 'kubeconfig_context = "cell1-prod2"'
step "gateway module and deploy/kubernetes agree" one_truth
step "upload of dist/" upload
step "reproducible build" reproducible
step "alert rules (promtool)" rules
step "dashboard and PrometheusRule are what build.mjs makes" dashboard
step "deploy, verify, queries, docs" scripts_and_docs

summary "tests/infra/run.sh ran:"
