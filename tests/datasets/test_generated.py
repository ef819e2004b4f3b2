from __future__ import annotations

import errno
import multiprocessing
import os
import pickle

import numpy as np
import pytest
from torch.utils.data import DataLoader

from uhscm_core.datasets.generated import GeneratedImages

GENERATED: list[int] = []


def grey(number: int) -> np.ndarray:
    GENERATED.append(number)
    return np.full((4, 4, 3), number, dtype=np.uint8)


@pytest.fixture
def images(tmp_path):
    GENERATED.clear()
    numbers = range(100, 110)
    return GeneratedImages(
        grey, numbers, 4, map(str, numbers), tmp_path / "generated" / "file", "grey 1", "old"
    )


def shades(images) -> list[int]:
    return [int(np.asarray(image)[0, 0, 0]) for image in images]


def test_each_is_generated_once(images):
    assert shades(images) == list(range(100, 110))
    assert shades(images) == list(range(100, 110))
    assert list(range(100, 110)) == GENERATED


def test_nothing_is_generated_before_it_is_accessed(images):
    assert len(images) == 10
    assert images[-1].size == (4, 4)
    assert GENERATED == [109]
    with pytest.raises(IndexError):
        images[10]


def test_parts_share_the_file(images):
    assert shades(images[7:3:-2]) == [107, 105]
    assert shades(images.take([5, 0, 7])[::-1]) == [107, 100, 105]
    assert images.take([5, 0]).names == ("105", "100")
    assert sorted(GENERATED) == [100, 105, 107]
    digests = {images.digest, images.take([5, 0]).digest, images.take([0, 5]).digest}
    assert len(digests) == 3
    assert images.take([5, 0]).keys == (images.keys[5], images.keys[0])


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_record_is_made_again(images, damage):
    shades(images)
    whole = images.path.read_bytes()
    damaged = {"cut": whole[:-1], "flipped": b"\0" + whole[1:], "empty": b""}[damage]
    images.path.write_bytes(damaged)
    GENERATED.clear()
    assert shades(images) == list(range(100, 110))
    again = {"flipped": [100], "cut": [109], "empty": list(range(100, 110))}
    assert again[damage] == GENERATED
    assert images.path.read_bytes() == whole


def test_what_a_full_disk_does_not_take_is_made_each_time(images, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    assert shades(images)[:2] == [100, 101]
    assert shades(images[:2]) == [100, 101]
    assert len(GENERATED) == 12


def test_processes_share_the_file(images):
    context = multiprocessing.get_context("fork")
    loader = DataLoader(
        images, 2, num_workers=2, collate_fn=shades, multiprocessing_context=context
    )
    assert [shade for batch in loader for shade in batch] == list(range(100, 110))
    assert not GENERATED  # the workers did it
    assert shades(images) == list(range(100, 110))
    assert not GENERATED  # and kept it


def test_they_travel_to_other_processes(images):
    assert shades(pickle.loads(pickle.dumps(images))) == list(range(100, 110))


def test_keys_know_version_and_number_and_need_no_image(images):
    def keys(version, numbers):
        named = map(str, numbers)
        return GeneratedImages(grey, numbers, 4, named, images.path, version, "old").keys

    assert keys("grey 1", range(105, 107)) == images.keys[5:7]
    assert not {*keys("grey 2", range(100, 110))} & {*images.keys}
    assert not GENERATED


def test_a_planted_link_is_not_followed(images, tmp_path):
    somebodys = tmp_path / "somebodys"
    somebodys.write_bytes(b"x" * 100_000)
    images.path.unlink(missing_ok=True)
    images.path.parent.mkdir(parents=True, exist_ok=True)
    images.path.symlink_to(somebodys)
    assert images[0].size == (images.side, images.side)
    assert somebodys.read_bytes() == b"x" * 100_000
