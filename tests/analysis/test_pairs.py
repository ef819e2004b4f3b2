"""The numbers of pairs against naive loops and hand tables."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core import unpack_codes
from uhscm_core.analysis.pairs import (
    CODES,
    CONCEPTS,
    FEATURES,
    disagreements,
    ordered,
    ranks,
    sample,
    shared_in_words,
    similarities,
)
from uhscm_core.analysis.study_images import StudyImages


@pytest.fixture(scope="module")
def pictures(trained) -> StudyImages:
    return StudyImages(trained)


def cosine(a, b) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


def test_similarities_are_the_formulas(pictures):
    ids = np.array([0, 7, 100, 250])
    signs = unpack_codes(pictures.codes, 16)
    by = {source: similarities(pictures, ids, source) for source in (FEATURES, CONCEPTS, CODES)}
    for a, i in enumerate(ids):
        for b, j in enumerate(ids):
            f = cosine(pictures.features[i].tolist(), pictures.features[j].tolist())
            q = cosine(pictures.distribution[i].tolist(), pictures.distribution[j].tolist())
            distance = int((signs[i] != signs[j]).sum())
            assert by[FEATURES][a, b] == pytest.approx(f, abs=1e-5)
            assert by[CONCEPTS][a, b] == pytest.approx(2 * q - 1, abs=1e-5)
            assert by[CODES][a, b] == pytest.approx(1 - 2 * distance / 16, abs=1e-6)


def test_codes_need_a_network(study):
    with pytest.raises(ValueError, match=r"study\.train\(bits=64\)"):
        similarities(StudyImages(study), np.array([0, 1]), CODES)
    with pytest.raises(ValueError, match="source must be"):
        similarities(StudyImages(study), np.array([0, 1]), "votes")


def test_ranks_are_the_share_of_pairs_that_are_less_alike():
    values = np.array([[1, 0.1, 0.9], [0.1, 1, 0.5], [0.9, 0.5, 1]])
    np.testing.assert_allclose(ranks(values), [[1, 0, 1], [0, 1, 0.5], [1, 0.5, 1]])
    tied = np.full((3, 3), 0.3)
    np.testing.assert_allclose(ranks(tied)[np.triu_indices(3, 1)], 0.5)
    assert ranks(np.ones((1, 1))).tolist() == [[1]]
    assert ranks(np.ones((0, 0))).shape == (0, 0)


@given(st.integers(2, 12), st.integers(0, 2**31))
def test_ranks_do_not_depend_on_the_scale(n, seed):
    values = np.random.default_rng(seed).random((n, n))
    values = (values + values.T) / 2
    np.testing.assert_array_equal(ranks(values), ranks(np.exp(3 * values)))
    np.testing.assert_array_equal(ranks(values), ranks(values).T)


def test_the_sample_is_spread_over_the_most_frequent_concepts(pictures):
    database = pictures.study.dataset.splits["database"]
    ids = sample(pictures, "concepts", 48)
    assert len(set(ids.tolist())) == len(ids) <= 48
    assert set(ids) <= set(database)
    dominant = pictures.distribution[ids].argmax(1).tolist()
    assert len(set(dominant)) == 8
    assert max(dominant.count(c) for c in dominant) <= 6
    drawn = sample(pictures, "random", 48)
    assert len(set(drawn.tolist())) == 48
    assert drawn.tolist() == sample(pictures, "random", 48).tolist()
    assert len(sample(pictures, "random", 10_000)) == len(database)


def test_the_most_similar_come_first_without_the_image_itself(pictures):
    ids = sample(pictures, "similar", 20, image=5)
    assert ids[0] == 5
    assert 5 not in ids[1:]
    database = pictures.study.dataset.splits["database"]
    alike = {
        j: cosine(pictures.distribution[5].tolist(), pictures.distribution[j].tolist())
        for j in database.tolist()
        if j != 5
    }
    least = min(alike[j] for j in ids[1:].tolist())
    others = [value for j, value in alike.items() if j not in ids]
    assert least >= max(others) - 1e-6


@pytest.mark.parametrize("by", ["dominant concept", "first label", "clustering"])
def test_an_order_is_a_permutation_with_groups_side_by_side(pictures, by):
    ids = sample(pictures, "random", 30)
    order, groups = ordered(pictures, ids, by, similarities(pictures, ids, CONCEPTS))
    assert sorted(order.tolist()) == list(range(30))
    if by == "clustering":
        assert groups is None
        return
    starts = [g for i, g in enumerate(groups) if not i or groups[i - 1] != g]
    assert len(starts) == len(set(groups))
    for position, group in zip(order, groups, strict=True):
        if by == "first label":
            assert (
                group == (pictures.study.dataset.labels_of(int(ids[position])) or ("no label",))[0]
            )
        else:
            best = int(pictures.distribution[ids[position]].argmax())
            assert group == pictures.study.kept_names[best]


@pytest.mark.parametrize("n", [1, 2])
def test_so_few_images_need_no_clustering(pictures, n):
    order, _ = ordered(pictures, np.arange(n), "clustering", np.eye(n))
    assert order.tolist() == list(range(n))


def test_clustering_puts_copies_side_by_side(pictures):
    values = np.full((6, 6), -1.0)
    for group in ([0, 3], [1, 4], [2, 5]):
        values[np.ix_(group, group)] = 1
    order, _ = ordered(pictures, np.arange(6), "clustering", values)
    at = {image: place for place, image in enumerate(order.tolist())}
    assert all(abs(at[i] - at[i + 3]) == 1 for i in range(3))


def test_disagreements_are_the_largest_differences_of_rank(pictures):
    ids = sample(pictures, "random", 12)
    table = disagreements(pictures, ids, limit=132)
    assert len(table) == 66
    a = ranks(similarities(pictures, ids, CONCEPTS))
    b = ranks(similarities(pictures, ids, FEATURES))
    place = {image: k for k, image in enumerate(ids.tolist())}
    for row in table.itertuples():
        i, j = place[row.i], place[row.j]
        assert row.difference == pytest.approx(a[i, j] - b[i, j])
    assert table["difference"].abs().is_monotonic_decreasing
    few = disagreements(pictures, ids, limit=6)
    assert (few["difference"] > 0).tolist().count(True) == 3  # half of each kind
    assert few["difference"].abs().max() == table["difference"].abs().max()
    assert disagreements(pictures, ids[:1]).empty


@pytest.mark.parametrize(
    ("similarity", "parts", "words"),
    [
        (0.78, [1.2, 0.5, 0.08], "mostly a, some b"),
        (0.2, [0.4, 0.4, 0.4], "both have a, b and c"),
        (1.0, [1.0, 0.5, 0.5], "mostly a, some b and c"),
        (1.0, [1.0, 1.0, 0.0], "mostly a and b"),
        (-0.6, [0.2, 0.1, 0.1], "little in common, most of it a, some b and c"),
        (-0.5, [0.2, 0.15, 0.15], "little in common, some a, b and c"),
        (-0.99, [0.01, 0.0, 0.0], "hardly anything in common"),
        (-0.5, [0.4, 0.1, 0.0], "little in common, most of it a, some b"),
        (1.0, [2.0, 0.0, 0.0], "mostly a"),
    ],
)
def test_a_similarity_in_words(similarity, parts, words):
    frame = pd.DataFrame({"concept": list("abc"), "part": parts})
    assert shared_in_words(similarity, frame) == words


def test_a_similarity_of_many_small_parts_in_words():
    frame = pd.DataFrame({"concept": [f"c{i}" for i in range(40)], "part": [0.04] * 40})
    assert shared_in_words(0.6, frame) == "a little of many concepts"
    frame.loc[0, "part"] = 0.4
    assert shared_in_words(0.6, frame) == "some c0"


def test_a_data_set_without_labels_has_captions_and_orders(study):
    bare = dataclasses.replace(study.dataset, labels=None)
    pictures = StudyImages(study.with_(dataset=bare))
    assert pictures.caption(3) == "postcard 3"
    _, groups = ordered(pictures, np.arange(4), "first label", np.eye(4))
    assert set(groups) == {"no label"}
