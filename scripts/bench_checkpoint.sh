#!/usr/bin/env bash
# MB/s of checkpoints and how long training stands still for one. bench_checkpoint.sh [MILLIONS [FOLDER]]: parameters
# (default 100, 12 bytes each, twice that in memory) and the disk. Needs a build with tests: -DCROSSLAW_TESTS=ON.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
cmake --build "$build" --target time_checkpoint >&2
"$build/time_checkpoint" "${1:-100}" "${2:-$build}"
