"""Near-duplicates and outliers of a study, each question answered once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from uhscm_core import (
    UHSCMWarning,
    hamming_distance,
    near_duplicates,
    rank_outliers_by_features,
    sketch,
)
from uhscm_core.analysis import oddities as module
from uhscm_core.analysis import sketches as sketches_module
from uhscm_core.analysis.oddities import Oddities
from uhscm_core.support import store
from uhscm_core.support.progress import report_progress_to


@pytest.fixture
def oddities(trained):
    return Oddities(trained)


def test_a_question_is_answered_once(oddities):
    assert oddities.pairs(2, 0.9, False) is oddities.pairs(2, 0.9, False)
    assert oddities.pairs(3, 0.9, False) is not oddities.pairs(2, 0.9, False)
    assert oddities.far("codes", 5) is oddities.far("codes", 5)


def test_outliers_are_by_features_or_by_codes(oddities, trained):
    by_features = rank_outliers_by_features(trained.image_features, 5)
    assert oddities.far("features", 5).ids.tolist() == by_features.ids.tolist()
    assert float(oddities.far("codes", 5).distances[0]).is_integer()


def test_the_nearest_of_an_image_leave_it_out(oddities, trained):
    for by in ("features", "codes"):
        ids, distances = oddities.near(3, by, 4)
        assert len(ids) == 4
        assert 3 not in ids
        assert distances == sorted(distances)
    bits = hamming_distance(trained.codes[[3]], trained.codes)[0].float()
    bits[3] = torch.inf
    assert distances == bits.sort().values[:4].tolist()


def test_sketches_are_kept_for_a_study_of_the_same_images(oddities, trained):
    assert Oddities(trained.with_(tau=2.0, network=trained.network), oddities).sketches is not None
    drawn = oddities.sketches
    assert Oddities(trained, oddities).sketches is drawn
    dataset = dataclasses.replace(trained.dataset, digest="of other images")
    other = trained.with_(dataset=dataset, network=trained.network)
    assert not Oddities(other, oddities)._is_sketched.any()


def search(oddities, *settings):
    heard = []
    with report_progress_to(lambda what, done, total: heard.append((what, done, total))):
        found = list(oddities.search(*settings))
    return found, heard


@pytest.mark.parametrize("crowded", [False, True])
def test_a_search_yields_what_it_has_found_so_far(trained, monkeypatch, home, crowded):
    n = len(trained.dataset)
    monkeypatch.setattr(module, "_BLOCK", 50)
    if crowded:
        monkeypatch.setattr(sketches_module, "_MOST", 1)
    oddities = Oddities(trained)
    found, heard = search(oddities, 12, 0.5, True)
    assert heard[0][0] == "reading images"
    assert ("reading images", n, n) in heard
    drawn = torch.from_numpy(np.stack([sketch(image) for image in trained.dataset.images]))
    assert torch.equal(oddities.sketches, drawn)
    wanted = near_duplicates(
        trained.codes, oddities.bits, trained.image_features, 12, 0.5, drawn, 0.97
    )
    assert set(found[-1].groups) == set(wanted.groups)
    assert len(wanted.groups) > 0
    counts = [len(part.all_pairs) for part in found]
    assert counts == sorted(counts)
    assert len(counts) > 1
    # Not read again, as long as they are the same images.
    monkeypatch.setattr(module, "sketch", None)
    search(Oddities(trained), 4, 0.9, True)
    monkeypatch.undo()
    monkeypatch.setenv("UHSCM_HOME", str(home))
    [path] = (home / "sketches").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UHSCMWarning, match="computed again"):
        search(Oddities(trained), 4, 0.9, True)
    assert torch.equal(store.load_tensors(path)[0]["sketches"], drawn)


def test_other_thresholds_are_answered_from_what_was_found(trained):
    oddities = Oddities(trained)
    assert oddities.known(6, 0.9, True) is None
    oddities.pairs(6, 0.9, True)
    for radius, cosine in ((3, 0.95), (12, 0.5)):
        known = oddities.known(radius, cosine, True)
        assert known.groups == Oddities(trained).pairs(radius, cosine, True).groups
    assert oddities.known(6, 0.9, False) is None
    oddities.pairs(6, 0.9, False)
    assert oddities.known(7, 0.9, False) is None
    assert oddities.known(6, 0.89, False) is None
    known = oddities.known(3, 0.95, False)
    assert known.groups == Oddities(trained).pairs(3, 0.95, False).groups
    for radius in range(10):
        oddities.pairs(radius, 0.9, True)
    assert oddities.known(6, 0.9, False) is None  # only the last few answers are kept


def test_a_stopped_search_reads_no_image_twice(trained, monkeypatch, home):
    read = []
    monkeypatch.setattr(module, "_BLOCK", 50)
    monkeypatch.setattr(module, "sketch", lambda image: read.append(image) or sketch(image))
    oddities = Oddities(trained)
    begun = oddities.search(4, 0.9, True)
    next(begun)
    begun.close()
    assert len(read) == 50
    assert len(list(oddities.search(6, 0.8, True))) == 6
    assert len(read) == len(trained.dataset) == 260


def test_an_image_that_is_gone_is_named(trained, monkeypatch, home):
    def gone(_):
        raise OSError("no such file")

    monkeypatch.setattr(module, "sketch", gone)
    with pytest.raises(OSError, match="cannot be read any more: no such file"):
        Oddities(trained).pairs(4, 0.9, True)
