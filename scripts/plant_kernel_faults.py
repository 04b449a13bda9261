#!/usr/bin/env python3
"""Do the kernels' tests find what is broken? Plants one fault at a time in a copy of the kernels, builds the tests that
need no GPU, and says which faults went unseen. What the tests alone do not see is built once more under AddressSanitizer
and UndefinedBehaviorSanitizer, which are ten times as slow.

plant_kernel_faults.py            all faults; about 10 s each on one core; exit code 1 when one went unseen
plant_kernel_faults.py NAME...    those whose names contain one of the words
"""
import concurrent.futures
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
GPU, SHARED, CPU, SIMD = "kernels_gpu.cu", "kernels_gpu.h", "kernels_cpu.cpp", "simd.h"
ATTENTION, PRODUCT = "attention_cpu.cpp", "matrix_product_cpu.cpp"
# name, file, what stands there, what is put in its place
FAULTS = [
    # Barriers and shared memory of the CUDA twins.
    ("no barrier before a reduction's memory is used again", SHARED,
     "  __syncthreads();  // an earlier reduction may still be reading\n", ""),
    ("no barrier between writing and reading the warps' parts", SHARED,
     "partial[threadIdx.x / 32] = value;\n  __syncthreads();", "partial[threadIdx.x / 32] = value;"),
    ("no barrier before the parts of the weight's gradient are added", GPU,
     "+ threadIdx.x] = total;\n  __syncthreads();", "+ threadIdx.x] = total;"),
    ("a barrier that some threads do not reach", GPU,
     "  squares = block_reduce<Sum>(squares);",
     "  if (threadIdx.x < p.columns) squares = block_reduce<Sum>(squares);"),
    ("one warp too many in a reduction", SHARED, "warp < blockDim.x / 32", "warp <= blockDim.x / 32"),
    ("a reduction leaves half a warp out", SHARED, "int offset = 16;", "int offset = 8;"),
    ("too little shared memory is asked for", GPU, "kReduceBytes + row, p);", "row, p);"),
    ("the loss is not written", GPU,
     "if (threadIdx.x == 0) p.loss[blockIdx.x] = logf(sum) + (largest - target_logit);\n  if (p.d_scale == 0) return;",
     "if (p.d_scale == 0) return;"),
    # Bounds and widths.
    ("the width of a row is not looked at", SHARED, "return bytes % 16 == 0;", "return true;"),
    ("the address of a row is not looked at", SHARED,
     "bytes |= static_cast<int64_t>(reinterpret_cast<uintptr_t>(row));", "(void)row;"),
    ("the gated product runs past a row's end", GPU,
     "if (c >= p.columns) return;\n  const T* gate_at", "if (c > p.columns) return;\n  const T* gate_at"),
    ("AdamW runs past the end", GPU, "if (i >= p.count) return;", "if (i > p.count) return;"),
    ("more parts than scratch has rows", SHARED,
     "if (at_once > kRmsNormScratchRows) at_once = kRmsNormScratchRows;", ""),
    ("a thread forgets the second chunk that it holds", GPU,
     "      store(d_sum_row + place(j), d_sum[j]);", "      if (j == 0) store(d_sum_row + place(j), d_sum[j]);"),
    ("a long row of logits is not read", GPU, "kHeld == 0 && v < vocabulary", "false && v < vocabulary"),
    ("no barrier before the target's gradient", GPU, "  __syncthreads();  // behind the store of the chunk that the target is in\n", ""),
    ("values are not put beside queries and keys", GPU, "    store(to + c, load<T, kCount>(values + c));", "    ;"),
    ("keys come from where queries lie", GPU, "keys + (head - heads) * size", "queries + (head - heads) * size"),
    ("half the column blocks of the gated product", GPU,
     "blocks_of(threads * A::kCount, p.columns));\n    return start(target, swiglu_backward",
     "(blocks_of(threads * A::kCount, p.columns) + 1) / 2);\n    return start(target, swiglu_backward"),
    # Formulas of the CUDA twins.
    ("the square is of the number before its rounding", GPU,
     "total.set(k, total[k] + added[k]);",
     "{ float t = total[k] + added[k]; squares += t * t; total.set(k, t); squares -= total[k] * total[k]; }"),
    ("epsilon is left out", GPU, " + static_cast<float>(p.epsilon));\n  for", ");\n  for"),
    ("the gradient is not added", GPU, "(p.accumulate ? d_sum[j][k] : 0.0f)", "0.0f"),
    ("positions do not begin anew", GPU, "blockIdx.x % static_cast<unsigned>(p.context)", "blockIdx.x % 64u"),
    ("keys are not rotated", GPU, "(heads + kv_heads) * chunks_in_head", "heads * chunks_in_head"),
    ("backwards as forwards", GPU, "p.inverse ? -1.0f : 1.0f", "1.0f"),
    ("silu's slope without its second term", GPU, "(sigmoid + silu * (1.0f - sigmoid))", "sigmoid"),
    ("the target's one is not taken off", GPU, "gradient(target_logit) - p.d_scale", "gradient(target_logit)"),
    ("the largest logit is not taken out", GPU, "  largest = block_reduce<Largest>(largest);", "  largest = 0;"),
    ("the loss loses the logarithm beside large logits", GPU,
     "logf(sum) + (largest - target_logit)", "(logf(sum) + largest) - target_logit"),
    ("no clipping", GPU, "limit > 0 && norm > limit ? limit / norm : 1.0f", "1.0f"),
    ("every row of a token adds up all of them", GPU, "(at > 0 && p.tokens[at - 1] == token)", "false"),
    ("a token's rows but the first are forgotten", GPU, "p.tokens[at] == token; ++at", "p.tokens[at] == token; at = p.rows"),
    ("the look-up's gradient replaces what was there", GPU, "d_embedding[k] += sum[k]", "d_embedding[k] = sum[k]"),
    ("rows as they are sorted, not where they lie", GPU, "p.order[at] * p.columns", "at * p.columns"),
    ("weights are not written", GPU, "  store(static_cast<T*>(p.weights) + i, rounded);\n", ""),
    # The CPU twins.
    ("e^NaN is a number", SIMD, "float below = x < -88.0f ? -88.0f : x;", "float below = above;"),
    ("e^infinity is a number", SIMD, "float number = above < 89.0f ? above : 89.0f;",
     "float number = above < 80.0f ? above : 80.0f;"),
    ("e^-infinity is not zero", SIMD, "float above = x > -88.0f ? x : -88.0f;", "float above = x > -87.0f ? x : -87.0f;"),
    ("a sum skips what fills no vector", SIMD, "  for (; i < count; ++i) rest += (rows[i] * ...);\n", ""),
    ("a sum forgets a vector", SIMD, "+ (sums[2] + sums[3])", "+ sums[2]"),
    ("the CPU's loss is summed in the wrong order", CPU,
     "std::log(sum) + (largest - target_logit)", "(std::log(sum) + largest) - target_logit"),
    ("the CPU's norm forgets the mean", CPU, "squares / static_cast<float>(p.columns)", "squares"),
    ("the CPU's silu slope", CPU, "(sigmoid + silu * (1.0f - sigmoid))", "sigmoid"),
    ("attention sees one token too many", ATTENTION, "int64_t seen = first + row + 1;\n    // The scale",
     "int64_t seen = std::min(first + row + 2, length);\n    // The scale"),
    ("a product drops the last rows", PRODUCT, "if (row < p.rows) block<V, 1, vectors>", "if (row + 1 < p.rows) block<V, 1, vectors>"),
]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
MACHINE = ROOT / "tests/support/cuda_on_cpu"
TESTS = sorted((ROOT / "tests/trainer/model/kernels").glob("*_test.cpp"))
TESTS = [test for test in TESTS if "ATen" not in test.read_text()] + [ROOT / "tests/support/main.cpp"]
CPU_SOURCES = [CPU, ATTENTION, PRODUCT]


