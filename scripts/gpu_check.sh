#!/usr/bin/env bash
# Checks on this machine's GPU what a machine without one cannot: every CUDA kernel against its CPU twin, ten steps
# replayed as a CUDA graph against as many that are not (bit by bit), two ranks, and a whole sweep in bf16 against the
# same sweep on the CPU; then prints how much of the GPU's peak training reaches. Needs an NVIDIA GPU of compute
# capability 8.0 or 9.0.
set -euo pipefail
cd "$(dirname "$0")/.."
nvidia-smi -L >&2 || { echo "gpu_check: nvidia-smi finds no GPU here" >&2; exit 1; }
scripts/setup.sh
cmake --preset release -DCROSSLAW_TESTS=ON >build/configure.log || { cat build/configure.log >&2; exit 1; }
cmake --build --preset release
CUBLAS_WORKSPACE_CONFIG=:4096:8 build/tests_trainer "[gpu]" -w NoTests
python3 tests/trainer/gpu_ranks_check.py build/crosslaw-train build/crosslaw
python3 tests/apps/gpu_sweep_check.py build/crosslaw
scripts/bench_gpu.py --sizes 49M --rounds 1 --seconds 80 --modes "" --profile  # 200 steps
scripts/bench_gpu.py
echo "gpu_check: all passed" >&2
