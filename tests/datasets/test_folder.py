"""A folder of photos: what is read, what is skipped and why, labels and splits."""

from __future__ import annotations

import inspect
import itertools
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.files import photo
from uhscm_core import datasets
from uhscm_core.datasets import load_dataset
from uhscm_core.support.notices import UHSCMWarning

# The run-time shape check looks at one item of a sequence: it would decode an image of ours, and
# broken ones are what these tests are about.
pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "holiday"
    path.mkdir()
    return path


def load(folder: Path, **split):
    return load_dataset(folder, progress=False, **split)


def test_a_plain_folder_has_images_and_no_labels(folder):
    for name in ("b.PNG", "a.png", "c.png"):
        photo(folder / name)
    dataset = load(folder)
    assert dataset.names == ("a.png", "b.PNG", "c.png")
    assert (dataset.labels, dataset.label_names, dataset.skipped) == (None, (), {})
    assert dataset.images[1].size == (8, 8)


def test_one_photo_is_a_data_set(folder):
    photo(folder / "only.png")
    dataset = load(folder)
    assert {split: ids.tolist() for split, ids in dataset.splits.items()} == {
        "train": [0],
        "database": [0],
        "query": [],
    }


def test_sub_folders_are_labels_and_deeper_ones_belong_to_them(folder):
    for name in ("cat/1.png", "cat/young/2.png", "dog/3.png"):
        photo(folder / name)
    with pytest.warns(UHSCMWarning, match=r"are the folders 'cat' and 'dog'; deeper .* 'young'"):
        dataset = load(folder)
    assert dataset.label_names == ("cat", "dog")
    assert dataset.labels.tolist() == [[1, 0], [1, 0], [0, 1]]
    assert [dataset.labels_of(i) for i in range(3)] == [("cat",), ("cat",), ("dog",)]


def test_a_photo_beside_the_sub_folders_has_no_label(folder):
    for name in ("cat/1.png", "dog/2.png", "loose.png"):
        photo(folder / name)
    with pytest.warns(UHSCMWarning, match="1 of 3 images have no label"):
        dataset = load(folder)
    assert dataset.names[2] == "loose.png"
    assert dataset.labels.tolist() == [[1, 0], [0, 1], [0, 0]]
    assert dataset.labels_of(2) == ()


def test_train_and_test_folders_are_database_and_queries(folder):
    for name in ("train/cat/1.png", "train/cat/2.png", "train/dog/3.png", "test/dog/4.png"):
        photo(folder / name)
    dataset = load(folder)
    named = {split: [dataset.names[i] for i in ids] for split, ids in dataset.splits.items()}
    assert named["query"] == ["test/dog/4.png"]
    assert named["database"] == ["train/cat/1.png", "train/cat/2.png", "train/dog/3.png"]
    assert named["train"] == named["database"]
    assert dataset.label_names == ("cat", "dog")
    query = dataset.names.index("test/dog/4.png")
    assert dataset.labels_of(query) == ("dog",)


def test_train_and_test_folders_need_no_labels(folder):
    photo(folder / "train/1.png")
    photo(folder / "test/2.png")
    dataset = load(folder)
    assert dataset.labels is None
    assert [dataset.names[i] for i in dataset.splits["query"]] == ["test/2.png"]


def test_a_photo_beside_train_and_test_is_in_no_split(folder):
    for name in ("train/cat/1.png", "test/cat/2.png", "other/3.png"):
        photo(folder / name)
    with pytest.warns(UHSCMWarning) as said:
        dataset = load(folder)
    assert [str(warning.message) for warning in said] == list(dataset.notes)
    assert "1 images outside test/, train/ are left out ('other/3.png')" in dataset.notes
    used = np.concatenate([dataset.splits["database"], dataset.splits["query"]])
    assert {dataset.names[i] for i in used} == {"train/cat/1.png", "test/cat/2.png"}


def test_a_test_label_that_train_lacks_is_refused(folder):
    for name in ("train/cat/1.png", "test/cat/2.png", "test/cow/3.png"):
        photo(folder / name)
    with pytest.raises(
        ValueError,
        match=r"'cow' appears in the folder of queries \(test/\) but .*; move .* or give labels=",
    ):
        load(folder)


@pytest.mark.parametrize(
    ("train", "test"), [("Cat", "cat"), ("polar_bear", "polar bear"), ("7", "007"), ("Ab", "ａｂ")]
)
def test_a_test_label_in_another_spelling_is_refused_with_what_helps(folder, train, test):
    for name in (f"train/{train}/1.png", "train/dog/2.png", f"test/{test}/3.png"):
        photo(folder / name)
    with pytest.raises(
        ValueError,
        match=rf"'{test}' appears .*'{train}' there is of similar spelling, so use one .* labels=",
    ):
        load(folder)
    table = folder / "labels.csv"
    table.write_text("file,label\n1.png,cat\n2.png,dog\n3.png,cat\n")
    assert load(folder, labels=table).label_names == ("cat", "dog")
    assert load(folder, labels=None).labels is None


