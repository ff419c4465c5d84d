# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of tests/fuzz/load.cpp out of the files of tests/checkpoint.

usage: seeds.py <tests/checkpoint> <folder for the seeds>
"""
import json
import pathlib
import struct
import sys
import zipfile

source, target = map(pathlib.Path, sys.argv[1:])
PICKLE, FILE, SAFETENSORS = b"\0", b"\1", b"\2"
LARGEST = 16_000


def keep(kind, name, content):
    if len(content) < LARGEST:
        (target / f"{name}.{kind[0]}").write_bytes(kind + content)


for path in [*source.glob("fixtures/*.pt"), *source.glob("fixtures/*.ckpt"), *source.glob("corpus/*/*.pt")]:
    keep(FILE, path.stem, path.read_bytes())
    try:
        with zipfile.ZipFile(path) as archive:
            pickle = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            keep(PICKLE, path.stem, archive.read(pickle))
    except (zipfile.BadZipFile, StopIteration, OSError):
        pass

header = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
          "b": {"dtype": "BOOL", "shape": [], "data_offsets": [16, 17]}}
for name, entries in {"whole": header, "none": {}, "alias": {"__metadata__": {"c": "a"}, "a": header["a"]}}.items():
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"\0" * max([entry["data_offsets"][1] for key, entry in entries.items() if key != "__metadata__"], default=0)
    keep(SAFETENSORS, name, struct.pack("<Q", len(text)) + text + data)
print(f"{len(list(target.iterdir()))} seeds")
