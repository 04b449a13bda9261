#!/usr/bin/env bash
# How often the 95 % intervals of crosslaw transfer and crosslaw replay hold what was planted: simulated sweeps of ten
# of the paper's sizes, four budgets, French from scratch and continued with three shares of replay, every loss with
# noise, each sweep through store, fits and report; then as many with three base budgets and two seeds. Needs a build with
# its tests (scripts/test.sh or the default preset).
#
# Usage: scripts/transfer_coverage.sh [SWEEPS]     default 1000
set -euo pipefail
cd "$(dirname "$0")/.."
exec nice -n 10 "$(find build -name transfer_coverage -type f -perm -u+x | head -1)" "${1:-1000}"
