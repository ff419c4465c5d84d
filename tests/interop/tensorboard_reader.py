# SPDX-License-Identifier: Apache-2.0
"""Reads in Python what lit's loggers wrote: TensorBoard's own reader, PyYAML, the csv module, and Lightning's CSVLogger.

    python tensorboard_reader.py BUILD_FOLDER      (or the path of the program tensorboard_reader itself)
"""

import csv
import math
import pathlib
import subprocess
import sys
import tempfile

import yaml
from lightning.pytorch.loggers import CSVLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

passed, failed = 0, 0


def check(what, found, wanted):
    global passed, failed
    if found == wanted:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {what}:\n  found  {found!r}\n  wanted {wanted!r}")


def float32(value):
    import numpy

    return float(numpy.float32(value))


TEXTS = ["", "yes", "No", "null", "~", "12", "1e-05", "0x1f", "1_000", "12:30", "2024-01-01", "y", "=", "<<", "- a", "a: b",
         "a #b", "'q'", 'say "hi"', "back\\slash", "two\nlines\r\n\ttab", " lead", "trail ", "{x}", "[y]", "&a", "*a", "!t",
         "%d", "@at", "`b`", "?", "größe", "日本語", "\U0001f525", "\x85next", "a\u2028z", "\ufeffbom", "\x01\x7f", ".5", "_1",
         "adam", "path/to-a.file"]
HPARAMS = {
    "lr": 1e-5, "wide": 1e20, "tiny": 5e-324, "third": 1.0 / 3.0, "big": -(2**63), "hidden": 128, "bias": True, "nothing": None,
    "no": "a key that is a word of YAML", "a key: with #signs": 1, "optimizer": "adam", "infinite": [math.inf, -math.inf],
    "betas": [0.9, 0.999], "nested": {"deep": {"x": 1, "empty": {}}, "list": []},
    "layers": [{"n": 1, "act": "on"}, {"n": 2, "act": "relu"}], "weights": [[1, 2], [3, 4]], "scale": 0.25, "texts": TEXTS,
}


def rows():
    for step in range(200):
        yield step, {"train/loss": step * 7919 % 1009 / 1009.0, "lr": 1e-3 / (step + 1), "epoch": step // 50}
        if step % 50 == 49:
            yield step, {"val_loss": 1e10 / step, "epoch": step // 50}
    yield 5_000_000_000, {'a, "late" name': math.nan, "infinite": -math.inf}


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def check_tensorboard(folder):
    wanted = {"hp_metric": [(0, -1.0)]}
    for step, metrics in rows():
        for name, value in metrics.items():
            wanted.setdefault(name, []).append((step, float32(value)))
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    check("scalar tags", sorted(reader.Tags()["scalars"]), sorted(wanted))
    for tag, points in wanted.items():
        found = [(event.step, event.value) for event in reader.Scalars(tag)]
        check(f"steps of {tag}", [step for step, _ in found], [step for step, _ in points])
        check(f"values of {tag}", all(same(a, b) for (_, a), (_, b) in zip(found, points)), True)
        times = [event.wall_time for event in reader.Scalars(tag)]
        check(f"times of {tag} do not go back", times, sorted(times))

    contents = {tag: plugin_data_pb2.HParamsPluginData.FromString(content)
                for tag, content in reader.PluginTagToContent("hparams").items()}
    experiment = contents["_hparams_/experiment"].experiment
    kinds = {info.name: info.type for info in experiment.hparam_infos}
    check("kind of lr", kinds["lr"], 3)
    check("kind of bias", kinds["bias"], 2)
    check("kind of optimizer", kinds["optimizer"], 1)
    check("metric of the experiment", [m.name.tag for m in experiment.metric_infos], ["hp_metric"])
    start = contents["_hparams_/session_start_info"].session_start_info.hparams
    check("hparam lr", start["lr"].number_value, 1e-5)
    check("hparam bias", start["bias"].bool_value, True)
    check("hparam nested", start["nested/deep/x"].number_value, 1.0)
    check("hparam in a list of dicts", start["layers/1/act"].string_value, "relu")
    check("hparam tuple", start["betas"].string_value, "(0.9, 0.999)")
    check("hparam none", start["nothing"].string_value, "None")
    check("end of the session", contents["_hparams_/session_end_info"].session_end_info.status, 1)


def check_csv(folder, scratch):
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    wanted = list(rows())
    check("number of rows", len(table), len(wanted))
    keys = sorted({name for _, metrics in wanted for name in metrics} | {"step"})
    check("columns", list(table[0]), keys)
    wrong = 0
    for found, (step, metrics) in zip(table, wanted):
        wrong += found["step"] != str(step)
        for key in keys:
            if key != "step":
                wrong += not (same(float(found[key]), metrics[key]) if key in metrics else found[key] == "")
    check("cells that differ", wrong, 0)

    logger = CSVLogger(str(scratch), name="lightning")
    for step, metrics in rows():
        logger.log_metrics(metrics, step)
        logger.save()
    logger.finalize("success")
    reference = pathlib.Path(logger.log_dir, "metrics.csv").read_bytes()
    check("metrics.csv equals Lightning's byte for byte", (folder / "metrics.csv").read_bytes() == reference, True)


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    if program.is_dir():
        program = program / "tests" / "interop" / "tensorboard_reader"
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        subprocess.run([str(program), str(scratch)], check=True)
        tensorboard, table = scratch / "tensorboard" / "version_0", scratch / "csv" / "version_0"
        check_tensorboard(tensorboard)
        check_csv(table, scratch)
        for folder in (tensorboard, table):
            found = yaml.safe_load((folder / "hparams.yaml").read_text(encoding="utf-8"))
            check(f"keys of {folder.parent.name}'s hparams.yaml", list(found), list(HPARAMS))
            for key, value in HPARAMS.items():
                check(f"{key} in {folder.parent.name}'s hparams.yaml", found.get(key), value)
                check(f"type of {key}", type(found.get(key)), type(value))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
