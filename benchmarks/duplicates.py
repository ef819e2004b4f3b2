"""Are planted near-duplicates and outliers found, in photos and in postcards?

Variants of some images are planted among thousands, one variant per original (half the size and
back, JPEG at quality 40, a sixteenth cropped at each side, mirrored), and strangers (noise, plain
colors, pictures of the other collection). Recall is the share of variants that pass the tests with
their original; wrong pairs are other images that pass, some of which are real near-duplicates
within the collection.

    python -m benchmarks duplicates
"""

from __future__ import annotations

import io
import itertools
import os
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import torch
from PIL import Image, ImageOps

from benchmarks.common import SHARED
from uhscm_core import (
    VLP,
    ImageDataset,
    Study,
    hamming_distance,
    load_dataset,
    load_vlp,
    near_duplicates,
    rank_outliers,
    rank_outliers_by_features,
    sketch,
)
from uhscm_core.analysis.sketches import likenesses
from uhscm_core.datasets import ArrayImages, read_image

N, PLANTED, STRANGERS, BITS = 2000, 100, 5, 64


def halved(image: Image.Image) -> Image.Image:
    """Halve the size, then enlarge again."""
    return image.resize((image.width // 2, image.height // 2)).resize(image.size)


def recompressed(image: Image.Image) -> Image.Image:
    """Save as JPEG at quality 40."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer).convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    """Crop a sixteenth at each side and enlarge to the old size."""
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
    """Return images that belong to neither collection."""
    generator = np.random.default_rng(0)
    shape = (STRANGERS, size[1], size[0], 3)
    noise = generator.integers(0, 256, shape, dtype=np.uint8)
    colours = [tuple(c) for c in generator.integers(0, 256, (STRANGERS, 3)).tolist()]
    return {
        "noise": [Image.fromarray(pixels) for pixels in noise],
        "plain color": [Image.new("RGB", size, colour) for colour in colours],
        "of the other collection": [image.resize(size) for image in foreign],
    }


def measure(
    name: str,
    images: Sequence[Image.Image],
    foreign: Sequence[Image.Image],
    vlp: VLP,
    concepts: str,
) -> None:
    """Print how much of what is planted is found."""
    everything = list(images)
    planted: dict[str, list[tuple[int, int]]] = {}
    for number, (kind, change) in enumerate(VARIANTS.items()):
        originals = range(number * PLANTED, (number + 1) * PLANTED)
        planted[kind] = [(i, len(everything) + k) for k, i in enumerate(originals)]
        everything += [change(images[i]) for i in originals]
    odd: dict[str, range] = {}
    for kind, added in strangers(images[0].size, foreign).items():
        odd[kind] = range(len(everything), len(everything) + len(added))
        everything += added
    arrays = ArrayImages(np.stack([np.asarray(image.convert("RGB")) for image in everything]))
    ids = np.arange(len(arrays))
    splits = {"train": ids, "database": ids, "query": ids[:0]}
    dataset = ImageDataset(arrays, None, (), splits, arrays.digest, arrays.names)
    study = Study(dataset, vlp, concepts, progress=False).train(BITS)
    sketches = torch.from_numpy(np.stack([sketch(image) for image in everything]))
    kept = len(study.kept_names)
    print(
        f"\n{name}: {len(images):,} images, {len(VARIANTS) * PLANTED} variants, "
        f"{kept} concepts kept\n"
    )
    print("| r | t | looks | " + " | ".join(planted) + " | wrong pairs |")
    print("|---" * (len(planted) + 4) + "|")
    features = study.image_features
    distances = hamming_distance(study.codes, study.codes).numpy()
    cosines = (features @ features.T).numpy()
    looks_similar = likenesses(sketches, sketches)
    is_planted = np.zeros((len(arrays), len(arrays)), bool)
    for pairs in planted.values():
        for i, j in pairs:
            is_planted[i, j] = True
    for radius, cosine, looks in itertools.product((8, 16, 24), (0.9, 0.95), (None, 0.95, 0.97)):
        passed = np.triu((distances <= radius) & (cosines >= cosine), 1)
        if looks is not None:
            passed &= looks_similar >= looks
        recalls = [f"{np.mean([passed[pair] for pair in pairs]):.0%}" for pairs in planted.values()]
        wrong = int((passed & ~is_planted).sum())
        print("| " + " | ".join(map(str, [radius, cosine, looks, *recalls, f"{wrong:,}"])) + " |")
    started = time.perf_counter()
    found = near_duplicates(study.codes, BITS, features, sketches=sketches)
    took = time.perf_counter() - started
    print(
        f"\nnear_duplicates: {len(found.groups)} groups, {len(found.pairs)} pairs, {took:.2f} s\n"
    )
    for k in (1, 5, 10):
        by_features = rank_outliers_by_features(features, k)
        for how, ranked in (
            ("codes", rank_outliers(study.codes, BITS, features, k)),
            ("features", by_features),
        ):
            place = {int(i): r + 1 for r, i in enumerate(ranked.ids)}
            said = "; ".join(f"{kind} {sorted(place[i] for i in ids)}" for kind, ids in odd.items())
            print(f"outliers by {how}, k = {k}, ranks of {len(place):,}: {said}")


def main() -> None:
    """Measure photos, if they are available, and postcards."""
    cards = list(load_dataset("postcards", n_database=N, n_query=0, progress=False).images)
    files = sorted((SHARED / "data" / "cifar10" / "test").glob("*/*.jpg"))
    order = np.random.default_rng(0).permutation(len(files))
    photos = [read_image(files[i]) for i in order[: N + STRANGERS]]
    if photos:
        vlp = load_vlp(SHARED / "models" / "photos-rn.json")
        measure("photos", photos[:N], cards[:STRANGERS], vlp, "nuswide81+coco80")
    foreign = photos[N:] or [Image.radial_gradient("L").convert("RGB")] * STRANGERS
    measure("postcards", cards, foreign, load_vlp("postcards"), "nuswide81")


if __name__ == "__main__":
    main()
