# SPDX-License-Identifier: Apache-2.0
"""Trains one network with every optimizer in PyTorch and in lit and compares raw bytes.

    python optim_parity.py BUILD_FOLDER    runs BUILD_FOLDER/tests/interop/optim_parity, or the program itself

Same weights, same batches, one thread, 200 steps; losses (and norms, where gradients are clipped) of every
step and the final weights have to be bit-equal, and so have the state dicts: keys, order, types and tensors.
Learning rates of the schedulers are compared digit by digit (%.17g).
"""

import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch
from torch.optim import SGD, Adam, AdamW, lr_scheduler

STEPS, BATCHES = 200, 16


def network():
    sizes = {"first": (32, 64), "second": (64, 48), "third": (48, 10)}
    return torch.nn.ModuleDict({name: torch.nn.Linear(*size) for name, size in sizes.items()})


def forward(model, x):
    return model["third"](torch.tanh(model["second"](torch.relu(model["first"](x)))))


OPTIMIZERS = {
    "sgd": lambda p, **f: SGD(p, lr=0.1, **f),
    "sgd_momentum": lambda p, **f: SGD(p, lr=0.05, momentum=0.9, **f),
    "sgd_nesterov": lambda p, **f: SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3, nesterov=True, **f),
    "sgd_dampening": lambda p, **f: SGD(p, lr=0.05, momentum=0.9, dampening=0.3, weight_decay=1e-3, **f),
    "adam": lambda p, **f: Adam(p, lr=3e-3, **f),
    "adam_decay_amsgrad": lambda p, **f: Adam(
        p, lr=3e-3, betas=(0.8, 0.99), weight_decay=1e-2, amsgrad=True, **f
    ),
    "adamw": lambda p, **f: AdamW(p, lr=3e-3, **f),
    "adamw_amsgrad": lambda p, **f: AdamW(p, lr=3e-3, weight_decay=0.1, amsgrad=True, **f),
    "adamw_maximize": lambda p, **f: AdamW(p, lr=1e-4, maximize=True, **f),
}
MODES = {  # accumulate, clip
    "plain": (1, None),
    "accumulate": (4, None),
    "clip_norm": (1, "norm"),
    "clip_value": (1, "value"),
    "accumulate_clip_norm": (3, "norm"),
}
SCHEDULERS = {
    "step_lr": lambda o: lr_scheduler.StepLR(o, 7, 0.3),
    "exponential_lr": lambda o: lr_scheduler.ExponentialLR(o, 0.93),
    "cosine_annealing_lr": lambda o: lr_scheduler.CosineAnnealingLR(o, 17, 1e-3),
    "linear_lr": lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=13),
    "linear_lr_default": lambda o: lr_scheduler.LinearLR(o),
    "constant_lr": lambda o: lr_scheduler.ConstantLR(o, 0.3, 9),
    "lambda_lr": lambda o: lr_scheduler.LambdaLR(o, lambda e: 1.0 / (1.0 + 0.1 * float(e))),
    "reduce_lr_on_plateau": lambda o: lr_scheduler.ReduceLROnPlateau(
        o, factor=0.7, patience=2, cooldown=1, min_lr=1e-3
    ),
}


def show(value):
    """Types, order of keys and every bit of every tensor, as optim_parity.cpp prints them."""
    if isinstance(value, float):
        return "f%.17g" % value
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, list):
        return "[" + "".join(show(item) + ", " for item in value) + "]"
    if isinstance(value, tuple):
        return "(" + "".join(show(item) + ", " for item in value) + ")"
    if isinstance(value, dict):
        return "{" + "".join(f"{show(key)}: {show(item)},\n" for key, item in value.items()) + "}"
    if isinstance(value, torch.Tensor):
        kind = {torch.float32: "Float", torch.float64: "Double"}[value.dtype]
        bits = value.contiguous().float().flatten().view(torch.int32).tolist()
        return f"tensor {kind} {value.dim()} " + "".join("%08x" % (b & 0xFFFFFFFF) for b in bits)
    return str(value)  # None, True, 1


