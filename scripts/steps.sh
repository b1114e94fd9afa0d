# Sourced after lib.sh by the scripts that run many steps: one line a step, failures at the end.
# shellcheck shell=bash
set -o pipefail

# Each step's output. With V=1 it is also shown immediately.
LOGS=${CARGO_TARGET_DIR:-$ROOT/target}/logs/$(basename "$0" .sh)
mkdir -p "$LOGS"

# A step that cannot run here ends with `skip "the reason"; return`.
SKIP=77
skip() {
  printf 'skipped: %s\n' "$*"
  return $SKIP
}

# counts LOG: how many tests "passed failed skipped", added up over the closing lines of cargo test, node:test
# and `summary`.
counts() {
  awk '
    /^test result: / { for (i = 2; i <= NF; i++) { if ($i == "passed;") p += $(i-1); if ($i == "failed;") f += $(i-1); if ($i == "ignored;") s += $(i-1) } }
    /^[^ ]+ pass [0-9]+$/ { p += $NF }
    /^[^ ]+ (fail|cancelled) [0-9]+$/ { f += $NF }
    /^[^ ]+ (skipped|todo) [0-9]+$/ { s += $NF }
    /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $1; f += $3; s += $5 }
    END { print p + 0, f + 0, s + 0 }' "$1"
}

# step NAME COMMAND…: runs the command and stores its result for `summary`.
PASSED=0 FAILED=0 SKIPPED=0 STEPS=0 STARTED=$SECONDS FAILURES=() NOTES=()
step() {
  local name=$1 started=$SECONDS code=0 log word p f s
  shift
  STEPS=$((STEPS + 1))
  log=$LOGS/$(printf '%02d-%s' "$STEPS" "$(printf '%s' "$name" | tr -cs '[:alnum:]' '-')").log
  if verbose; then
    say "$name"
    "$@" </dev/null 2>&1 | tee "$log" || code=${PIPESTATUS[0]}
  else
    printf '%-50s ' "$name"
    "$@" </dev/null >"$log" 2>&1 || code=$?
  fi
  read -r p f s < <(counts "$log")
  case $code in
    0) word=ok ;;
    "$SKIP") word=skipped ;;
    *) word=FAILED ;;
  esac
  local counted=
  if [ $((p + f + s)) -gt 0 ]; then
    counted="$p passed"
    [ "$f" -eq 0 ] || counted="$counted, $f failed"
    [ "$s" -eq 0 ] || counted="$counted, $s skipped"
  fi
  verbose && printf '%-50s ' "$name"
  printf '%-7s %7s  %s\n' "$word" "$(seconds $((SECONDS - started)))" "$counted"
  # A step that counts no tests counts as one.
  case $word-$counted in
    ok-) p=1 ;;
    skipped-*) s=$((s + 1)) ;;
  esac
  if [ "$word" = FAILED ]; then
    [ "$f" -gt 0 ] || f=1
    FAILURES+=("$name" "$log")
  fi
  PASSED=$((PASSED + p)) FAILED=$((FAILED + f)) SKIPPED=$((SKIPPED + s))
  # Lists skipped steps with the reason: a test that never runs must not look like one that passes.
  local line
  while IFS= read -r line; do NOTES+=("$name: $line"); done < <(
    sed -n -e 's/^skipped: //p' -e 's/^ *ok [0-9]* - \(.*\) # SKIP \(.*\)$/\1: \2/p' -e 's/^ *﹣ \(.*\) ([0-9.]*ms) # \(.*\)$/\1: \2/p' -e 's/^  skipped  //p' "$log"
  )
}

# Prints the output of every failed step.
failures() {
  local i lines=150
  for ((i = 0; i < ${#FAILURES[@]}; i += 2)); do
    printf -- '---- FAILED: %s\n' "${FAILURES[i]}"
    if [ "$(wc -l <"${FAILURES[i + 1]}")" -gt $lines ]; then printf '(the last %d lines)\n' $lines; fi
    tail -n $lines "${FAILURES[i + 1]}"
    printf -- '---- all of it: %s\n\n' "${FAILURES[i + 1]}"
  done
}

# must NAME COMMAND…: a step that all later steps need.
must() {
  step "$@"
  [ ${#FAILURES[@]} -eq 0 ] || {
    failures >&2
    exit 1
  }
}

# summary NAME: prints skipped steps, failed steps with their output, and the totals. Fails if a step failed.
summary() {
  printf '\n'
  if [ ${#NOTES[@]} -gt 0 ]; then
    printf 'Skipped:\n'
    printf '  skipped  %s\n' "${NOTES[@]}"
    printf '\n'
  fi
  failures
  printf '%s took %s\n' "$1" "$(seconds $((SECONDS - STARTED)))"
  printf '%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
  [ ${#FAILURES[@]} -eq 0 ]
}
