#!/usr/bin/env bash
# Set-up, build, and a real sweep on the CPU: 40 sizes, English, French and Chinese, fits, tables, report.
# Again: goes on where it stopped, or shows the finished sweep. The folder: $1, default sweeps/demo.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh
exec build/crosslaw run sweep/presets/demo.toml --dir "${1:-sweeps/demo}"
