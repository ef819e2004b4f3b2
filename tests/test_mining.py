"""Mining against loops written from the formulas, hand tables and invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import unit_rows
from uhscm_core import (
    concept_scores,
    explain_similarity,
    mine_concepts,
    mining,
    semantic_similarity,
    top_concepts,
)


def loop_softmax(scores: list[float], temperature: float) -> list[float]:
    largest = max(scores)
    powers = [math.exp(temperature * (s - largest)) for s in scores]
    return [p / sum(powers) for p in powers]


def loop_scores(images: list[list[float]], texts: list[list[float]]) -> list[list[float]]:
    return [[sum(x * y for x, y in zip(f, g, strict=True)) for g in texts] for f in images]


def loop_mining(images, texts, tau, min_share=0.5, max_share=None):
    """Votes, kept concepts and distributions by loops, from the formulas of the paper."""
    n, m = len(images), len(texts)
    scores = loop_scores(images.tolist(), texts.tolist())
    wins = [0] * m
    for row in scores:
        p = loop_softmax(row, tau * m)
        wins[p.index(max(p))] += 1
    kept = [w > min_share * n / m for w in wins]
    if max_share is not None:
        kept = [k and w <= max_share * n for k, w in zip(kept, wins, strict=True)]
    distribution = [
        loop_softmax([s for s, k in zip(row, kept, strict=True) if k], tau * sum(kept))
        for row in scores
    ]
    return wins, kept, distribution


def loop_similarity(qi: list[float], qj: list[float]) -> float:
    dot = sum(x * y for x, y in zip(qi, qj, strict=True))
    norms = math.sqrt(sum(x * x for x in qi)) * math.sqrt(sum(y * y for y in qj))
    return 2 * dot / norms - 1


def seeded(seed: int, n: int, m: int, d: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return unit_rows(generator, n, d).double(), unit_rows(generator, m, d).double()


def test_a_negative_share_keeps_concepts_without_a_vote():
    images, texts = seeded(0, 20, 12)
    plain, everything = (
        mine_concepts(images, texts, min_share=0.0),
        mine_concepts(images, texts, min_share=-1.0),
    )
    assert (plain.wins == 0).any()
    assert torch.equal(plain.kept, plain.wins > 0)
    assert everything.kept.all()
    expected = loop_mining(images, texts, 3.0, -1.0)[2]
    assert everything.distribution.tolist() == [pytest.approx(row, abs=1e-9) for row in expected]


def along_axes(votes: list[int], m: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and concepts on the axes of space, concept j with votes[j] images on its axis."""
    texts = torch.eye(m or len(votes))
    return texts[: len(votes)].repeat_interleave(torch.tensor(votes), dim=0), texts


@st.composite
def feature_pairs(draw):
    seed = draw(st.integers(0, 10_000))
    n, m, d = draw(st.integers(1, 12)), draw(st.integers(1, 6)), draw(st.integers(1, 5))
    return seeded(seed, n, m, d)


def test_a_score_is_the_dot_product_of_an_image_and_a_concept():
    images, texts = seeded(0, 5, 4)
    expected = torch.tensor(loop_scores(images.tolist(), texts.tolist()), dtype=torch.float64)
    torch.testing.assert_close(concept_scores(images, texts), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("tau", "min_share", "max_share"),
    [(3.0, 0.5, None), (0.5, 0.9, None), (10.0, 0.0, None), (3.0, 0.5, 0.2)],
)
def test_mining_equals_the_loops(seed, tau, min_share, max_share):
    images, texts = seeded(seed, 60, 9)
    mined = mine_concepts(images, texts, tau, min_share, max_share)
    wins, kept, distribution = loop_mining(images, texts, tau, min_share, max_share)
    assert mined.wins.tolist() == wins
    assert mined.kept.tolist() == kept
    torch.testing.assert_close(
        mined.distribution, torch.tensor(distribution, dtype=torch.float64), rtol=0, atol=1e-12
    )
    assert mined.temperature == tau * sum(kept)
    assert torch.equal(mined.text_features, texts[mined.kept])


