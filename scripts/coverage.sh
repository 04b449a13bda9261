#!/usr/bin/env bash
# How often the 95 % intervals hold the truth: simulated sweeps of the paper's 40 sizes, read at ten numbers
# of tokens a parameter up to 20, from scratch and continued, by the two-stage fit. Three tables: noise that
# is independent; noise of which the losses of a run share a part, with points resampled (too narrow);
# and the same with whole runs resampled (the cluster bootstrap).
#
# Usage: scripts/coverage.sh [SWEEPS]     default 1000, about five minutes on two cores
set -euo pipefail
cd "$(dirname "$0")/.."
sweeps=${1:-1000}
table() {
  printf '\n== %s\n' "$1"
  shift
  build/crosslaw design --ladder sweep/presets/paper40.csv --flops 1e21 --sweeps "$sweeps" --bootstrap 400 \
    --tokens-per-param 2,2.58,3.34,4.31,5.56,7.19,9.28,11.99,15.49,20 "$@"
}
table "independent noise, points resampled" --noise 0.5 --resample pairs
table "noise shared by a run, points resampled" --noise 0.4 --run-noise 0.2 --resample pairs
table "noise shared by a run, runs resampled" --noise 0.4 --run-noise 0.2 --resample clusters
