#!/usr/bin/env bash
# Set-up and the release build: build/crosslaw and build/crosslaw-train.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
cmake --preset release >build/configure.log || { cat build/configure.log >&2; exit 1; }
cmake --build --preset release >&2
