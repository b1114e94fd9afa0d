# Sourced after lib.sh: what `make quick` and `make check` both look at.
# shellcheck shell=bash

component() {
  cargo "$1" --version >/dev/null 2>&1 || { have rustup && rustup component add "$2"; }
}

format() { component fmt rustfmt && cargo fmt --all --check; }

clippy_native() {
  component clippy clippy && cargo clippy --locked --workspace --all-targets -- -D warnings
}

# Every TypeScript package; the client is compiled into its dist/ by the way.
types() { npm run check --workspaces --if-present --loglevel=error; }
