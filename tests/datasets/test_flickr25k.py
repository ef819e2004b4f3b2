"""MIRFlickr-25K as it is distributed: on twelve images, and with its true labels."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from tests.conftest import SHARED
from tests.datasets.files import labels_by_name, photo, text
from uhscm_core import load_vlp
from uhscm_core.datasets import load_dataset
from uhscm_core.datasets.flickr25k import FLICKR_LABELS
from uhscm_core.features import encode_dataset
from uhscm_core.support.notices import UHSCMWarning


@pytest.fixture
def flickr_folder(tmp_path):
    """Twelve images and two annotations among the other files of the distribution."""
    for i in range(1, 13):
        photo(tmp_path / f"mirflickr/im{i}.jpg", i)
        text(tmp_path / f"mirflickr/meta/tags/tags{i}.txt", "sunset", "365")
    text(tmp_path / "mirflickr/meta/tags/tags3.txt", 365)  # tags that look like image numbers
    text(tmp_path / "mirflickr/rows.txt", 1, 2, 3)
    annotations = tmp_path / "mirflickr25k_annotations_v080"
    text(annotations / "sky.txt", 1, 2, 12)
    text(annotations / "sky_r1.txt", 1)
    text(annotations / "people.txt", 2)
    text(annotations / "README.txt", "about")
    text(annotations / "license.txt", "Creative Commons, 2008")
    return tmp_path


def test_images_with_labels_are_read_and_all_else_is_ignored_or_said(flickr_folder):
    with pytest.warns(UHSCMWarning) as said:
        dataset = load_dataset("flickr25k", root=flickr_folder, n_query=1)
    assert [str(warning.message) for warning in said] == list(dataset.notes)
    assert dataset.notes[0].startswith("22 of the 24 annotation files of MIRFlickr-25K are not")
    assert dataset.notes[1] == (
        "9 of 12 images have none of the 2 labels and are left out, as papers do"
    )
    assert dataset.label_names == ("people", "sky")  # not rows
    assert labels_by_name(dataset) == {
        "mirflickr/im1.jpg": ("sky",),
        "mirflickr/im2.jpg": ("people", "sky"),
        "mirflickr/im12.jpg": ("sky",),  # by number
    }
    assert [image.getpixel((0, 0))[0] for image in dataset.images] == [1, 2, 12]
    assert {name: len(ids) for name, ids in dataset.splits.items()} == {
        "train": 2,
        "database": 2,
        "query": 1,
    }


def test_flickr25k_says_what_is_missing_and_where_to_get_it(flickr_folder, tmp_path):
    with pytest.raises(NotADirectoryError, match=r"root must be .* of flickr25k, got .*nowhere"):
        load_dataset("flickr25k", root=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no images im1\.jpg.* LIACS MIRFLICKR page"):
        load_dataset("flickr25k", root=flickr_folder / "mirflickr25k_annotations_v080")
    with pytest.raises(FileNotFoundError, match=r"no annotation files such as sky\.txt"):
        load_dataset("flickr25k", root=flickr_folder / "mirflickr")


def test_images_that_are_gone_are_left_out_listed_and_counted(flickr_folder):
    (flickr_folder / "mirflickr/im12.jpg").unlink()
    with pytest.warns(UHSCMWarning):
        dataset = load_dataset("flickr25k", root=flickr_folder, n_query=0)
    assert dataset.notes[-1].startswith("1 of 3 listed images are not below")
    assert dataset.names == ("mirflickr/im1.jpg", "mirflickr/im2.jpg")
    assert dataset.skipped == {"im12.jpg": "listed, but not in the folder"}
    (flickr_folder / "mirflickr/im2.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"2 of 3 images are missing .*first 'im2\.jpg'"):
        load_dataset("flickr25k", root=flickr_folder)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("damage", [b"", b"<html>not found</html>", "cut", "too many pixels"])
def test_an_image_that_cannot_be_read_stops_the_encoding_by_name_with_what_to_do(
    flickr_folder, damage, tiny_model, png_of_size
):
    bad = flickr_folder / "mirflickr/im2.jpg"
    content = {"cut": bad.read_bytes()[:50], "too many pixels": png_of_size(20_000, 20_000)}
    bad.write_bytes(content.get(damage, damage))
    dataset = load_dataset("flickr25k", root=flickr_folder, n_query=1, warn=False)
    encoder = load_vlp(str(tiny_model))
    with pytest.raises(OSError, match=r"im2\.jpg: .*; replace this file, or delete it and load"):
        encode_dataset(dataset, encoder, progress=False)
    bad.unlink()
    left = load_dataset("flickr25k", root=flickr_folder, n_query=1, warn=False)
    assert any(note.startswith("1 of 3 listed images are not below") for note in left.notes)
    assert len(encode_dataset(left, encoder, progress=False)) == 2


def test_an_annotation_file_of_other_content_is_refused(flickr_folder):
    text(flickr_folder / "mirflickr25k_annotations_v080/sky.txt", "1", "<html>")
    with pytest.raises(ValueError, match=r"sky\.txt: expected image numbers, one per line"):
        load_dataset("flickr25k", root=flickr_folder)


def write_true_layout(root, labels, names) -> None:
    """The tree of the distribution: images, five files of metadata for each, all annotations."""
    picture = photo(root / "mirflickr/im1.jpg").read_bytes()
    for kind in ("tags", "tags_raw", "exif", "exif_raw", "license"):
        text(root / f"mirflickr/meta/{kind}.txt", "365")
        (root / f"mirflickr/meta/{kind}").mkdir()
    for number in range(1, len(labels) + 1):
        if number > 1:
            content = picture + f"{number}".encode()  # no two are equal
            (root / f"mirflickr/im{number}.jpg").write_bytes(content)
        for kind in ("tags", "tags_raw", "exif", "exif_raw", "license"):
            meta = root / f"mirflickr/meta/{kind}"
            os.link(meta.with_suffix(".txt"), meta / f"{kind}{number}.txt")
    for column, name in enumerate(names):
        numbers = 1 + np.flatnonzero(labels[:, column])
        text(root / f"mirflickr25k_annotations_v080/{name}.txt", *numbers)
    text(root / "mirflickr25k_annotations_v080/README.txt", "about")
    text(root / "mirflickr/rows.txt", *range(1, len(labels) + 1))


@pytest.mark.parametrize("n", [300, pytest.param(25_000, marks=pytest.mark.slow)])
def test_the_true_layout_has_24_labels_and_24581_images(tmp_path, n):
    # One folder above the one that papers name, and shrunk where the true labels are absent.
    truth = SHARED / "data/mirflickr25k_labels.npz"
    if n == 25_000:
        if not truth.is_file():
            pytest.skip("MIRFlickr's true labels are not in ../shared")
        with np.load(truth) as file:
            labels, names = file["labels"], file["names"].tolist()
    else:
        names = [*FLICKR_LABELS, "baby_r1", "sky_r1"]
        labels = np.zeros((n, 26), dtype=np.uint8)
        labels[np.arange(n), np.arange(n) % 26] = 1
    write_true_layout(tmp_path / "data", labels, names)
    expected = labels[:, [names.index(name) for name in FLICKR_LABELS]]
    with_labels = np.flatnonzero(expected.any(1))
    with pytest.warns(UHSCMWarning, match="images have none of the 24 labels and are left out"):
        dataset = load_dataset("flickr25k", root=tmp_path, n_query=100)
    assert len(dataset) == len(with_labels) == {300: 278, 25_000: 24_581}[n]
    assert dataset.label_names == FLICKR_LABELS
    assert dataset.names == tuple(f"data/mirflickr/im{1 + i}.jpg" for i in with_labels)
    assert (dataset.labels.numpy() == expected[with_labels]).all()
    assert not dataset.skipped
    shutil.rmtree(tmp_path / "data")
