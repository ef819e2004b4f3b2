r"""The numbers of pairs: their similarity by features, by concepts and by codes, and why.

A pair has three similarities: the cosine of the features, the concepts'
:math:`S = 2\cos(q_i, q_j) - 1`, and the codes' :math:`1 - 2d/L` with Hamming distance d. Their
spreads differ, so two of them are compared by rank: the share of the pairs shown that are less
similar.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.codes import unpack_codes
from uhscm_core.mining import concept_scores, semantic_similarity
from uhscm_core.support.notices import enumerated

__all__ = [
    "CODES",
    "CONCEPTS",
    "FEATURES",
    "disagreements",
    "most_similar",
    "ordered",
    "ranks",
    "sample",
    "shared_in_words",
    "similarities",
    "sources_of",
]

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
FEATURES, CONCEPTS, CODES = "features", "concepts", "codes"


def sources_of(pictures: StudyImages) -> tuple[str, ...]:
    """Return what the images of a study can be similar by: codes where they have some."""
    return (FEATURES, CONCEPTS) if pictures.codes is None else (FEATURES, CONCEPTS, CODES)


def sample(pictures: StudyImages, how: str, n: int = 96, image: int | None = None) -> Ids:
    """Choose images to compare in pairs.

    Args:
        pictures: the images of the study; all choices are from its database.
        how: ``"concepts"``, the same number for each of the most frequent dominant concepts;
            ``"random"``, with a fixed seed; ``"similar"``, `image` and those most similar to it.
        n: number of images.
        image: for ``"similar"``.
    """
    database: Ids = pictures.study.dataset.splits["database"]
    if how == "similar" and image is not None:
        return np.concatenate([[image], most_similar(pictures, image, n - 1)])
    if how == "random":
        drawn: Ids = np.random.default_rng(0).permutation(database)[:n]
        return np.sort(drawn)
    dominant = pictures.distribution[database].argmax(1)
    frequent = torch.bincount(dominant).argsort(descending=True, stable=True)[:8]
    rows = [torch.where(dominant == concept)[0][: n // len(frequent)] for concept in frequent]
    return np.asarray(database[torch.cat(rows).numpy()])


def most_similar(pictures: StudyImages, image: int, n: int) -> Ids:
    """Return the n database images most similar to an image by their concepts, without it."""
    database: Ids = pictures.study.dataset.splits["database"]
    q = pictures.distribution
    order = semantic_similarity(q[image][None], q[database])[0].argsort(
        descending=True, stable=True
    )
    ids: Ids = database[order.numpy()]
    return np.asarray(ids[ids != image][:n])


def similarities(pictures: StudyImages, ids: Ids, source: str) -> Floats:
    """Compute the similarity of each pair.

    Args:
        pictures: the images of the study.
        ids: (n,) images.
        source: `FEATURES`, `CONCEPTS` or `CODES`.

    Returns:
        (n, n) in [-1, 1].

    Raises:
        ValueError: codes without a network, or another source.
    """
    if source == FEATURES:
        features = pictures.features[ids]
        values = concept_scores(features, features)
    elif source == CONCEPTS:
        values = semantic_similarity(pictures.distribution[ids])
    elif source == CODES:
        if pictures.codes is None or pictures.study.network is None:
            raise ValueError("codes need a hash network on features: study.train(bits=64)")
        signs = unpack_codes(pictures.codes[ids], pictures.study.network.bits).float()
        values = signs @ signs.T / signs.shape[1]
    else:
        raise ValueError(f"source must be {FEATURES!r}, {CONCEPTS!r} or {CODES!r}, got {source!r}")
    return np.asarray(values.double().numpy())


def ranks(values: Floats) -> Floats:
    """Return for each pair the share of the other pairs that are less similar, in [0, 1].

    Args:
        values: (n, n) symmetric; its diagonal is ignored and becomes 1.
    """
    from scipy.stats import rankdata  # takes half a second to import

    n = len(values)
    result = np.ones((n, n))
    upper = np.triu_indices(n, 1)
    if len(upper[0]):
        shares = (rankdata(values[upper]) - 1) / max(len(upper[0]) - 1, 1)
        result[upper] = shares
        result.T[upper] = shares
    return result


def ordered(
    pictures: StudyImages, ids: Ids, by: str, values: Floats
) -> tuple[npt.NDArray[np.intp], tuple[str, ...] | None]:
    """Return the order in which to show images, and the group of each in that order.

    Args:
        pictures: the images of the study, with concepts and labels.
        ids: (n,) images.
        by: ``"dominant concept"``, ``"first label"``, or ``"clustering"``.
        values: (n, n) similarities, for the clustering by average linkage.

    Returns:
        Positions in `ids`, and groups or None for a clustering.
    """
    if by == "clustering":
        from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
        from scipy.spatial.distance import squareform

        if len(ids) < 3:
            return np.arange(len(ids)), None
        distances = values.max() - (values + values.T) / 2
        np.fill_diagonal(distances, 0)
        condensed = squareform(distances, checks=False)
        leaves = leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed))
        return leaves.astype(np.intp), None
    if by == "first label":
        dataset = pictures.study.dataset
        labels = [dataset.labels_of(int(i)) if i < len(dataset) else () for i in ids]
        groups = np.array([names[0] if names else "no label" for names in labels])
    else:
        names = np.array(pictures.study.kept_names)
        groups = names[pictures.distribution[ids].argmax(1).numpy()]
    order = np.argsort(groups, kind="stable")
    return order, tuple(groups[order].tolist())


def disagreements(
    pictures: StudyImages, ids: Ids, first: str = CONCEPTS, second: str = FEATURES, limit: int = 60
) -> pd.DataFrame:
    """Return the pairs on which two similarities disagree most, by the difference of ranks.

    Half of the pairs are more similar by `first`, half by `second`.

    Returns:
        ``i``, ``j``, the two similarities, their ranks and the ``difference``, largest first.
    """
    left, right = np.triu_indices(len(ids), 1)
    a, b = (similarities(pictures, ids, source) for source in (first, second))
    rank_a, rank_b = ranks(a)[left, right], ranks(b)[left, right]
    frame = pd.DataFrame(
        {
            "i": ids[left],
            "j": ids[right],
            first: a[left, right],
            second: b[left, right],
            f"rank by {first}": rank_a,
            f"rank by {second}": rank_b,
            "difference": rank_a - rank_b,
        }
    )
    by_size = frame.loc[frame["difference"].abs().sort_values(ascending=False, kind="stable").index]
    return by_size.groupby(by_size["difference"] > 0).head(limit // 2).reset_index(drop=True)


def shared_in_words(similarity: float, parts: pd.DataFrame) -> str:
    """Say which concepts a pair shares, such as ``"mostly beach, some sky and sun"``.

    Args:
        similarity: S of the pair.
        parts: ``concept`` and ``part``, from `Explanation.to_frame`.
    """
    if similarity < -0.9:
        return "hardly anything in common"
    shares = (parts["part"] / max(parts["part"].sum(), 1e-12)).to_numpy()
    names = parts["concept"].to_numpy()
    most, some = names[shares >= 0.5].tolist(), names[(shares >= 0.1) & (shares < 0.5)].tolist()
    few = enumerated(some[: 4 - len(most)])
    if most:
        words = f"{'most of it' if similarity < 0 else 'mostly'} {enumerated(most)}"
        words += f", some {few}" if few else ""
    elif len(some) > 1 and similarity >= 0:  # S may be 1, where "some" of each would be too little
        words = f"both have {few}"
    else:
        words = f"some {few}" if few else "a little of many concepts"
    return f"{'little in common, ' if similarity < 0 else ''}{words}"
