#!/usr/bin/env bash
# How often the 95 % intervals hold the truth: simulated sweeps of the paper's 40 sizes, read at ten numbers
# of tokens a parameter up to 20, from scratch and continued, by the two-stage fit. Three tables: noise that
# is independent; noise of which the losses of a run share a part, with points resampled (too narrow);
# and the same with whole runs resampled (the cluster bootstrap).
#
# Before them the table of few runs: 8 to 24 independent runs, isoFLOP 5 x 5, WSD 8 runs x 6 (named and not),
# two-stage 12 x 3 x 2 and with 6 continued runs, joint 12 x 3 x 2; normal, heavy-tailed and 5 % outlier noise;
# coefficients, N*, its loss and a new run at ten times the compute.
#
# Usage: scripts/coverage.sh [SWEEPS] [FEW_RUNS_SWEEPS]     defaults 1000 and 200, a quarter of an hour on two cores
set -euo pipefail
cd "$(dirname "$0")/.."
sweeps=${1:-1000}
printf '== few runs, --resample auto\n'
build/coverage_table "${2:-200}"
table() {
  printf '\n== %s\n' "$1"
  shift
  build/crosslaw design --ladder sweep/presets/paper40.csv --flops 1e21 --sweeps "$sweeps" --bootstrap 400 \
    --tokens-per-param 2,2.58,3.34,4.31,5.56,7.19,9.28,11.99,15.49,20 "$@"
}
table "independent noise, points resampled" --noise 0.5 --resample pairs
table "noise shared by a run, points resampled" --noise 0.4 --run-noise 0.2 --resample pairs
table "noise shared by a run, runs resampled" --noise 0.4 --run-noise 0.2 --resample clusters
