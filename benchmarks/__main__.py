"""Run the benchmarks that this machine can run: ``python -m benchmarks [name ...]``."""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "mining_memory",
    "evaluation",
    "experiments",
    "batch_similarity",
    "postcards",
    "photos",
    "itq",
    "paper_recipe",
    "share",
    "storage",
    "duplicates",
    "texts",
    "gestures",
    "stage",
    "training",
    "gpu",
)

for name in sys.argv[1:] or NAMES:
    if name not in NAMES:
        raise SystemExit(f"no benchmark {name!r}: expected some of {', '.join(NAMES)}")
    print(f"\n## {name}\n")
    module = importlib.import_module(f"benchmarks.{name}")
    sys.argv = [name]  # the names on the command line are not options of the module
    print(module.__doc__.split("\n\n")[0] + "\n")
    module.main()
