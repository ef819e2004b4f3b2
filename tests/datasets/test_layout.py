"""What folders mean: wrappers, splits, labels, dates, and what is said about it."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.conftest import SHARED
from tests.datasets.files import named, photo
from uhscm_core.datasets import load_dataset
from uhscm_core.datasets.layout import read_layout
from uhscm_core.support.notices import UHSCMWarning

CASES = SHARED / "cases"


def read(*folders: str):
    """The layout of two images in each folder."""
    return read_layout([f"{folder}/{i}.jpg".lstrip("/") for folder in folders for i in (1, 2)])


def labels_of(*folders: str) -> list[str | None]:
    return read(*folders).labels[::2]


def splits_of(*folders: str) -> list[str | None] | None:
    splits = read(*folders).splits
    return splits and splits[::2]


def notes_of(*folders: str) -> list[str]:
    layout = read(*folders)
    return [*layout.split_notes, *layout.label_notes]


@pytest.mark.parametrize(
    "above", ["", "images/", "data/images/", "My photos/", "Train/", "test/", "IMAGES/all/"]
)
def test_folders_that_hold_all_others_mean_nothing(above):
    assert labels_of(f"{above}cat", f"{above}dog") == ["cat", "dog"]
    assert splits_of(f"{above}cat", f"{above}dog") is None
    assert notes_of(f"{above}cat", f"{above}dog") == []


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "TEST"),
        ("training", "testing"),
        ("train_images", "test_images"),
        ("images_train", "images_test"),
        ("train2017", "test2017"),
        ("Training Set", "Test Set"),
        ("seg_train", "seg_test"),
        ("train", "test1"),
        ("bounding_box_train", "bounding_box_test"),
        ("database", "query"),
        ("gallery", "queries"),
    ],
)
@pytest.mark.parametrize("above", ["", "data/", "my data/v2/"])
def test_splits_in_any_case_and_below_other_folders(above, train, test):
    train, test = f"{above}{train}", f"{above}{test}"
    folders = (f"{train}/cat", f"{train}/dog", f"{test}/dog")
    assert labels_of(*folders) == ["cat", "dog", "dog"]
    splits = splits_of(*folders)
    assert splits[0] == splits[1] in ("train", "database")
    assert splits[2] == "query"
    assert notes_of(*folders) == []


@pytest.mark.parametrize("val", ["val", "valid", "Validation", "VAL", "val2017", "dev"])
def test_val_is_queries_without_a_test_folder_and_joins_the_database_with_one(val):
    without = ("train/a", "train/b", f"{val}/a")
    assert splits_of(*without) == ["train", "train", "query"]
    (note,) = notes_of(*without)
    assert note == f"there is no test/ folder, so {val}/ (2 images) is taken as the queries"
    both = (*without, "test/b")
    assert splits_of(*both) == ["train", "train", "train", "query"]
    assert notes_of(*both) == [f"{val}/ (2 images) joins the database"]


def test_val_is_the_database_where_nothing_else_is():
    assert splits_of("val/a", "val/b", "test/a") == ["database", "database", "query"]


def test_a_database_next_to_train_is_searched_alone():
    folders = ("train/a", "train/b", "database/a", "database/b", "query/a")
    assert splits_of(*folders) == ["train", "train", "database", "database", "query"]
    assert notes_of(*folders) == [
        "database/ is the database, so the images of train/ are only trained on"
    ]


@pytest.mark.parametrize("inner", ["test", "images", "unknown", "imgs/all"])
def test_folders_within_a_split_that_hold_all_of_it_mean_nothing(inner):
    assert labels_of("train/a", "train/b", f"test/{inner}") == ["a", "b", None]
    assert labels_of("train/train/a", "train/train/b", f"test/{inner}/b") == ["a", "b", "b"]
    assert labels_of("seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/seg_test/a") == [
        *"aba"
    ]


def test_val_in_one_flat_folder_does_not_add_a_label():
    folders = ("train/n01/images", "train/n02/images", "val/images", "test/images")
    assert labels_of(*folders) == ["n01", "n02", None, None]


def test_splits_within_classes_are_read():
    folders = ("cat/train", "cat/test", "dog/train", "dog/test")
    assert labels_of(*folders) == ["cat", "cat", "dog", "dog"]
    assert splits_of(*folders) == ["train", "query", "train", "query"]
    assert notes_of(*folders) == []


def test_two_names_of_one_split_are_one():
    assert labels_of("train/a", "Training/b") == ["a", "b"]
    assert splits_of("train/a", "Training/b") is None


def test_a_class_called_test_next_to_others_is_a_label_and_said():
    assert labels_of("cat", "dog", "test") == ["cat", "dog", "test"]
    (note,) = notes_of("cat", "dog", "test")
    assert "the labels are the folders 'cat', 'dog' and 'test', of which 'test' may be no" in note


def test_two_folders_of_one_split_next_to_another_split_are_said():
    folders = ("bounding_box_train", "bounding_box_test", "query")
    assert splits_of(*folders) == ["train", "query", "query"]
    assert notes_of(*folders) == ["bounding_box_test/, query/ together are taken as the queries"]


def test_images_outside_the_splits_are_counted():
    folders = ("train/a", "train/b", "test/a", "extra/z", "")
    assert splits_of(*folders) == ["train", "train", "query", None, None]
    assert labels_of(*folders) == ["a", "b", "a", None, None]
    (note,) = notes_of(*folders)
    assert note.startswith("4 images outside test/, train/ are left out ('extra/z/1.jpg'")


def test_nested_classes_are_said_with_the_labels_taken():
    folders = ("animals/cat", "animals/dog", "vehicles/car")
    assert labels_of(*folders) == ["animals", "animals", "vehicles"]
    (note,) = notes_of(*folders)
    assert note.startswith("the labels are the folders 'animals' and 'vehicles'; deeper ones such")
    assert 'labels= can be "folder" (the innermost one)' in note
    assert notes_of("cat/images", "dog/images") == []


@pytest.mark.parametrize(
    "folders",
    [
        ("2019/06", "2019/07", "2020/01"),
        ("2019/06", "2019/07"),
        ("2019", "2020"),
        ("2019-06-12", "2019-06-13"),
        ("20190612", "2019_06_13"),
        ("2019-06-12 Wedding", "2020.01.01 New year"),
        ("12.06.2019", "13.06.2019"),
        ("2019/June", "2019/july"),
        ("January 2019", "Feb 2019"),
        ("2019 06 June", "2019 07 July"),
        ("DCIM/100CANON", "DCIM/101CANON"),
        ("100APPLE", "101_PANA"),
        ("Camera", "Screenshots"),
        ("Pictures/2019/06/12", "Pictures/2020/06/12"),
    ],
)
def test_dates_and_folders_of_cameras_are_no_labels_and_that_is_said(folders):
    assert labels_of(*folders) == [None] * len(folders)
    (note,) = notes_of(*folders)
    assert "are dates or a camera's folders, so no labels are taken" in note


def test_dates_among_other_folders_are_said():
    assert labels_of("2019", "wedding") == ["2019", "wedding"]
    assert "of which '2019' look like dates" in notes_of("2019", "wedding")[0]


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (("Photos from 2019", "Photos from 2020", "Rome"), "'Photos from 2020' look like dates"),
        (("Urlaub 2019", "Urlaub 2020"), "'Urlaub 2019' and 'Urlaub 2020' look like dates"),
        (("0a", "1f", "37", "ff"), "which look like the beginnings of digests"),
        (("original", "augmented"), "'augmented' and 'original' may be no labels"),
    ],
)
def test_folders_that_are_hardly_classes_are_labels_and_said(folders, said):
    assert labels_of(*folders) == list(folders)
    assert said in notes_of(*folders)[0]


@pytest.mark.parametrize(
    "classes",
    [("Audi S4 2007", "BMW M3 2012", "Jeep 2012"), ("10", "42"), ("de", "fa"), ("a1", "x2")],
)
def test_classes_with_years_and_short_ones_are_not_doubted(classes):
    assert labels_of(*classes) == list(classes)
    assert notes_of(*classes) == []


@pytest.mark.parametrize(
    "classes",
    [
        ("0", "1", "9"),
        ("01", "02", "12"),
        ("n01440764", "n01443537"),
        ("001.Albatross", "002.Auk"),
        ("0001", "1501"),
        ("may apple", "march hare"),
        ("camera", "car"),
        ("a380", "b747"),
    ],
)
def test_classes_that_resemble_dates_are_labels(classes):
    assert labels_of(*classes) == list(classes)


def test_one_class_alone_is_no_label_and_said():
    assert labels_of("cats") == [None]
    assert "'cats' would be the only label, so no labels are taken" in notes_of("cats")[0]
    assert notes_of("images") == notes_of("data/photos") == notes_of("") == []


@pytest.mark.parametrize(
    "folders",
    [
        ("part1", "part2"),
        ("images_001", "images_002"),
        ("New folder", "New folder (2)"),
        ("trainA", "trainB", "testA"),
    ],
)
def test_folders_that_count_something_are_said(folders):
    assert "may be no labels" in notes_of(*folders)[0]


def test_a_class_whose_name_ends_as_a_split_does_is_a_label():
    assert labels_of("bullet train", "car") == ["bullet train", "car"]
    assert notes_of("bullet train", "car") == []


def test_folders_with_general_names_next_to_each_other_are_said():
    (note,) = notes_of("images", "masks")
    assert "the labels are the folders 'images' and 'masks', of which 'images' and 'masks'" in note


def test_labels_that_differ_only_in_unicode_are_one():
    layout = read("caf\u00e9", "cafe\u0301", "tea")
    assert layout.labels[::2] == ["caf\u00e9", "caf\u00e9", "tea"]


# The whole way, on files


@pytest.mark.parametrize(
    ("case", "labels", "sizes", "said"),
    [
        ("layouts/wrap", ("a", "b"), (22, 2), ()),
        ("layouts/trainval", ("a", "b"), (24, 24), ("there is no test/ folder, so val/",)),
        ("layouts/only_train", ("a", "b"), (22, 2), ()),
        ("layouts/with_val", ("a", "b"), (48, 24), (r"val/ \(24 images\) joins the database",)),
        ("unlabelled/kaggle", ("a", "b"), (24, 6), ("6 of 6 queries have no label",)),
        ("unicode/split", ("caf\u00e9",), (8, 4), ("every image with labels has 'caf\u00e9', so",)),
    ],
)
def test_the_handed_folders_are_read_as_people_mean_them(case, labels, sizes, said):
    if not CASES.is_dir():
        pytest.skip("the handed cases are not in ../shared")
    dataset = load_dataset(CASES / case, progress=False, warn=False)
    assert dataset.label_names == labels
    assert (len(dataset.splits["database"]), len(dataset.splits["query"])) == sizes
    assert len(dataset) == sum(sizes) == len([*(CASES / case).rglob("*.png")])
    assert len(dataset.notes) == len(said)
    assert all(re.match(what, note) for what, note in zip(said, dataset.notes, strict=True))


def test_what_is_said_is_warned_of_and_kept(tmp_path):
    for folder in ("train/a", "train/b", "VAL/a"):
        photo(tmp_path / folder / "1.png")
    with pytest.warns(UHSCMWarning, match="there is no test/ folder, so VAL/") as said:
        dataset = load_dataset(tmp_path, progress=False)
    assert dataset.notes == (str(said[0].message),)
    assert named(dataset, "query") == ["VAL/a/1.png"]


def test_photos_without_a_label_are_counted(tmp_path):
    for name in ("a/1.png", "b/2.png", "loose.png", "other.png"):
        photo(tmp_path / name)
    with pytest.warns(UHSCMWarning, match="2 of 4 images have no label"):
        dataset = load_dataset(tmp_path, progress=False)
    assert dataset.labels.sum(1).tolist() == [1, 1, 0, 0]
    shutil.rmtree(tmp_path / "b")
    with pytest.warns(UHSCMWarning, match="'a' would be the only label, so no labels are taken"):
        assert load_dataset(tmp_path, progress=False).labels is None


def test_labels_of_queries_alone_are_not_taken(tmp_path):
    for name in ("train/1.png", "test/a/2.png", "test/b/3.png"):
        photo(tmp_path / name)
    with pytest.warns(UHSCMWarning, match="only the queries have labels, so no labels are taken"):
        assert load_dataset(tmp_path, progress=False).labels is None
