#!/usr/bin/env bash
# Training speed on the CPU beside PyTorch eager and torch.compile; scripts/bench_cpu.py --help.
set -euo pipefail
exec python3 "$(dirname "$0")/bench_cpu.py" "$@"
