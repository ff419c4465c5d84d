# SPDX-License-Identifier: Apache-2.0
"""Starts lit's DDP under torchrun and by hand: two processes have to be one, with one log and one checkpoint.

    python ddp_torchrun.py BUILD    (the build folder, or the program ddp_program itself)
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import torch

FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

passed = failed = 0


def report(name, good, remark=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {name} {remark}")


def environment():
    return {**{k: v for k, v in os.environ.items() if k not in VARIABLES and not k.startswith("TORCHELASTIC")},
            "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def alone(*command):
    return subprocess.run([*map(str, command)], env=environment(), timeout=300).returncode


def torchrun(*command, processes=2, restarts=0):
    launch = [sys.executable, "-m", "torch.distributed.run", "--no-python", f"--nproc-per-node={processes}",
              f"--max-restarts={restarts}", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]
    with subprocess.Popen([*launch, *map(str, command)], env=environment(), stderr=subprocess.PIPE, text=True) as started:
        try:
            errors = started.communicate(timeout=120)[1]
        except subprocess.TimeoutExpired:
            started.terminate()  # torchrun ends its processes
            errors = "took more than 120 s\n" + started.communicate()[1]
        return started.returncode, errors


def by_hand(*command, processes=2):
    """With the five variables and no agent: rank 0 serves the store."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [
        subprocess.Popen([*map(str, command)], env={**environment(), "RANK": str(rank), "LOCAL_RANK": str(rank),
                                                   "WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1",
                                                   "MASTER_PORT": str(port)})
        for rank in range(processes)
    ]


def said(folder, rank):
    lines = (folder / f"rank_{rank}.txt").read_text().splitlines()
    values = {}
    for line in lines:
        key, *rest = line.split(" ")
        values.setdefault(key, []).append(rest)
    return values


def numbers(values, key, index=0):
    return [float(value) for value in values[key][index]]


def weights(program, folder):
    if not FASHION.is_dir():
        print(f"skipped: weights of two processes against one ({FASHION} is missing; apt install dataset-fashion-mnist)")
        return
    one, two = folder / "one", folder / "two"
    one.mkdir()
    two.mkdir()
    report("train: one process", alone(program, "train_single", one, 128) == 0)
    started = torchrun(program, "train", two, 64)
    report("train: two processes under torchrun", started[0] == 0, started[1][-2000:])
    expected = torch.load(one / "weights_0.pt", weights_only=True)
    first, second = (torch.load(two / f"weights_{rank}.pt", weights_only=True) for rank in (0, 1))
    report("train: both ranks end with the same bits", all(torch.equal(first[k], second[k]) for k in first))
    report("train: same parameters", list(first) == list(expected) and len(first) == 4)
    # The joint gradient is summed in another order: (sum over 64) / 64 twice and halved, against (sum over 128) / 128.
    # That is a few ulp of gradients of order 0.1; AdamW divides them by their own size, so that in each of the 16 steps
    # of at most 2e-3 a relative error of some 1e-5, for the smallest of the gradients, is left.
    furthest = max((first[k] - expected[k]).abs().max().item() for k in expected)
    print(f"two processes against one: furthest weight {furthest:.2e}")
    report("train: weights of one process on the joint batches", furthest < 2e-6, f"{furthest:.3e}")
    report("train: the weights have moved", max((first[k]).abs().max().item() for k in first) > 0.03)
    for rank in (0, 1):
        report(f"train: steps of rank {rank}", said(two, rank)["global_step"] == [["16"]])

    report("train: one version folder", [p.name for p in (two / "lightning_logs").iterdir()] == ["version_0"])
    logs = sorted(p.relative_to(two).as_posix() for p in two.rglob("*.csv"))
    report("train: one log", logs == ["lightning_logs/version_0/metrics.csv"], str(logs))
    checkpoints = sorted(p.name for p in two.rglob("*.ckpt"))
    report("train: one checkpoint", len(checkpoints) == 1, str(checkpoints))
    ours = torch.load(next(two.rglob("*.ckpt")), weights_only=True)
    theirs = torch.load(next(one.rglob("*.ckpt")), weights_only=True)
    report("train: the checkpoint's counters", (ours["epoch"], ours["global_step"]) == (theirs["epoch"], theirs["global_step"]))
    report("train: the checkpoint has the plain names", list(ours["state_dict"]) == list(expected))
    rows = [(p / "lightning_logs/version_0/metrics.csv").read_text().splitlines() for p in (one, two)]
    report("train: as many rows in the log as one process writes", len(rows[0]) == len(rows[1]) and rows[0][0] == rows[1][0])


