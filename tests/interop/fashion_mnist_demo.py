#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the demo and reads in Python what it left: the checkpoint with torch.load(weights_only=True), the test accuracy
of its weights, the event file with TensorBoard's own reader, the predictions.

  fashion_mnist_demo.py BUILD_FOLDER
"""
import csv
import glob
import gzip
import os
import re
import struct
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

DATA = "/usr/share/datasets/fashion-mnist"
passed, failed = 0, 0


def check(name, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok    ' if ok else 'FAILED'} {name} {detail}")


def idx(path):
    with gzip.open(path) as f:
        raw = f.read()
    dims = struct.unpack(f">{raw[3]}I", raw[4:4 + 4 * raw[3]])
    return torch.frombuffer(bytearray(raw[4 + 4 * raw[3]:]), dtype=torch.uint8).reshape(dims)


class Mlp(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.hidden = torch.nn.Linear(784, 8 * width)
        self.out = torch.nn.Linear(8 * width, 10)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x.flatten(1))))


class Cnn(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, width // 2, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(width // 2, width, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(width)
        self.hidden = torch.nn.Linear(width * 49, 128)
        self.out = torch.nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = F.max_pool2d(torch.relu(self.norm(self.conv2(x))), 2)
        return self.out(torch.relu(self.hidden(x.flatten(1))))


def run(program, model, folder):
    out = subprocess.run([program, "--model", model, "--epochs", "2", "--limit_batches", "60", "--out", folder],
                         capture_output=True, text=True)
    check(f"{model}: the demo ends with 0", out.returncode == 0, out.stderr[-400:] if out.returncode else "")
    said = out.stdout
    best = re.search(r"^best checkpoint +(\S+)$", said, re.M).group(1)
    accuracy = re.search(r"^test accuracy +(\S+)$", said, re.M).group(1)

    checkpoint = torch.load(best, weights_only=True)
    check(f"{model}: torch.load(weights_only=True) reads the checkpoint", "state_dict" in checkpoint)
    check(f"{model}: hyperparameters are there", checkpoint["hyper_parameters"]["width"] == 32)
    net = {"mlp": Mlp, "cnn": Cnn}[model](checkpoint["hyper_parameters"]["width"])
    net.load_state_dict(checkpoint["state_dict"])
    net.eval()
    x = idx(f"{DATA}/t10k-images-idx3-ubyte.gz").float().unsqueeze(1).sub(0.2860 * 255).div(0.3530 * 255)
    y = idx(f"{DATA}/t10k-labels-idx1-ubyte.gz").long()
    with torch.no_grad():
        predicted = torch.cat([net(batch).argmax(1) for batch in x.split(500)])
    mine = f"{(predicted == y).float().mean().item():.4f}"
    check(f"{model}: the same test accuracy to the last digit", mine == accuracy, f"Python {mine}, lit {accuracy}")

    version = os.path.dirname(os.path.dirname(best))
    rows = list(csv.DictReader(open(f"{version}/predictions.csv")))
    names = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
    check(f"{model}: the predictions are Python's", [r["predicted"] for r in rows] == [names[p] for p in predicted])

    events = EventAccumulator(version, size_guidance={"scalars": 0})
    events.Reload()
    tags = set(events.Tags()["scalars"])
    wanted = {"train_loss_step", "train_loss_epoch", "val_loss", "val_acc", "test_loss", "test_acc", "epoch", "lr-AdamW"}
    check(f"{model}: the event file holds every curve", wanted <= tags, f"missing {sorted(wanted - tags)}")
    check(f"{model}: val_acc has a point per epoch", [e.step for e in events.Scalars("val_acc")] == [59, 119],
          str([e.step for e in events.Scalars("val_acc")]))
    check(f"{model}: the best val_acc names the checkpoint",
          f"val_acc={max(e.value for e in events.Scalars('val_acc')):.4f}" in os.path.basename(best), best)
    check(f"{model}: test_acc in the curves is the accuracy printed",
          f"{events.Scalars('test_acc')[-1].value:.4f}" == accuracy)
    check(f"{model}: hparams.yaml is there", glob.glob(f"{version}/hparams.yaml") != [])


def main():
    if not os.path.isdir(DATA):
        print(f"skipped: no folder {DATA} (Debian's package dataset-fashion-mnist)")
        sys.exit(77)
    program = os.path.join(sys.argv[1], "examples", "fashion_mnist", "fashion_mnist")
    torch.set_num_threads(2)
    for model in ("mlp", "cnn"):
        with tempfile.TemporaryDirectory() as folder:
            run(program, model, folder)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
