#!/usr/bin/env bash
# run.sh [SECONDS] [TARGET…]: runs every fuzz target, or those named, for so many seconds each (60
# if it is not said), and prints what was tried and what was reached. Fails when a target found
# something. Where nightly Rust or cargo-fuzz is missing it says so, and exits with 77: skipped.
#
# What the fuzzer learns stays in corpus/ (not committed); seeds/ is what it starts from. A finding
# is in artifacts/TARGET/, and `cargo +nightly fuzz run TARGET FILE` repeats it.
set -euo pipefail
cd "$(dirname "$0")"
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

skip() {
  echo "fuzz: skipped: $*" >&2
  exit 77
}

seconds=${1:-60}
[ $# -eq 0 ] || shift
case $seconds in
  '' | *[!0-9]* | 0*) echo "fuzz: expected a number of seconds, got '$seconds'" >&2 && exit 2 ;;
esac

# libFuzzer's instrumentation takes nightly; RUSTUP_TOOLCHAIN would win over +nightly. There is no
# address sanitizer: what is fuzzed forbids unsafe code, and runs several times as often without.
unset RUSTUP_TOOLCHAIN
export RUSTUP_AUTO_INSTALL=0
cargo +nightly --version >/dev/null 2>&1 ||
  skip "there is no nightly Rust (rustup toolchain install nightly --profile minimal)"
cargo +nightly fuzz --version >/dev/null 2>&1 ||
  skip "there is no cargo-fuzz (cargo install --locked cargo-fuzz)"

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  while IFS= read -r target; do targets+=("$target"); done < <(cargo +nightly fuzz list)
fi

echo "fuzz: building ${targets[*]}" >&2
cargo +nightly fuzz build --sanitizer none >&2

# The last value that libFuzzer printed for a name: `value cov: < LOG`.
value() { grep -oE "$1 [0-9]+" | tail -n 1 | grep -oE '[0-9]+$' || echo 0; }

# All edges that were instrumented: the crate's, the target's own, and failures that never happen.
edges() { sed -n 's/.*PC tables (\([0-9]*\) PCs).*/\1/p' | tail -n 1; }

failed=0
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target" "artifacts/$target"
  log=artifacts/$target.log
  echo "fuzz: $target for $seconds s" >&2
  status=0
  cargo +nightly fuzz run --sanitizer none "$target" "corpus/$target" "seeds/$target" -- \
    -max_total_time="$seconds" -max_len=2048 -timeout=10 -rss_limit_mb=2048 -dict=dictionary.txt \
    -print_final_stats=1 >"$log" 2>&1 || status=$?
  executions=$(value stat::number_of_executed_units: <"$log")
  if [ $status -ne 0 ]; then
    failed=1
    echo "FOUND  $target: after $executions executions (fuzz/$log, fuzz/artifacts/$target/)"
    grep -E 'panicked|SUMMARY|assertion|left:|right:|ERROR' "$log" | head -n 8 || true
    continue
  fi
  echo "ok     $target: $executions executions in $seconds s, $(value cov: <"$log") of $(edges <"$log") edges," \
    "$(value ft: <"$log") features, $(find "corpus/$target" -type f | wc -l | tr -d ' ') inputs kept"
done
exit $failed
