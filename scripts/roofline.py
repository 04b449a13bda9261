#!/usr/bin/env python3
"""What a training step should cost on a GPU that nobody has measured: flops, bytes and launches of every operation of
trainer/model/llama.cpp, counted, each divided by what the GPU can do. A model, not a measurement: no GPU has run this
code. Where it is wrong it is wrong by its efficiencies below, which are taken from published figures for other
programs; a measurement replaces it.

roofline.py [--gpu H100|H200|A100] [--micro-batch TOKENS] [--batch TOKENS] [--detail SIZE]
"""
import argparse
import dataclasses
import math

CONTEXT, VOCABULARY = 2048, 32_000
# name: hidden, ffn, layers (head size 64 below 1e9 parameters, 128 above)
SIZES = {"49M": (512, 1344, 8), "125M": (768, 2048, 12), "368M": (1024, 2816, 24), "1.1B": (2048, 5504, 20),
         "5.5B": (4096, 11008, 26)}


@dataclasses.dataclass
class Gpu:
    matrix_flops: float  # dense bf16, the denominator of MFU
    memory_bytes: float  # a second
    products: float = 0.68  # of the peak, sustained; 8192^3 alone reaches 0.78 to 0.81 on random data
    attention_forward: float = 0.45  # causal, head size 64 to 128, cuDNN
    attention_backward: float = 0.35
    memory: float = 0.85  # share of the bandwidth at 16 bytes a thread
    launch_seconds: float = 3e-6  # between two kernels when the host keeps up
    host_seconds: float = 6e-6  # of the host for one operation, without CUDA graphs


GPUS = {"H100": Gpu(989.4e12, 3.35e12), "H200": Gpu(989.4e12, 4.8e12),
        "A100": Gpu(312e12, 2.04e12, products=0.8, attention_forward=0.6, attention_backward=0.5)}


@dataclasses.dataclass
class Operation:
    name: str
    flops: float = 0
    bytes: float = 0
    launches: int = 1
    kind: str = "memory"  # or products, attention_forward, attention_backward


def small_product_penalty(rows, columns, inner):
    """Share of the tiles of 128 x 128 x 64 that do work, and of the pipeline that is full."""
    tiles = math.ceil(rows / 128) * math.ceil(columns / 128)
    waves = math.ceil(tiles / 132)
    return min(1.0, rows * columns / (128 * 128 * waves * 132)) * inner / (inner + 256)


def product(name, rows, columns, inner, output_bytes=2):
    flops = 2.0 * rows * columns * inner
    useful = small_product_penalty(rows, columns, inner)
    moved = 2 * (rows * inner + inner * columns) + output_bytes * rows * columns
    return Operation(name, flops / useful, moved, 1, "products")


def micro_step(hidden, ffn, layers, tokens):
    """Operations of one forward and backward pass. Data are bf16: 2 bytes."""
    d, f, n, v = hidden, ffn, tokens, VOCABULARY
    row = 2.0 * n * d  # bytes of one (tokens, hidden) matrix
    attention_flops = 2.0 * n * CONTEXT * d  # causal: half of 4 n T d
    layer = [
        Operation("norm forward", bytes=2 * 4 * row, launches=2),  # x, delta in; sum, y out; two norms
        Operation("rotary", bytes=2 * 4 * row, launches=2),  # q and k in and out, forward and backward
        Operation("swiglu", bytes=2.0 * n * f * (3 + 5), launches=2),
        Operation("norm backward", bytes=2 * 4 * row, launches=4),
        Operation("attention's copies", bytes=2 * row + 3 * 2 * row, launches=5),  # output merged; d_q, d_k, d_v placed
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
              Operation("cross-entropy", bytes=2 * 2.0 * n * v),  # the row in once and out once
              Operation("embedding", bytes=4 * row + 8.0 * min(v, n) * d, launches=8),  # tokens are sorted
              Operation("final norm", bytes=8 * row, launches=3)]
    return whole


def parameters_of(hidden, ffn, layers):
    blocks = layers * (4 * hidden * hidden + 3 * hidden * ffn)
    return blocks + 2 * VOCABULARY * hidden, blocks + VOCABULARY * hidden  # all, and those of products


def optimizer_step(parameters):
    # Gradients zeroed and read for the norm; AdamW reads 16 bytes of each parameter and writes 14.
    return [Operation("AdamW, norm, zeroing", bytes=parameters * (4 + 4 + 30.0), launches=6)]


def seconds(operation, gpu):
    moved = operation.bytes / (gpu.memory_bytes * gpu.memory)
    if operation.kind == "memory":
        return moved + operation.launches * gpu.launch_seconds
    return max(moved, operation.flops / (gpu.matrix_flops * getattr(gpu, operation.kind))) + \
        operation.launches * gpu.launch_seconds


def step(size, gpu, micro_tokens, batch_tokens):
    """Seconds by operation of one optimizer step, and its MFU with 6N + 12LdT flops a token."""
    hidden, ffn, layers = SIZES[size]
    every, in_products = parameters_of(hidden, ffn, layers)
    micro_steps = max(1, batch_tokens // micro_tokens)
    table = {}
    for operations, times in ((micro_step(hidden, ffn, layers, micro_tokens), micro_steps), (optimizer_step(every), 1)):
        for o in operations:
            table[o.name] = table.get(o.name, 0) + times * seconds(o, gpu)
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
    print(f"modelled, not measured; context {CONTEXT}, vocabulary {VOCABULARY}, micro-batch {arguments.micro_batch} "
          f"tokens, batch {arguments.batch} tokens")
    for name in [arguments.gpu] if arguments.gpu else GPUS:
        for size in [arguments.detail] if arguments.detail else SIZES:
            table, total, mfu = step(size, GPUS[name], arguments.micro_batch, arguments.batch)
            print(f"{name}  {size:>5}  MFU {100 * mfu:4.0f} %  {1e3 * total:9.1f} ms a step  "
                  f"{arguments.batch / total:10.0f} tokens/s")
            if arguments.detail:
                for operation, cost in sorted(table.items(), key=lambda item: -item[1]):
                    print(f"    {100 * cost / sum(table.values()):5.1f} %  {1e3 * cost:9.2f} ms  {operation}")


main()