def semantics(program, folder):
    started = torchrun(program, "semantics", folder)
    report("semantics: torchrun", started[0] == 0, started[1][-2000:])
    ranks = [said(folder, rank) for rank in (0, 1)]
    for rank, values in enumerate(ranks):
        report(f"rank {rank}: knows its rank", values["ranks"] == [[str(rank), "2", str(int(rank == 0))]])
        report(f"rank {rank}: gathers from all", values["gathered"] == [["3"]])
        # val_worse improves in epochs 0 and 1 and gets worse on rank 1 in 2 and 3: patience 2 is over.
        report(f"rank {rank}: stops when rank 1 wants to", values["result"] == [["4", "12"]], str(values["result"]))
        report(f"rank {rank}: validation is sharded", values["batches"] == [["12", "2"]], str(values["batches"]))
        for val in values["val"]:
            report(f"rank {rank}: sync_dist means", abs(float(val[0]) - 4.5) < 1e-6 and abs(float(val[1]) - 0.75) < 1e-6, str(val))
        report(f"rank {rank}: sync_dist sum", numbers(values, "train_sum") == [66.0])
        report(f"rank {rank}: another trainer meets too", abs(numbers(values, "validated")[0] - 4.5) < 1e-6)
        report(f"rank {rank}: predictions are not padded", numbers(values, "predicted") == [float(i) for i in range(rank, 11, 2)])
    orders = []
    for epoch in range(4):
        parts = [numbers(values, f"trained_{epoch}") for values in ranks]
        orders.append(parts)
        report(f"epoch {epoch}: each sample once", sorted(parts[0] + parts[1]) == list(range(12)) and len(parts[0]) == 6)
    report("the training order is shuffled anew", len({tuple(parts[0]) for parts in orders}) == 4)
    versions = [p.name for p in (folder / "lightning_logs").iterdir()]
    logs, checkpoints = (sorted(p.name for p in folder.rglob(f"*.{end}")) for end in ("csv", "ckpt"))
    report("one version folder, one log", versions == ["version_0"] and logs == ["metrics.csv"], f"{versions} {logs}")
    report("one best and one last checkpoint", len(checkpoints) == 2 and "last.ckpt" in checkpoints, str(checkpoints))


def death(program, folder):
    """Rank 1 is killed; nobody else tells rank 0."""
    processes = by_hand(program, "die", folder)
    try:
        codes = [process.wait(timeout=60) for process in processes]
    except subprocess.TimeoutExpired:
        for process in processes:
            process.kill()
        report("death: rank 0 hangs", False)
        return
    report("death: exit codes", codes == [0, -signal.SIGKILL], str(codes))
    survivor = said(folder, 0)
    text = " ".join(survivor.get("error", [[]])[0])
    report("death: rank 0 gets a DistributedError", "failed on rank 0 of 2" in text, text)
    killed = int((folder / "killed_at.txt").read_text())
    waited = int(survivor["told_at"][0][0]) - killed if "told_at" in survivor else None
    report("death: within a second", waited is not None and waited < 1000, f"{waited} ms")
    print(f"a rank that was killed is noticed after {waited} ms: {text[:160]}")


def restart(program, folder):
    started = torchrun(program, "restart", folder, restarts=1)
    report("restart: the second attempt succeeds", started[0] == 0, started[1][-2000:])
    for rank in (0, 1):
        values = said(folder, rank)
        report(f"restart: rank {rank} met anew", values["attempt"] == [["1"]] and values["sum"] == [["2"]])


def refusals(program, folder):
    env = {**environment(), "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}
    done = subprocess.run([str(program), "restart", str(folder)], env=env, capture_output=True, text=True, timeout=60)
    report("refusal: an incomplete environment", done.returncode == 1 and "MASTER_ADDR is not set" in done.stderr, done.stderr)


def main(program):
    program = pathlib.Path(program)
    if program.is_dir():
        program = program / "tests" / "interop" / "ddp_program"
    program = program.resolve()
    with tempfile.TemporaryDirectory() as name:
        for check in (weights, semantics, death, restart, refusals):
            folder = pathlib.Path(name) / check.__name__
            folder.mkdir()
            start = time.monotonic()
            check(program, folder)
            print(f"{check.__name__}: {time.monotonic() - start:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
