"""How good is the method on 60,000 real photos, compared with baselines and without hashing?

The CIFAR-10 photos and the small checkpoint in ../shared: the 50,000 training photos are the
database, 5,000 of them the training set, the 10,000 test photos the queries; ties are "expected".
"""

from __future__ import annotations

import pandas as pd

from benchmarks.common import SHARED, load
from uhscm_core import Study, load_dataset, load_vlp

LENGTHS = (16, 32, 64)
JOINED = "nuswide81+coco80"


def main() -> None:
    """Print the kept concepts of four lists, and a table of mAP per code length."""
    folder, model = SHARED / "data" / "cifar10", SHARED / "models" / "photos-rn.json"
    if not (folder.is_dir() and model.is_file()):
        print("skipped: the photos and the checkpoint are not in ../shared")
        return
    study = Study(load_dataset(folder), load_vlp(model), JOINED)
    for name in ("nuswide81", "coco80", JOINED, "common"):
        mined = study.with_(concepts=name)
        votes = dict(zip(mined.concepts.names, mined.mined.wins.tolist(), strict=True))
        kept = sorted(mined.kept_names, key=votes.__getitem__, reverse=True)
        print(f"{name}: {len(kept)} of {len(mined.concepts)} kept, votes in brackets")
        print("  " + ", ".join(f"{concept} ({votes[concept]})" for concept in kept) + "\n")
    columns: dict[str, pd.Series] = {}
    for bits in LENGTHS:
        trained = study.train(bits)
        for top_k, label in ((None, "all"), (1000, "@1000")):
            first = columns.get(f"{LENGTHS[0]} {label}")
            table = trained.compare(top_k, references=first is None).set_index("method")["mAP"]
            columns[f"{bits} {label}"] = table if first is None else table.combine_first(first)
    methods = columns[f"{LENGTHS[0]} all"].index
    print(f"mAP with {JOINED}, {load()}\n")
    print("| method | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for method in methods:
        print(f"| {method} | " + " | ".join(f"{c[method]:.3f}" for c in columns.values()) + " |")


if __name__ == "__main__":
    main()
