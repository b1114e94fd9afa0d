#!/usr/bin/env bash
# Builds this commit, plans, applies and verifies: one environment at a time.
#
#   scripts/deploy.sh --env dev
#
# The same commit deployed twice changes nothing the second time.
set -euo pipefail
umask 077 # a saved plan holds secrets

usage() {
  cat <<'EOF'
usage: scripts/deploy.sh --env ENV [options]

  --env ENV            the environment: infra/config/vars/ENV.tfvars, infra/config/backend/ENV.hcl
  --cell CELL          one of several cells of the environment: CELL-ENV.tfvars and CELL-ENV.hcl
  --kube-context NAME  the cluster's context, where the tfvars do not set kubeconfig_context
  --plan               save the plan and stop; the last line says how to apply it
  --apply FILE         apply a plan that --plan saved, if the commit is still the same one
  --verify-url URL     a caller Worker whose /verify pushes one sample (or VERIFY_URL, or --caller in verify_args
                       of the tfvars)
  --no-verify          do not verify afterwards; for the first deployment, before any caller is bound
  --allow-destroy      go on although the plan takes something away; what loses nothing (a note in the state, a
                       workload that never came up) does not need it
  --yes                do not ask before applying
  -h, --help           this text

Needs git, make, node, tofu or terraform (TOFU names another one), and kubectl where something in a cluster is
managed. Credentials: CLOUDFLARE_API_TOKEN, and for the state's bucket and Logpush those of AWS. Where the tfvars have no
account_id, CLOUDFLARE_ACCOUNT_ID is taken. Arguments for verify.mjs besides the URL: verify_args in the tfvars, and
VERIFY_ARGS. ROLLOUT_TIMEOUT (300s) is how long a workload may take to roll out after the apply.

exit status: 0 done (or nothing to do), 1 failed, 2 wrong usage or refused before anything was changed
EOF
}

say() { printf '==> %s\n' "$*"; }
fail() { printf 'deploy: %s\n' "$*" >&2; exit 1; }
refuse() { printf 'deploy: %s\n' "$*" >&2; exit 2; }

env='' cell='' kube_context='' saved='' only_plan=false verify=true allow_destroy=false yes=false
verify_url=${VERIFY_URL:-}
while [ $# -gt 0 ]; do
  case $1 in
    --env | --cell | --kube-context | --apply | --verify-url)
      [ $# -ge 2 ] || refuse "$1 needs a value; see --help"
      case $1 in
        --env) env=$2 ;;
        --cell) cell=$2 ;;
        --kube-context) kube_context=$2 ;;
        --apply) saved=$2 ;;
        --verify-url) verify_url=$2 ;;
      esac
      shift 2
      ;;
    --plan) only_plan=true; shift ;;
    --no-verify) verify=false; shift ;;
    --allow-destroy) allow_destroy=true; shift ;;
    --yes) yes=true; shift ;;
    -h | --help) usage; exit 0 ;;
    *) refuse "unknown argument $1; see --help" ;;
  esac
done

[[ $env =~ ^[a-z0-9-]+$ ]] || refuse "--env must name an environment, such as --env dev (given: \"$env\")"
[[ $cell =~ ^[a-z0-9-]*$ ]] || refuse "--cell must name a cell, such as --cell cell1 (given: \"$cell\")"
target=${cell:+$cell-}$env
if $only_plan && [ -n "$saved" ]; then refuse '--plan and --apply exclude each other'; fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
infra=$root/infra
vars=$infra/config/vars/$target.tfvars
[ -z "$saved" ] || { [ -f "$saved" ] && saved=$(cd "$(dirname "$saved")" && pwd)/$(basename "$saved"); } || refuse "no plan at $saved"
cd "$root"

tofu=${TOFU:-}
if [ -z "$tofu" ]; then
  tofu=$(command -v tofu || command -v terraform) || refuse 'neither tofu nor terraform is on the PATH'
fi
for tool in git make node; do
  command -v "$tool" >/dev/null || refuse "$tool is not on the PATH"
done

# -- checks of the arguments --

