"""Index files of published splits in the forms in which they go around."""

from __future__ import annotations

import os

import pytest

from tests.conftest import SHARED
from tests.datasets.files import labels_by_name, named, photo, text
from uhscm_core.datasets import load_dataset
from uhscm_core.support.notices import UHSCMWarning


@pytest.fixture
def index_folder(tmp_path):
    for i in range(5):
        photo(tmp_path / f"images/{i}.jpg", i)
    index = tmp_path / "index"
    text(index / "train.txt", "images/0.jpg 1 0", "images/1.jpg 0 1")
    text(index / "database.txt", "images/1.jpg 0 1", "images/2.jpg 1 1", "images/3.jpg 0 0")
    text(index / "test.txt", "images/4.jpg 0 1")
    return tmp_path


def load(folder, **split):
    return load_dataset("flickr25k", root=folder, index=folder / "index", **split)


EXPECTED = {
    "images/0.jpg": ("label 0",),
    "images/1.jpg": ("label 1",),
    "images/2.jpg": ("label 0", "label 1"),
    "images/3.jpg": (),
    "images/4.jpg": ("label 1",),
}


def test_index_files_give_the_published_split_with_train_outside_the_database(index_folder):
    with pytest.warns(UHSCMWarning, match="1 of 2 training images are not in the database, as pub"):
        dataset = load(index_folder)
    assert named(dataset, "query") == ["images/4.jpg"]
    assert sorted(named(dataset, "train")) == ["images/0.jpg", "images/1.jpg"]
    assert sorted(named(dataset, "database")) == [f"images/{i}.jpg" for i in (1, 2, 3)]
    assert dataset.label_names == ("label 0", "label 1")
    assert labels_by_name(dataset) == EXPECTED


def test_numbers_of_images_are_drawn_from_the_published_split(index_folder):
    dataset = load(index_folder, n_train=1, n_database=2, n_query=1, progress=False, warn=False)
    assert named(dataset, "query") == ["images/4.jpg"]
    assert set(named(dataset, "train")) < {"images/0.jpg", "images/1.jpg"}
    assert set(named(dataset, "database")) < {f"images/{i}.jpg" for i in (1, 2, 3)}
    with pytest.raises(ValueError, match="n_query must be a whole number between 0 and 1, got 2"):
        load(index_folder, n_query=2)
    with pytest.raises(ValueError, match="n_labels is only for nuswide, not for index files"):
        load(index_folder, n_labels=21)


@pytest.fixture
def whole(index_folder):
    """Index files whose training images lie in the database, so that there is nothing to say."""
    text(index_folder / "index/train.txt", "images/1.jpg 0 1")
    text(
        index_folder / "index/database.txt",
        *(f"images/{i}.jpg {flags}" for i, flags in FLAGS.items()),
    )
    return index_folder


FLAGS = {0: "1 0", 1: "0 1", 2: "1 1", 3: "0 0"}


def rewritten(folder, change, end="\n") -> None:
    for path in (folder / "index").iterdir():
        lines = path.read_text().splitlines()
        text(path, *map(change, lines), end=end)


