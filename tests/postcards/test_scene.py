from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from uhscm_core.concepts import load_concepts
from uhscm_postcards.scene import LABELS, make_scene

SCENES = [make_scene(seed) for seed in range(3_000, 3_700)]
SHOWN = np.array([[label in scene.labels for label in LABELS] for scene in SCENES])


def test_a_seed_is_a_scene():
    assert make_scene(7) == make_scene(7)
    assert make_scene(7) != make_scene(8)


def test_labels_are_nuswide_names_in_its_own_form():
    assert len(LABELS) == len(set(LABELS)) == 24
    assert set(LABELS) <= set(load_concepts("nuswide81").names)


def test_every_picture_has_a_label_and_every_label_its_pictures():
    assert SHOWN.any(1).all()
    share = SHOWN.mean(0)
    assert share.min() > 0.03
    assert share.max() < 0.4  # a label that is nearly everywhere tells nothing


def test_two_pictures_share_a_label_in_30_to_55_percent_of_pairs():
    shares = (SHOWN.astype(int) @ SHOWN.T > 0)[np.triu_indices(len(SCENES), 1)]
    assert 0.30 < shares.mean() < 0.55


@pytest.mark.parametrize(
    ("label", "others"),
    [
        ("boats", {"ocean", "lake"}),
        ("beach", {"ocean"}),
    ],
)
def test_what_needs_water_stands_by_water(label, others):
    for scene in SCENES:
        if label in scene.labels:
            assert others & set(scene.labels)


def test_what_cannot_be_together_is_not():
    for scene in SCENES:
        shown = set(scene.labels)
        assert not shown >= {"snow", "flowers"}
        assert not shown >= {"snow", "ocean"}
        assert not shown >= {"moon", "sunset"}
        assert ("moon" not in shown) or scene.time == "night"


def test_cars_go_with_roads_far_more_often_than_chance():
    cars, road = (SHOWN[:, LABELS.index(label)] for label in ("cars", "road"))
    assert (cars & road).mean() > 3 * cars.mean() * road.mean()


def test_each_label_has_one_object():
    for scene in SCENES:
        labels = [item.label for item in scene.objects]
        assert len(labels) == len(set(labels))


def test_labels_follow_from_the_scene():
    scene = next(s for s in SCENES if s.get("castle"))
    without = dataclasses.replace(
        scene, objects=tuple(o for o in scene.objects if o.label != "castle")
    )
    assert set(scene.labels) - set(without.labels) == {"castle"}
