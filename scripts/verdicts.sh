#!/usr/bin/env bash
# What a fit says of its answers (known, weakly known, not known) in 24 designs whose truth is planted, over draws of
# the noise: a verdict must not hang on the noise, and what is called known must be near the truth.
#
# Usage: scripts/verdicts.sh [DRAWS]     default 24, about two minutes on two cores
set -euo pipefail
cd "$(dirname "$0")/.."
exec build/verdict_table "${1:-24}"
