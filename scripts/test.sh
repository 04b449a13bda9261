#!/usr/bin/env bash
# Set-up, build and every check: formatting, layers, tests, tests under sanitizers, clang-tidy.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2; }

scripts/setup.sh
step "formatting"
git ls-files -z -- '*.cpp' '*.h' '*.cu' | xargs -0 clang-format --dry-run --Werror

step "layers"
scripts/check_layers.py
scripts/check_layers.py --self-test

step "build, our warnings as errors"
cmake --preset release -DCROSSLAW_WERROR=ON -DCROSSLAW_TESTS=ON >build/configure.log || { cat build/configure.log >&2; exit 1; }
cmake --build --preset release

step "tests"
ctest --preset release

step "tests without torch under the address and undefined-behaviour sanitizers"
mkdir -p build-asan
cmake --preset asan >build-asan/configure.log || { cat build-asan/configure.log >&2; exit 1; }
cmake --build --preset asan
ctest --preset asan

step "clang-tidy"
mkdir -p build-tidy
cmake --preset tidy >build-tidy/configure.log || { cat build-tidy/configure.log >&2; exit 1; }
run-clang-tidy -quiet -p build-tidy "^$PWD/(apps|db|fit|sweep|trainer)/.*\\.cpp\$" >build-tidy/findings.log 2>&1 ||
  { grep -A 5 -E "(error|warning):" build-tidy/findings.log >&2; exit 1; }

step "all checks passed"
