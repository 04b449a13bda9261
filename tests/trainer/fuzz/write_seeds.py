#!/usr/bin/env python3
"""A sound file for each reader of foreign_files_fuzz.cpp, behind the byte that names the reader.

write_seeds.py FOLDER
"""
import gzip
import json
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
header = json.dumps({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                     "b": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [8, 12]},
                     "c": {"dtype": "F16", "shape": [], "data_offsets": [12, 14]}}).encode()
tokens = struct.pack("<8H", *range(8))
index = b"MMIDIDX\0\0" + struct.pack("<QBQQ2i2q3q", 1, 8, 2, 3, 3, 5, 0, 6, 0, 1, 2)
lines = b'{"text": "un\\n\xc3\xa9"}\n\n{"text": "deux", "id": 2}\n{"body": 1}\n'
seeds = [struct.pack("<Q", len(header)) + header + bytes(14), tokens, index, lines, "un\ndéux\n中\n".encode(),
         gzip.compress(lines, mtime=0), b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00\x61\x62\x63\x0a\x0a"]
for reader, seed in enumerate(seeds):
    (folder / f"reader-{reader}").write_bytes(bytes([reader]) + seed)
(folder / "llm.c").write_bytes(b"\x01" + struct.pack("<3i", 20240520, 1, 8) + bytes(1024 - 12) + tokens)
