"""The heatmap, the pairs two measures disagree on, and what one image is made of."""

from __future__ import annotations

import numpy as np
import pytest

from uhscm_core.analysis.pairs import CONCEPTS, FEATURES, ranks, similarities
from uhscm_core.analysis.study_images import StudyImages
from widgets.panels.disagreements import Disagreements
from widgets.panels.heatmap import HeatmapPanel
from widgets.panels.image_concepts import ImageConcepts

IDS = np.array([3, 8, 21, 40, 77])


@pytest.fixture
def pictures(study):
    return StudyImages(study)


@pytest.fixture
def picked():
    return []


@pytest.fixture
def heatmap(pictures, picked):
    made = HeatmapPanel(picked.append, edge=300)
    made.show(pictures, IDS, CONCEPTS, order="clustering", label="S", summary="five images")
    return made


def test_the_values_are_the_similarities_in_the_order_shown(heatmap, pictures):
    shown = heatmap.grid.to_frame()
    exact = similarities(pictures, np.array(heatmap.grid.ids), CONCEPTS)
    np.testing.assert_allclose(shown.to_numpy(), exact, atol=1e-6)
    assert sorted(heatmap.grid.ids) == IDS.tolist()
    assert (heatmap.grid.low, heatmap.grid.label, heatmap.grid.diverging) == (-1, "S", False)


def test_cosines_of_features_have_a_scale_of_their_own(heatmap, pictures):
    heatmap.show(pictures, IDS, FEATURES, order="clustering", label="cosine", summary="")
    assert heatmap.grid.low == pytest.approx(heatmap.grid.to_frame().to_numpy().min())


def test_a_difference_is_one_of_ranks(heatmap, pictures):
    heatmap.show(pictures, IDS, CONCEPTS, order="clustering", minus=FEATURES, label="S", summary="")
    ids = np.array(heatmap.grid.ids)
    one, other = (ranks(similarities(pictures, ids, by)) for by in (CONCEPTS, FEATURES))
    np.testing.assert_allclose(heatmap.grid.to_frame().to_numpy(), one - other, atol=1e-6)
    assert (heatmap.grid.label, heatmap.grid.diverging) == ("difference of ranks", True)


def test_a_click_picks_a_pair_and_a_pair_can_be_marked(heatmap, picked):
    heatmap.grid.cell = (0, 2)
    assert picked == [(heatmap.grid.ids[0], heatmap.grid.ids[2])]
    heatmap.mark(21, 8)
    assert [heatmap.grid.ids[place] for place in heatmap.grid.cell] == [21, 8]
    heatmap.mark(21, 100)  # which is not shown
    assert heatmap.grid.cell is None


def test_disagreements_are_picked_as_pairs(pictures, picked):
    panel = Disagreements(pictures, picked.append)
    panel.show(pictures, IDS)
    assert panel.gallery.count > 0
    assert "concepts and features disagree most" in panel.gallery.summary
    # What is read below a pair is explained above the pairs, without hovering.
    line, detail = panel.gallery.to_frame()["caption"][0].split("\n")
    assert panel.gallery.summary.endswith("less similar, by concepts / by features.")
    of_concepts, of_features = line.split(" / ")
    assert detail.startswith(f"{of_concepts} of the pairs are less similar than this one by conc")
    assert detail.endswith(f", {of_features} by features")
    panel.gallery.selection.focus = 0
    (pair,) = picked
    assert set(pair) <= set(IDS.tolist())


def test_an_image_has_its_concepts_before_and_after(pictures, study):
    panel = ImageConcepts()
    panel.show(pictures, 3)
    bars = panel.bars.to_frame()
    assert len(bars) == len(study.concepts)
    assert panel.bars.summary.startswith(f"{study.dataset.names[3]}: after denoising ")
