# SPDX-License-Identifier: Apache-2.0
"""What a unit costs the compiler: LibTorch alone, lit's core and all of lit over it, callbacks, and a precompiled header; as
lit::lit gives it, header-only, and as lit::compiled does, with LIT_COMPILED.

Each figure is of one compiler call with -c -O2, or -O0 where that is said, that writes an object file: its own seconds of CPU,
user and system together (what runs beside it disturbs these less than a clock, but does disturb them), and the memory of its
largest process. A header alone is a unit of nothing else. Without ccache and without linking; one compiler at a time.

Goals: lit's core over what it needs of LibTorch under 1 s, the umbrella over torch/torch.h under 3 s, and compiling
examples/minimal again with the precompiled header of `lit::pch` under 8 s, on a machine where LibTorch's header takes 14 s.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HOME = pathlib.Path(os.environ.get("LIT_HOME") or pathlib.Path(__file__).resolve().parents[1])
TORCH = pathlib.Path(os.environ.get("LIT_TORCH_ROOT") or HOME / ".deps" / "torch")
COMPILERS = ("g++", "clang++-19")
FLAGS = ["-std=c++20", "-O2", "-DNDEBUG", "-DUSE_C10D_GLOO", f"-I{HOME}/include", "-isystem", f"{TORCH}/include",
         "-isystem", f"{TORCH}/include/torch/csrc/api/include", f"-idirafter{HOME}/cmake/stubs"]

NEEDED = ["torch/nn/module.h", "ATen/core/Tensor.h"]
CORE = [*NEEDED, "lit/module/module.hpp", "lit/trainer/trainer.hpp"]
COMPILED = ["-DLIT_COMPILED"]
HEADERS = {  # a unit: its headers and flags
    "what lit's core needs of LibTorch": (NEEDED, []),
    "the same and lit's core": (CORE, []),
    "the same and lit's core, compiled": (CORE, COMPILED),
    "torch/torch.h": (["torch/torch.h"], []),
    "lit/lit.hpp": (["lit/lit.hpp"], []),
    "lit/lit.hpp, compiled": (["lit/lit.hpp"], COMPILED),
}
HOOKS = ["on_fit_start(auto&, auto&)", "on_train_epoch_start(auto&, auto&)",
         "on_train_batch_start(auto&, auto&, const auto&, std::int64_t)", "on_before_backward(auto&, auto&, const auto&)",
         "on_after_backward(auto&, auto&)", "on_train_batch_end(auto&, auto&, const auto&, const auto&, std::int64_t)",
         "on_train_epoch_end(auto&, auto&)", "on_validation_end(auto&, auto&)"]
COUNTS = (0, 4, 16, 64)
MINIMAL = HOME / "examples" / "minimal" / "main.cpp"


def including(headers):
    return "".join(f"#include <{header}>\n" for header in headers)


def outside(library):
    """What include/lit includes of another library."""
    found = set()
    for path in (HOME / "include").rglob("*.hpp"):
        for line in path.read_text().splitlines():
            if line.startswith(f"#include <{library}/"):
                found.add(line.split("<", 1)[1].split(">", 1)[0])
    return sorted(found)


def trainer(count):
    """A whole fit with so many callbacks, each a type of its own that listens to one hook."""
    classes = "".join(f"struct Callback{i} {{ std::int64_t calls = 0; void {HOOKS[i % len(HOOKS)]} {{ ++calls; }} }};\n"
                      for i in range(count))
    listed = "".join(f", Callback{i}{{}}" for i in range(count))
    return including(["lit/module/module.hpp", "lit/optim/sgd.hpp", "lit/precision/fp32.hpp", "lit/strategies/single_device.hpp",
                      "lit/trainer/trainer.hpp", "ATen/ops/matmul.h", "ATen/ops/ones.h", "vector"]) + f"""
namespace {{
struct Net : lit::Module<Net> {{
    at::Tensor weight = register_parameter("weight", at::ones({{4, 1}}));
    at::Tensor training_step(const lit::Example& batch) {{
        return (batch.data.matmul(weight) - batch.target).square().mean();
    }}
    void validation_step(const lit::Example& batch) {{ log<"val_loss">(training_step(batch)); }}
    auto configure_optimizers() {{ return lit::SGD{{parameters(), {{.lr = 0.1}}}}; }}
}};
{classes}}}  // namespace

