"""The map's layouts, and a closer look at what was picked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uhscm_core.analysis.pairs import CONCEPTS, FEATURES
from uhscm_core.analysis.projection import aligned, pca, unit_vectors
from uhscm_core.analysis.study_images import StudyImages
from widgets.background import umap_cache
from widgets.kit.selection import Selection
from widgets.panels.map import MapPanel
from widgets.panels.picked import PickedPanel, made_of
from widgets.states.map import PCA, UMAP


@pytest.fixture
def pictures(study):
    return StudyImages(study)


@pytest.fixture
def panel(pictures, study, monkeypatch):
    def layout(vectors, seed):
        return np.random.default_rng(seed).normal(size=(len(vectors), 2)).astype(np.float32)

    monkeypatch.setattr(umap_cache, "umap_layout", layout)
    made = MapPanel(pictures, Selection(), lambda: None, lambda _: None)
    made.adopt(pictures, study.dataset.splits["database"])
    return made


def test_pca_is_shown_until_umap_is_there(panel):
    assert panel.ready(FEATURES, UMAP, fit=False) == PCA
    panel.umap_cache.wait()
    assert panel.ready(FEATURES, UMAP, fit=True) == PCA
    panel.umap_cache.wait()
    assert panel.ready(FEATURES, UMAP, fit=True) == UMAP
    assert panel.ready(FEATURES, PCA, fit=True) == PCA


def test_another_layout_is_turned_onto_the_one_before(panel, pictures):
    first = pca(unit_vectors(pictures, panel.ids, FEATURES))
    np.testing.assert_array_equal(panel.place(FEATURES, PCA), first)
    panel.show(FEATURES, PCA, ["a"] * len(panel.ids))
    turned = aligned(pca(unit_vectors(pictures, panel.ids, CONCEPTS)), first)
    np.testing.assert_allclose(panel.place(CONCEPTS, PCA), turned)
    assert panel.view.summary.startswith("240 images by features. PCA, the two directions")


def test_groups_are_told_next_to_those_of_all_images():
    groups = pd.Series(["sky", "sky", "ocean", "tree"], index=[10, 11, 12, 13])
    assert made_of(groups, (), 1) == "50% mostly sky"
    assert made_of(groups, (12, 13), 1) in (
        "50% mostly ocean (25% of all)",
        "50% mostly tree (25% of all)",
    )


def test_picked_images_are_listed_and_shown_in_pairs(pictures, study):
    selection = Selection()
    panel = PickedPanel(pictures, selection)
    ids = study.dataset.splits["database"]
    dominant = pd.Series(["sky"] * len(ids), index=ids)
    panel.show_images(pictures, ids, (), dominant)
    assert panel.gallery.summary == ("Draw a lasso around some of the 240 images: 100% mostly sky")
    panel.show_images(pictures, ids, (3, 8, 21), dominant)
    assert panel.gallery.summary == "3 images: 100% mostly sky (100% of all)"
    panel.show_pairs(pictures, (3, 8, 21), FEATURES, "dominant concept")
    assert panel.heatmap.grid.summary == "Picked in pairs, by features"
    panel.heatmap.grid.cell = (0, 1)
    assert selection.focus == panel.heatmap.grid.ids[0]
