#!/usr/bin/env bash
# Two clean builds of one commit, in folders of different names, give the same bytes.
#
#   tests/infra/reproducible.sh [--once] [DIST]
#
# With DIST, that folder must have the same bytes as well, so users can check a release against its source. --once
# builds only once, for a DIST that is a clean build itself.
set -euo pipefail
once=false
if [ "${1:-}" = --once ]; then once=true && shift; fi
given=${1:+$(cd "$1" && pwd)}
. "$(dirname "$0")/../../scripts/lib.sh"
if $once && [ -z "$given" ]; then die '--once needs a folder to compare with'; fi
scripts/setup
use_tools

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
revision=$(git describe --always --abbrev=7 --exclude='*')

# build FOLDER [TARGET]: a clean build of HEAD. From this folder, it uses only the npm packages and tools.
build() {
  mkdir -p "$1"
  git archive HEAD | tar -xf - -C "$1"
  ln -s "$ROOT/node_modules" "$1/node_modules"
  ln -s "$TOOLS" "$1/.tools"
  say "building $revision in $1"
  (cd "$1" && CARGO_TARGET_DIR=${2:-$1/target} DIST_DIR=$1/dist METRICS_REPORTER_REVISION=$revision node scripts/build.mjs)
}

status=0
same() {
  if cmp "$1" "$2"; then note "the same: $2"; else status=1; fi
}

build "$scratch/a"
if ! $once; then
  rm -rf "$scratch/a/target"
  build "$scratch/another/folder" "$scratch/its-target"
fi
for part in index.js index_bg.wasm; do
  $once || same "$scratch/a/dist/$part" "$scratch/another/folder/dist/$part"
  [ -z "$given" ] || same "$scratch/a/dist/$part" "$given/$part"
done
[ "$status" -eq 0 ] && say "$revision builds to the same bytes"
exit "$status"