def test_a_train_folder_alone_is_a_label(folder):
    photo(folder / "train/1.png")
    photo(folder / "plane/2.png")
    with pytest.warns(UHSCMWarning, match=r"folders 'plane' and 'train', of which 'train' may be"):
        assert load(folder).label_names == ("plane", "train")


def broken_photos(folder: Path, png_of_size) -> dict[str, str]:
    (folder / "text.jpg").write_text("no photo")
    (folder / "empty.png").touch()
    whole = photo(folder / "cut.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[:-30])
    (folder / "bomb.png").write_bytes(png_of_size(20_000, 20_000))
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    return {
        "bomb.png": "pixels, the limit is",
        "cut.png": "truncated",
        "empty.png": "the file is empty",
        "phone.HEIC": "Pillow does not read HEIC, save it as JPEG",
        "self.png": "too many levels of symbolic links",
        "text.jpg": "not an image of a known format",
    }


def test_unreadable_files_are_skipped_listed_and_counted(folder, png_of_size):
    photo(folder / "good.png")
    reasons = broken_photos(folder, png_of_size)
    with pytest.warns(UserWarning, match=r"^6 of 7 images in .*holiday skipped \(.*; \.\.\.\)"):
        dataset = load(folder)
    assert dataset.names == ("good.png",)
    assert dataset.skipped.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert reason in dataset.skipped[name]
        assert str(folder) not in dataset.skipped[name]


def test_the_warning_points_at_the_callers_line(folder, monkeypatch):
    # The run-time shape check's own frames aside, as they are not there for users.
    monkeypatch.setattr(datasets, "say", inspect.unwrap(datasets.say))
    photo(folder / "good.png")
    (folder / "bad.png").touch()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inspect.unwrap(load_dataset)(folder, progress=False)
    assert [(warning.filename, warning.category) for warning in caught] == [
        (__file__, UHSCMWarning)
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_is_skipped_and_nobody_waits_for_it(folder):
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    os.mkfifo(folder / "pipe.jpg")
    with pytest.warns(UserWarning, match="1 of 2 images"):
        dataset = load_dataset(folder, progress=False)
    assert dataset.names == ("a.png",)
    assert dataset.skipped == {"pipe.jpg": "not a regular file"}


def test_nothing_readable_is_an_error_that_lists_the_reasons(folder):
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("no photo")
    with pytest.raises(
        ValueError, match=r"no readable image: 2 of 2 .*empty\.png: the file is empty"
    ):
        load(folder)


def test_a_folder_of_heic_alone_says_what_to_do(folder):
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(ValueError, match="Pillow does not read HEIC, save it as JPEG"):
        load(folder)


def test_a_folder_without_images_is_an_error(folder):
    (folder / "notes.txt").write_text("no photo")
    with pytest.raises(ValueError, match=r"holiday: no image in this folder \(\.avif, "):
        load(folder)


def test_a_folder_that_is_not_there_is_an_error(folder):
    for missing in (folder / "gone", str(folder / "gone")):
        with pytest.raises(NotADirectoryError, match="gone"):
            load(missing)
    with pytest.raises(
        NotADirectoryError, match=r"expected a folder of photos, but .*a\.png is a file"
    ):
        load(photo(folder / "a.png"))
    with pytest.raises(NotADirectoryError, match=r"a folder of photos or one of .*cifar10"):
        load("cifra10")


def test_a_file_and_a_folder_that_may_not_be_read_are_skipped(public_folder, permissions_bite):
    folder = public_folder / "holiday"
    photo(folder / "good.png")
    photo(folder / "private.png").chmod(0)
    photo(folder / "locked/hidden.png")
    (folder / "locked").chmod(0)
    with permissions_bite, pytest.warns(UserWarning, match="2 of 3 images in"):
        dataset = load(folder)
    assert dataset.names == ("good.png",)
    assert dataset.skipped == {"locked/": "permission denied", "private.png": "permission denied"}
    (folder / "locked").chmod(0o700)


def test_a_folder_that_cannot_be_listed_is_skipped_by_name(folder, monkeypatch):
    photo(folder / "good.png")
    photo(folder / "disk/bad.png")
    scandir = os.scandir

    def failing(path):
        if Path(path).name == "disk":
            raise OSError(5, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.warns(UserWarning, match=r"disk/: input/output error"):
        dataset = load(folder)
    assert dataset.skipped == {"disk/": "input/output error"}


def test_hidden_files_and_folders_are_left_out(folder):
    photo(folder / "seen.png")
    photo(folder / ".hidden.png")
    photo(folder / ".thumbnails/seen.png")
    photo(folder / "cat/._seen.png")
    with pytest.warns(UHSCMWarning, match=r"2 hidden images are left out \('\.hidden\.png' and"):
        dataset = load(folder)
    assert dataset.names == ("seen.png",)
    assert dataset.skipped == {}


ODD_NAMES = (
    "صورة الشاطئ.png",
    'say "hi" & <img src=x onerror=alert(1)>.png',
    "it's.png",
    "new\nline.png",
    "crème brûlée.png",
    "emoji 🏖.png",
    os.fsdecode(b"not utf-8 \xff\xfe.png"),
)


def test_names_of_all_kinds_stay_as_they_are(folder):
    for i, name in enumerate(ODD_NAMES):
        photo(folder / name, i)
    dataset = load(folder)
    assert set(dataset.names) == set(ODD_NAMES)
    assert [image.getpixel((0, 0))[0] for image in dataset.images] == [
        ODD_NAMES.index(name) for name in dataset.names
    ]
    assert load(folder).digest == dataset.digest


def test_odd_names_are_labels_too(folder):
    names = [Path(name).stem for name in ODD_NAMES]
    for name in names:
        photo(folder / name / "1.png")
    dataset = load(folder)
    assert dataset.label_names == tuple(sorted(names))


def test_the_digest_does_not_depend_on_the_place_and_does_on_the_content(folder, tmp_path):
    for place in (folder, tmp_path / "moved/elsewhere"):
        photo(place / "cat/1.png", 1)
        photo(place / "dog/2.png", 2)
    here, there = load(folder), load(tmp_path / "moved/elsewhere")
    assert here.digest == there.digest
    photo(folder / "dog/2.png", 3)
    assert load(folder).digest != here.digest
    photo(folder / "dog/2.png", 2)
    assert load(folder).digest == here.digest
    (folder / "dog/2.png").rename(folder / "dog/3.png")
    assert load(folder).digest != here.digest


def test_a_skipped_file_does_not_change_the_digest(folder):
    photo(folder / "good.png")
    digest = load(folder).digest
    (folder / "bad.png").touch()
    with pytest.warns(UserWarning, match="1 of 2 images"):
        assert load(folder).digest == digest


def test_more_files_than_one_chunk_are_all_checked(folder, monkeypatch):
    for i in range(30):
        photo(folder / f"{i:03d}.png", i)
    (folder / "029.png").write_bytes(b"")
    islice = itertools.islice
    monkeypatch.setattr(itertools, "islice", lambda paths, _: islice(paths, 7))
    with pytest.warns(UserWarning, match="1 of 30 images"):
        dataset = load(folder)
    assert (len(dataset), list(dataset.skipped)) == (29, ["029.png"])


def test_splits_come_from_the_seed(folder):
    for i in range(20):
        photo(folder / f"{i:02d}.png", i)
    first = load(folder, n_query=5, n_train=3, seed=4)
    again = load(folder, n_query=5, n_train=3, seed=4)
    other = load(folder, n_query=5, n_train=3, seed=5)
    sizes = {split: len(ids) for split, ids in first.splits.items()}
    assert sizes == {"train": 3, "database": 15, "query": 5}
    for split in first.splits:
        assert first.splits[split].tolist() == again.splits[split].tolist()
    assert first.splits["query"].tolist() != other.splits["query"].tolist()
    assert first.digest == other.digest


def test_a_split_larger_than_the_folder_is_refused(folder):
    photo(folder / "1.png")
    photo(folder / "2.png")
    for split in ({"n_query": 3}, {"n_database": 3}, {"n_train": 3}, {"n_query": -1}):
        (name,) = split
        with pytest.raises(ValueError, match=rf"{name} must be a whole number .* got "):
            load(folder, **split)
    with pytest.raises(ValueError, match="no image is left to train on"):
        load(folder, n_query=2)
    photo(folder / "train/1.png")
    photo(folder / "test/2.png")
    with pytest.raises(ValueError, match="n_query must be a whole number between 0 and 1"):
        load(folder, n_query=2)


def test_what_was_asked_for_stays_with_the_data_set(folder, monkeypatch):
    photo(folder / "1.png")
    monkeypatch.chdir(folder.parent)
    dataset = load_dataset("holiday", n_query=0, progress=False)
    assert dataset.source["source"] == str(folder)
    assert dataset.source["n_query"] == 0


def test_root_and_index_do_not_go_with_a_folder(folder):
    photo(folder / "1.png")
    with pytest.raises(ValueError, match="root and index are only for cifar10, flickr25k, nuswide"):
        load_dataset(folder, root=folder)


def test_a_cameras_raw_file_is_listed(folder):
    photo(folder / "good.png")
    Image.new("RGB", (4, 4)).save(folder / "raw.NEF", "TIFF")  # they begin as TIFFs do
    dataset = load(folder, warn=False)  # and no warning, as asked
    assert dataset.skipped == {"raw.NEF": "raw files of cameras are not read, save it as JPEG"}