int main() {{
    Net net;
    std::vector<lit::Example> data(2, {{at::ones({{8, 4}}), at::ones({{8, 1}})}});
    lit::Trainer trainer{{lit::SingleDevice{{}}, lit::Fp32{{}}, lit::TrainerOptions{{.max_epochs = 1}}{listed}}};
    trainer.fit(net, data, data);
}}
"""


def report(what, value, unit):
    print(f"{what}\t{value:.6g}\t{unit}", flush=True)


class Compiler:
    def __init__(self, name, folder):
        self.name, self.folder, self.times = name, folder, {}

    def run(self, *words):
        """Seconds of CPU and megabytes of memory of the compiler and what it starts."""
        process = subprocess.Popen([self.name, *FLAGS, *(str(word) for word in words)])
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"lit: {self.name} failed; the unit is above, the flags are {' '.join(FLAGS)}")
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1000

    def measure(self, what, *words):
        seconds, megabytes = self.run(*words)
        self.times.setdefault(what, []).append(seconds)
        report(f"{self.name}: {what}", seconds, "s user+sys")
        report(f"{self.name}: {what}", megabytes, "MB at most")

    def unit(self, what, text, *words):
        path = self.folder / "unit.cpp"
        path.write_text(text)
        self.measure(what, *words, "-c", path, "-o", self.folder / "unit.o")

    def difference(self, what, above, below, goal):
        for more, less in zip(self.times[above], self.times[below]):
            report(f"{self.name}: {what} (goal: under {goal})", more - less, "s user+sys")

    def headers(self):
        self.run("-E", MINIMAL, "-o", self.folder / "read.ii")  # from the disk, once
        for what, (headers, words) in list(HEADERS.items()) + list(HEADERS.items())[:3]:  # lit's core twice: a small difference
            self.unit(what, including(headers), *words)
        self.unit("range-v3, as lit/data/views.hpp includes it", including(outside("range/v3")))
        self.unit("Hana, as lit includes it", including(outside("boost/hana")))
        for mode in ("", ", compiled"):
            self.difference(f"lit's core over LibTorch{mode}", f"the same and lit's core{mode}",
                            "what lit's core needs of LibTorch", 1)
            self.difference(f"lit/lit.hpp over torch/torch.h{mode}", f"lit/lit.hpp{mode}", "torch/torch.h", 3)

    def callbacks(self):
        name = "a trainer with {} callbacks".format
        for count in COUNTS:
            self.unit(name(count), trainer(count))
        time = {count: statistics.median(self.times[name(count)]) for count in COUNTS}
        for few, many in zip(COUNTS, COUNTS[1:]):
            each = (time[many] - time[few]) / (many - few)
            report(f"{self.name}: for each callback, from {few} to {many}", each * 1000, "ms user+sys")

    def precompiled(self):
        for level in ("-O2", "-O0"):  # the last of two levels wins
            self.measure(f"examples/minimal {level}, nothing precompiled", level, "-c", MINIMAL, "-o", self.folder / "unit.o")
            self.measure(f"the library of lit::compiled {level}", level, *COMPILED, "-c", HOME / "cmake" / "compiled.cpp", "-o",
                         self.folder / "unit.o")
            self.precompiled_with(level, "")
            self.precompiled_with(level, ", compiled", *COMPILED)

    def precompiled_with(self, level, mode, *words):
        header = self.folder / "pch.hpp"  # as lit::pch has it
        header.write_text(including(["lit/lit.hpp"]))
        words = [level, *words]
        if self.name.startswith("clang"):
            made, using = header.with_suffix(".hpp.pch"), ["-include-pch", header.with_suffix(".hpp.pch")]
            making = ["-fpch-instantiate-templates"]
        else:
            made, using = header.with_suffix(".hpp.gch"), ["-Winvalid-pch", "-Werror=invalid-pch", "-include", header]
            making = []
            words.append("--param=ggc-min-heapsize=2097152")  # as lit::pch has it
        self.measure(f"the precompiled header itself {level}{mode}", *words, *making, "-x", "c++-header", header, "-o", made)
        report(f"{self.name}: the precompiled header on the disk {level}{mode}", made.stat().st_size / 1e6, "MB")
        self.measure(f"examples/minimal {level} with the precompiled header{mode} (goal: under 8)", *words, *using, "-c", MINIMAL,
                     "-o", self.folder / "unit.o")
        made.unlink()


def main():
    if not (TORCH / "include" / "torch").is_dir():
        sys.exit(f"lit: no LibTorch in {TORCH}: run scripts/setup, or name one in LIT_TORCH_ROOT")
    (HOME / "build" / "bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="compile-", dir=HOME / "build" / "bench") as folder:
        for name in COMPILERS:
            if shutil.which(name) is None:
                print(f"lit: no {name} here", file=sys.stderr)
                continue
            compiler = Compiler(name, pathlib.Path(folder))
            compiler.headers()
            compiler.callbacks()
            compiler.precompiled()


if __name__ == "__main__":
    main()
