# SPDX-License-Identifier: Apache-2.0
"""Kills and disturbs a run of lit and the same run of Lightning while they save, and prints what was lost, in two columns.

    python kill_while_saving.py BUILD    (the build folder, or the program kill_while_saving itself)

Both runs train a small model for four epochs, and keep the two best, the newest and the last checkpoint. Each is killed before
every system call that touches the checkpoints' folder, and has every such call fail in four ways; the folder lies on the file
system of the temporary folder, or on another one. Every truncation and changed byte of a checkpoint of each is loaded by its own
loader (Lightning's is torch.load). Every 21st system call and every 630th byte is taken, or with LIT_EVERY=n every nth call and
30n-th byte.

lit has to lose nothing; what Lightning does is told, not judged.
"""

import errno
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

warnings.filterwarnings("ignore")

EPOCHS, BATCHES = 4, 3
EVERY = int(os.environ.get("LIT_EVERY", "21"))
KEYS = ("epoch", "global_step", "state_dict", "optimizer_states")
FAULTS = {"ENOSPC": ("error", errno.ENOSPC), "EIO": ("error", errno.EIO), "EINTR": ("error", errno.EINTR),
          "short write": ("short", 0)}
passed = failed = 0


def report(name, good, remark=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {name} {remark}")


# The run of tests/faults/training.hpp.
class Tiny(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)
        self.register_buffer("large", torch.zeros(40000))

    def training_step(self, batch, index):
        x, y = batch
        loss = (self.layer(x) - y).pow(2).mean()
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=0.05)


class Acknowledges(Callback):
    def __init__(self, file):
        self.file = file

    def on_train_epoch_start(self, trainer, module):
        pathlib.Path(self.file).write_text(f"{trainer.current_epoch}\n")


def lightning_run(folder, said, top_k):
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    os.dup2(1, 2)
    torch.manual_seed(7)
    data = [(torch.randn(5, 4), torch.randn(5, 2)) for _ in range(BATCHES)]
    torch.manual_seed(3)
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
        default_root_dir=folder,
        callbacks=[ModelCheckpoint(folder / "best", "{step}", "train_loss", save_top_k=top_k),
                   ModelCheckpoint(folder / "newest", "{step}", save_last=True), Acknowledges(said)])
    trainer.fit(Tiny(), torch.utils.data.DataLoader(data, batch_size=None))


def load(path):
    return torch.load(path, weights_only=True)