def compile_cpp(source, to, *flags):
    launcher = [ccache] if (ccache := shutil.which("ccache")) else []
    subprocess.run([*launcher, "g++", *flags, "-g1", "-Wno-psabi", f"-I{ROOT}", "-c", str(source), "-o", str(to)], check=True, capture_output=True,
                   text=True)
    return to


def compile_kernels(kernels, changed, folder, sanitizers):
    """Objects, by name, of the sources in the tree `kernels` that a change of the file `changed` touches."""
    cpu = [*sanitizers, "-std=c++20", "-O2", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fopenmp", f"-I{kernels}"]
    sources = {SIMD: CPU_SOURCES, GPU: [], SHARED: []}.get(changed, [changed])
    objects = {name: compile_cpp(kernels / "trainer/model/kernels" / name, folder / f"{name}.o", *cpu) for name in sources}
    if changed in (GPU, SHARED):
        objects[GPU] = compile_cpp(kernels / "tests/support/cuda_on_cpu/kernels.cpp", folder / "gpu.o", *sanitizers, "-std=c++17",
                                   "-O1", f"-I{kernels}", f"-I{MACHINE}")
    return objects


def link(objects, folder, sanitizers):
    program = folder / "tests"
    catch = ["-lCatch2"] if pathlib.Path("/usr/include/catch2/catch_all.hpp").exists() else []  # version 3
    subprocess.run(["g++", *sanitizers, "-fopenmp", *map(str, objects), *catch, "-o", str(program)],
                   check=True, capture_output=True, text=True)
    return program


def copy_of_kernels(folder):
    """A tree with the kernels and the file that includes them, in front of the real one."""
    shutil.copytree(ROOT / "trainer/model/kernels", folder / "trainer/model/kernels")
    (folder / "tests/support/cuda_on_cpu").mkdir(parents=True)
    shutil.copy(MACHINE / "kernels.cpp", folder / "tests/support/cuda_on_cpu")
    return folder


def ending_of(program):
    """How the tests end, or None when they pass."""
    try:
        run = subprocess.run([str(program), "--abort"], capture_output=True, text=True, timeout=3600,
                             env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "OMP_NUM_THREADS": "1"})
    except subprocess.TimeoutExpired:
        return "the tests do not end"
    if run.returncode == 0:
        return None
    said = run.stdout + run.stderr
    for mark in ("cuda_on_cpu:", "AddressSanitizer:", "runtime error:"):
        if mark in said:
            return said[said.index(mark):].split("\n")[0][:100]
    return "a test failed"


