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
  --plan               save the plan and stop; the last line says how to apply it
  --apply FILE         apply a plan that --plan saved, if the commit is still the same one
  --verify-url URL     a caller Worker whose /verify pushes one sample (or VERIFY_URL, or --caller in verify_args
                       of the tfvars)
  --no-verify          do not verify afterwards; for the first deployment, before any caller is bound
  --allow-destroy      go on although the plan removes or replaces something
  --yes                do not ask before applying
  -h, --help           this text

Needs git, make, node, and tofu or terraform (TOFU names another one). Credentials: CLOUDFLARE_API_TOKEN, and
for the state's bucket and Logpush those of AWS. Arguments for verify.mjs besides the URL: verify_args in the tfvars,
and VERIFY_ARGS.

exit status: 0 done (or nothing to do), 1 failed, 2 wrong usage or refused before anything was changed
EOF
}

say() { printf '==> %s\n' "$*"; }
fail() { printf 'deploy: %s\n' "$*" >&2; exit 1; }
refuse() { printf 'deploy: %s\n' "$*" >&2; exit 2; }

env='' saved='' only_plan=false verify=true allow_destroy=false yes=false
verify_url=${VERIFY_URL:-}
while [ $# -gt 0 ]; do
  case $1 in
    --env | --apply | --verify-url)
      [ $# -ge 2 ] || refuse "$1 needs a value; see --help"
      case $1 in
        --env) env=$2 ;;
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
if $only_plan && [ -n "$saved" ]; then refuse '--plan and --apply exclude each other'; fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
infra=$root/infra
vars=$infra/config/vars/$env.tfvars
[ -z "$saved" ] || { [ -f "$saved" ] && saved=$(cd "$(dirname "$saved")" && pwd)/$(basename "$saved"); } || refuse "no plan at $saved"
cd "$root"

tofu=${TOFU:-}
if [ -z "$tofu" ]; then
  tofu=$(command -v tofu || command -v terraform) || refuse 'neither tofu nor terraform is on the PATH'
fi
for tool in git make node; do
  command -v "$tool" >/dev/null || refuse "$tool is not on the PATH"
done

# -- what is asked for makes sense --

