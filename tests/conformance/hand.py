#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios written by hand: the corners, and one thing that goes wrong in every hook of everyone.

  hand.py DIR    writes them into DIR (hand-...); `oracle.py batch DIR` records them
"""
import json
import os
import sys

import generate_more
import oracle

LOSS = {"hook": "training_step", "name": "t", "value": "loss", "on_step": True, "on_epoch": True}
VAL = {"hook": "validation_step", "name": "v", "value": "loss"}
SEEN = {"hook": "on_train_epoch_end", "name": "seen", "value": "wave"}


def scenario(name, run=("fit",), trainer=None, data=None, log=(LOSS, VAL), callbacks=None, module=None, **more):
    return {"name": "hand-" + name, "run": list(run),
            "trainer": {"max_epochs": 2, "log_every_n_steps": 1, "num_sanity_val_steps": 1, **(trainer or {})},
            "data": {"train": 3, "val": [2], "batch_size": 2, "ragged": 1, **(data or {})},
            "module": {"optimizer": {"name": "sgd", "lr": 0.1}, "log": list(log), "faults": [], **(module or {})},
            "callbacks": callbacks or {}, **more}


def everything_goes_wrong():
    """An exception, an interruption and SIGTERM in every hook that this run has, on its second occasion where it has two."""
    whole = {"loaders": "datamodule", "data": {"transfer": True, "val": [2, 1]}, "callbacks": {"checkpoint": {"save_last": True}},
             "trainer": {"gradient_clip_val": 1.0}, "loggers": ["csv"],
             "module": {"scheduler": {"kind": "step", "step_size": 1, "gamma": 0.5, "interval": "epoch", "frequency": 1}}}
    everyone = {"module": [h for h in oracle.MODULE_HOOKS if h not in oracle.LOADER_HOOKS + oracle.TRANSFER_HOOKS],
                "callback": oracle.CALLBACK_HOOKS,
                "datamodule": oracle.DATA_HOOKS + ["train_dataloader", "val_dataloader"] + oracle.TRANSFER_HOOKS}
    for who, hooks in everyone.items():
        for hook in hooks:
            if any(word in hook for word in ("test", "predict", "load_checkpoint", "on_exception")):
                continue
            for action in ("raise", "interrupt", "sigterm"):
                if action == "sigterm" and hook in generate_more.BEFORE_OR_AFTER_SIGNALS:
                    continue
                fault = {"who": who, "hook": hook, "action": action}
                for k in ("sanity",) if "sanity" in hook else ():
                    fault[k] = True
                parts = {**whole, "module": {**whole["module"], "faults": [fault]}}
                yield scenario(f"{action}-in-{who}-{hook}", **parts)
    for hook in ("test_step", "on_test_start", "on_test_epoch_end", "on_test_end", "on_test_batch_end", "predict_step",
                 "on_predict_start", "on_predict_batch_end", "on_predict_end"):
        for action in ("raise", "interrupt", "sigterm"):
            what = "predict" if "predict" in hook else "test"
            if action == "sigterm" and what == "predict":
                continue
            yield scenario(f"{action}-in-{what}-{hook}", run=["fit", what], data={what: 2},
                           log=[LOSS, VAL, {"hook": "test_step", "name": "x", "value": "acc"}],
                           module={"faults": [{"who": "module", "hook": hook, "action": action}]})


ACTIONS = ("raise", "interrupt", "sigterm")
ALWAYS = ["prepare_data", "setup", "teardown", "configure_model"]  # of every stage
STAGES = {"fit": ("train", "train"), "validate": ("validation", "val"), "test": ("test", "test"), "predict": ("predict", "predict")}


def goes_wrong(name, who, hook, before=(), **parts):
    """One scenario for each action that Lightning hears of in this hook; `before`: what went wrong already."""
    for action in ACTIONS:
        if action == "sigterm" and hook in generate_more.BEFORE_OR_AFTER_SIGNALS and hook != "on_exception":
            continue
        fault = {"who": who, "hook": hook, "action": action}
        yield scenario(f"{action}-in-{name}-{who}-{hook}", **{**parts, "module": {
            **parts.get("module", {}), "faults": [*before, fault]}})


def everything_goes_wrong_in_every_stage():
    """The same where nothing is trained, where the module brings its data, in a resumed fit, and behind a first exception."""
    whole = {"data": {"train": 3, "val": [2, 1], "test": 3, "predict": 3, "transfer": True}, "observe_modes": True, "loggers": ["csv"],
             "log": [LOSS, VAL, {"hook": "test_step", "name": "x", "value": "acc"}]}
    for stage, (word, split) in STAGES.items():
        run = {**whole, "run": [stage]}
        loader = split + "_dataloader"
        step = {"train": "training_step", "val": "validation_step"}.get(split, split + "_step")
        if stage != "fit":
            for who, hooks in {"module": oracle.MODULE_HOOKS, "callback": oracle.CALLBACK_HOOKS,
                               "datamodule": oracle.DATA_HOOKS + oracle.TRANSFER_HOOKS + [loader]}.items():
                for hook in hooks:
                    if hook in ALWAYS or word in hook or (who == "datamodule" and hook != "on_exception"):
                        yield from goes_wrong(stage, who, hook, loaders="datamodule", **run)
        for hook in oracle.TRANSFER_HOOKS + ([loader] if stage != "fit" else ["train_dataloader", "val_dataloader"]):
            yield from goes_wrong(stage + "-with-its-data", "module", hook, loaders="module", **run)
        for who in ("callback", "datamodule"):
            for first in ("raise", "interrupt"):
                yield from goes_wrong(f"{stage}-behind-{first}", who, "on_exception", loaders="datamodule", before=[
                    {"who": "module", "hook": step, "action": first, "batch": 1}], **run)
    stateful = {"loaders": "datamodule", "data": {"state": True}, "callbacks": {"checkpoint": {"save_last": True}}}
    yield from goes_wrong("fit", "datamodule", "state_dict", **stateful)
    for who, hook in (("module", "on_load_checkpoint"), ("callback", "on_load_checkpoint"), ("datamodule", "load_state_dict")):
        yield from goes_wrong("resume", who, hook, **stateful, run=["fit", {
            "do": "resume", "from": "last.ckpt", "trainer": {"max_epochs": 3}}])


def corners():
    last = {"epoch": 1, "batch": 2}
    yield scenario("sigterm-in-the-very-last-batch", module={"faults": [
        {"who": "module", "hook": "training_step", "action": "sigterm", **last}]})
    yield scenario("sigterm-in-the-last-validation-batch", data={"val": [1, 2]}, module={"faults": [
        {"who": "module", "hook": "validation_step", "action": "sigterm", "epoch": 1, "batch": 1}]})
    yield scenario("stop-while-sanity-checking", module={"faults": [
        {"who": "module", "hook": "validation_step", "action": "stop", "sanity": True}]})
    for steps in (1, 4, 5, 6, 7):
        yield scenario(f"min-steps-{steps}-after-a-stop", trainer={"max_epochs": 4, "min_steps": steps}, module={"faults": [
            {"who": "callback", "hook": "on_train_batch_end", "action": "stop", "epoch": 0, "batch": 0}]})
    for epochs in (1, 2, 3):
        yield scenario(f"min-epochs-{epochs}-over-at-once", trainer={"max_epochs": 4, "min_epochs": epochs, "max_time": 0})
    yield scenario("over-at-once", trainer={"max_time": 0})
    yield scenario("loaders-of-many-lengths", data={"val": [1, 4, 2]}, trainer={"limit_val_batches": 2}, log=[
        LOSS, VAL, *({"hook": "validation_step", "name": f"v{i}", "loader": i, "add_dataloader_idx": False} for i in range(3))],
        observe_modes=True)
    yield scenario("one-name-for-two-loaders", data={"val": [2, 1]}, log=[{**VAL, "add_dataloader_idx": False}])
    for every in (1, 2, 3):
        for check in (1, 2):
            for where in ("module", "datamodule"):
                yield scenario(f"reload-{every}-check-{check}-{where}", loaders=where, data={"transfer": False}, trainer={
                    "max_epochs": 5, "reload_dataloaders_every_n_epochs": every, "check_val_every_n_epoch": check})
    yield scenario("three-checkpoints-one-name", log=[LOSS, VAL, SEEN], trainer={"max_epochs": 4}, callbacks={"checkpoints": [
        {"filename": "same"}, {"filename": "same", "every_n_train_steps": 2}, {"filename": "same", "monitor": "seen",
                                                                              "save_top_k": 2, "mode": "max"}]})
    yield scenario("links-and-copies", log=[LOSS, VAL, SEEN], trainer={"max_epochs": 3}, callbacks={"checkpoints": [
        {"save_last": "link", "dirpath": "a"}, {"save_last": True, "monitor": "seen", "mode": "min", "dirpath": "b"},
        {"save_last": "link", "monitor": "seen", "mode": "max", "save_top_k": -1, "dirpath": "b"}]})
    yield scenario("two-of-one-state-key", callbacks={"checkpoints": [{"filename": "a"}, {"filename": "b"}]})
    yield scenario("saved-on-an-exception", callbacks={"checkpoints": [{"save_on_exception": True, "every_n_epochs": 5}]},
                   module={"faults": [{"who": "module", "hook": "training_step", "action": "raise", **last}]})
    # Lightning has lost what was logged before the checkpoint, and fails where it is looked at before it is logged again.
    for name, more in (("scheduler", {"module": {"scheduler": {
            "kind": "plateau", "factor": 0.5, "patience": 9, "interval": "epoch", "frequency": 1, "monitor": "v"}}}),
                       ("stopping", {"callbacks": {"early_stopping": {"monitor": "v", "check_on_train_epoch_end": True}}})):
        more["callbacks"] = {"checkpoint": {"save_last": True}, **more.get("callbacks", {})}
        yield scenario(f"lost-by-resuming-{name}", run=["fit", {
            "do": "resume", "from": "last.ckpt", "trainer": {"max_epochs": 3, "check_val_every_n_epoch": 2}}], **more)
    for weight in (1, 3):
        yield scenario(f"weights-of-{weight}", data={"ragged": 1}, log=[
            {**LOSS, "batch_size": weight}, {**VAL, "batch_size": weight}, {**VAL, "name": "w", "reduce_fx": "sum"}])
    for hook in generate_more.STEP_LOGGING + generate_more.EPOCH_LOGGING + generate_more.BATCH_LOGGING + generate_more.NO_LOGGING:
        for who in ("module", "callback"):
            if who == "module" or hook in oracle.CALLBACK_HOOKS:
                if who == "callback" or hook in oracle.MODULE_HOOKS:
                    yield scenario(f"log-from-{who}-{hook}", log=[
                        LOSS, {"who": who, "hook": hook, "name": "x", "value": "epoch"}], loggers=["csv", "tensorboard"])
    yield scenario("a-column-that-comes-late", loggers=["csv", "tensorboard"], trainer={"check_val_every_n_epoch": 2,
                                                                                    "max_epochs": 4})
    yield scenario("loggers-over-several-runs", loggers=["csv", "tensorboard"], data={"test": 2},
                   run=["validate", "fit", "test", {"do": "fit", "trainer": {"max_epochs": 3}}],
                   log=[LOSS, VAL, {"hook": "test_step", "name": "x", "value": "acc"}])
    yield scenario("modes-of-every-kind-of-run", run=["validate", "fit", "test", "predict"], data={"test": 1, "predict": 1},
                   observe_modes=True, module={"eval_child": True})
    yield scenario("modes-without-inference-mode", run=["validate", "fit"], trainer={"inference_mode": False}, observe_modes=True)
    yield scenario("windows-that-change", trainer={"max_epochs": 4}, data={"train": 5}, callbacks={
        "accumulation_schedule": {"0": 3, "1": 1, "3": 2}})
    yield scenario("two-that-accumulate", trainer={"accumulate_grad_batches": 2}, callbacks={
        "accumulation_schedule": {"1": 3}})
    for kind in ({"kind": "equal"}, {"kind": "ema", "decay": 0.5}, {"kind": "ema", "decay": 0.9, "update_every_n_steps": 2},
                 {"kind": "ema", "decay": 0.5, "update_starting_at_epoch": 1}):
        yield scenario("averages-" + "-".join(str(v) for v in kind.values()) + f"-{len(kind)}", trainer={"max_epochs": 3},
                       callbacks={"averaging": kind, "checkpoint": {"save_last": True}}, run=["fit", "validate"])
    stops = {"monitor": "seen", "mode": "max", "patience": 1}
    for name, callbacks, more in (
            ("a-checkpoint-given-first", {"checkpoint": {"monitor": "seen", "save_top_k": -1}, "early_stopping": stops}, {}),
            ("checkpoints-beside-others", {"checkpoints": [{"filename": "a", "every_n_train_steps": 2}, {"filename": "b"}],
                                           "early_stopping": stops, "lr_monitor": {}, "accumulation_schedule": {"1": 2}}, {}),
            ("a-timer-behind-early-stopping", {"checkpoint": {"save_last": True}, "early_stopping": stops, "timer": {
                "duration": 0, "interval": "epoch"}}, {}),
            ("averages-beside-others", {"checkpoint": {}, "lr_monitor": {}, "swa": {"swa_lrs": 0.05, "swa_epoch_start": 1}}, {}),
            ("when-one-throws", {"checkpoint": {"save_on_exception": True}, "early_stopping": stops},
             {"module": {"faults": [{"who": "module", "hook": "training_step", "action": "raise", "epoch": 1, "batch": 1}]}})):
        yield scenario("order-of-" + name, trainer={"max_epochs": 4}, log=[LOSS, VAL, SEEN], callbacks=callbacks,
                       observe_order=True, run=["fit", "validate"], **more)
    for start, epochs, norm in ((1, 0, False), (2, 2, False), (0.5, 10, False), (1.0, 1, False), (2, 2, True), (0.5, 0, True)):
        for validated in (1, 3):
            yield scenario(f"swa-from-{start}-in-{epochs}-every-{validated}" + "-norm" * norm, run=["fit", "validate"], callbacks={
                "swa": {"swa_lrs": 0.05, "swa_epoch_start": start, "annealing_epochs": epochs}, "checkpoint": {"save_last": True}},
                trainer={"max_epochs": 4, "check_val_every_n_epoch": validated}, data={"batch_size": 4},
                module={"batch_norm": norm, "scheduler": {"kind": "step", "step_size": 1, "gamma": 0.5, "interval": "step",
                                                          "frequency": 2}})
    for window in (2, 4):
        yield scenario(f"swa-norm-in-windows-of-{window}", callbacks={"swa": {"swa_lrs": 0.05, "swa_epoch_start": 2}},
                       trainer={"max_epochs": 3, "accumulate_grad_batches": window}, data={"train": 5, "batch_size": 4},
                       module={"batch_norm": True})
    for where in ("given", "module", "datamodule"):
        for optimizers in (1, 2):
            yield scenario(f"by-hand-plateau-{where}-{optimizers}", loaders=where, data={"transfer": False}, trainer={
                "max_epochs": 3, "reload_dataloaders_every_n_epochs": 1}, module={
                    "automatic_optimization": False, "optimizers": optimizers,
                    "scheduler": {"kind": "plateau", "factor": 0.5, "patience": 0, "by_hand_every": 1}})


def defaults():
    """What a trainer adds by itself, beside what is given; where all of it lies, also after a second trainer's run."""
    stops = {"early_stopping": {"monitor": "seen", "mode": "max", "patience": 1}, "lr_monitor": {}}
    second = {"do": "fit", "trainer": {"max_epochs": 3}}
    for given, kind in (("nothing", {}), ("a-logger", {"logger": "csv"}), ("no-logger", {"logger": False}),
                        ("no-checkpoint", {"checkpoint": False}), ("neither", {"logger": False, "checkpoint": False}),
                        ("a-checkpoint", {"checkpoint": {"save_top_k": -1, "filename": "n-{epoch}", "save_last": True}}),
                        ("a-checkpoint-that-looks", {"checkpoint": {"monitor": "v", "save_top_k": 2, "every_n_epochs": 2}}),
                        ("both", {"logger": "csv", "checkpoint": {"monitor": "seen", "mode": "max", "save_top_k": 2}})):
        for name, run, more in (
                ("fit", ["fit"], {}), ("everything", ["validate", "fit", "validate", "test", "predict"], {}),
                ("with-others", ["fit", "test"], {"callbacks": stops}), ("fit-on", ["fit", second], {}),
                ("again", ["fit", {"do": "again"}, {"do": "again"}], {}), ("test-alone", ["test"], {}),
                ("fast-dev-run", ["fit", "test"], {"trainer": {"fast_dev_run": 2}}),
                ("steps", ["fit"], {"trainer": {"max_epochs": 3, "val_check_interval": 2, "log_every_n_steps": 2,
                                                "accumulate_grad_batches": 2}}),
                ("raise", ["fit"], {"module": {"faults": [
                    {"who": "module", "hook": "training_step", "action": "raise", "epoch": 1, "batch": 2}]}}),
                ("sigterm", ["fit"], {"module": {"faults": [
                    {"who": "callback", "hook": "on_validation_end", "action": "sigterm", "epoch": 1}]}})):
            yield scenario(f"defaults-{given}-{name}", **{
                "run": run, "data": {"train": 4, "val": [2], "test": 2, "predict": 2}, "defaults": kind, "observe_order": True,
                "log": [LOSS, VAL, SEEN, {"hook": "test_step", "name": "x", "value": "acc"}], **more})


def by_hand_with_transfers():
    """Manual optimization with a data module that brings batches to the device itself."""
    for optimizers in (1, 2):
        for module in ({}, {"scheduler": {"kind": "step", "step_size": 1, "gamma": 0.5, "by_hand_every": 2}}, {"faults": [
                {"who": "datamodule", "hook": "transfer_batch_to_device", "action": "raise", "epoch": 1}]}):
            yield scenario(f"by-hand-transfers-{optimizers}-{next(iter(module), 'plain')}", run=["fit", "validate", "test", "predict"],
                           loaders="datamodule", data={"transfer": True, "test": 2, "predict": 2}, observe_modes=True,
                           log=[LOSS, VAL, {"hook": "test_step", "name": "x", "value": "acc"}],
                           module={"automatic_optimization": False, "optimizers": optimizers, **module})


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for s in [*everything_goes_wrong(), *everything_goes_wrong_in_every_stage(), *corners(), *defaults(), *by_hand_with_transfers()]:
        with open(os.path.join(sys.argv[1], s["name"] + ".scenario.json"), "w") as f:
            json.dump(s, f, indent=1)


if __name__ == "__main__":
    main()
