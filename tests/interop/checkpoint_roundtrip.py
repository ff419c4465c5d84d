# SPDX-License-Identifier: Apache-2.0
"""Has lit read and write the files of PyTorch and Lightning, and PyTorch and Lightning those of lit.

    python checkpoint_roundtrip.py BUILD    (the build folder, or the program checkpoint_roundtrip itself)

Values and tensors have to come back equal, with their types; Lightning has to go on from a file of lit to weights that
are bit-equal to those it reaches from its own file.
"""

import logging
import pathlib
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections import OrderedDict

import lightning
import torch

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint" / "fixtures"))
import make  # noqa: E402

passed = failed = 0


def report(name, good, remark=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {name} {remark}")


def same(a, b):
    if type(a) is not type(b) and not (isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)):
        return False
    if isinstance(a, torch.Tensor):
        raw = [t.detach().resolve_conj().contiguous().view(-1).view(torch.uint8) for t in (a, b)]
        return a.dtype == b.dtype and a.shape == b.shape and a.requires_grad == b.requires_grad and torch.equal(*raw)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


class Net(lightning.LightningModule):
    def __init__(self, hidden: int = 16, lr: float = 0.01):
        super().__init__()
        self.save_hyperparameters()
        self.first = torch.nn.Linear(8, hidden)
        self.norm = torch.nn.BatchNorm1d(hidden)
        self.last = torch.nn.Linear(hidden, 1)

    def training_step(self, batch, index):
        return self.last(torch.tanh(self.norm(self.first(batch)))).square().mean()

    def validation_step(self, batch, index):
        self.log("val_loss", self.training_step(batch, index))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)]


def loader():
    return torch.utils.data.DataLoader(
        torch.randn(24, 8, generator=torch.Generator().manual_seed(1)), batch_size=6, shuffle=False
    )


def trainer(epochs, root):
    return lightning.Trainer(
        max_epochs=epochs, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=root, accelerator="cpu",
        callbacks=[lightning.pytorch.callbacks.EarlyStopping("val_loss", patience=50)],
    )


def plain(folder, lit):
    tensors = make.tensors()
    base = torch.arange(6, dtype=torch.float32)
    cases = {
        "values": make.values(),
        "tensors": tensors,
        "state_dict": Net().state_dict(),
        "shared": {"a": base, "b": base[2:]},
        "nothing": {},
        "long": {"text": "x" * 100_000, "numbers": list(range(70_000)), 10**12: -(10**12)},
        "optimizer": trained_optimizer(),
    }
    for name, value in cases.items():
        theirs, ours = folder / f"{name}.pt", folder / f"{name}.lit"
        for old in (False, True):
            torch.save(value, theirs, _use_new_zipfile_serialization=not old)
            lit("rewrite", theirs, ours)
            for arguments in ({}, {"mmap": True}):
                back = torch.load(ours, weights_only=True, **arguments)
                report(f"{name} legacy={old} {arguments}", same(value, back))
            report(f"{name} is a sound zip", zipfile.ZipFile(ours).testzip() is None)
            if name == "shared":
                report("shared storage", back["b"].data_ptr() == back["a"].data_ptr() + 8)
    back = torch.load(folder / "tensors.lit", weights_only=True)
    for name, tensor in tensors.items():
        strides = tensor.resolve_conj().stride()
        report(f"tensor {name}", same(tensor, back[name]) and back[name].stride() == strides)


def trained_optimizer():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(3)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def module(folder, lit):
    lit("module", folder / "module.lit")
    state = torch.load(folder / "module.lit", weights_only=True)
    torch.manual_seed(7)
    net = Net()
    report("module: names in order", list(state) == list(net.state_dict()))
    report("module: OrderedDict", type(state) is OrderedDict)
    report("module: same seed, same weights", same(OrderedDict(net.state_dict()), state))
    report("module: load_state_dict", not any(net.load_state_dict(state)))


def resume(folder, lit):
    torch.manual_seed(0)
    first = trainer(2, folder)
    first.fit(Net(), loader(), loader())
    theirs = folder / "theirs.ckpt"
    first.save_checkpoint(theirs)
    ends = {}
    for mode in ("own", "rewrite", "rebuild"):
        path = theirs
        if mode != "own":
            path = folder / f"{mode}.ckpt"
            lit(mode, theirs, path)
            original, again = (torch.load(p, weights_only=True) for p in (theirs, path))
            report(f"{mode}: equal to what Lightning wrote", same(original, again))
            net = Net.load_from_checkpoint(path, weights_only=True)
            report(f"{mode}: load_from_checkpoint", same(dict(net.state_dict()), dict(original["state_dict"])))
        torch.manual_seed(3)
        net, second = Net(), trainer(4, folder)
        second.fit(net, loader(), loader(), ckpt_path=path, weights_only=True)
        ends[mode] = (dict(net.state_dict()), second.global_step, second.current_epoch, second.callback_metrics)
        net, third = Net(), trainer(4, folder)
        third.validate(net, loader(), ckpt_path=path, weights_only=True, verbose=False)
        report(f"{mode}: validate", "val_loss" in third.callback_metrics)
    for mode in ("rewrite", "rebuild"):
        report(f"{mode}: Lightning goes on to the same weights", same(ends["own"][0], ends[mode][0]))
        report(f"{mode}: Lightning goes on to the same counters", ends["own"][1:3] == ends[mode][1:3] == (16, 4))
        report(f"{mode}: Lightning goes on to the same metrics", same(dict(ends["own"][3]), dict(ends[mode][3])))


def main(program):
    program = pathlib.Path(program)
    if program.is_dir():
        program = program / "tests" / "interop" / "checkpoint_roundtrip"

    def lit(*arguments):
        subprocess.run([str(program.resolve()), *map(str, arguments)], check=True)

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        plain(folder, lit)
        module(folder, lit)
        resume(folder, lit)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
