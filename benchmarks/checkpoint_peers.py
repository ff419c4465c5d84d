# SPDX-License-Identifier: Apache-2.0
"""The peers of checkpoint.cpp: does what each line of the input says and answers with the seconds that it took.

usage: checkpoint_peers.py TENSORS NUMBERS_OF_EACH
"""
import os
import sys
import time

import torch

try:
    import safetensors.torch
except ImportError:
    safetensors = None

tensors, numbers = map(int, sys.argv[1:])
state = {f"layer.{i}.weight": torch.rand(numbers) for i in range(tensors)}


def flushed(path):
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def torch_save(path):
    torch.save(state, path + ".tmp")
    flushed(path + ".tmp")
    os.replace(path + ".tmp", path)


def safetensors_save(path):
    safetensors.torch.save_file(state, path + ".tmp")
    flushed(path + ".tmp")
    os.replace(path + ".tmp", path)


def torch_load(path):
    torch.load(path, weights_only=True)


def torch_load_mapped(path):
    torch.load(path, weights_only=True, mmap=True)


def safetensors_load(path):
    safetensors.torch.load_file(path)


print(0.0, flush=True)
for line in sys.stdin:
    what, path = line.split()
    start = time.perf_counter()
    globals()[what](path)
    print(time.perf_counter() - start, flush=True)