class Side:
    """One of the two, each trial of which is a process that waits until it is traced."""

    def __init__(self, name, program):
        self.name, self.program = name, program

    def start(self, folder, said, top_k=2):
        """The process, and what has to be called to let it go."""
        if self.name == "lit":
            child = subprocess.Popen([self.program, "mode=train", "wait=1", f"folder={folder}", f"said={said}", f"top_k={top_k}"],
                                     stdin=subprocess.PIPE)
            return child.pid, lambda: (child.stdin.write(b"\n"), child.stdin.flush()), child
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.read(reading, 1)
                lightning_run(folder, said, top_k)
                code = 0
            finally:
                os._exit(code)
        os.close(reading)
        return child, lambda: (os.write(writing, b"x"), os.close(writing)), None

    def damage(self, file, place):
        """Of truncated lengths, and of changed bytes: how many are refused, read exactly, read as something else."""
        stride = EVERY * 30
        if self.name == "lit":
            said = subprocess.run([self.program, "mode=damage", f"file={file}", f"stride={stride}"], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.split()
            return {"truncated": list(map(int, said[:3])), "changed": list(map(int, said[3:]))}
        good, whole = file.read_bytes(), load(file)
        counts = {"truncated": [0, 0, 0], "changed": [0, 0, 0]}

        def count(kind, content):
            place.write_bytes(content)
            try:
                counts[kind][1 if same(load(place), whole) else 2] += 1
            except Exception:  # noqa: BLE001, whatever the loader says
                counts[kind][0] += 1

        for at in range(0, len(good), stride):
            count("truncated", good[:at])
            for change in (0x01, 0x80, 0xFF):
                bad = bytearray(good)
                bad[at] ^= change
                count("changed", bytes(bad))
        place.unlink()
        return counts

    def run(self, folder, said, fault="none", at=0, number=0, top_k=2):
        pid, go, child = self.start(folder, said, top_k)
        tracer = subprocess.Popen([self.program, "mode=trace", f"pid={pid}", f"folder={folder}", f"fault={fault}", f"at={at}",
                                   f"errno={number}"], stdout=subprocess.PIPE, text=True)
        assert tracer.stdout.readline() == "ready\n"
        go()
        calls, outcome = [], None
        for line in tracer.stdout:
            kind, _, rest = line.strip().partition(" ")
            if kind == "call":
                calls.append(rest)
            else:
                outcome = [int(value) for value in rest.split()]
        tracer.wait()
        if child is not None:
            child.wait()
        else:
            os.waitpid(pid, 0)
        return calls, *outcome


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(
            a.contiguous().view(-1).view(torch.uint8), b.contiguous().view(-1).view(torch.uint8))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


def judge(folder, expected, saved_epochs):
    """(lost, damaged): no whole file is as new as what was saved; files under a checkpoint's name that are not whole."""
    newest, damaged = 0, 0
    for path in pathlib.Path(folder).rglob("*.ckpt"):
        try:
            file = load(path)
            whole = all(same(file[key], expected[file["global_step"]][key]) for key in KEYS)
        except Exception:  # noqa: BLE001, whatever the loader says
            whole = False
        damaged += not whole
        newest = max(newest, file["global_step"]) if whole else newest
    return newest < saved_epochs * BATCHES, damaged


def trials(side, place):
    folder, said = pathlib.Path(place) / "run", pathlib.Path(place + ".said")

    def fresh():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        said.unlink(missing_ok=True)

    def saved(code):
        return EPOCHS if code == 0 else int(said.read_text()) if said.exists() and said.read_text().strip() else 0

    fresh()
    side.run(folder, said, top_k=-1)
    expected = {}
    for path in (folder / "best").glob("*.ckpt"):
        file = load(path)
        expected[file["global_step"]] = file
    fresh()
    calls, count, _, _, code = side.run(folder, said)
    report(f"{side.name}: an undisturbed run in {place}", code == 0 and len(expected) == EPOCHS and not judge(folder, expected, EPOCHS)[0])
    rows = {"calls": count, "kill": [0, 0, 0]}
    for at in range(0, count, EVERY):
        fresh()
        _, _, killed, _, _ = side.run(folder, said, "kill", at)
        if killed:
            lost, damaged = judge(folder, expected, saved(1))
            rows["kill"][0] += 1
            rows["kill"][1] += lost
            rows["kill"][2] += damaged > 0
    for name, (fault, number) in FAULTS.items():
        rows[name] = [0, 0, 0, 0]
        for at in range(0, count, EVERY):
            fresh()
            _, _, _, struck, code = side.run(folder, said, fault, at, number)
            if struck:
                lost, damaged = judge(folder, expected, saved(code))
                rows[name][0] += 1
                rows[name][1] += lost
                rows[name][2] += damaged > 0
                rows[name][3] += code == 0 and (lost or damaged > 0)
    fresh()
    side.run(folder, said)
    rows |= side.damage(folder / "newest" / "last.ckpt", pathlib.Path(place + ".damaged"))
    shutil.rmtree(folder)
    said.unlink(missing_ok=True)
    return rows


def table(results):
    """One column for each of the two."""
    lines = [("system calls of a run that touch the folder", *(str(rows["calls"]) for rows in results))]
    say = {"kill": "killed before each", **{name: f"{name} at each" for name in FAULTS}}
    for key, what in say.items():
        lines.append((what, *(f"{rows[key][1]} of {rows[key][0]} lost what was saved, {rows[key][2]} left a damaged checkpoint"
                              + (f", {rows[key][3]} said nothing" if key != "kill" else "") for rows in results)))
    for key, what in (("truncated", "cut off"), ("changed", "one byte changed")):
        lines.append((what, *("of {} refused {}, read exactly {}, read as something else {}".format(sum(rows[key]), *rows[key])
                              for rows in results)))
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def main(program):
    program = pathlib.Path(program)
    if program.is_dir():
        program = program / "tests" / "interop" / "kill_while_saving"
    torch.set_num_threads(1)
    sides = [Side("lit", str(program.resolve())), Side("Lightning", str(program.resolve()))]
    with tempfile.TemporaryDirectory() as name:
        places = {"on the file system of the temporary folder": name}
        if os.path.isdir("/dev/shm") and os.stat("/dev/shm").st_dev != os.stat(name).st_dev:
            places["on another file system"] = tempfile.mkdtemp(dir="/dev/shm")
        for what, place in places.items():
            results = [trials(side, os.path.join(place, side.name)) for side in sides]
            print(f"\nThe folder {what}: {sides[0].name} | {sides[1].name} {lightning.__version__}\n{table(results)}")
            ours = results[0]
            report(f"lit loses nothing, {what}", all(not any(ours[key][1:]) for key in ("kill", *FAULTS)), ours)
            report(f"lit reads nothing wrong, {what}", ours["truncated"][1:] == [0, 0] and ours["changed"][2] == 0, ours)
            shutil.rmtree(place, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
