#!/usr/bin/env python3
"""The smallest sweep on a GPU and on the CPU: every run done on both, final losses within 1 %.

Usage: gpu_sweep_check.py CROSSLAW (on a machine with a GPU; scripts/gpu_check.sh calls it)
"""

import csv
import io
import pathlib
import sys
import tempfile

from small_sweep import run, write_smallest_sweep

LARGEST_DIFFERENCE = 0.01


def final_losses(crosslaw, work, device):
    spec = write_smallest_sweep(work / device)
    text = spec.read_text()
    assert 'devices = "cpu"' in text  # or the CPU would be held against itself
    spec.write_text(text.replace('devices = "cpu"', f'devices = "{device}"'))
    folder = work / f"sweep-{device}"
    done = run(crosslaw, "run", spec, "--dir", folder)
    if done.returncode:
        sys.exit(f"FAILED: the sweep on {device} ended with code {done.returncode}:\n{done.stderr}")
    rows = csv.DictReader(io.StringIO(run(crosslaw, "export", folder).stdout))
    return {row["run"]: float(row["loss_nats"]) for row in rows if row["end_of_schedule"] == "1"}


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="crosslaw-gpu-") as folder:
        cpu = final_losses(crosslaw, pathlib.Path(folder), "cpu")
        gpu = final_losses(crosslaw, pathlib.Path(folder), "gpu")
    if not cpu or cpu.keys() != gpu.keys():
        sys.exit(f"FAILED: runs differ: {sorted(cpu)} and {sorted(gpu)}")
    worst = max(cpu, key=lambda name: abs(gpu[name] / cpu[name] - 1))
    difference = abs(gpu[worst] / cpu[worst] - 1)
    print(f"{len(cpu)} runs; largest difference {100 * difference:.2f} % ({worst})")
    if difference > LARGEST_DIFFERENCE:
        sys.exit(f"FAILED: more than {100 * LARGEST_DIFFERENCE:.0f} %")


if __name__ == "__main__":
    main()
