#!/usr/bin/env bash
# Set-up, build, and the sweep of sweep/presets/transfer.toml: what a source model is worth, what replay costs, which
# checkpoint to continue from. Half an hour on two cores; again: goes on where it stopped. The folder: $1, default
# sweeps/transfer.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh
exec build/crosslaw run sweep/presets/transfer.toml --dir "${1:-sweeps/transfer}"