[ -f "$vars" ] || refuse "no infra/config/vars/$target.tfvars"
value_of() { sed -nE "s/^$1[[:space:]]*=[[:space:]]*\"([^\"]*)\".*/\1/p" "$vars" | head -n 1; }
is_true() { grep -qE "^$1[[:space:]]*=[[:space:]]*true[[:space:]]*(#.*)?$" "$vars"; }
# declared NAME GIVEN: the value in the tfvars, which must not contradict the given one.
declared() {
  local value
  value=$(value_of "$1")
  [ -z "$value" ] || [ -z "$2" ] || [ "$value" = "$2" ] ||
    refuse "infra/config/vars/$target.tfvars is for $1 \"$value\", not \"$2\""
  printf %s "${value:-$2}"
}
TF_VAR_env=$(declared env "$env")
TF_VAR_cell=$(declared cell "$cell")
TF_VAR_account_id=$(declared account_id "${CLOUDFLARE_ACCOUNT_ID:-}")
[ -n "$TF_VAR_cell" ] || refuse "infra/config/vars/$target.tfvars has no cell; set it, or say --cell"
[[ $TF_VAR_account_id =~ ^0*$ ]] && refuse "infra/config/vars/$target.tfvars has no account_id yet"
# tofu only warns about an unknown variable name, and a misspelt setting would have no effect.
unknown=$(comm -23 \
  <(sed -nE 's/^([a-z_][a-z0-9_]*)[[:space:]]*=.*/\1/p' "$vars" | sort -u) \
  <(sed -nE 's/^variable "([^"]+)".*/\1/p' "$infra"/*.tf | sort -u))
[ -z "$unknown" ] || refuse "infra/config/vars/$target.tfvars sets what is no variable: ${unknown//$'\n'/, }"

# Split at blanks only: a `?` in a URL is not a pattern.
read -r -a verify_args <<<"$(value_of verify_args) ${VERIFY_ARGS:-} ${verify_url:+--caller $verify_url}"
if $verify && ! $only_plan; then
  case " ${verify_args[*]-} " in
    *' --caller '* | *' --caller='*) ;;
    *) refuse "nothing to verify with: give --verify-url (a caller with /verify), set verify_args in infra/config/vars/$target.tfvars, or say --no-verify" ;;
  esac
fi

# One state for each target: two targets with the same state would delete each other's resources.
backend=$infra/config/backend/$target.hcl
[ -f "$backend" ] || refuse "no infra/config/backend/$target.hcl says where the state is; copy example.hcl"
place() { sed -nE 's/^[[:space:]]*(bucket|container_name|key|path|prefix|address)[[:space:]]*=[[:space:]]*("[^"]*").*/\1 = \2/p' "$1" | sort; }
for part in $cell $env; do
  place "$backend" | grep -vE '^(bucket|container_name) ' | grep -qE "[^a-z0-9]${part}[^a-z0-9]" ||
    refuse "infra/config/backend/$target.hcl: the state's key does not name $part, so another target may have the same; such as key = \"metrics-gateway-worker/$target.tfstate\""
done
for other in "$infra"/config/backend/*.hcl; do
  [ "$other" = "$backend" ] || [ "$(place "$other")" != "$(place "$backend")" ] ||
    refuse "infra/config/backend/$target.hcl keeps its state where $(basename "$other") does"
done

# The script changes a cluster only in a named context, never in the current one by default.
TF_VAR_kubeconfig_context=$(declared kubeconfig_context "$kube_context")
named_context() {
  [ -n "$TF_VAR_kubeconfig_context" ] ||
    refuse "$1, and no context says which cluster: set kubeconfig_context in infra/config/vars/$target.tfvars, or say --kube-context"
}
if is_true enable_grpc_metrics_gateway_tunnel || is_true enable_grpc_metrics_gateway; then
  named_context 'something in a cluster is managed'
  command -v kubectl >/dev/null || refuse 'kubectl is not on the PATH'
fi
if is_true enable_grpc_metrics_gateway_tunnel && [[ $(value_of cloudflared_image)$(value_of cloudflared_image_digest) != *sha256:* ]]; then
  say "the connector's image is pinned by no digest: docs/runbook.md, \"Change\""
fi

# -- only a complete commit is deployed --

clean() {
  local changed
  changed=$(git status --porcelain --untracked-files=normal)
  [ -z "$changed" ] || refuse "$1; commit or remove:
$changed"
}
clean 'the tree has changes that no commit has'
# `git status` does not show these files, but tofu reads them.
ignored=$(git ls-files --others --ignored --exclude-standard -- 'infra/*.tf' 'infra/*.tf.json' 'infra/*.tofu' \
  'infra/*.tfvars' 'infra/*.tfvars.json' ':!infra/.terraform*' ':!infra/backend_override.tf')
[ -z "$ignored" ] || refuse "files that git ignores would be deployed, too; commit or remove:
$ignored"
revision=$(git rev-parse HEAD)

say "building $revision"
make build
clean 'the build changed files that git tracks'
for part in dist/index.js dist/index_bg.wasm; do
  [ -s "$part" ] || fail "the build left no $part"
done
# The build writes version+revision into the Wasm; one without this revision is of another commit, or of no commit.
short=$(git rev-parse --short=12 HEAD)
grep -aqF "+${short:0:7}" dist/index_bg.wasm || fail "dist/index_bg.wasm is not a build of $short"
if grep -aqE "\+${short:0:7}[0-9a-f]*[-.]dirty" dist/index_bg.wasm; then fail 'dist/ was built from a tree with changes'; fi

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
parts_digest() { cat dist/index.js dist/index_bg.wasm | sha256 | cut -d' ' -f1; }
parts=$(parts_digest)

# -- plan --

# One folder for each environment, so that the state of another can never be used by mistake.
export TF_DATA_DIR=$infra/.terraform.$target TF_IN_AUTOMATION=1 TF_INPUT=0 TF_VAR_revision=$revision
export TF_VAR_env TF_VAR_cell TF_VAR_account_id
[ -z "$TF_VAR_kubeconfig_context" ] || export TF_VAR_kubeconfig_context
# A leftover from work on another stack would name another state.
unset TF_WORKSPACE
run_tofu() { "$tofu" "-chdir=$infra" "$@"; }

say "initialising for $target"
run_tofu init -input=false -reconfigure "-backend-config=$backend" >/dev/null || fail 'init failed'

if [ -n "$saved" ]; then
  plan=$saved
  [ -f "$plan.for" ] || refuse "$plan.for is gone: it says what the plan was made for"
  [ "$(cat "$plan.for")" = "$target $revision $parts" ] ||
    refuse "the plan was made for \"$(cat "$plan.for")\", but this is \"$target $revision $parts\" (target, commit, digest of dist/)"
  # The plan was printed when it was made. The person who applies it must see it as well.
  run_tofu show "$plan" || fail 'the plan could not be read'
  changes=true
else
  mkdir -p "$infra/.plans"
  plan=$infra/.plans/$target-$short.tfplan
  # Always delete a plan that was not requested: it contains secrets.
  $only_plan || trap 'rm -f "$plan" "$plan.for"' EXIT
  # Fails if there is no state yet.
  state=$(run_tofu state list 2>/dev/null) || state=''
  case $state in *kubernetes_*) named_context 'the state has resources in a cluster' ;; esac
  case $state in
    *aws_s3_bucket.logs*)
      is_true logpush_create_bucket || is_true logpush_remove_bucket ||
        refuse "the logs' bucket was made here: keep it with logpush_create_bucket = true, or let it go with logpush_remove_bucket = true, in infra/config/vars/$target.tfvars"
      ;;
  esac
  say 'planning'
  status=0
  run_tofu plan -input=false -detailed-exitcode "-var-file=$vars" "-out=$plan" || status=$?
  case $status in
    0) changes=false ;;
    2) changes=true ;;
    *) fail 'plan failed' ;;
  esac
  printf '%s %s %s' "$target" "$revision" "$parts" >"$plan.for"
fi

lost='' kept=''
if $changes; then
  deletions=$(run_tofu show -json "$plan" | node scripts/deploy-checks/losses.mjs) || fail 'the plan could not be read'
  lost=$(sed -n $'s/^lost\t/  /p' <<<"$deletions")
  kept=$(sed -n $'s/^kept\t/  /p' <<<"$deletions")
fi
[ -z "$kept" ] || printf 'Nothing is lost by:\n%s\n' "$kept"

if $only_plan; then
  $changes || say 'no changes'
  [ -z "$lost" ] || printf 'This plan takes away:\n%s\n' "$lost"
  say "saved; apply it with: scripts/deploy.sh --env $env${cell:+ --cell $cell} --apply ${plan#"$root"/}"
  exit 0
fi

kubeconfig=$(value_of kubeconfig_path)
[ -z "$kubeconfig" ] || export KUBECONFIG=${kubeconfig/#\~/$HOME}
gateway_namespace=$(value_of grpc_metrics_gateway_namespace)
run_kubectl() { kubectl --context "$TF_VAR_kubeconfig_context" "$@"; }
# Best effort: shows which pod does not start, for the reader of a failure.
show_pods() { [ -z "$TF_VAR_kubeconfig_context" ] || run_kubectl -n "$1" get pods || true; }

# -- apply --

if $changes; then
  if [ -n "$lost" ] && ! $allow_destroy; then
    refuse "the plan takes away what is there; say --allow-destroy if that is meant:
$lost"
  fi
  if ! $yes; then
    [ -t 0 ] || refuse 'no terminal to confirm on; pass --yes'
    read -r -p "Apply this to $target? Only \"yes\" will do: " answer
    [ "$answer" = yes ] || refuse 'not applied'
  fi
  [ "$(parts_digest)" = "$parts" ] || fail 'dist/ changed after the plan was made'
  say 'applying'
  if ! run_tofu apply -input=false "$plan"; then
    show_pods "${gateway_namespace:-metrics-gateway}"
    fail 'apply failed; what was applied stays. Mend the cause and run this again: docs/runbook.md, "A deployment fails"'
  fi
  rm -f "$plan" "$plan.for" # a saved one, too
else
  say "no changes: $target already runs $short"
fi

# All outputs at once: for a single output that is null, tofu reports a missing output and fails.
outputs=$(run_tofu output -json) || fail 'deployed, but the outputs could not be read, so nothing was verified'
output() { node -e 'console.log([JSON.parse(process.argv[1])[process.argv[2]]?.value ?? ""].flat().join("\n"))' "$outputs" "$1"; }

# -- roll-out --

# The state stores a failed update of a workload as if it had succeeded, and the next plan has no changes: ask the cluster.
for workload in $(output kubernetes_workloads); do # namespace/kind/name
  namespace=${workload%%/*}
  say "waiting for ${workload#*/} to be rolled out"
  run_kubectl -n "$namespace" rollout status "${workload#*/}" "--timeout=${ROLLOUT_TIMEOUT:-300s}" && continue
  show_pods "$namespace"
  fail "applied, but ${workload#*/} is not rolled out: docs/runbook.md, \"A deployment fails\""
done

# -- verify --

if ! $verify; then
  say 'deployed, not verified (--no-verify)'
  exit 0
fi
# A deployment needs some seconds to reach every location.
args=(--settle 60 --revision "$revision" --account-id "$TF_VAR_account_id")
script=$(output metrics_gateway_worker_script_name)
tunnel=$(output grpc_metrics_gateway_tunnel_id)
[ -z "$script" ] || args+=(--script "$script")
[ -z "$tunnel" ] || args+=(--tunnel-id "$tunnel")
# For --kubectl: the cluster and the gateway of this environment. The verify_args come later and take precedence.
[ -z "$TF_VAR_kubeconfig_context" ] || args+=(--kube-context "$TF_VAR_kubeconfig_context")
service=$(value_of grpc_metrics_gateway_service_name)
args+=(${gateway_namespace:+--namespace "$gateway_namespace"} ${service:+--service "$service"})
say 'verifying'
node scripts/verify.mjs "${args[@]}" "${verify_args[@]}" ||
  fail 'deployed, but not verified: docs/runbook.md, "Troubleshooting"; "Rollback and disable" says how to go back'
say "$target runs $short, verified"
