"""Write the features of the default postcards that ship with the package: once a model is trained.

    python scripts/ship_features.py

With them the tour shows its first votes without encoding 11,000 pictures. They are found by the
digests of data set, model and preprocessing, so that after a change of any of these they are of no
use, and tests/postcards/test_shipped.py fails until this has been run again.
"""

from __future__ import annotations

import shutil

from uhscm_core import load_concepts, load_dataset, load_vlp, mine_concepts
from uhscm_core.features import SHIPPED, encode_dataset, features_key, ship_features


def main() -> None:
    """Replace what is shipped, and see whether half precision keeps the same concepts."""
    dataset, vlp = load_dataset("postcards"), load_vlp("postcards", device="cpu")
    exact = vlp.encode_images(dataset.images, progress=True)
    shutil.rmtree(SHIPPED, ignore_errors=True)
    folder = ship_features(exact, features_key(dataset, vlp))
    halved = encode_dataset(dataset, vlp)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {len(dataset):,} rows, {size / 1e6:.1f} MB")
    print(f"largest difference from full precision: {(halved - exact).abs().max():.1e}")
    train = dataset.splits["train"]
    for vocabulary in ("nuswide81", "coco80", "common"):
        texts = vlp.encode_texts(load_concepts(vocabulary))
        mined, again = (mine_concepts(x[train], texts) for x in (exact, halved))
        if mined.kept.tolist() != again.kept.tolist():
            raise SystemExit(f"{vocabulary}: half precision keeps other concepts")
        moved = (mined.wins - again.wins).abs().sum().item() // 2
        print(
            f"{vocabulary}: the same {mined.kept.sum()} kept, {moved} of {len(train)} votes moved"
        )


if __name__ == "__main__":
    main()
