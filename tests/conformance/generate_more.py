#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draw scenarios with what oracle.py's own generator leaves out, on top of what it draws.

  generate_more.py DIR --seed S --count N [--only FEATURE]    random scenarios into DIR (more-S-0000 ...)

Each feature below is drawn with its own probability, so that features meet each other and the options of the first
generator. `oracle.py batch DIR` records them.
"""
import argparse
import json
import os
import random

import oracle

STEP_LOGGING = ["training_step", "on_train_batch_start", "on_train_batch_end", "on_before_zero_grad", "on_before_backward",
                "on_after_backward", "on_before_optimizer_step"]
BATCH_LOGGING = ["on_validation_batch_start", "on_validation_batch_end"]
EPOCH_LOGGING = ["on_train_start", "on_train_epoch_start", "on_train_epoch_end", "on_validation_start",
                 "on_validation_epoch_start", "on_validation_epoch_end"]
NO_LOGGING = ["on_fit_start", "on_fit_end", "on_train_end", "on_validation_end", "on_sanity_check_start"]
# Lightning listens for SIGTERM from the first hook of training to the last one.
BEFORE_OR_AFTER_SIGNALS = ["prepare_data", "setup", "teardown", "configure_model", "configure_optimizers", "on_fit_start",
                           "on_fit_end", "on_exception", "on_load_checkpoint", "load_state_dict"]


def resumes(s):
    return any(isinstance(act, dict) and act["do"] == "resume" for act in s["run"])


def manual(s):
    return not s["module"].get("automatic_optimization", True)


def loaders(rng, s):
    """Loaders of the module or of a data module, asked for again every few epochs."""
    s["data"]["val"] = s["data"]["val"] or [rng.randint(1, 3)]
    s["loaders"] = rng.choice(["module", "datamodule", "datamodule"])
    if s["loaders"] == "datamodule":
        s["data"]["transfer"] = rng.random() < 0.5 and not manual(s)
    if rng.random() < 0.5:
        s["trainer"]["reload_dataloaders_every_n_epochs"] = rng.choice([1, 1, 2])
        s["trainer"]["max_epochs"] = rng.randint(2, 5)


def several_loaders(rng, s):
    """Validation loaders of different lengths; names without an index for values that belong to one of them."""
    if not s["data"]["val"]:
        return
    s["data"]["val"] = [rng.randint(1, 5) for _ in range(rng.choice([2, 2, 3]))]
    count = len(s["data"]["val"])
    for spec in s["module"]["log"]:
        if spec["hook"] == "validation_step":
            spec["add_dataloader_idx"] = True
    rename = {"val_loss": "val_loss/dataloader_idx_%d" % rng.randrange(count)}
    for part in [s["module"].get("scheduler") or {}, *s["callbacks"].values()]:
        if part.get("monitor") in rename:
            part["monitor"] = rename[part["monitor"]]
        if "{val_loss" in (part.get("filename") or ""):
            part["filename"] = part["filename"].replace("{val_loss", "{" + rename["val_loss"])
    for i in rng.sample(range(count), rng.randint(0, count)):
        s["module"]["log"].append({"hook": "validation_step", "name": f"alone_{i}", "value": rng.choice(["loss", "batch_idx"]),
                                   "loader": i, "add_dataloader_idx": False,
                                   **rng.choice([{}, {"on_step": True, "on_epoch": True}, {"prog_bar": True}])})
    if rng.random() < 0.04:  # the same name from two loaders is refused
        s["module"]["log"].append({"hook": "validation_step", "name": "same", "add_dataloader_idx": False})


def max_time(rng, s):
    """Deterministic values only: over at once, or never."""
    s["trainer"]["max_time"] = rng.choice([0, 0, 1000000])
    if rng.random() < 0.4:
        s["trainer"]["min_epochs"] = rng.randint(1, 3)
    if rng.random() < 0.3:
        s["trainer"]["min_steps"] = rng.randint(1, 9)


def minimum(rng, s):
    """Early stopping that would come before min_steps or min_epochs."""
    if s["data"]["val"] and rng.random() < 0.7:
        monitor = "low"
        s["module"]["log"].append({"hook": "on_validation_epoch_end", "name": "low", "value": rng.choice(["epoch", "wave"])})
    else:
        monitor = "low"
        s["module"]["log"].append({"hook": "on_train_epoch_end", "name": "low", "value": rng.choice(["epoch", "wave"])})
    s["trainer"]["max_epochs"] = rng.randint(3, 6)
    s["trainer"].pop("max_steps", None)
    s["callbacks"]["early_stopping"] = {"monitor": monitor, "patience": rng.randint(1, 2), "mode": rng.choice(["min", "max"])}
    options = s["callbacks"]["early_stopping"]
    if rng.random() < 0.25:
        options["stopping_threshold"] = rng.choice([0.5, -0.5, 2.5])
    if rng.random() < 0.25:
        options["divergence_threshold"] = rng.choice([0.5, 1.5, -0.5])
    if rng.random() < 0.2:
        options["strict"] = False
    if rng.random() < 0.6:
        s["trainer"]["min_steps"] = rng.randint(2, 14)
    if rng.random() < 0.6:
        s["trainer"]["min_epochs"] = rng.randint(1, 5)


def checkpoints(rng, s):
    """Several checkpoint callbacks: different state keys, names, folders."""
    s["callbacks"].pop("checkpoint", None)
    if resumes(s):
        s["run"] = ["fit"]
    monitors = [None, "seen"]
    s["module"]["log"].append({"hook": "on_train_epoch_end", "name": "seen", "value": rng.choice(["epoch", "wave", "one"])})
    if s["data"]["val"] and rng.random() < 0.5:
        s["module"]["log"].append({"hook": "on_validation_epoch_end", "name": "seen_val", "value": rng.choice(["epoch", "wave"])})
        monitors.append("seen_val")
    chosen = []
    for i in range(rng.randint(2, 3)):
        c = {}
        monitor = rng.choice(monitors)
        if monitor:
            c.update(monitor=monitor, mode=rng.choice(["min", "max"]), save_top_k=rng.choice([1, 2, -1]))
        elif rng.random() < 0.3:
            c["save_top_k"] = rng.choice([-1, 0])
        c.update(rng.choice([{}, {}, {"every_n_epochs": rng.randint(1, 2)}, {"every_n_train_steps": rng.randint(1, 4)},
                             {"train_time_interval": 0}, {"save_on_train_epoch_end": rng.random() < 0.5}]))
        if rng.random() < 0.35:
            c["save_last"] = rng.choice([True, True, "link"])
        if rng.random() < 0.6:
            c["dirpath"] = rng.choice(["ckpt", "a", "b"])
        if rng.random() < 0.5:
            c["filename"] = rng.choice([f"n{i}-" + "{epoch}", f"n{i}-" + "{step}", "{epoch}-{step}", f"n{i}"])
        if rng.random() < 0.15:
            c["enable_version_counter"] = False
        if rng.random() < 0.2:
            c["save_weights_only"] = True
        if rng.random() < 0.2:
            c["save_on_exception"] = True
        chosen.append(c)
    keys = [(c.get("monitor"), c.get("mode"), c.get("every_n_epochs"), c.get("every_n_train_steps"),
             c.get("train_time_interval")) for c in chosen]
    if len(set(keys)) < len(keys) and rng.random() < 0.8:  # two of one state key are refused
        chosen = [c for i, c in enumerate(chosen) if keys[i] not in keys[:i]]
    s["callbacks"]["checkpoints"] = chosen


def logging(rng, s):
    """`log` from any hook, of the module and of callbacks, with explicit batch sizes."""
    s["data"]["ragged"] = rng.choice([0, 1, 1])
    for n in range(rng.randint(1, 3)):
        who = rng.choice(["module", "callback"])
        kind = rng.random()
        hooks = STEP_LOGGING if kind < 0.45 else EPOCH_LOGGING if kind < 0.75 or not s["data"]["val"] else BATCH_LOGGING
        if rng.random() < 0.03:
            hooks = NO_LOGGING
        hook = rng.choice([h for h in hooks if who == "module" or h in oracle.CALLBACK_HOOKS])
        spec = {"who": who, "hook": hook, "name": rng.choice([f"x{n}", f"x{n}", "shared"]),
                "value": rng.choice(["one", "epoch", "wave", "batch_idx"])}
        if hook not in EPOCH_LOGGING + NO_LOGGING:
            spec.update(rng.choice([{}, {}, {"on_step": True, "on_epoch": True}, {"on_step": False, "on_epoch": True},
                                    {"on_step": True, "on_epoch": False}, {"on_step": False, "on_epoch": False},
                                    {"on_step": True, "on_epoch": True, "prog_bar": True}]))
            if spec.get("on_step") is False and spec.get("on_epoch") is False and rng.random() < 0.8:
                spec["on_epoch"] = True
            if rng.random() < 0.3:
                spec["batch_size"] = rng.randint(1, 9)
            if rng.random() < 0.15:
                spec["reduce_fx"] = rng.choice(["max", "min", "sum"])
        elif rng.random() < 0.2:
            spec.update(rng.choice([{"on_step": True}, {"on_epoch": True}, {"on_step": False}, {"prog_bar": True},
                                    {"logger": False}]))
        s["module"]["log"].append(spec)
    for spec in s["module"]["log"]:
        if spec["hook"].endswith("_step") and rng.random() < 0.2:
            spec["batch_size"] = rng.randint(1, 9)


def modes(rng, s):
    s["observe_modes"] = True
    s["module"]["eval_child"] = rng.random() < 0.3
    if rng.random() < 0.2:
        s["trainer"]["inference_mode"] = False


def runs(rng, s):
    """fit twice, with max_epochs raised or not; validate and test before fit."""
    if resumes(s) or "fast_dev_run" in s["trainer"]:
        return
    more = {"do": "fit", "trainer": {"max_epochs": s["trainer"]["max_epochs"] + rng.randint(1, 2)}}
    s["run"] = rng.choice([["fit", more], ["fit", more], ["fit", "fit"], ["fit", "validate", more], ["fit", "test", more],
                           ["validate", "fit"], ["test", "fit"], ["validate", "fit", more, "validate"], ["fit", "predict", more]])
    if not s["data"]["val"]:
        s["run"] = [act for act in s["run"] if act != "validate"]
    if "test" in s["run"]:
        s["data"].setdefault("test", rng.randint(1, 3))
    if "predict" in s["run"]:
        s["data"].setdefault("predict", rng.randint(1, 3))


def shuffled(rng, s):
    if s["run"].count("fit") == len([act for act in s["run"] if act == "fit" or not isinstance(act, str)]) == 1 and (
            "reload_dataloaders_every_n_epochs" not in s["trainer"]):
        s["data"]["shuffle"] = rng.randint(0, 99)


def reshuffled(rng, s):
    """An order of its own for every epoch, also where the loader is asked for again and in a second fit."""
    if resumes(s) or "fast_dev_run" in s["trainer"] or s["trainer"].get("overfit_batches"):
        return
    if any(f["action"] == "stop" for f in s["module"]["faults"]):  # an epoch without a batch: see SCENARIO.md
        return
    s["data"]["shuffle"] = rng.randint(0, 99)
    s["data"]["train"] = rng.randint(2, 6)
    s["trainer"]["max_epochs"] = rng.randint(2, 4)
    if rng.random() < 0.6:
        s["trainer"]["reload_dataloaders_every_n_epochs"] = rng.choice([1, 1, 2])
        if s.get("loaders", "given") == "given":
            s["loaders"] = rng.choice(["module", "datamodule"])
            s["data"].setdefault("transfer", False)
            s["data"]["val"] = s["data"]["val"] or [rng.randint(1, 3)]
    if rng.random() < 0.6:
        s["run"] = ["fit", *(["validate"] if s["data"]["val"] and rng.random() < 0.3 else []), {
            "do": "fit", "trainer": {"max_epochs": s["trainer"]["max_epochs"] + rng.randint(1, 2)}}]


def defaults(rng, s):
    """What a trainer adds by itself, in its order, beside a logger and a checkpoint callback that are given or switched off."""
    if resumes(s) or manual(s) or s.get("loaders", "given") != "given":
        return
    s["callbacks"] = {key: c for key, c in s["callbacks"].items() if key in ("early_stopping", "lr_monitor")}
    s.pop("loggers", None)
    s.pop("logger", None)
    s["trainer"].pop("max_time", None)  # for which Lightning adds a Timer, and lit nothing
    s["defaults"] = {}
    if rng.random() < 0.5:
        s["defaults"]["logger"] = rng.choice(["csv", False])
    if rng.random() < 0.5:
        c = rng.choice([False, {"save_top_k": 1}, {"save_last": True}, {"save_top_k": -1}, {"every_n_epochs": 2}, {"every_n_train_steps": 2}])
        if c is not False and rng.random() < 0.4:
            s["module"]["log"].append({"hook": "on_train_epoch_end", "name": "seen", "value": rng.choice(["epoch", "wave"])})
            c = {**c, "monitor": "seen", "mode": rng.choice(["min", "max"]), "save_top_k": rng.choice([1, 2])}
        s["defaults"]["checkpoint"] = c
    s["observe_order"] = True


def faults(rng, s):
    """An exception, an interruption, SIGTERM or a wish to stop in any hook of anyone."""
    if resumes(s):
        return
    who = rng.choice(["module", "module", "callback", "callback", "datamodule"])
    if who == "datamodule" and s.get("loaders") != "datamodule":
        who = "module"
    hooks = {"module": [h for h in oracle.MODULE_HOOKS if h not in oracle.LOADER_HOOKS or s.get("loaders") == "module"],
             "callback": oracle.CALLBACK_HOOKS,
             "datamodule": oracle.DATA_HOOKS + oracle.LOADER_HOOKS + oracle.TRANSFER_HOOKS}[who]
    rare = ("test", "predict", "load_checkpoint", "on_exception")
    hook = rng.choice([h for h in hooks if not any(r in h for r in rare) or (rng.random() < 0.1 and h != "on_exception")])
    actions = ["raise", "raise", "interrupt", "stop", "sigterm"]
    if hook in BEFORE_OR_AFTER_SIGNALS or "predict" in hook:
        actions.remove("sigterm")
    f = {"who": who, "hook": hook, "action": rng.choice(actions)}
    if rng.random() < 0.6:
        f["epoch"] = rng.randint(0, 2)
    if "batch_" in hook and "transfer" not in hook or hook in ("training_step", "validation_step"):
        if rng.random() < 0.5:
            f["batch"] = rng.randint(0, 3)
    if rng.random() < 0.15:
        f["sanity"] = True
    s["module"]["faults"] = [f]


def metrics(rng, s):
    """Metric objects in `log`."""
    s["data"]["ragged"] = rng.choice([0, 1])
    for n in range(rng.randint(1, 3)):
        hook = rng.choice(["training_step", "validation_step"]) if s["data"]["val"] else "training_step"
        spec = {"hook": hook, "name": f"m{n}", "value": rng.choice(oracle.METRICS),
                **rng.choice([{}, {"on_step": False, "on_epoch": True}, {"on_step": True, "on_epoch": True},
                              {"on_step": True, "on_epoch": False}, {"on_step": False, "on_epoch": True, "prog_bar": True}])}
        if not spec.get("on_step", hook == "training_step"):
            spec["forward"] = rng.random() < 0.5
        if hook == "validation_step" and len(s["data"]["val"]) > 1:
            spec["loader"] = rng.randrange(len(s["data"]["val"]))
        s["module"]["log"].append(spec)


def clocks(rng, s):
    """Deterministic durations only: over at once, or never."""
    s["callbacks"]["timer"] = {"duration": rng.choice([0, 1000000]), "interval": rng.choice(["step", "epoch"])}
    if rng.random() < 0.4:
        s["trainer"]["min_epochs"] = rng.randint(1, 3)


def schedules(rng, s):
    """The accumulation window changes with the epochs."""
    if manual(s):
        return
    if rng.random() < 0.9:
        s["trainer"].pop("accumulate_grad_batches", None)
    s["trainer"]["max_epochs"] = rng.randint(2, 5)
    epochs = rng.sample(range(5), rng.randint(1, 3))
    s["callbacks"]["accumulation_schedule"] = {str(e): rng.randint(1, 4) for e in sorted(epochs)}


def averages(rng, s):
    """Averaged weights stand in while validating and at the end."""
    if manual(s):
        return
    c = {"kind": rng.choice(["equal", "ema"])}
    if c["kind"] == "ema":
        c["decay"] = rng.choice([0.5, 0.9, 0.999])
        if rng.random() < 0.5:
            c["update_every_n_steps"] = rng.randint(1, 3)
        if rng.random() < 0.3:
            c["update_starting_at_step"] = rng.randint(1, 5)
        if rng.random() < 0.3:
            c["update_starting_at_epoch"] = rng.randint(0, 2)
    s["callbacks"]["averaging"] = c


def swa(rng, s):
    """The last epochs' weights are averaged, at rates of their own; of norms with one epoch more."""
    if manual(s):
        return
    if rng.random() < 0.8:
        s["trainer"]["max_epochs"] = rng.randint(3, 6)
        s["trainer"].pop("max_steps", None)
    s["callbacks"].pop("averaging", None)
    c = {"swa_lrs": rng.choice([0.05, 0.02, [0.01]])}
    if rng.random() < 0.8:
        c["swa_epoch_start"] = rng.choice([1, 1, 2, 3, 0.0, 0.3, 0.5, 1.0])
    if rng.random() < 0.7:
        c["annealing_epochs"] = rng.randint(0, 4)
    if rng.random() < 0.5:
        c["annealing_strategy"] = "linear"
    s["callbacks"]["swa"] = c
    if rng.random() < 0.35:
        s["module"]["batch_norm"] = True
        s["data"]["batch_size"] = 4  # a norm needs two samples at least
        s["module"]["optimizer"] = {"name": "sgd", "lr": 0.1}  # the bias before a norm has only noise for Adam to scale up


