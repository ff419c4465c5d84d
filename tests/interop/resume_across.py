# SPDX-License-Identifier: Apache-2.0
"""Has Lightning go on from the checkpoints of a run of lit, and lit from those of a run of Lightning.

    python resume_across.py BUILD    (the build folder, or the program resume_across itself)

Each has to have the losses, to the last digit, that the run which wrote the file had when nobody broke it off, and to rebuild the
other's hyperparameters.
"""

import logging
import pathlib
import subprocess
import sys
import tempfile
import warnings

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

EPOCHS, BATCHES = 4, 5
passed = failed = 0


def report(name, good, remark=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {name} {remark}")


class Net(lightning.LightningModule):
    def __init__(self, hidden: int = 16, lr: float = 0.01):
        super().__init__()
        self.save_hyperparameters()
        self.first = torch.nn.Linear(8, hidden)
        self.norm = torch.nn.BatchNorm1d(hidden)
        self.last = torch.nn.Linear(hidden, 1)
        self.losses = []

    def loss_of(self, batch):
        x, y = batch
        return torch.nn.functional.mse_loss(self.last(torch.tanh(self.norm(self.first(x)))), y)

    def training_step(self, batch, index):
        loss = self.loss_of(batch)
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch, index):
        self.log("val_loss", self.loss_of(batch))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, fused=True)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]


class Batches(torch.utils.data.Dataset):
    """Whole batches, as resume_across.cpp makes them."""

    def __len__(self):
        return BATCHES

    def __getitem__(self, i):
        x = torch.sin(torch.arange(48 * i, 48 * (i + 1), dtype=torch.float32) * 0.37).view(6, 8)
        return x, x.sum(1, keepdim=True)


def fit(folder, epochs, ckpt_path=None, seed=7):
    torch.manual_seed(seed)
    net = Net(hidden=24, lr=0.02)
    loader = torch.utils.data.DataLoader(Batches(), batch_size=None)
    trainer = lightning.Trainer(
        max_epochs=epochs, logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
        callbacks=[EarlyStopping("val_loss", patience=50),
                   ModelCheckpoint(folder, "{epoch}", "val_loss", save_last=True, save_top_k=-1)])
    trainer.fit(net, loader, loader, ckpt_path=ckpt_path, weights_only=True if ckpt_path else None)
    return net.losses


def main(program):
    program = pathlib.Path(program)
    if program.is_dir():
        program = program / "tests" / "interop" / "resume_across"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)

        def lit(**arguments):
            losses = root / "losses.txt"
            done = subprocess.run([str(program.resolve()), f"losses={losses}", *(f"{k}={v}" for k, v in arguments.items())],
                                  check=True, text=True, stdout=subprocess.PIPE)
            if "rebuild" in arguments:
                return done.stdout.strip()
            return [float(line) for line in losses.read_text().split()]

        def same(name, found, expected):
            found = [float(torch.tensor(v, dtype=torch.float32)) for v in found]
            expected = [float(torch.tensor(v, dtype=torch.float32)) for v in expected]
            report(name, found == expected and len(found) > 0, f"\n  {found}\n  {expected}")

        ours = lit(folder=root / "lit", epochs=EPOCHS)
        theirs = fit(root / "lightning", EPOCHS)
        report("both trained all batches", len(ours) == len(theirs) == EPOCHS * BATCHES)
        same("with one seed both have the same losses from the first step on", ours, theirs)
        for after in range(1, EPOCHS):
            rest = slice(after * BATCHES, None)
            for writer, whole in (("lit", ours), ("lightning", theirs)):
                file = root / writer / f"epoch={after - 1}.ckpt"
                same(f"Lightning goes on from {writer}'s file after epoch {after}",
                     fit(root / "again", EPOCHS, file, seed=99), whole[rest])
                same(f"lit goes on from {writer}'s file after epoch {after}",
                     lit(folder=root / "again", epochs=EPOCHS, seed=99, **{"from": file}), whole[rest])
        for writer in ("lit", "lightning"):
            file = root / writer / "last.ckpt"
            net = Net.load_from_checkpoint(file, weights_only=True)
            report(f"Lightning rebuilds {writer}'s hyperparameters",
                   dict(net.hparams) == {"hidden": 24, "lr": 0.02} and net.first.weight.shape[0] == 24, dict(net.hparams))
            said = lit(rebuild=file)
            report(f"lit rebuilds {writer}'s hyperparameters", said == "hidden=24 lr=0.02 rows=24".replace("0.02", f"{0.02:.17g}"),
                   said)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
