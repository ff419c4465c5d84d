# SPDX-License-Identifier: Apache-2.0
"""The peers of loader.cpp: walks the images as each line of the input says and answers with the seconds that it took.

usage: loader_peers.py FOLDER IMAGES THREADS

A line is: loader plain|augmented WORKERS PERSISTENT, answered with the seconds of an epoch; `first` or `between`, answered with
what the line before found beside it; by_hand plain|augmented.
"""
import gzip
import pathlib
import random
import sys
import time

import torch
from torch.nn.functional import pad
from torch.utils.data import DataLoader, Dataset, TensorDataset

BATCH = 64
folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(int(sys.argv[3]))


def read(name, offset):
    with gzip.open(folder / name) as file:
        return torch.frombuffer(bytearray(file.read()[offset:]), dtype=torch.uint8)


images = read("train-images-idx3-ubyte.gz", 16).view(-1, 28, 28)[:count]
labels = read("train-labels-idx1-ubyte.gz", 8).long()[:count]


class Augmented(Dataset):
    """Every second image, by chance, turned over; all moved by up to 2 pixels each way, with black from outside."""

    def __len__(self):
        return len(images)

    def __getitem__(self, index):
        image = images[index]
        if random.random() < 0.5:
            image = image.flip(1)
        row, column = random.randrange(5), random.randrange(5)
        return pad(image, (2, 2, 2, 2))[row:row + 28, column:column + 28], labels[index]


def augmented(batch):
    n, place = len(batch), torch.arange(28)
    row = place + torch.randint(5, (n, 1))
    column = torch.where(torch.randint(2, (n, 1)).bool(), 27 - place, place) + torch.randint(5, (n, 1))
    return pad(batch, (2, 2, 2, 2))[torch.arange(n).view(n, 1, 1), row[:, :, None], column[:, None, :]]


def floats(batch):
    return batch.float().div_(255)


def walk(work, workers, persistent):
    """The seconds of an epoch of a long run, to the first batch, and between epochs."""
    start = time.perf_counter()
    data = TensorDataset(images, labels) if work == "plain" else Augmented()
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=workers, persistent_workers=persistent)
    ended = start
    for epoch in range(2):
        seen = 0
        for x, _ in loader:
            x = floats(x)
            last = time.perf_counter()
            if seen == 0:
                gap = last - ended
                if epoch == 0:
                    first = gap
            seen += len(x)
        assert seen == count
        whole, ended = last - ended, last
    return whole, first, gap


def by_hand(work):
    start = time.perf_counter()
    for part in torch.randperm(count).split(BATCH):
        x, y = images[part], labels[part]
        floats(x if work == "plain" else augmented(x))
    return time.perf_counter() - start


print(0.0, flush=True)
for line in sys.stdin:
    match line.split():
        case ["loader", work, workers, persistent]:
            answer, first, between = walk(work, int(workers), persistent == "1")
        case ["first"]:
            answer = first
        case ["between"]:
            answer = between
        case ["by_hand", work]:
            answer = by_hand(work)
    print(answer, flush=True)