def test_float32_differs_from_the_loops_by_rounding_alone():
    images, texts = seeded(5, 60, 9)
    mined = mine_concepts(images.float(), texts.float())
    wins, kept, distribution = loop_mining(images, texts, 3.0)
    assert (mined.wins.tolist(), mined.kept.tolist()) == (wins, kept)
    torch.testing.assert_close(
        mined.distribution, torch.tensor(distribution), rtol=0, atol=1e-5, check_dtype=True
    )


def test_a_hand_table_of_four_images_and_three_concepts():
    # Scores (1, 0, 0) three times and (0, 1, 0) once: votes 3, 1, 0, threshold 0.5 * 4 / 3.
    images, texts = along_axes([3, 1, 0])
    mined = mine_concepts(images, texts, tau=1.0)
    assert mined.wins.tolist() == [3, 1, 0]
    assert mined.kept.tolist() == [True, True, False] == [w > 2 / 3 for w in (3, 1, 0)]
    high, low = math.e**2 / (math.e**2 + 1), 1 / (math.e**2 + 1)  # temperature 1 * 2
    expected = torch.tensor([[high, low]] * 3 + [[low, high]])
    torch.testing.assert_close(mined.distribution, expected)
    assert (mined.temperature, mined.tau, mined.max_votes) == (2.0, 1.0, None)
    assert mined.min_votes == pytest.approx(2 / 3)


def test_a_concept_with_exactly_the_threshold_of_votes_is_dropped():
    images, texts = along_axes([1, 2, 5, 0])  # 0.5 * 8 / 4 = 1
    mined = mine_concepts(images, texts)
    assert mined.min_votes == 1.0
    assert mined.kept.tolist() == [False, True, True, False]


def test_a_concept_with_exactly_the_largest_share_of_votes_stays():
    images, texts = along_axes([4, 5, 7])
    mined = mine_concepts(images, texts, max_share=5 / 16)
    assert mined.max_votes == 5.0
    assert mined.kept.tolist() == [True, True, False]
    assert mine_concepts(images, texts).kept.tolist() == [True, True, True]


def test_without_a_lower_bound_a_concept_needs_one_vote():
    images, texts = along_axes([1, 0, 99])
    assert mine_concepts(images, texts, min_share=0.0).kept.tolist() == [True, False, True]


def test_a_tied_vote_goes_to_the_first_concept():
    images = torch.tensor([[1.0, 0.0]]).repeat(4, 1)
    texts = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert mine_concepts(images, texts).wins.tolist() == [0, 4, 0]


def test_one_image_keeps_the_concept_it_votes_for():
    images, texts = seeded(3, 1, 5)
    mined = mine_concepts(images, texts)
    best = int((images @ texts.T).argmax())
    assert mined.kept.nonzero().flatten().tolist() == [best]
    assert mined.distribution.tolist() == [[1.0]]


def test_one_concept_gets_every_vote_and_all_the_weight():
    images, texts = seeded(3, 7, 1)
    mined = mine_concepts(images, texts)
    assert mined.wins.tolist() == [7]
    assert mined.distribution.tolist() == [[1.0]] * 7
    assert semantic_similarity(mined.distribution).tolist() == [[1.0] * 7] * 7


def test_images_all_alike_keep_one_concept():
    images, texts = seeded(3, 1, 5)
    mined = mine_concepts(images.repeat(9, 1), texts)
    assert sorted(mined.wins.tolist()) == [0, 0, 0, 0, 9]
    assert mined.distribution.tolist() == [[1.0]] * 9


def test_no_concept_kept_is_an_error_with_the_votes():
    images, texts = along_axes([1, 3, 2])
    with pytest.raises(
        ValueError,
        match=r"no concept passed the threshold: each needs more than 4 of 6 votes, and the 3 "
        r"concepts got 3, 2, 1 \(largest first\)",
    ):
        mine_concepts(images, texts, min_share=2.0)