def order(rng, s):
    """What the callbacks before have done, as a callback behind them all sees it."""
    s["observe_order"] = True


def by_hand(rng, s):
    """Schedulers in manual optimization are stepped by training_step."""
    if resumes(s):
        return
    if "transfer" in s["data"]:
        s["data"]["transfer"] = False
    for option in ("gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches"):
        s["trainer"].pop(option, None)
    for callback in ("accumulation_schedule", "averaging", "swa"):
        s["callbacks"].pop(callback, None)
    kind = rng.choice([{"kind": "step", "step_size": rng.randint(1, 3), "gamma": 0.5},
                       {"kind": "exponential", "gamma": 0.9}, {"kind": "cosine", "t_max": rng.randint(2, 8)},
                       {"kind": "plateau", "factor": 0.5, "patience": rng.randint(0, 1)}])
    s["module"].update(automatic_optimization=False, optimizers=rng.choice([1, 2]), faults=[],
                       scheduler={**kind, "interval": rng.choice(["step", "epoch"]), "frequency": 1,
                                  "by_hand_every": rng.randint(1, 3)})


def files(rng, s):
    """What real loggers write."""
    s["loggers"] = rng.choice([["csv"], ["tensorboard"], ["csv", "tensorboard"]])
    if rng.random() < 0.2:
        s["logger"] = False


