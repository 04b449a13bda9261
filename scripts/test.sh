#!/usr/bin/env bash
# Set-up, build and every check: formatting, layers, tests, tests under sanitizers, clang-tidy. Each stage's
# share of the time is printed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
stages=() began=()
step() {
  stages+=("$*") began+=("$SECONDS")
  printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2
}
shares() {
  local code=$? total=$SECONDS i seconds
  [[ -z ${beside:-} ]] || kill -- "-$beside" 2>/dev/null || true
  [[ ${TMPDIR:-} != /dev/shm/crosslaw-tests-* ]] || rm -rf "$TMPDIR"
  began+=("$total")
  printf '\n%8s %6s  %s\n' seconds share stage >&2
  for i in "${!stages[@]}"; do
    seconds=$((began[i + 1] - began[i]))
    printf '%8d %5d%%  %s\n' "$seconds" $((total ? 100 * seconds / total : 0)) "${stages[i]}" >&2
  done
  printf '%8d         %s\n' "$total" "$( ((code)) && echo "stopped in the last of these stages" || echo "all checks passed")" >&2
}
trap shares EXIT
configure() {  # preset, its build folder, more arguments
  mkdir -p "$2"
  cmake --preset "$1" "${@:3}" >"$2/configure.log" || { cat "$2/configure.log" >&2; exit 1; }
}

step "set-up"
scripts/setup.sh

step "formatting and layers"
git ls-files -z -- '*.cpp' '*.h' '*.cu' | xargs -0 -n 64 -P "$(nproc)" clang-format --dry-run --Werror
scripts/check_layers.py
scripts/check_layers.py --self-test

step "build, our warnings as errors"
configure release build -DCROSSLAW_WERROR=ON -DCROSSLAW_TESTS=ON
cmake --build --preset release

# Tests write thousands of small files: in memory where there is room for them, for a disk makes them wait.
memory_kib=$(df --output=avail /dev/shm 2>/dev/null | tail -1) || memory_kib=0
if [[ -w /dev/shm && ${memory_kib// /} -gt 4000000 ]]; then
  TMPDIR=$(mktemp -d /dev/shm/crosslaw-tests-XXXXXX)
  chmod 1777 "$TMPDIR"  # some tests look at files as another user
  export TMPDIR
fi

# What needs nothing of the tests is made beside them at the lowest priority, for tests often wait for something.
beside_tests() {
  configure asan build-asan
  cmake --build --preset asan
  configure tidy build-tidy
  cmake --build --preset tidy
  run-clang-tidy -quiet -p build-tidy '(cpp|cxx)$' >build-tidy/findings.log 2>&1 ||
    { grep -A 5 -E "(error|warning):" build-tidy/findings.log; return 1; }
}

step "tests; beside them the build with the address and undefined-behaviour sanitizers, and clang-tidy"
set -m  # a process group of its own, which ends with this script
(renice -n 19 "$BASHPID" >/dev/null; beside_tests) >build/beside_tests.log 2>&1 &
beside=$!
set +m
ctest --preset release -j "$(nproc)"

step "Python package in a clean environment"
scripts/python_package.sh

step "the rest of what was begun beside the tests"
wait "$beside" || { cat build/beside_tests.log >&2; exit 1; }

step "tests under sanitizers"
ctest --preset asan -j "$(nproc)"
