# SPDX-License-Identifier: Apache-2.0
"""The room table of the design: which room may include which, and which headers of a room are its contract."""

# room: the rooms of which it may include the contract. A room may always include itself.
UP_TO_CHECKPOINT = ["core", "collectives", "data", "optim", "loggers", "profilers", "metrics", "module", "precision",
                    "strategies", "checkpoint"]
CALLBACK_LINE = UP_TO_CHECKPOINT + ["callbacks", "fabric", "vision"]
ALL_BELOW_TRAINER = CALLBACK_LINE + ["loops"]

MAY_INCLUDE = {
    "core": [],
    "collectives": ["core"],
    "data": ["core", "collectives"],
    "optim": ["core"],
    "loggers": ["core"],
    "profilers": ["core"],
    "metrics": ["core", "collectives"],
    "module": ["core", "metrics", "optim"],
    "precision": ["core", "collectives", "optim", "module"],
    "strategies": ["core", "collectives", "optim", "module"],
    "checkpoint": ["core", "module", "optim", "collectives"],
    "callbacks": UP_TO_CHECKPOINT,
    "fabric": UP_TO_CHECKPOINT,
    "vision": UP_TO_CHECKPOINT,
    "loops": CALLBACK_LINE,
    "trainer": ALL_BELOW_TRAINER,
    "testing": ALL_BELOW_TRAINER + ["trainer"],
    "tuner": ALL_BELOW_TRAINER + ["trainer"],
    "cli": ALL_BELOW_TRAINER + ["trainer"],
}

# (room, of that room): open whole, models too.
WHOLE = {(room, "core") for room in MAY_INCLUDE}
WHOLE |= {(room, "collectives") for room in ("precision", "strategies")}
WHOLE |= {(room, "checkpoint") for room in ("callbacks", "fabric", "vision")}
WHOLE |= {(room, other) for room in ("trainer", "testing", "tuner", "cli") for other in MAY_INCLUDE}

# Headers at the top: they stand on everything.
TOP = {"lit/lit.hpp", "lit/fwd.hpp"}

# The contract headers of a room; None: all of them.
CONTRACT = {
    "core": None,
    "collectives": {"collective.hpp"},
    "data": {"dataset.hpp", "loader.hpp", "data_module.hpp"},
    "optim": {"optimizer.hpp", "scheduler.hpp", "configuration.hpp", "clip.hpp", "backward.hpp"},
    "loggers": {"logger.hpp"},
    "profilers": {"profiler.hpp"},
    "metrics": {"metric.hpp"},
    "module": {"module.hpp"},
    "precision": {"precision.hpp"},
    "strategies": {"strategy.hpp"},
    "checkpoint": {"checkpoint_io.hpp", "file.hpp", "file_checkpoint_io.hpp", "module_state.hpp", "newest_whole.hpp",
                   "packed_value.hpp", "schema.hpp"},
    "callbacks": {"callback.hpp"},
    "fabric": {"fabric.hpp"},
    "vision": {"vision.hpp"},
    "loops": None,
    "trainer": None,
    "testing": None,
    "tuner": None,
    "cli": None,
}

# What must not stand in a header of lit (comments and strings apart): pattern, what to say, the rooms where it may.
FORBIDDEN = [
    (r"#\s*include\s*[<\"]torch/(torch|all)\.h", "include the narrowest header of LibTorch, not torch/torch.h", ()),
    (r"#\s*include\s*[<\"]boost/hana\.hpp", "include the parts of Hana that are used, not boost/hana.hpp", ()),
    (r"#\s*include\s*[<\"]range/v3/all\.hpp", "include the parts of range-v3 that are used, not range/v3/all.hpp", ()),
    (r"#\s*include\s*[<\"]range/v3/", "range-v3 is included by data/ alone", ("data",)),
    (r"\bvirtual\b", "no virtual in lit; an override of an interface of LibTorch says `override`", ()),
    (r"\bstd\s*::\s*function\b", "no std::function in lit: take a template parameter", ()),
    (r"\bstd\s*::\s*any\b", "no std::any in lit: use a variant or lit::Value", ()),
    (r"\busing\s+namespace\b", "no `using namespace` in a header", ()),
]
