"""Every explorer on a study made from features: no pixels, no text encoder."""

from __future__ import annotations

import numpy as np
import pytest

from uhscm_core import Study
from widgets import (
    CompareExplorer,
    DenoisingExplorer,
    DistributionExplorer,
    Exports,
    MapExplorer,
    RetrievalExplorer,
    TidyExplorer,
    TrainingExplorer,
    results_page,
)
from widgets.kit.pictures import PictureView


@pytest.fixture(scope="module")
def features_only(trained) -> Study:
    """The postcards' features, concepts and labels, without the postcards."""
    made = Study.from_features(
        trained.image_features,
        trained.concepts.names,
        trained.text_features,
        labels=trained.dataset.labels,
        label_names=trained.dataset.label_names,
        splits=trained.dataset.splits,
    )
    return made.train(16, epochs=2)


@pytest.mark.parametrize(
    "explorer", [DenoisingExplorer, DistributionExplorer, RetrievalExplorer, TidyExplorer]
)
def test_an_explorer_shows_placeholder_tiles_and_no_error(features_only, explorer):
    made = explorer(features_only)
    made.wait()
    assert made.status.errors == []
    assert len(made.to_frame())
    galleries = [view for view in vars(made).values() if isinstance(view, PictureView)]
    for gallery in galleries:
        if answer := gallery._shown.answer({"page": 0}):
            message, (buffer,) = answer
            assert all(message["sizes"])
            assert sum(message["sizes"]) == len(buffer)
    assert any(len(gallery._shown) for gallery in galleries)


def test_the_map_and_the_comparison_work_on_features(features_only):
    compared = CompareExplorer(features_only)
    compared.wait()
    assert compared.status.errors == []
    seen = MapExplorer(features_only)
    assert seen.status.errors == []
    assert len(seen.to_frame()) == len(features_only.dataset.splits["database"])


def test_training_works_on_features(features_only):
    explorer = TrainingExplorer(features_only)
    explorer.start(bits=8, epochs=1)
    explorer.wait()
    assert explorer.study.network.bits == 8


def test_a_text_is_refused_at_its_box_with_the_way_around(features_only):
    explorer = RetrievalExplorer(features_only)
    explorer.search("a castle")
    explorer.wait()
    assert "search(text_features=...)" in explorer.text.error
    assert explorer.answer.by_text is False  # what was in view stays


def test_another_template_is_refused_at_its_box_with_the_way_around(features_only):
    explorer = DenoisingExplorer(features_only)
    explorer.editor.templates.value = "a {} in the rain"
    explorer.editor.apply()
    explorer.wait()
    assert "with_(concepts=..., text_features=...)" in explorer.editor.names.error


def test_files_and_the_page_of_results_are_written(features_only):
    exports = Exports(features_only)
    exports.wait()
    sizes = exports.to_frame().set_index("name")["bytes"]
    assert sizes.drop("results.html").notna().all()
    assert "precomputed features" in results_page(features_only)


def test_near_duplicates_do_without_sketches(features_only):
    explorer = TidyExplorer(features_only)
    explorer.wait()
    assert explorer.looks.disabled
    assert not explorer.state.looks
    assert np.isfinite(explorer.outliers_frame()["distance"]).all()


def test_explorers_open_on_one_image_in_the_database(features_only):
    splits = {"train": [1, 2, 3, 4], "database": [0], "query": [5, 6]}
    few = Study.from_features(
        features_only.image_features[:8],
        features_only.concepts,
        features_only.text_features,
        labels=features_only.dataset.labels[:8],
        splits=splits,
    ).with_(min_share=-1.0, network=features_only.network)
    for kind in (DenoisingExplorer, DistributionExplorer, MapExplorer, TidyExplorer):
        opened = kind(few)
        opened.wait()
        assert opened.status.errors == []
    with pytest.raises(ValueError, match="needs at least two images in the database"):
        CompareExplorer(few)