def test_no_concept_kept_says_large_numbers_in_full():
    images, texts = along_axes([1, 3, 2])
    with pytest.raises(ValueError, match=r"more than 20,000,000 of 6 .*; min_share is 10,000,000$"):
        mine_concepts(images, texts, min_share=1e7)


def test_no_concept_kept_names_both_bounds_and_only_the_ten_largest_votes():
    images, texts = along_axes([2] * 12)
    with pytest.raises(
        ValueError,
        match=r"more than 1 and at most 1\.2 of 24 votes.*12 concepts got (2, ){10}\.\.\. \(larg",
    ):
        mine_concepts(images, texts, max_share=0.05)


@given(feature_pairs())
def test_votes_add_up_to_the_images_and_rows_to_one(features):
    images, texts = features
    mined = mine_concepts(images, texts, min_share=0.0)
    assert int(mined.wins.sum()) == len(images)
    assert mined.wins.dtype == torch.int64
    assert mined.distribution.shape == (len(images), int(mined.kept.sum()))
    assert bool((mined.distribution >= 0).all())
    torch.testing.assert_close(
        mined.distribution.sum(1), torch.ones(len(images), dtype=torch.float64)
    )


@given(feature_pairs())
def test_the_order_of_the_images_moves_nothing_but_the_rows(features):
    images, texts = features
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    one, other = (mine_concepts(x, texts, min_share=0.0) for x in (images, images[order]))
    assert torch.equal(one.wins, other.wins)
    torch.testing.assert_close(one.distribution[order], other.distribution)


def test_tau_sharpens_the_distribution_but_does_not_move_the_votes():
    images, texts = seeded(1, 80, 10)
    soft, sharp = (mine_concepts(images, texts, tau) for tau in (0.1, 30.0))
    assert torch.equal(soft.wins, sharp.wins)
    assert torch.equal(soft.kept, sharp.kept)
    assert bool((sharp.distribution.amax(1) > soft.distribution.amax(1)).all())


def test_a_very_sharp_tau_gives_one_concept_each_and_no_nan():
    images, texts = seeded(1, 80, 10)
    mined = mine_concepts(images.float(), texts.float(), tau=1e8)
    assert sorted(set(mined.distribution.flatten().tolist())) == [0.0, 1.0]
    assert mined.distribution.sum(1).tolist() == [1.0] * 80


def test_applied_to_the_images_it_was_mined_from_it_gives_their_distribution():
    images, texts = seeded(2, 50, 8)
    mined = mine_concepts(images, texts)
    assert torch.equal(mined.apply(images), mined.distribution)


def test_applied_to_other_images_it_uses_the_same_concepts_and_temperature():
    images, texts = seeded(2, 50, 8)
    others, _ = seeded(9, 4, 1)
    mined = mine_concepts(images, texts)
    kept = texts[mined.kept].tolist()
    expected = [loop_softmax(row, 3.0 * len(kept)) for row in loop_scores(others.tolist(), kept)]
    torch.testing.assert_close(
        mined.apply(others), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12
    )
    assert mined.apply(others[:0]).shape == (0, len(kept))


def test_features_mined_in_blocks_give_the_same_as_at_once(monkeypatch):
    images, texts = seeded(2, 50, 8)
    whole = mine_concepts(images, texts)
    monkeypatch.setattr(mining, "_ROWS", 7)
    blocks = mine_concepts(images, texts)
    assert torch.equal(whole.wins, blocks.wins)
    torch.testing.assert_close(whole.distribution, blocks.distribution, rtol=0, atol=1e-14)


