#!/usr/bin/env bash
# Fuzzes the readers of data files, of saved fits and of other programs' models, tokens and texts with libFuzzer under the address and
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

configure() {  # folder, more arguments
  cmake -S . -B "$1" -DCROSSLAW_FUZZ=ON -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" \
    -DCMAKE_CXX_FLAGS="-fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all" \
    "${@:2}" >&2
}
configure build-fuzz -DCROSSLAW_FIT_ONLY=ON
cmake --build build-fuzz --parallel 2 >&2
configure build-fuzz/foreign -DCROSSLAW_TRAINER=OFF -DCROSSLAW_TESTS=OFF
cmake --build build-fuzz/foreign --parallel 2 --target fuzz_foreign_files >&2
mkdir -p build-fuzz/findings
failed=0
fuzz() {  # target, its program, more arguments
  local target=$1
  mkdir -p "build-fuzz/corpus/$target"
  echo "== $target, $seconds s" >&2
  nice "$2" -max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 "${@:3}" -artifact_prefix="build-fuzz/findings/$target-" \
    "build-fuzz/corpus/$target" "build-fuzz/seeds/$target" 2>build-fuzz/"$target".log || failed=1
  grep -E "^stat::|ERROR|SUMMARY|property broken|Test unit written" build-fuzz/"$target".log || true
}
for target in records fit_json; do
  "build-fuzz/fuzz_replay_$target" tests/data "build-fuzz/seeds/$target"
  fuzz "$target" "build-fuzz/fuzz_$target" -dict="tests/fit/fuzz/$target.dict"
done
tests/trainer/fuzz/write_seeds.py build-fuzz/seeds/foreign_files
fuzz foreign_files build-fuzz/foreign/fuzz_foreign_files
exit "$failed"