@pytest.mark.parametrize(
    "change",
    [
        lambda line: f"  {line}  ",
        lambda line: line.replace(" ", "\t"),
        lambda line: line.replace(" ", ","),
        lambda line: line.replace("/", "\\"),
        lambda line: f"./{line}",
        lambda line: f"/home/author/data/{line}",
        lambda line: f"C:\\data\\{line}",
        lambda line: f"../data/flickr/{line}",
        lambda line: '"' + line.replace(" ", '" ', 1),
        lambda line: line.removeprefix("images/"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_read_in_many_spellings(whole, change, end):
    rewritten(whole, change, end)
    assert labels_by_name(load(whole)) == EXPECTED


def test_index_files_may_be_called_in_any_case(whole):
    (whole / "index/test.txt").rename(whole / "index/Test.TXT")
    assert labels_by_name(load(whole)) == EXPECTED


def test_a_byte_order_mark_and_blank_lines_are_read(whole):
    for path in (whole / "index").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\n  \n")
    assert labels_by_name(load(whole)) == EXPECTED


def test_utf16_as_windows_saves_it_is_read(whole):
    for path in (whole / "index").iterdir():
        path.write_bytes(path.read_text().encode("utf-16"))
    assert labels_by_name(load(whole)) == EXPECTED


@pytest.mark.parametrize("name", ["my photo.jpg", "a 1 0.jpg", "new\x85line.jpg", "caf\u00e9.jpg"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_name_may_hold_spaces_and_odd_characters(whole, name, quote):
    photo(whole / "images" / name)
    text(whole / "index/test.txt", f"{quote}images/{name}{quote} 1 0")
    assert named(load(whole), "query") == [f"images/{name}"]


def test_names_are_compared_after_unicode_normalization(whole):
    photo(whole / "images/cafe\u0301.jpg")
    text(whole / "index/test.txt", "images/caf\u00e9.jpg 1 0", "images/cafe\u0301.jpg 1 0")
    with pytest.warns(UHSCMWarning, match=r"1 lines of test\.txt list an image again"):
        assert named(load(whole), "query") == ["images/cafe\u0301.jpg"]
    text(whole / "index/test.txt", "images/caf\u00e9.jpg 1 0", "images/cafe\u0301.jpg 0 1")
    with pytest.raises(ValueError, match=r"test\.txt, line 2: .* has other labels here than in"):
        load(whole)


@pytest.mark.parametrize("other", ["images/1.jpg 1 0", "./images/1.jpg 1 0", "images\\1.jpg 1 0"])
def test_one_image_with_two_sets_of_labels_is_refused(whole, other):
    with (whole / "index/database.txt").open("a") as file:
        file.write(other)
    with pytest.raises(
        ValueError, match=r"database\.txt, line 5: .*1\.jpg' has other labels .*train\.txt, line 1"
    ):
        load(whole)


def test_images_in_one_flat_folder_are_found_by_their_names(whole):
    rewritten(whole, lambda line: line.replace("images", "photos/somewhere"))
    with pytest.warns(UHSCMWarning, match="the images were found by their file names"):
        assert labels_by_name(load(whole)) == EXPECTED


def test_a_name_that_two_folders_have_is_refused(whole):
    photo(whole / "other/1.jpg")
    rewritten(whole, lambda line: line.removeprefix("images/"))
    with pytest.raises(ValueError, match=r"'1\.jpg' is listed and could be any of 'images/1\.jpg'"):
        load(whole)


def test_labels_txt_next_to_the_index_files_names_the_labels(whole):
    text(whole / "index/labels.txt", "sky", "blue sea", "")
    dataset = load(whole)
    assert dataset.label_names == ("sky", "blue sea")
    for wrong in (["sky"], ["sky", "sky"], ["sky", "sea", "sun"]):
        text(whole / "index/labels.txt", *wrong)
        with pytest.raises(ValueError, match=r"labels\.txt: expected the names of 2 labels"):
            load(whole)


def test_pairs_of_files_with_images_and_labels_are_read(whole):
    index = whole / "index"
    for stem in ("train", "database", "test"):
        lines = (index / f"{stem}.txt").read_text().splitlines()
        (index / f"{stem}.txt").unlink()
        text(index / f"{stem}_img.txt", *(line.split()[0] for line in lines))
        text(index / f"{stem}_label_onehot.txt", *(line.split(" ", 1)[1] for line in lines))
        text(index / f"{stem}_label.txt", *range(len(lines)))  # classes, where there is no one-hot
    assert labels_by_name(load(whole)) == EXPECTED
    text(index / "test_label_onehot.txt", "1 0", "0 1")
    with pytest.raises(ValueError, match=r"test_label_onehot\.txt has 2 lines, and .* has 1"):
        load(whole)
    text(index / "test_label_onehot.txt", "1 x")
    with pytest.raises(ValueError, match=r"onehot\.txt, line 1: expected labels of 0 or 1, or"):
        load(whole)
    for path in index.glob("*onehot.txt"):
        path.unlink()
    text(index / "train_label.txt", 1)
    dataset = load(whole)
    assert dataset.label_names == ("label 0", "label 1", "label 2", "label 3")
    assert labels_by_name(dataset)["images/3.jpg"] == ("label 3",)
    (index / "test_label.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no test_label_onehot\.txt with the labels for"):
        load(whole)


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        ("database", ["images/1.jpg 0 1", "images/2.jpg 0"], r"database\.txt, line 2: .* 2 labels"),
        ("test", ["images/4.jpg 0 7"], r"test\.txt, line 1: .* labels of 0 or 1"),
        ("train", ["images/0.jpg"], r"train\.txt, line 1: expected a path and its labels of 0 or"),
        ("train", [], r"train\.txt: no image in this index file"),
        ("train", ["", " "], r"train\.txt: no image in this index file"),
        ("test", ["images/1.jpg 0 1"], "an image is in both the query and the database"),
        ("test", ["images/0.jpg 1 0"], "an image is in both the query and the train"),
    ],
)
def test_a_line_of_an_index_file_that_does_not_match_is_named(index_folder, file, lines, message):
    text(index_folder / f"index/{file}.txt", *lines)
    with pytest.raises(ValueError, match=message):
        load_dataset("nuswide", root=index_folder, index=index_folder / "index")


def test_one_number_per_line_is_the_number_of_a_class_and_said(index_folder):
    text(index_folder / "index/train.txt", "images/0.jpg 0", "images/1.jpg 1")
    text(index_folder / "index/database.txt", "images/1.jpg,1", "images/2.jpg 0", "images/3.jpg 3")
    text(index_folder / "index/test.txt", "images/4.jpg 0")
    with pytest.warns(UHSCMWarning) as said:
        labels = labels_by_name(load(index_folder))
    assert [labels[f"images/{i}.jpg"][0] for i in range(5)] == [f"label {i}" for i in "01030"]
    assert any("is taken as the number of its class" in str(w.message) for w in said)
    text(index_folder / "index/test.txt", "images/4.jpg 1 0 0 0")
    with pytest.raises(ValueError, match=r"train\.txt, line 1: expected a path and 4 labels"):
        load(index_folder)
    text(index_folder / "index/test.txt", "images/4.jpg 999999999999")
    with pytest.raises(ValueError, match=r"test\.txt, line 1: expected the number of a class"):
        load(index_folder)


def test_a_validation_list_that_is_not_read_is_said(index_folder):
    text(index_folder / "index/val.txt", "images/3.jpg 0 0")
    with pytest.warns(UHSCMWarning) as said:
        load(index_folder)
    assert any("'val.txt' next to the index files is not read" in str(w.message) for w in said)


def test_images_that_are_gone_are_left_out_and_most_of_them_refused(whole):
    (whole / "images/3.jpg").unlink()
    with pytest.warns(UHSCMWarning, match=r"1 of 5 listed images are not .*'images/3\.jpg'"):
        dataset = load(whole)
    assert dataset.skipped == {"images/3.jpg": "listed, but not in the folder"}
    assert sorted(named(dataset, "database")) == [f"images/{i}.jpg" for i in (0, 1, 2)]
    for i in (0, 2):
        (whole / f"images/{i}.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"3 of 5 images are missing .*'images/0\.jpg'"):
        load(whole)


def test_an_index_file_that_is_missing_is_named(index_folder):
    (index_folder / "index/test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no index file .*test\.txt"):
        load(index_folder)
    with pytest.raises(NotADirectoryError, match=r"index must be a folder with train\.txt.*images"):
        load_dataset("cifar10", root=index_folder, index=index_folder / "images/0.jpg")


def test_index_files_may_name_files_that_are_not_utf8(whole):
    raw = b"images/caf\xe9.jpg"
    photo(whole / os.fsdecode(raw))
    (whole / "index/test.txt").write_bytes(raw + b" 1 0\r\n")
    assert named(load(whole), "query") == [os.fsdecode(raw)]


@pytest.mark.parametrize(
    ("case", "sizes"), [("plain", (3, 6, 2)), ("bom", (3, 6, 2)), ("spaces", (3, 6, 2))]
)
def test_the_handed_index_files_are_read(case, sizes):
    folder = SHARED / "cases/index_files"
    if not folder.is_dir():
        pytest.skip("the handed cases are not in ../shared")
    dataset = load_dataset("cifar10", root=folder / "root", index=folder / case, warn=False)
    assert tuple(len(dataset.splits[s]) for s in ("train", "database", "query")) == sizes
    assert ("img/my photo.png" in named(dataset, "train")) == (case == "spaces")


def test_the_handed_conflict_is_refused():
    folder = SHARED / "cases/index_files"
    if not folder.is_dir():
        pytest.skip("the handed cases are not in ../shared")
    with pytest.raises(ValueError, match=r"'img/0\.png' has other labels here than in"):
        load_dataset("cifar10", root=folder / "root", index=folder / "conflict")
