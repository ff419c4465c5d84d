# SPDX-License-Identifier: Apache-2.0
"""Has lit take the weights of torchvision's and timm's models by name, and read and write safetensors beside Python's library.

    python weights.py BUILD    (the build folder, or the program weights itself)
"""

import pathlib
import subprocess
import sys
import tempfile
from collections import OrderedDict

import safetensors
import safetensors.torch
import timm
import torch
import torchvision

passed = failed = 0


def report(name, good, remark=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {name} {remark}")


def raw(tensor):
    return tensor.contiguous().view(-1).view(torch.uint8)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(raw(a), raw(b))


def shaken(model):
    """Weights and statistics as after training: none is 0 or 1."""
    generator = torch.Generator().manual_seed(3)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.1 + 0.01)
    return model.eval()


def models(folder, lit):
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    torch.save(image, folder / "image.pt")
    for name, model in {"torchvision": shaken(torchvision.models.resnet18()), "timm": shaken(timm.create_model("resnet18"))}.items():
        with torch.no_grad():
            expected = model(image)
        files = {"pth": folder / f"{name}.pth", "old": folder / f"{name}.old", "safetensors": folder / f"{name}.safetensors",
                 "nested": folder / f"{name}.nested"}
        torch.save(model.state_dict(), files["pth"])
        torch.save(model.state_dict(), files["old"], _use_new_zipfile_serialization=False)
        torch.save({"model": model.state_dict(), "epoch": 3}, files["nested"])
        safetensors.torch.save_file(model.state_dict(), files["safetensors"])
        for kind, file in files.items():
            lit("predict", file, folder / "image.pt", folder / "out.pt")
            report(f"{name}, {kind}: the same predictions", same(torch.load(folder / "out.pt"), expected))
        partial = OrderedDict(model.state_dict())
        del partial["fc.bias"]
        partial["head.weight"] = torch.zeros(1)
        safetensors.torch.save_file(partial, folder / "partial.safetensors")
        done = lit("loosely", folder / "partial.safetensors", folder / "image.pt", folder / "out.pt")
        report(f"{name}: what is missing and unexpected is listed", done.stdout == "missing fc.bias\nunexpected head.weight\n", done.stdout)
        done = lit("predict", folder / "partial.safetensors", folder / "image.pt", folder / "out.pt", check=False)
        report(f"{name}: and refused where everything has to fit",
               done.returncode == 1 and "missing keys: fc.bias" in done.stderr and "unexpected keys: head.weight" in done.stderr, done.stderr)


def dtypes():
    out = {}
    for dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64,
                  torch.uint64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64,
                  torch.float8_e4m3fn, torch.float8_e5m2):
        width = torch.empty(0, dtype=dtype).element_size()
        data = torch.arange(6 * width, dtype=torch.uint8)
        out[str(dtype)] = (data % 2 if dtype is torch.bool else data).view(dtype).view(2, 3)
    out["scalar"] = torch.tensor(1.5)
    out["empty"] = torch.zeros(0, 3)
    out["name with \"quotes\" and ü"] = torch.rand(3)
    return out


def tensors(folder, lit):
    given = dtypes()
    safetensors.torch.save_file(given, folder / "theirs.safetensors", {"format": "pt"})
    lit("from_safetensors", folder / "theirs.safetensors", folder / "read.pt")
    read = torch.load(folder / "read.pt", weights_only=True)
    report("lit reads every name", sorted(read) == sorted(given))
    for name, tensor in given.items():
        report(f"lit reads {name}", same(read[name], tensor))
    torch.save(given, folder / "given.pt")
    lit("to_safetensors", folder / "given.pt", folder / "ours.safetensors")
    back = safetensors.torch.load_file(folder / "ours.safetensors")
    report("Python reads every name", sorted(back) == sorted(given))
    for name, tensor in given.items():
        report(f"Python reads {name}", same(back[name], tensor))
    with safetensors.safe_open(folder / "ours.safetensors", "pt") as file:
        report("Python reads the metadata", file.metadata() == {"format": "pt"})
    report("both write the same bytes", (folder / "ours.safetensors").read_bytes() == (folder / "theirs.safetensors").read_bytes())
    tied = {"embedding": (weight := torch.rand(4, 2)), "head": weight}
    torch.save(tied, folder / "tied.pt")
    lit("to_safetensors", folder / "tied.pt", folder / "tied.safetensors")
    with safetensors.safe_open(folder / "tied.safetensors", "pt") as file:
        report("tied weights stand in a file once", list(file.keys()) == ["embedding"] and file.metadata().get("head") == "embedding")


def main(program):
    program = pathlib.Path(program)
    if program.is_dir():
        program = program / "tests" / "interop" / "weights"

    def lit(*arguments, check=True):
        return subprocess.run([str(program.resolve()), *map(str, arguments)], check=check, text=True, capture_output=True)

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        models(folder, lit)
        tensors(folder, lit)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
