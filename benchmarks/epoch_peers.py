# SPDX-License-Identifier: Apache-2.0
"""The peers of epoch.cpp: trains as each line of the input says and answers with the seconds that an epoch took.

usage: epoch_peers.py FOLDER IMAGES

A line is: lightning WORKERS; raw foreach|fused; cnn IMAGES WEIGHTS, with the weights to begin with; loss, answered with the last
loss of the line before; threads COUNT, of PyTorch's.
"""
import gzip
import logging
import pathlib
import sys
import time
import warnings

import lightning
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])


def read(name, offset):
    with gzip.open(folder / name) as file:
        return torch.frombuffer(bytearray(file.read()[offset:]), dtype=torch.uint8)


images = read("train-images-idx3-ubyte.gz", 16).view(-1, 28, 28)[:count]
labels = read("train-labels-idx1-ubyte.gz", 8).long()[:count]
train = count - count // 12


def network():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def floats(x):
    return x.float().div_(255)


def accuracy(y, target):
    return (y.argmax(1) == target).float().mean()


class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = network()

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self.net(floats(batch[0])), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        y = self.net(floats(batch[0]))
        self.log("val_loss", F.cross_entropy(y, batch[1]))
        self.log("val_acc", accuracy(y, batch[1]))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


class Watch(lightning.Callback):
    """From the end of the first epoch to the end of the second."""

    last = 0.0

    def on_train_epoch_end(self, trainer, module):
        now = time.perf_counter()
        self.seconds, self.last = now - self.last, now


def by_lightning(workers):
    watch = Watch()
    options = dict(num_workers=workers, persistent_workers=workers > 0)
    trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", num_sanity_val_steps=0, logger=False, callbacks=[watch],
                                enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    trainer.fit(Net(), DataLoader(TensorDataset(images[:train], labels[:train]), batch_size=64, shuffle=True, **options),
                DataLoader(TensorDataset(images[train:], labels[train:]), batch_size=500, **options))
    return watch.seconds


def by_hand(kind):
    net = network()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, **{kind: True})
    for epoch in range(2):
        start = time.perf_counter()
        for part in torch.randperm(train).split(64):
            loss = F.cross_entropy(net(floats(images[part])), labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        total = correct = 0.0
        with torch.inference_mode():
            for begin in range(train, count, 500):
                x, target = floats(images[begin:begin + 500]), labels[begin:begin + 500]
                y = net(x)
                total = total + F.cross_entropy(y, target) * len(x)
                correct = correct + accuracy(y, target) * len(x)
        net.train()
        float(total), float(correct)
    return time.perf_counter() - start


class Cnn(nn.Module):
    """That of examples/fashion_mnist."""

    def __init__(self, width=32):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width // 2, 3, padding=1)
        self.conv2 = nn.Conv2d(width // 2, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.hidden = nn.Linear(width * 7 * 7, 128)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.norm(self.conv2(x))), 2)
        x = F.dropout(x.flatten(1), 0.25, self.training)
        return self.out(F.dropout(F.relu(self.hidden(x)), 0.25, self.training))


def convolutional(used, weights):
    net = Cnn()
    net.load_state_dict(safetensors.torch.load_file(weights))
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, fused=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, used // 128)
    torch.manual_seed(7)
    start = time.perf_counter()
    for begin in range(0, used, 128):
        x = images[begin:begin + 128].float().unsqueeze_(1).sub_(0.2860 * 255).div_(0.3530 * 255)
        loss = F.cross_entropy(net(x), labels[begin:begin + 128])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    loss = loss.item()
    return time.perf_counter() - start, loss


answers, sys.stdout = sys.stdout, sys.stderr  # what Lightning prints is no answer
print(0.0, file=answers, flush=True)
for line in sys.stdin:
    match line.split():
        case ["lightning", workers]:
            answer = by_lightning(int(workers))
        case ["raw", kind]:
            answer = by_hand(kind)
        case ["cnn", used, weights]:
            answer, last = convolutional(int(used), weights)
        case ["loss"]:
            answer = last
        case ["threads", several]:
            torch.set_num_threads(int(several))
            answer = 0.0
    print(answer, file=answers, flush=True)
