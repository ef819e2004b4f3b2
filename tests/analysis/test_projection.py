"""Layouts against what is known about them: a rotation is undone, neighbours stay neighbours."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core.analysis.pairs import CODES, CONCEPTS, FEATURES, similarities
from uhscm_core.analysis.projection import (
    EPOCHS,
    aligned,
    pca,
    spread_overlaps,
    umap_layout,
    unit_vectors,
)
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.progress import report_progress_to


@pytest.fixture
def cloud() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, 6)) * [5, 3, 1, 0.5, 0.2, 0.1]


def clusters(n: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    group = np.repeat(np.arange(n), each)
    return np.eye(12)[group] + 0.03 * generator.normal(size=(n * each, 12)), group


# -- PCA -----------------------------------------------------------------------------------------


def test_pca_is_that_of_the_singular_values(cloud):
    points = pca(cloud)
    centred = cloud - cloud.mean(0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    for column in range(2):
        expected = centred @ axes[column]
        sign = np.sign(expected @ points[:, column])
        np.testing.assert_allclose(points[:, column], sign * expected, rtol=1e-3, atol=1e-4)
        assert np.linalg.norm(points[:, column]) == pytest.approx(singular[column], rel=1e-4)


def test_pca_has_one_sign_whatever_the_order_of_the_images(cloud):
    order = np.random.default_rng(2).permutation(len(cloud))
    np.testing.assert_allclose(pca(cloud)[order], pca(cloud[order]), rtol=1e-3, atol=1e-4)
    for vectors in (cloud, cloud * [-1, 1, 1, 1, 1, 1], cloud * [1, -1, 1, 1, 1, 1]):
        axes = (vectors - vectors.mean(0)).T @ pca(vectors)  # to a factor
        assert (axes[np.abs(axes).argmax(0), [0, 1]] > 0).all()


@pytest.mark.parametrize("shape", [(1, 4), (2, 4), (5, 1), (1, 1), (40, 2)])
def test_pca_of_few_images_or_directions(shape):
    vectors = np.random.default_rng(0).normal(size=shape)
    points = pca(vectors)
    assert (points.shape, points.dtype) == ((shape[0], 2), np.float32)
    assert np.isfinite(points).all()
    if shape[1] > 1:  # two directions hold all distances of up to three points
        apart = np.linalg.norm(vectors[0] - vectors[-1])
        assert np.linalg.norm(points[0] - points[-1]) == pytest.approx(apart, abs=1e-5)
    else:
        assert (points[:, 1] == 0).all()


def test_equal_images_lie_on_one_point(cloud):
    twice = np.concatenate([cloud, cloud[::-1]])
    points = pca(twice)
    assert (points[:200] == points[200:][::-1]).all()
    noisy = np.ones((30, 8)) + 1e-7 * np.random.default_rng(0).normal(size=(30, 8))
    assert (pca(noisy) == 0).all()  # rounding is no structure


@pytest.mark.parametrize("function", [pca, umap_layout])
def test_what_is_no_number_is_named(function):
    vectors = np.ones((20, 3))
    vectors[7, 1] = np.nan
    with pytest.raises(ValueError, match="row 7 contains NaN"):
        function(vectors)
    with pytest.raises(ValueError, match=r"shape \(n, d\).* got \(0, 3\)"):
        function(np.ones((0, 3)))
    with pytest.raises(ValueError, match=r"got \(3,\)"):
        function(np.ones(3))


# -- alignment -----------------------------------------------------------------------------------


@given(
    hnp.arrays(np.float64, (12, 2), elements=st.floats(-5, 5)),
    st.floats(0, 2 * np.pi),
    st.booleans(),
    st.floats(0.1, 9),
)
def test_a_rotation_a_reflection_a_shift_and_a_scale_are_undone(points, angle, mirrored, scale):
    points[:2] = [[0, 0], [7, 1]]  # not all of them one point
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirrored:
        turn[:, 0] *= -1
    moved = points @ turn * scale + [40, -3]
    np.testing.assert_allclose(aligned(moved, points), points, atol=1e-3)


def test_nothing_that_keeps_the_shape_would_be_nearer():
    generator = np.random.default_rng(3)
    to, points = generator.normal(size=(50, 2)), generator.normal(size=(50, 2)) + 9
    moved = aligned(points, to)
    best = np.linalg.norm(moved - to)
    for angle in np.linspace(0, 2 * np.pi, 90):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        other = (moved - moved.mean(0)) @ turn + to.mean(0)
        assert np.linalg.norm(other - to) >= best - 1e-4
        assert np.linalg.norm(other * [-1, 1] - to) >= best - 1e-4
    assert np.linalg.norm(moved - moved.mean(0)) == pytest.approx(
        np.linalg.norm(to - to.mean(0)), rel=1e-4
    )


@pytest.mark.parametrize("n", [1, 2, 5])
def test_points_that_are_all_the_same_are_moved_and_no_more(n):
    same = np.full((n, 2), 3.0)
    to = np.arange(2.0 * n).reshape(n, 2)
    np.testing.assert_allclose(aligned(same, to), np.tile(to.mean(0), (n, 1)))
    np.testing.assert_allclose(aligned(to, same), to - to.mean(0) + 3)
    with pytest.raises(ValueError, match="same shape"):
        aligned(same, np.zeros((n + 1, 2)))


# -- piles ---------------------------------------------------------------------------------------


def test_piles_are_spread_and_the_rest_stays():
    points = np.array([[0, 0], [1, 1], [0, 0], [0, 0], [1, 0], [1, 1]], float)
    spread = spread_overlaps(points, step=0.01)
    assert len(np.unique(spread, axis=0)) == 6
    np.testing.assert_array_equal(spread[[0, 1, 4]], points[[0, 1, 4]])
    apart = np.linalg.norm(spread - points, axis=1)
    np.testing.assert_allclose(apart, [0, 0, 0.01, 0.01 * np.sqrt(2), 0, 0.01], rtol=1e-4)


def test_a_thousand_of_one_place_lie_apart():
    spread = spread_overlaps(np.zeros((1000, 2)))
    near = np.linalg.norm(spread[:, None] - spread[None], axis=2) + np.eye(1000)
    assert near.min() > 0.5 * 0.0015
    assert np.abs(spread).max() < 0.0015 * np.sqrt(1000)
    assert spread_overlaps(np.zeros((1, 2))).tolist() == [[0, 0]]


# -- UMAP ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_umap_keeps_clusters_together_and_equal_vectors_on_one_point():
    vectors, group = clusters(4, 40)
    vectors[5] = vectors[6]
    points = umap_layout(vectors)
    assert (points.shape, points.dtype) == ((160, 2), np.float32)
    assert (points[5] == points[6]).all()
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    nearest = np.argsort(apart, axis=1)[:, 1:6]
    assert (group[nearest] == group[:, None]).mean() > 0.97
    np.testing.assert_array_equal(umap_layout(vectors), points)  # seeded
    assert (umap_layout(vectors, seed=1) != points).any()


@pytest.mark.slow
def test_images_beyond_the_fitted_ones_lie_among_their_like():
    vectors, group = clusters(4, 40)
    points = umap_layout(vectors, limit=100)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    nearest = np.argsort(apart, axis=1)[:, 1:6]
    assert (group[nearest] == group[:, None]).mean() > 0.95


@pytest.mark.slow
def test_vectors_of_one_direction_have_a_layout_too():
    points = umap_layout(np.stack([np.linspace(1, 2, 40), np.ones(40)], axis=1))
    assert np.isfinite(points).all()


@pytest.mark.slow
def test_a_fit_reports_its_neighbors_and_its_epochs_and_changes_by_no_bit():
    import umap

    vectors, _ = clusters(4, 40)
    silent = umap_layout(vectors)
    heard = []
    with report_progress_to(lambda *step: heard.append(step)):
        points = umap_layout(vectors)
        assert ("finding neighbors", 160, 160) in heard
        assert [step for step in heard if step[0] == EPOCHS] == [
            (EPOCHS, n, 500) for n in range(1, 501)
        ]
    np.testing.assert_array_equal(points, silent)
    assert umap.layouts.tqdm.__module__.startswith("tqdm")  # its own again
    plain = umap.UMAP(
        n_neighbors=3, n_epochs=7, init="random", random_state=0, n_jobs=1, verbose=False
    )
    heard.clear()
    with report_progress_to(lambda *step: heard.append(step)):
        plain.fit(vectors)  # what others fit is not reported
    assert heard == []


@pytest.mark.slow
def test_what_a_report_raises_ends_a_fit_at_that_epoch():
    import umap

    vectors, _ = clusters(4, 40)
    epochs = []

    def report(what, done, total):
        if what == EPOCHS:
            epochs.append(done)
            if done == 40:
                raise InterruptedError

    with report_progress_to(report), pytest.raises(InterruptedError):
        umap_layout(vectors)
    assert epochs[-1] == 40
    assert umap.layouts.tqdm.__module__.startswith("tqdm")
    again = umap_layout(vectors)  # nothing holds it up, and nothing is left of the other
    with report_progress_to(lambda *_: None):
        np.testing.assert_array_equal(umap_layout(vectors), again)


@pytest.mark.slow
def test_a_umap_that_cannot_be_heard_is_fitted_all_the_same(monkeypatch):
    import umap

    vectors, _ = clusters(4, 40)
    expected = umap_layout(vectors)
    loops, heard = umap.layouts, []
    monkeypatch.delattr(umap, "layouts")
    with report_progress_to(lambda what, *_: heard.append(what)):
        np.testing.assert_array_equal(umap_layout(vectors), expected)
    assert set(heard) == {"finding neighbors"}
    assert loops.tqdm.__module__.startswith("tqdm")


@pytest.mark.parametrize("n", [1, 2, 15, 60])
def test_too_few_different_images_for_umap_are_counted(n):
    vectors = np.tile(np.eye(15), (4, 1))[:n]
    with pytest.raises(ValueError, match=f"more than 15 images that differ, got {min(n, 15)}"):
        umap_layout(vectors)


# -- what is laid out ----------------------------------------------------------------------------


@pytest.mark.parametrize("source", [FEATURES, CONCEPTS, CODES])
def test_the_cosine_of_the_vectors_is_the_similarity_that_is_shown_elsewhere(trained, source):
    pictures, ids = StudyImages(trained), np.arange(30)
    vectors = unit_vectors(pictures, ids, source)
    cosines = vectors @ vectors.T
    shown = similarities(pictures, ids, source)
    expected = (shown + 1) / 2 if source == CONCEPTS else shown
    np.testing.assert_allclose(cosines, expected, atol=1e-5)


def test_there_are_no_codes_without_a_network(study):
    with pytest.raises(ValueError, match=r"study\.train"):
        unit_vectors(StudyImages(study), np.arange(3), CODES)
    with pytest.raises(ValueError, match="got 'pixels'"):
        unit_vectors(StudyImages(study), np.arange(3), "pixels")
