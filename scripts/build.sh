#!/usr/bin/env bash
# Set-up and the release build: build/crosslaw and build/crosslaw-train.
# With --fit-only: build/crosslaw alone, which fits, allocates, designs, plans and reports; no LibTorch.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# == 0 || $* == --fit-only ]] || { echo "usage: scripts/build.sh [--fit-only]" >&2; exit 2; }
scripts/setup.sh "$@"
trainer=ON
[[ $# == 0 ]] || trainer=OFF
cmake --preset release -DCROSSLAW_TRAINER=$trainer >build/configure.log || { cat build/configure.log >&2; exit 1; }
cmake --build --preset release >&2
