# Sourced after lib.sh: the checks that `make quick` and `make check` share.
# shellcheck shell=bash

component() {
  cargo "$1" --version >/dev/null 2>&1 || { have rustup && rustup component add "$2"; }
}

format() { component fmt rustfmt && cargo fmt --all --check; }

clippy_native() {
  component clippy clippy && cargo clippy --locked --workspace --all-targets -- -D warnings
}

# Every TypeScript package. This also compiles the client into its dist/.
types() { npm run check --workspaces --if-present --loglevel=error; }