class Tests:
    """The tests and all kernels, built once with these flags; then with a fault in one file."""

    def __init__(self, folder, sanitizers):
        folder.mkdir()
        self.sanitizers = sanitizers
        self.objects = [compile_cpp(test, folder / f"{test.stem}.o", *sanitizers, "-std=c++20", "-O0", f"-I{MACHINE}")
                        for test in TESTS]
        self.objects.append(compile_cpp(MACHINE / "machine.cpp", folder / "machine.o", *sanitizers, "-std=c++17", "-O2",
                                        f"-I{MACHINE}"))
        self.kernels = {**compile_kernels(ROOT, SIMD, folder, sanitizers), **compile_kernels(ROOT, GPU, folder, sanitizers)}
        if (ending := ending_of(link([*self.objects, *self.kernels.values()], folder, sanitizers))) is not None:
            sys.exit(f"the tests fail without a fault: {ending}")

    def ending_with(self, tree, file, folder):
        folder.mkdir()
        kernels = {**self.kernels, **compile_kernels(tree, file, folder, self.sanitizers)}
        return ending_of(link([*self.objects, *kernels.values()], folder, self.sanitizers))


def verdict(fault, plain, sanitized):
    """How the tests end with the fault, or None when they pass."""
    _, file, before, after = fault
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        tree = copy_of_kernels(folder / "tree")
        source = tree / "trainer/model/kernels" / file
        text = source.read_text()
        if before not in text:
            return "NOT PLANTED: the code has changed"
        source.write_text(text.replace(before, after, 1))
        try:
            return plain.ending_with(tree, file, folder / "plain") or \
                sanitized().ending_with(tree, file, folder / "sanitized")
        except subprocess.CalledProcessError as error:
            return f"NOT PLANTED: does not compile: {error.stderr[:200]}"


def main():
    words = sys.argv[1:]
    faults = [fault for fault in FAULTS if not words or any(word in fault[0] for word in words)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        plain = Tests(folder / "plain", [])
        lock = threading.Lock()

        @functools.cache
        def made():
            return Tests(folder / "sanitized", SANITIZERS)

        def sanitized():  # once, when the first fault asks for it
            with lock:
                return made()

        unseen = []
        with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
            for fault, ending in zip(faults, pool.map(lambda f: verdict(f, plain, sanitized), faults)):
                found = ending is not None and not ending.startswith("NOT PLANTED")
                print(f"{'found ' if found else 'UNSEEN'}  {fault[0]}: {ending or 'the tests pass'}", flush=True)
                if not found:
                    unseen.append(fault[0])
    print(f"{len(faults) - len(unseen)} of {len(faults)} planted faults are found")
    return 1 if unseen else 0


sys.exit(main())