@given(feature_pairs())
def test_similarity_equals_the_loop_and_is_symmetric_with_a_unit_diagonal(features):
    q = mine_concepts(*features, tau=0.7, min_share=0.0).distribution
    s = semantic_similarity(q)
    rows = q.tolist()
    expected = [[loop_similarity(a, b) for b in rows] for a in rows]
    torch.testing.assert_close(s, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(s, s.T, rtol=0, atol=1e-14)
    assert bool(((s >= -1) & (s <= 1)).all())
    torch.testing.assert_close(s.diagonal(), torch.ones(len(q), dtype=torch.float64))


def test_similarity_of_two_sets_is_a_block_of_the_similarity_of_all():
    q = mine_concepts(*seeded(4, 12, 6), min_share=0.0).distribution
    torch.testing.assert_close(semantic_similarity(q[:3], q[3:]), semantic_similarity(q)[:3, 3:])


def test_a_hand_table_of_similarities():
    q = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    half = 2 / math.sqrt(2) - 1
    expected = torch.tensor([[1.0, -1.0, half], [-1.0, 1.0, half], [half, half, 1.0]])
    torch.testing.assert_close(semantic_similarity(q), expected)


@given(feature_pairs(), st.integers(0, 11), st.integers(0, 11))
def test_the_parts_of_a_similarity_add_up_to_it(features, i, j):
    q = mine_concepts(*features, tau=0.5, min_share=0.0).distribution
    qi, qj = q[i % len(q)], q[j % len(q)]
    parts = explain_similarity(qi, qj)
    assert parts.shape == qi.shape
    assert bool((parts >= 0).all())
    assert float(parts.sum()) == pytest.approx(loop_similarity(qi.tolist(), qj.tolist()) + 1)


def test_the_parts_of_a_hand_made_pair():
    # u = (3, 4, 0) / 5 and (0, 1, 0): all of their likeness, 2 * 4 / 5, is the second concept.
    parts = explain_similarity(torch.tensor([0.3, 0.4, 0.0]), torch.tensor([0.0, 0.7, 0.0]))
    torch.testing.assert_close(parts, torch.tensor([0.0, 1.6, 0.0]))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_features_that_are_not_finite_are_named_by_row(value):
    images, texts = seeded(0, 9, 4)
    images[2, 1] = images[7, 0] = value
    for call in (mine_concepts, concept_scores):
        with pytest.raises(ValueError, match=r"image_features: 2 of 9 rows hold NaN or inf: 2, 7$"):
            call(images, texts)
    images, texts = seeded(0, 9, 4)
    texts[3] = value
    with pytest.raises(ValueError, match=r"text_features: 1 of 4 rows hold NaN or inf: 3$"):
        mine_concepts(images, texts)


def test_of_many_bad_rows_the_first_five_are_named():
    images, texts = seeded(0, 9, 4)
    with pytest.raises(ValueError, match=r"9 of 9 rows hold NaN or inf: 0, 1, 2, 3, 4, \.\.\.$"):
        mine_concepts(images * math.nan, texts)


def test_new_images_that_are_not_finite_are_refused():
    mined = mine_concepts(*seeded(0, 9, 4))
    with pytest.raises(ValueError, match="image_features: 1 of 1 rows hold NaN"):
        mined.apply(torch.full((1, 6), math.nan, dtype=torch.float64))


@pytest.mark.parametrize("length", [0.0, 0.9, 10.0, 1e30])
def test_rows_that_are_not_of_unit_length_are_named(length):
    images, texts = along_axes([2, 2])
    off = images.clone()
    off[1] *= length
    for call in (concept_scores, top_concepts, mine_concepts):
        with pytest.raises(ValueError, match="image_features must have rows of unit length"):
            call(off, texts)
    with pytest.raises(ValueError, match="1 of 4 rows: 1; divide each row by its length"):
        mine_concepts(images, texts).apply(off)
    with pytest.raises(ValueError, match="text_features must have rows of unit length"):
        mine_concepts(images, texts * 2)


def test_a_row_of_zeros_has_no_similarity():
    q = torch.tensor([[0.5, 0.5], [0.0, 0.0]])
    with pytest.raises(ValueError, match=r"a must have rows with a direction, got zeros .* 1 of 2"):
        semantic_similarity(q)
    with pytest.raises(ValueError, match="qj must have rows with a direction"):
        explain_similarity(q[0], q[1])


def test_similarities_of_nan_are_refused():
    q = torch.tensor([[0.5, 0.5], [math.nan, 0.5]])
    with pytest.raises(ValueError, match="b: 1 of 2 rows hold NaN or inf: 1"):
        semantic_similarity(q[:1], q)
    with pytest.raises(ValueError, match="qj: 1 of 1 rows hold NaN"):
        explain_similarity(q[0], q[1])


@pytest.mark.parametrize(
    ("images", "texts", "message"),
    [
        (torch.ones(3), torch.ones(2, 3), r"image_features must be float .*got float32 \(3,\)"),
        (torch.ones(2, 3), torch.ones(3), r"text_features must be float .*got float32 \(3,\)"),
        (torch.ones(2, 3).int(), torch.ones(2, 3), r"got int32 \(2, 3\)"),
        (torch.ones(2, 3), torch.ones(2, 4), r"same width, got \(2, 3\) and \(2, 4\)"),
        (torch.ones(2, 3), torch.ones(2, 3).double(), "same dtype, got float32 and float64"),
    ],
)
def test_features_that_do_not_fit_are_refused(as_users_run_it, images, texts, message):
    for call in (mine_concepts, concept_scores):
        with pytest.raises(ValueError, match=message):
            call(images, texts)


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (0, 0)])
def test_mining_needs_an_image_and_a_concept(n, m):
    with pytest.raises(ValueError, match=f"at least one image and one concept, got {n} and {m}"):
        mine_concepts(torch.ones(n, 1), torch.ones(m, 1))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"tau": 0.0}, "tau must be a finite number greater than 0 .*, got 0.0"),
        ({"tau": -3.0}, "tau must be a finite number greater than 0 .*, got -3.0"),
        (
            {"tau": math.nan},
            "tau must be a finite number greater than 0 .*, got nan",
        ),
        (
            {"tau": math.inf},
            "tau must be a finite number greater than 0 .*, got inf",
        ),
        ({"min_share": -1.1}, "min_share must be a finite number of at least -1, got -1.1"),
        ({"min_share": math.nan}, "min_share must be a finite number of at least -1, got nan"),
        (
            {"max_share": 0.0},
            "max_share must be .* greater than 0 and at most 1, got 0.0",
        ),
        (
            {"max_share": 1.1},
            "max_share must be .* greater than 0 and at most 1, got 1.1",
        ),
    ],
)
def test_a_setting_out_of_range_is_named(setting, message):
    with pytest.raises(ValueError, match=message):
        mine_concepts(*along_axes([2, 2]), **setting)


def test_distributions_of_another_length_are_not_compared(as_users_run_it):
    with pytest.raises(ValueError, match=r"a and b must have the same width, got \(1, 2\) and"):
        semantic_similarity(torch.ones(1, 2), torch.ones(1, 3))
    with pytest.raises(ValueError, match="qi and qj must have the same width"):
        explain_similarity(torch.ones(2), torch.ones(3))


def test_mining_leaves_its_input_as_it_was():
    images, texts = seeded(0, 9, 4)
    before = images.clone(), texts.clone()
    semantic_similarity(mine_concepts(images, texts).distribution)
    assert torch.equal(images, before[0])
    assert torch.equal(texts, before[1])


@pytest.mark.usefixtures("as_users_run_it")
def test_arrays_that_are_no_tensors_are_refused_by_name():
    with pytest.raises(TypeError, match=r"image_features must be a torch tensor, got .*ndarray"):
        mine_concepts(np.eye(3, dtype=np.float32), torch.eye(3))
