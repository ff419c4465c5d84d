# SPDX-License-Identifier: Apache-2.0
"""The peers of start.cpp, a process each: trains, and writes a 1 to its standard output when the first step has ended.

usage: start_peers.py raw|lightning_bare|lightning_defaults STEPS
"""
import itertools
import os
import sys
import tempfile

kind, steps = sys.argv[1], int(sys.argv[2])
bell = os.dup(1)
os.dup2(2, 1)  # what Lightning prints comes before the first step


def raw():
    import torch
    from torch import nn

    net = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    x, y = torch.rand(32, 784), torch.randint(10, (32,))
    for step in range(steps):
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 0:
            os.write(bell, b"1")


def by_lightning(defaults):
    import lightning
    import torch
    from torch import nn

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))

        def training_step(self, batch, batch_idx):
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("train_loss", loss, prog_bar=True)
            return loss

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=1e-3)

    class Batches:
        """As often as asked for, the same batch; of a list, Lightning would take each entry for a loader."""

        def __init__(self, batch):
            self.batch = batch

        def __len__(self):
            return steps

        def __iter__(self):
            return itertools.repeat(self.batch, steps)

    class Watch(lightning.Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            if batch_idx == 0:
                os.write(bell, b"1")

    with tempfile.TemporaryDirectory() as folder:
        options = {} if defaults else dict(logger=False, enable_checkpointing=False, enable_progress_bar=False,
                                           enable_model_summary=False)
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", default_root_dir=folder, callbacks=[Watch()], **options)
        trainer.fit(Net(), Batches((torch.rand(32, 784), torch.randint(10, (32,)))))


if kind == "raw":
    raw()
else:
    by_lightning(kind == "lightning_defaults")
