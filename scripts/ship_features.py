"""Write the features of the default postcards that ship with the package.

    python scripts/ship_features.py

Run it whenever a new model was trained. With these features the tour shows its first votes without
encoding 11,000 pictures. They are found by the digest of the model, the version of the painter and
the number of each picture: when one of these changes they are useless, and
tests/postcards/test_shipped.py fails until you run this script again.
"""

from __future__ import annotations

import shutil

from uhscm_core import load_concepts, load_dataset, load_vlp, mine_concepts
from uhscm_core.features import SHIPPED, encode_dataset, ship_features


def main() -> None:
    """Replace the shipped features, and check that half precision keeps the same concepts."""
    dataset, vlp = load_dataset("postcards"), load_vlp("postcards", device="cpu")
    exact = vlp.encode_images(dataset.images, progress=True)
    shutil.rmtree(SHIPPED, ignore_errors=True)
    folder = ship_features(exact, dataset.images.keys, vlp)
    halved = encode_dataset(dataset, vlp)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {len(dataset):,} rows, {size / 1e6:.1f} MB")
    print(f"largest difference from full precision: {(halved - exact).abs().max():.1e}")
    train = dataset.splits["train"]
    for vocabulary in ("nuswide81", "coco80", "common"):
        texts = vlp.encode_texts(load_concepts(vocabulary))
        mined, again = (mine_concepts(x[train], texts) for x in (exact, halved))
        if mined.kept.tolist() != again.kept.tolist():
            raise SystemExit(f"{vocabulary}: half precision keeps different concepts")
        moved = (mined.wins - again.wins).abs().sum().item() // 2
        print(
            f"{vocabulary}: the same {mined.kept.sum()} kept, {moved} of {len(train)} votes moved"
        )


if __name__ == "__main__":
    main()
