"""Do planted near-duplicates and outliers come back, in photos and in postcards?

Variants of some images are planted among thousands (half the size and back, JPEG at quality 40, a
crop of a sixteenth at each side, mirrored), and strangers (noise, plain colours, pictures of the
other kind). For each radius and cosine: the share of the variants that are found in a group with
their original, and how many of the pairs within a group of planted ones are right. Pairs of images
that are none of ours are counted beside: real collections hold near-duplicates of their own.

    python -m benchmarks tidy
"""

from __future__ import annotations

import io
import itertools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
from PIL import Image, ImageOps

from uhscm_core import (
    ImageDataset,
    Study,
    load_dataset,
    load_vlp,
    near_duplicates,
    rank_outliers,
)
from uhscm_core.datasets import ArrayImages

SHARED = Path(__file__).resolve().parents[2] / "shared"
N, PLANTED, STRANGERS = 5000, 200, 5


def halved(image: Image.Image) -> Image.Image:
    """Half the size, and back."""
    return image.resize((image.width // 2, image.height // 2)).resize(image.size)


def recompressed(image: Image.Image) -> Image.Image:
    """JPEG at quality 40."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer).convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    """A sixteenth less at each side, and enlarged to the old size."""
    edge = image.width // 16
    return image.crop((edge, edge, image.width - edge, image.height - edge)).resize(image.size)


VARIANTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half the size": halved,
    "JPEG at 40": recompressed,
    "cropped": cropped,
    "mirrored": ImageOps.mirror,
}


def strangers(
    size: tuple[int, int], foreign: Sequence[Image.Image]
) -> dict[str, list[Image.Image]]:
    """Images that belong nowhere."""
    generator = np.random.default_rng(0)
    shape = (STRANGERS, size[1], size[0], 3)
    noise = generator.integers(0, 256, shape, dtype=np.uint8)
    colours = [tuple(c) for c in generator.integers(0, 256, (STRANGERS, 3)).tolist()]
    return {
        "noise": [Image.fromarray(pixels) for pixels in noise],
        "plain colour": [Image.new("RGB", size, colour) for colour in colours],
        "of the other kind": [image.resize(size) for image in foreign],
    }


def plain(images: Iterable[Image.Image]) -> np.ndarray:
    """Their pixels, as one array."""
    return np.stack([np.asarray(image.convert("RGB")) for image in images])


def measure(name: str, own: Sequence[Image.Image], foreign: Sequence[Image.Image], vlp, concepts):  # type: ignore[no-untyped-def]
    """Print what comes back of what is planted."""
    originals = list(range(PLANTED))
    odd = strangers(own[0].size, foreign)
    images = list(own)
    planted: dict[str, list[int]] = {}
    for kind, change in VARIANTS.items():
        planted[kind] = list(range(len(images), len(images) + PLANTED))
        images += [change(own[i]) for i in originals]
    odd_ids: dict[str, list[int]] = {}
    for kind, some in odd.items():
        odd_ids[kind] = list(range(len(images), len(images) + len(some)))
        images += some
    arrays = ArrayImages(plain(images))
    everything = np.arange(len(arrays))
    splits = {"train": everything, "database": everything, "query": everything[:0]}
    dataset = ImageDataset(arrays, None, (), splits, arrays.digest, arrays.names)
    study = Study(dataset, vlp, concepts, progress=False)
    print(f"\n{name}: {len(own):,} images, {4 * PLANTED} planted, K = {len(study.kept_names)}\n")
    for bits in (32, 64, 128):
        trained = study.train(bits)
        report(trained, bits, planted, odd_ids)


def report(
    study: Study, bits: int, planted: dict[str, list[int]], odd: dict[str, list[int]]
) -> None:
    """Recall and precision over a grid, and the ranks of the strangers."""
    families = {i: i for i in range(PLANTED)}
    families |= {j: k for ids in planted.values() for k, j in enumerate(ids)}
    features = study.image_features
    kinds = list(planted)
    print(
        "| bits | radius | cosine | "
        + " | ".join(kinds)
        + " | wrong of planted | other pairs | s |"
    )
    print("|" + "---|" * (len(kinds) + 6))
    for radius, cosine in itertools.product(
        (0, bits // 16, bits // 8, bits // 4), (0.9, 0.95, 0.98)
    ):
        began = time.perf_counter()
        found = near_duplicates(study.codes, bits, features, radius, cosine)
        took = time.perf_counter() - began
        group_of = {i: g for g, ids in enumerate(found.groups) for i in ids}
        recalls = []
        for kind in kinds:
            hit = [group_of.get(k, -1) == group_of.get(j, -2) for k, j in enumerate(planted[kind])]
            recalls.append(f"{np.mean(hit):.0%}")
        ours = [(families.get(i), families.get(j)) for i, j in found.pairs.tolist()]
        wrong = sum(a != b for a, b in ours if a is not None or b is not None)
        right = sum(a == b for a, b in ours if a is not None)
        others = sum(a is None and b is None for a, b in ours)
        cells = [
            bits,
            radius,
            cosine,
            *recalls,
            f"{wrong} of {wrong + right}",
            others,
            f"{took:.1f}",
        ]
        print("| " + " | ".join(map(str, cells)) + " |")
    print()
    for k in (1, 5, 10):
        ranked = rank_outliers(study.codes, bits, features, k)
        place = {int(i): r + 1 for r, i in enumerate(ranked.ids)}
        said = "; ".join(f"{kind} {sorted(place[i] for i in ids)}" for kind, ids in odd.items())
        print(f"outliers, {bits} bits, k = {k}, ranks of {len(place):,}: {said}")
    cosines = features @ features.T
    cosines.fill_diagonal_(-1)
    by_feature = (-cosines.topk(5, dim=1).values[:, -1]).argsort(descending=True)
    place = {int(i): r + 1 for r, i in enumerate(by_feature)}
    said = "; ".join(f"{kind} {sorted(place[i] for i in ids)}" for kind, ids in odd.items())
    print(f"outliers by features alone, k = 5: {said}\n")


def main() -> None:
    """Photos where they are, and postcards."""
    cards = load_dataset("postcards", n_database=N, n_query=0, progress=False).images
    cards = [cards[i] for i in range(N)]
    folder = SHARED / "data" / "cifar10"
    photos = []
    if folder.is_dir():
        dataset = load_dataset(folder, n_database=N, n_query=STRANGERS, progress=False)
        database = dataset.splits["database"]
        photos = [dataset.images[int(i)] for i in np.random.default_rng(0).permutation(database)]
        photos_vlp = load_vlp(SHARED / "models" / "photos-rn.json")
        measure("photos", photos, cards[:STRANGERS], photos_vlp, "nuswide81+coco80")
    foreign = photos[:STRANGERS] or [Image.radial_gradient("L").convert("RGB")]
    measure("postcards", cards, foreign, load_vlp("postcards"), "nuswide81")


if __name__ == "__main__":
    main()
