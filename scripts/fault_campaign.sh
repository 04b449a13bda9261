#!/usr/bin/env bash
# Random faults at a small sweep (scripts/fault_campaign.py says which): fault_campaign.sh [N] [SEED] [WORDS...]
set -euo pipefail
cd "$(dirname "$0")/.."
exec nice -n 10 python3 scripts/fault_campaign.py "${CROSSLAW:-build/crosslaw}" "${1:-20}" "${2:-1}" "${@:3}"
