# SPDX-License-Identifier: Apache-2.0
"""The peers of step.cpp: trains as each line of the input says and answers with the seconds that a step took.

A line is: KIND IN HIDDEN OUT BATCH STEPS WARM_UP, with KIND one of raw_foreach, raw_fused, lightning_bare, lightning_defaults.
"""
import itertools
import logging
import sys
import tempfile
import time
import warnings

import lightning
import torch
from torch import nn

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)


def network(sizes):
    return nn.Sequential(nn.Linear(sizes[0], sizes[1]), nn.ReLU(), nn.Linear(sizes[1], sizes[2]))


class Net(lightning.LightningModule):
    def __init__(self, sizes, logs):
        super().__init__()
        self.net, self.logs = network(sizes), logs

    def training_step(self, batch, batch_idx):
        y = self.net(batch[0])
        loss = nn.functional.cross_entropy(y, batch[1])
        if self.logs:
            self.log("train_loss", loss, prog_bar=True)
            self.log("train_acc", (y.argmax(1) == batch[1]).float().mean())
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


class Batches:
    """As often as asked for, the same batch; of a list, Lightning would take each entry for a loader."""

    def __init__(self, batch, count):
        self.batch, self.count = batch, count

    def __len__(self):
        return self.count

    def __iter__(self):
        return itertools.repeat(self.batch, self.count)


class Clock(lightning.Callback):
    def __init__(self, first, last):
        self.first, self.last = first, last

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if batch_idx == self.first:
            self.start = time.perf_counter()
        elif batch_idx == self.last:
            self.seconds = time.perf_counter() - self.start


def by_lightning(sizes, data, warm_up, defaults):
    clock = Clock(warm_up - 1, len(data) - 1)
    with tempfile.TemporaryDirectory() as folder:
        options = {} if defaults else dict(logger=False, enable_checkpointing=False, enable_progress_bar=False,
                                           enable_model_summary=False)
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", default_root_dir=folder, callbacks=[clock], **options)
        trainer.fit(Net(sizes, defaults), data)
    return clock.seconds


def by_hand(sizes, data, warm_up, **options):
    net = network(sizes)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, **options)
    for step, (x, y) in enumerate(data):
        if step == warm_up:
            start = time.perf_counter()
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


answers, sys.stdout = sys.stdout, sys.stderr  # what Lightning prints is no answer
print(0.0, file=answers, flush=True)
for line in sys.stdin:
    kind, *numbers = line.split()
    *sizes, batch, steps, warm_up = map(int, numbers)
    x, y = torch.rand(batch, sizes[0]), torch.randint(sizes[2], (batch,))
    data = Batches((x, y), steps)
    if kind.startswith("raw_"):
        seconds = by_hand(sizes, data, warm_up, **{kind.removeprefix("raw_"): True})
    else:
        seconds = by_lightning(sizes, data, warm_up, kind == "lightning_defaults")
    print(seconds / (steps - warm_up), file=answers, flush=True)
