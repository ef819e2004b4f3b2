"""The images that are most like one."""

from __future__ import annotations

from uhscm_core.analysis.pairs import most_similar
from uhscm_core.analysis.study_images import StudyImages
from widgets.panels.alike import AlikePanel


def test_what_is_like_an_image_is_picked(study):
    picked, pictures = [], StudyImages(study)
    panel = AlikePanel(pictures, picked.append)
    panel.show(pictures, 3)
    assert panel.gallery.ids.tolist() == most_similar(pictures, 3, 120).tolist()
    first = int(panel.gallery.ids[0])
    assert panel.gallery.to_frame()["caption"][0].startswith("S = ")
    panel.gallery.selection.focus = first
    assert picked == [first]
