#!/usr/bin/env bash
# 200 steps of an untied model of 1.8M parameters against its twins in fp64 and fp32, made of LibTorch's operations: how
# far apart their losses are. A minute on one core. Needs a build with tests: -DCROSSLAW_TESTS=ON.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
cmake --build "$build" --target tests_trainer >&2
"$build/tests_trainer" "[long]"
