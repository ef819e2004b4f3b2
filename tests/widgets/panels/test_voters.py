"""The voters of a concept, and where those of a dropped one go."""

from __future__ import annotations

import pytest

from uhscm_core.analysis.votes import moved_to, vote_frame, voters
from widgets.kit.selection import Selection
from widgets.panels.voters import VotersPanel


@pytest.fixture
def panel(study):
    return VotersPanel(study.dataset.images, Selection())


def concepts(study, *, kept):
    frame = vote_frame(study)
    return frame[(frame["kept"] == kept) & (frame["votes"] > 0)]["concept"].tolist()


def test_a_kept_concept_has_its_voters_alone(panel, study):
    name = concepts(study, kept=True)[0]
    panel.show(study, name)
    ids = voters(study, study.concepts.names.index(name))
    assert panel.gallery.ids.tolist() == list(ids)
    assert panel.gallery.summary.endswith(f" voted for {name!r}, which is kept")
    assert panel.moved.layout.display == "none"
    caption = panel.gallery.to_frame()["caption"][0]
    assert f"score of {name!r}" in caption


def test_the_voters_of_a_dropped_concept_go_elsewhere(panel, study):
    strict = study.with_(min_share=2.0)
    name = concepts(strict, kept=False)[0]
    panel.show(strict, name)
    concept = strict.concepts.names.index(name)
    assert panel.moved.layout.display == ""
    assert panel.moved.labels == moved_to(strict, concept)["concept"].tolist()
    assert panel.gallery.summary.endswith("which is dropped")
