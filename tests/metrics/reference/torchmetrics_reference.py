# SPDX-License-Identifier: Apache-2.0
"""Prints the numbers that tests/metrics/*.cpp compare with, made by torchmetrics 1.9.0 on torch 2.11.

The batches are closed formulas, so that C++ builds the same ones: element i of a score tensor is
((i * 7919 + 13) % 101) / 101, element i of a target is (i * 31 + i * i // 3) % classes.
"""
import warnings

import torch
import torchmetrics
from torchmetrics import Accuracy, ConfusionMatrix, F1Score

warnings.simplefilter("ignore")


def scores(*shape, shift=0):
    n = torch.Size(shape).numel()
    return torch.tensor([((i * 7919 + 13 + shift) % 101) / 101 for i in range(n)], dtype=torch.float32).reshape(shape)


def targets(*shape, classes, shift=0):
    n = torch.Size(shape).numel()
    return torch.tensor([((i + shift) * 31 + (i + shift) ** 2 // 3) % classes for i in range(n)]).reshape(shape)


def show(name, value):
    flat = ", ".join(repr(float(x)) for x in value.double().flatten())
    print(f"{name}: {{{flat}}}")


def two_batches(metric, shapes, classes, labels=False):
    parts = []
    for shift, shape in enumerate(shapes):
        t = targets(*shape, classes=classes, shift=shift)
        p = (targets(*shape, classes=classes, shift=shift + 5) if labels
             else scores(shape[0], classes, *shape[1:], shift=shift))
        parts.append(metric(p, t))
    return parts, metric.compute()


print("torchmetrics", torchmetrics.__version__, "torch", torch.__version__)
C = 5
for cls in (Accuracy, F1Score):
    for average in ("micro", "macro", "weighted", "none"):
        for top_k in (1, 2):
            for ignore in (None, 1, -1):
                m = cls(task="multiclass", num_classes=C, average=average, top_k=top_k, ignore_index=ignore)
                if ignore == -1:
                    t = targets(24, classes=C)
                    t[::5] = -1
                    value = m(scores(24, C), t)
                    show(f"{cls.__name__} {average} top{top_k} ignore-1", value)
                else:
                    parts, value = two_batches(m, [(24,), (9,)], C)
                    show(f"{cls.__name__} {average} top{top_k} ignore{ignore} batch2", parts[1])
                    show(f"{cls.__name__} {average} top{top_k} ignore{ignore} all", value)
    m = cls(task="multiclass", num_classes=C, average="macro")
    show(f"{cls.__name__} labels macro", two_batches(m, [(24,), (9,)], C, labels=True)[1])
    m = cls(task="multiclass", num_classes=C, average="macro")
    show(f"{cls.__name__} image macro", two_batches(m, [(2, 3, 4), (3, 2, 2)], C)[1])
    m = cls(task="multiclass", num_classes=7, average="macro")
    m.update(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
    show(f"{cls.__name__} absent classes macro", m.compute())
    m = cls(task="multiclass", num_classes=7, average="weighted")
    m.update(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
    show(f"{cls.__name__} absent classes weighted", m.compute())
for normalize in ("none", "true", "pred", "all"):
    m = ConfusionMatrix(task="multiclass", num_classes=4, normalize=normalize, ignore_index=2)
    show(f"ConfusionMatrix {normalize}", two_batches(m, [(24,), (9,)], 4)[1])
    m = ConfusionMatrix(task="multiclass", num_classes=4, normalize=normalize)
    show(f"ConfusionMatrix {normalize} no ignore, labels", two_batches(m, [(24,), (9,)], 4, labels=True)[1])
m = Accuracy(task="multiclass", num_classes=C, average="macro")
two_batches(m, [(24,), (9,)], C)
for key in ("tp", "fp", "tn", "fn"):
    show(f"state {key}", getattr(m, key))
m = Accuracy(task="multiclass", num_classes=C)
two_batches(m, [(24,), (9,)], C)
for key in ("tp", "fp", "tn", "fn"):
    show(f"state micro {key}", getattr(m, key))