[ -f "$vars" ] || refuse "no infra/config/vars/$env.tfvars"
value_of() { sed -nE "s/^$1[[:space:]]*=[[:space:]]*\"([^\"]*)\".*/\1/p" "$vars" | head -n 1; }
[ "$(value_of env)" = "$env" ] || refuse "infra/config/vars/$env.tfvars is for env \"$(value_of env)\", not \"$env\""
[[ $(value_of account_id) =~ ^0*$ ]] && refuse "infra/config/vars/$env.tfvars has no account_id yet"
# tofu only warns of a name that no variable has, and the misspelt setting would not apply.
unknown=$(comm -23 \
  <(sed -nE 's/^([a-z_][a-z0-9_]*)[[:space:]]*=.*/\1/p' "$vars" | sort -u) \
  <(sed -nE 's/^variable "([^"]+)".*/\1/p' "$infra"/*.tf | sort -u))
[ -z "$unknown" ] || refuse "infra/config/vars/$env.tfvars sets what is no variable: ${unknown//$'\n'/, }"

# Split at blanks, and no further: a `?` in a URL is no pattern.
read -r -a verify_args <<<"$(value_of verify_args) ${VERIFY_ARGS:-} ${verify_url:+--caller $verify_url}"
if $verify && ! $only_plan; then
  case " ${verify_args[*]-} " in
    *' --caller '* | *' --caller='*) ;;
    *) refuse "nothing to verify with: give --verify-url (a caller with /verify), set verify_args in infra/config/vars/$env.tfvars, or say --no-verify" ;;
  esac
fi

backend=()
if [ -f "$infra/config/backend/$env.hcl" ]; then
  backend=("-backend-config=$infra/config/backend/$env.hcl")
elif [ ! -f "$infra/backend_override.tf" ]; then
  refuse "no infra/config/backend/$env.hcl says where the state is; copy example.hcl"
fi

# -- what is deployed is a commit, whole --

clean() {
  local changed
  changed=$(git status --porcelain --untracked-files=normal)
  [ -z "$changed" ] || refuse "$1; commit or remove:
$changed"
}
clean 'the tree has changes that no commit has'
# `status` does not show these, and tofu reads them all the same.
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

# One folder for each environment: what was initialised for another can never be used by mistake.
export TF_DATA_DIR=$infra/.terraform.$env TF_IN_AUTOMATION=1 TF_INPUT=0 TF_VAR_revision=$revision
# Left over from work on another stack it would name another state.
unset TF_WORKSPACE
run_tofu() { "$tofu" "-chdir=$infra" "$@"; }

say "initialising for $env"
run_tofu init -input=false -reconfigure ${backend[@]+"${backend[@]}"} >/dev/null || fail 'init failed'

if [ -n "$saved" ]; then
  plan=$saved
  [ -f "$plan.for" ] || refuse "$plan.for is gone: it says what the plan was made for"
  [ "$(cat "$plan.for")" = "$env $revision $parts" ] ||
    refuse "the plan was made for \"$(cat "$plan.for")\", but this is \"$env $revision $parts\" (env, commit, digest of dist/)"
  # It was printed when it was made; whoever applies it must see it, too.
  run_tofu show "$plan" || fail 'the plan could not be read'
  changes=true
else
  mkdir -p "$infra/.plans"
  plan=$infra/.plans/$env-$short.tfplan
  # However this ends: a plan that nobody asked to keep holds secrets and is no use to anybody.
  $only_plan || trap 'rm -f "$plan" "$plan.for"' EXIT
  say 'planning'
  status=0
  run_tofu plan -input=false -detailed-exitcode "-var-file=$vars" "-out=$plan" || status=$?
  case $status in
    0) changes=false ;;
    2) changes=true ;;
    *) fail 'plan failed' ;;
  esac
  printf '%s %s %s' "$env" "$revision" "$parts" >"$plan.for"
fi

removed=''
if $changes; then
  # shellcheck disable=SC2016 # the quoted text is JavaScript
  removed=$(run_tofu show -json "$plan" | node -e '
    const plan = JSON.parse(require("fs").readFileSync(0, "utf8"));
    const gone = (plan.resource_changes ?? []).filter(({ change }) => change.actions.includes("delete"));
    for (const { address, change } of gone) console.log(`  ${change.actions.length > 1 ? "replaced" : "removed"}: ${address}`);
  ') || fail 'the plan could not be read'
fi

if $only_plan; then
  $changes || say 'no changes'
  [ -z "$removed" ] || printf 'This plan takes away:\n%s\n' "$removed"
  say "saved; apply it with: scripts/deploy.sh --env $env --apply ${plan#"$root"/}"
  exit 0
fi

# -- apply --

if $changes; then
  if [ -n "$removed" ] && ! $allow_destroy; then
    refuse "the plan takes away what is there; say --allow-destroy if that is meant:
$removed"
  fi
  if ! $yes; then
    [ -t 0 ] || refuse 'nobody here to ask; say --yes to apply without asking'
    read -r -p "Apply this to $env? Only \"yes\" will do: " answer
    [ "$answer" = yes ] || refuse 'not applied'
  fi
  [ "$(parts_digest)" = "$parts" ] || fail 'dist/ changed after the plan was made'
  say 'applying'
  run_tofu apply -input=false "$plan" || fail 'apply failed; run it again once the cause is mended: what was applied stays'
  rm -f "$plan" "$plan.for" # a saved one, too
else
  say "no changes: $env already runs $short"
fi

# -- verify --

if ! $verify; then
  say 'deployed, not verified (--no-verify)'
  exit 0
fi
# All at once: asked for one that is null, tofu says that there is no such output, and fails.
outputs=$(run_tofu output -json) || fail 'deployed, but the outputs could not be read, so nothing was verified'
output() { node -e 'console.log(JSON.parse(process.argv[1])[process.argv[2]]?.value ?? "")' "$outputs" "$1"; }
# A deployment takes some seconds to be everywhere.
args=(--settle 60 --revision "$revision" --account-id "$(value_of account_id)")
script=$(output metrics_gateway_worker_script_name)
tunnel=$(output grpc_metrics_gateway_tunnel_id)
[ -z "$script" ] || args+=(--script "$script")
[ -z "$tunnel" ] || args+=(--tunnel-id "$tunnel")
say 'verifying'
node scripts/verify.mjs "${args[@]}" "${verify_args[@]}" ||
  fail 'deployed, but not verified: docs/runbook.md, "Troubleshooting"; "Rollback and disable" says how to go back'
say "$env runs $short, verified"
