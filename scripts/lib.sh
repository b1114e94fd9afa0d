# Sourced by the other scripts: paths and the choice of tools. Plain bash 3.2, so that it runs with
# the bash of macOS.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit 1

# Tools are here if the default place has another version, which they would replace.
TOOLS=$ROOT/.tools
NODE_NEEDED=22.12.0
RUST_NEEDED=1.91.0

export WRANGLER_SEND_METRICS=false
# Finds the binaries of `cargo install` even if PATH does not have them.
PATH=$TOOLS/bin:$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

if [ -t 2 ]; then BOLD=$'\033[1m' PLAIN=$'\033[0m'; else BOLD='' PLAIN=''; fi
say() { printf '%s==> %s%s\n' "$BOLD" "$*" "$PLAIN" >&2; }
note() { printf '    %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
# V=1 shows all output.
verbose() { [ -n "${V:-}" ]; }
have() { command -v "$1" >/dev/null 2>&1; }

# at_least 20.1.0 22.12.0: whether the first version is the second or newer.
at_least() {
  local i a b is wanted
  IFS=. read -r -a is <<<"$1"
  IFS=. read -r -a wanted <<<"$2"
  for i in 0 1 2; do
    a=${is[i]:-0} b=${wanted[i]:-0}
    a=${a%%[!0-9]*} b=${b%%[!0-9]*}
    [ "${a:-0}" -gt "${b:-0}" ] && return 0
    [ "${a:-0}" -lt "${b:-0}" ] && return 1
  done
  return 0
}

# Puts the Node that npm installed first on PATH when the one there is too old for wrangler.
use_node() {
  local version
  version=$(node --version 2>/dev/null) && at_least "${version#v}" "$NODE_NEEDED" && return 0
  [ -x "$ROOT/node_modules/.bin/node" ] || return 1
  mkdir -p "$TOOLS/node"
  ln -sf "$ROOT/node_modules/.bin/node" "$TOOLS/node/node"
  PATH=$TOOLS/node:$PATH
}

# The toolchain of rust-toolchain.toml if it is available, otherwise any installed one that is new
# enough (for a machine that cannot download toolchains).
use_rust() {
  RUSTUP_AUTO_INSTALL=0 rustc --version >/dev/null 2>&1 && return 0
  have rustup || return 1
  local toolchain version
  for toolchain in $(rustup toolchain list 2>/dev/null | cut -d' ' -f1); do
    version=$(RUSTUP_TOOLCHAIN=$toolchain rustc --version 2>/dev/null | cut -d' ' -f2)
    case $toolchain-$version in *nightly* | *beta*) continue ;; esac
    if [ -n "$version" ] && at_least "$version" "$RUST_NEEDED"; then
      export RUSTUP_TOOLCHAIN=$toolchain
      return 0
    fi
  done
  return 1
}

# For a script that runs after scripts/setup.
use_tools() {
  use_rust || die "no usable Rust: run scripts/setup"
  use_node || die "no usable Node: run scripts/setup"
}

# wasm-bindgen's version in Cargo.lock: the command-line tool must be exactly the same.
wasm_bindgen_locked() {
  awk '/^name = "wasm-bindgen"$/ { getline; gsub(/version = |"/, ""); print; exit }' "$ROOT/Cargo.lock"
}

wasm_bindgen_ready() {
  local tool
  for tool in wasm-bindgen wasm-bindgen-test-runner; do
    [ "$("$tool" --version 2>/dev/null)" = "$tool $(wasm_bindgen_locked)" ] || return 1
  done
}

seconds() {
  if [ "$1" -ge 60 ]; then printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); else printf '%ds' "$1"; fi
}