FEATURES = [(loaders, 0.45), (several_loaders, 0.3), (max_time, 0.08), (minimum, 0.15), (checkpoints, 0.25), (logging, 0.4),
            (modes, 0.25), (runs, 0.25), (shuffled, 0.15), (clocks, 0.08),
            (schedules, 0.12), (averages, 0.15), (files, 0.25), (swa, 0.15), (order, 0.25),
            (by_hand, 0.06), (metrics, 0.2), (faults, 0.3)]
# Each with a generator of its own, which leaves the draws of the others as they were.
LATER_FEATURES = [(reshuffled, 0.1), (defaults, 0.08)]


def generate(rng, name, only=None):
    s = oracle.generate(rng, name)
    for feature, probability in FEATURES:
        if rng.random() < probability or feature.__name__ == only:
            feature(rng, s)
    for feature, probability in LATER_FEATURES:
        own = random.Random(name if feature is reshuffled else f"{name} {feature.__name__}")
        if own.random() < probability or feature.__name__ == only:
            feature(own, s)
    return s


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir")
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--count", type=int, default=100)
    p.add_argument("--only", help="have this feature in every scenario: " + ", ".join(f.__name__ for f, _ in [*FEATURES, *LATER_FEATURES]))
    a = p.parse_args()
    os.makedirs(a.dir, exist_ok=True)
    rng = random.Random(a.seed)
    for i in range(a.count):
        name = f"more-{a.seed}-{i:04d}"
        with open(os.path.join(a.dir, name + ".scenario.json"), "w") as f:
            json.dump(generate(rng, name, a.only), f, indent=1)


if __name__ == "__main__":
    main()