def floats(values):
    """Python keeps the int 0 that is some defaults' spelling; lit has floats there."""
    return {k: float(v) if type(v) is int and k in NUMBERS else v for k, v in values.items()}


NUMBERS = {"momentum", "dampening", "weight_decay", "default_min_lr"}


def optimizer_state(optimizer):
    state = optimizer.state_dict()
    return {"state": state["state"], "param_groups": [floats(g) for g in state["param_groups"]]}


def raw(tensors):
    return b"".join(t.detach().contiguous().numpy().tobytes() for t in tensors)


def train(weights, xs, ys, make, fused, accumulate, clip):
    model = network()
    model.load_state_dict(weights)
    optimizer = make(model.parameters(), **({"fused": True} if fused else {}))
    out, batch = [], 0
    for _ in range(STEPS):
        optimizer.zero_grad()
        for _ in range(accumulate):
            x, y = xs[batch % BATCHES], ys[batch % BATCHES]
            loss = torch.nn.functional.cross_entropy(forward(model, x), y)
            out.append(loss)
            if accumulate > 1:
                loss = loss / accumulate
            loss.backward()
            batch += 1
        if clip == "norm":
            out.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1))
        elif clip == "value":
            torch.nn.utils.clip_grad_value_(model.parameters(), 0.01)
        optimizer.step()
    return raw(out) + raw(model.parameters()), show(optimizer_state(optimizer))


def rates(make):
    optimizer = SGD(
        [{"params": [torch.ones(1, requires_grad=True)], "lr": lr} for lr in (0.1, 0.037)],
        fused=True,
    )
    scheduler = make(optimizer)
    lines = []
    for i in range(60):
        lines.append("%.17g %.17g\n" % tuple(g["lr"] for g in optimizer.param_groups))
        if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
            scheduler.step(1.0 / (1 + i) if i < 20 else 0.1)
        else:
            scheduler.step()
    return "".join(lines), show([floats(scheduler.state_dict()), optimizer_state(optimizer)])


def main(program):
    if pathlib.Path(program).is_dir():
        program = str(pathlib.Path(program) / "tests" / "interop" / "optim_parity")
    warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    weights = network().state_dict()
    xs = [torch.randn(16, 32) for _ in range(BATCHES)]
    ys = [torch.randint(0, 10, (16,)) for _ in range(BATCHES)]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.joinpath("weights.bin").write_bytes(raw(weights.values()))
        folder.joinpath("batches.bin").write_bytes(b"".join(raw([x, y.float()]) for x, y in zip(xs, ys)))
        subprocess.run([program, name], check=True)

        def report(case, equal, remark=""):
            nonlocal passed, failed
            passed, failed = passed + equal, failed + (not equal)
            print(f"{'equal    ' if equal else 'DIFFERENT'}  {case}{remark}")

        for optimizer, make in OPTIMIZERS.items():
            for fused in (True, False):
                for mode, (accumulate, clip) in MODES.items():
                    case = f"{optimizer}.{'fused' if fused else 'default'}.{mode}"
                    ours = folder.joinpath(case + ".lit.bin").read_bytes()
                    theirs, state = train(weights, xs, ys, make, fused, accumulate, clip)
                    remark = ""
                    if ours != theirs:
                        a, b = (torch.frombuffer(bytearray(t), dtype=torch.int32) for t in (ours, theirs))
                        remark = (
                            f"  first difference at number {int((a != b).nonzero()[0])} of {len(b)}"
                            if len(a) == len(b)
                            else f"  {len(a)} numbers instead of {len(b)}"
                        )
                    report(case, ours == theirs, remark)
                    written = folder.joinpath(case + ".lit.state.txt").read_text()
                    report(case + " state_dict", written == state)
        for scheduler, make in SCHEDULERS.items():
            lines, state = rates(make)
            report(scheduler, folder.joinpath(scheduler + ".lit.txt").read_text() == lines)
            written = folder.joinpath(scheduler + ".lit.state.txt").read_text()
            report(scheduler + " state_dict", written == state)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
