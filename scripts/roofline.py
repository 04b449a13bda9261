#!/usr/bin/env python3
"""What a training step should cost on a GPU: flops, bytes and launches of every operation of trainer/model/llama.cpp,
counted, each divided by what the GPU can do. Beside it, where there is one, what was measured (bench_gpu.py). The
efficiencies are those that the kernels of one H200 showed at 125M and 1085M; other GPUs are taken to be alike. Where
the model and a measurement differ, or --detail's operations and those of bench_gpu.py --profile, there is time to win.

roofline.py [--gpu H100|H200|A100] [--micro-batch TOKENS] [--batch TOKENS] [--detail SIZE]
"""
import argparse
import dataclasses

CONTEXT, VOCABULARY = 2048, 32_000
# Of the paper's ladder. name: hidden, ffn, layers (head size 64 below 1e9 parameters, 128 above)
SIZES = {"49M": (512, 1536, 8), "125M": (640, 1792, 16), "368M": (1024, 2816, 20), "1085M": (1792, 4864, 20),
         "2791M": (2304, 6400, 32), "5534M": (3072, 8448, 36)}
# MFU in percent: batches of 524,288 tokens, from 1085M on of 131,072, of 5534M 65,536 in micro-batches of 2,048.
MEASURED = {"H200": {"49M": 48.6, "125M": 50.9, "368M": 55.6, "1085M": 61.0, "2791M": 61.8, "5534M": 57.4}}


@dataclasses.dataclass
class Gpu:
    matrix_flops: float  # dense bf16, the denominator of MFU
    memory_bytes: float  # a second
    products: float = 0.72  # of the peak, of whole tiles; 8192^3 alone reaches 0.79 on random data
    attention_forward: float = 0.47  # causal, head size 128, cuDNN
    attention_backward: float = 0.36
    small_heads: float = 0.76  # of both, head size 64
    memory: float = 0.86  # share of the bandwidth at 16 bytes a thread
    launch_seconds: float = 3e-6  # between two kernels when the host keeps up
    host_seconds: float = 6e-6  # of the host for one operation, without CUDA graphs


GPUS = {"H100": Gpu(989.4e12, 3.35e12), "H200": Gpu(989.4e12, 4.8e12),
        "A100": Gpu(312e12, 2.04e12, products=0.8, attention_forward=0.6, attention_backward=0.5)}  # published, not seen


@dataclasses.dataclass
class Operation:
    name: str
    flops: float = 0
    bytes: float = 0
    launches: int = 1
    kind: str = "memory"  # or products, attention_forward, attention_backward


def product(name, rows, columns, inner, output_bytes=2):
    flops = 2.0 * rows * columns * inner
    # A tile's pipeline fills and drains in the time of about 64 of its inner numbers. Tiles that leave multiprocessors
    # idle are not counted: cuBLAS cuts small results along the inner numbers.
    useful = inner / (inner + 64)
    moved = 2 * (rows * inner + inner * columns) + output_bytes * rows * columns
    return Operation(name, flops / useful, moved, 1, "products")


def micro_step(hidden, ffn, layers, tokens):
    """Operations of one forward and backward pass. Data are bf16: 2 bytes."""
    d, f, n, v = hidden, ffn, tokens, VOCABULARY
    row = 2.0 * n * d  # bytes of one (tokens, hidden) matrix
    attention_flops = 2.0 * n * CONTEXT * d  # causal: half of 4 n T d
    layer = [
        Operation("norm forward", bytes=2 * 4 * row, launches=2),  # x, delta in; sum, y out; two norms
        Operation("rotary", bytes=(4 + 6) * row, launches=2),  # forward q and k in place; backward q, k and v gathered
        Operation("swiglu", bytes=2.0 * n * f * (3 + 5), launches=2),
        Operation("norm backward", bytes=2 * 4 * row, launches=4),
        Operation("attention forward", attention_flops, 4 * row, 1, "attention_forward"),
        Operation("attention backward", 2.5 * attention_flops, 8 * row, 3, "attention_backward"),
    ]
    for name, outputs, inputs in (("q, k, v", 3 * d, d), ("attention out", d, d), ("gate and up", 2 * f, d),
                                  ("down", d, f)):
        layer += [product(f"{name} forward", n, outputs, inputs), product(f"{name} d_input", n, inputs, outputs),
                  product(f"{name} d_weight", outputs, inputs, n),
                  # the fp32 gradient read, and 2 bytes more than a bf16 result written; in the product's own launch
                  Operation("weight gradients added", bytes=6.0 * outputs * inputs)]
    whole = [dataclasses.replace(o, flops=o.flops * layers, bytes=o.bytes * layers, launches=o.launches * layers)
             for o in layer]
    whole += [product("head forward", n, v, d), product("head d_input", n, d, v), product("head d_weight", v, d, n),
              Operation("weight gradients added", bytes=6.0 * v * d),
              Operation("cross-entropy", bytes=3.3 * 2.0 * n * v),  # in and out once; its exponentials take as long
              Operation("embedding", bytes=4 * row + 8.0 * min(v, n) * d, launches=8),  # tokens are sorted
              Operation("final norm", bytes=8 * row, launches=3)]
    return whole


