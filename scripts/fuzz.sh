#!/usr/bin/env bash
# Fuzzes the readers of data files and of saved fits with libFuzzer under the address and
# undefined-behaviour sanitizers: fuzz.sh [SECONDS each, default 600]. Exit code 1 when one crashes;
# the input that did it stays in build-fuzz/findings. Inputs found stay in build-fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
compiler=${CXX:-clang++}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: scripts/fuzz.sh [SECONDS]" >&2; exit 2; }

if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
  "$compiler" -x c++ -fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null; then
  echo "fuzz.sh needs a clang with libFuzzer; on Debian 12: apt-get install clang libclang-rt-14-dev" >&2
  exit 2
fi

cmake -S . -B build-fuzz -DCROSSLAW_FIT_ONLY=ON -DCROSSLAW_FUZZ=ON -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" \
  -DCMAKE_CXX_FLAGS="-fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all" >&2
cmake --build build-fuzz --parallel 2 >&2
mkdir -p build-fuzz/findings
failed=0
for target in records fit_json; do
  mkdir -p "build-fuzz/corpus/$target"
  "build-fuzz/fuzz_replay_$target" tests/data "build-fuzz/seeds/$target"
  echo "== $target, $seconds s" >&2
  nice "build-fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -dict="tests/fit/fuzz/$target.dict" -artifact_prefix="build-fuzz/findings/$target-" \
    "build-fuzz/corpus/$target" "build-fuzz/seeds/$target" 2>build-fuzz/"$target".log || failed=1
  grep -E "^stat::|ERROR|SUMMARY|property broken|Test unit written" build-fuzz/"$target".log || true
done
exit "$failed"