def parameters_of(hidden, ffn, layers):
    blocks = layers * (4 * hidden * hidden + 3 * hidden * ffn)
    return blocks + 2 * VOCABULARY * hidden, blocks + VOCABULARY * hidden  # all, and those of products


def optimizer_step(parameters):
    # Gradients zeroed and read for the norm; AdamW reads 16 bytes of each parameter and writes 14.
    return [Operation("AdamW, norm, zeroing", bytes=parameters * (4 + 4 + 30.0), launches=6)]


def seconds(operation, gpu, small_heads):
    moved = operation.bytes / (gpu.memory_bytes * gpu.memory)
    if operation.kind == "memory":
        return moved + operation.launches * gpu.launch_seconds
    share = getattr(gpu, operation.kind) * (gpu.small_heads if small_heads and operation.kind != "products" else 1)
    return max(moved, operation.flops / (gpu.matrix_flops * share)) + \
        operation.launches * gpu.launch_seconds


def step(size, gpu, micro_tokens, batch_tokens):
    """Seconds by operation of one optimizer step, and its MFU with 6N + 12LdT flops a token."""
    hidden, ffn, layers = SIZES[size]
    every, in_products = parameters_of(hidden, ffn, layers)
    micro_steps = max(1, batch_tokens // micro_tokens)
    table = {}
    for operations, times in ((micro_step(hidden, ffn, layers, micro_tokens), micro_steps), (optimizer_step(every), 1)):
        for o in operations:
            table[o.name] = table.get(o.name, 0) + times * seconds(o, gpu, every < 1e9 and hidden < 1280)
    launches = micro_steps * sum(o.launches for o in micro_step(hidden, ffn, layers, micro_tokens))
    total = max(sum(table.values()), launches * gpu.host_seconds)
    flops = batch_tokens * (6 * in_products + 12 * layers * hidden * CONTEXT)
    return table, total, flops / total / gpu.matrix_flops


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", choices=GPUS, help="one of them; default: all")
    parser.add_argument("--micro-batch", type=int, default=65_536, help="tokens (default 65536)")
    parser.add_argument("--batch", type=int, default=524_288, help="tokens of one optimizer step (default 524288)")
    parser.add_argument("--detail", choices=SIZES, help="the step of one size, by operation")
    arguments = parser.parse_args()
    print(f"modelled; context {CONTEXT}, vocabulary {VOCABULARY}, micro-batch {arguments.micro_batch} "
          f"tokens, batch {arguments.batch} tokens")
    for name in [arguments.gpu] if arguments.gpu else GPUS:
        for size in [arguments.detail] if arguments.detail else SIZES:
            table, total, mfu = step(size, GPUS[name], arguments.micro_batch, arguments.batch)
            measured = MEASURED.get(name, {}).get(size)
            print(f"{name}  {size:>5}  MFU {100 * mfu:4.0f} %  {1e3 * total:9.1f} ms a step  "
                  f"{arguments.batch / total:10.0f} tokens/s" + (f"  measured {measured:4.1f} %" if measured else ""))
            if arguments.detail:
                for operation, cost in sorted(table.items(), key=lambda item: -item[1]):
                    print(f"    {100 * cost / sum(table.values()):5.1f} %  {1e3 * cost:9.2f} ms  {operation}")


main()
