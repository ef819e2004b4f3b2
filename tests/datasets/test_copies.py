"""Copies among images: queries that are trained on, labels that are sizes, and what is neither."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.datasets.files import photo
from uhscm_core import Study
from uhscm_core.datasets import ArrayImages, load_dataset
from uhscm_core.datasets.copies import equal_images
from uhscm_core.support.notices import UHSCMWarning

pytestmark = pytest.mark.usefixtures("as_users_run_it")

LEAK = "queries are exact copies of images that are searched or trained on"
RELABELLED = "images are exact copies of images with other labels"
VERSIONS = "hold the same pictures in other sizes or colors"


def picture(seed: int, side: int = 96) -> Image.Image:
    """A picture with large and small parts, as photos have."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (5, 6, 3), np.uint8))
    return coarse.resize((side * 4 // 3, side), Image.Resampling.BICUBIC)


def notes_of(folder, **settings) -> list[str]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        dataset = load_dataset(folder, progress=False, **settings)
    assert [str(warning.message) for warning in said] == list(dataset.notes)
    return list(dataset.notes)


def test_test_images_that_are_copies_of_training_images_are_said(tmp_path):
    for name in ("train/cat/1.png", "train/cat/2.png", "train/dog/3.png", "test/cat/4.png"):
        photo(tmp_path / name)
    assert notes_of(tmp_path) == []
    shutil.copy(tmp_path / "train/cat/1.png", tmp_path / "test/cat/other name.jpg")
    (note,) = notes_of(tmp_path)
    assert note.startswith(f"1 of 2 {LEAK} ('test/cat/other name.jpg' and 'train/cat/1.png'), ")


def test_a_copy_on_the_other_side_of_a_random_split_is_said_and_one_on_the_same_is_not(tmp_path):
    for number in range(10):
        photo(tmp_path / f"{number}.png", number)
    seeds = {}
    for place in range(5):
        for seed in range(5):
            shutil.copy(tmp_path / "0.png", tmp_path / f"copy{place}.png")
            dataset = load_dataset(tmp_path, n_query=4, seed=seed, progress=False, warn=False)
            asked = {dataset.names[i] for i in dataset.splits["query"]}
            across = len({"0.png", f"copy{place}.png"} & asked) == 1
            seeds[across] = seed
            assert any(LEAK in note for note in dataset.notes) == across
        (tmp_path / f"copy{place}.png").unlink()
    assert set(seeds) == {True, False}


def test_a_copy_that_is_only_trained_on_is_said_and_one_that_is_not_used_is_not():
    splits = {"query": [0, 1], "database": [2, 3], "train": [4]}
    splits = {name: np.array(ids) for name, ids in splits.items()}
    names = tuple("abcdef")
    for keys, said in (("abcdef", 0), ("abcdaf", 1), ("abbdef", 1), ("abcdea", 0), ("aacdef", 0)):
        assert len(equal_images(names, keys, splits, None)) == said


def test_copies_with_other_labels_are_said(tmp_path):
    for name in ("cat/1.png", "cat/2.png", "dog/3.png"):
        photo(tmp_path / name)
    shutil.copy(tmp_path / "cat/1.png", tmp_path / "cat/4.png")  # the same label
    assert notes_of(tmp_path, n_query=0) == []
    shutil.copy(tmp_path / "cat/1.png", tmp_path / "dog/1.png")
    (note,) = notes_of(tmp_path, n_query=0)
    assert note.startswith(f"1 of 5 {RELABELLED} ('cat/1.png' and 'dog/1.png'); keep one")


def test_equal_rows_of_features_are_copies(tmp_path):
    rows = np.eye(8, dtype=np.float32)
    rows[7] = rows[2]
    splits = {"train": range(6), "database": range(6), "query": [6, 7]}
    with pytest.warns(UHSCMWarning, match=f"1 of 2 {LEAK}.*'image 7' and 'image 2'"):
        study = Study.from_features(rows, ["a", "b"], np.eye(8)[:2], splits=splits)
    assert [note[:6] for note in study.dataset.notes] == ["1 of 2"]
    study.save(tmp_path / "study")
    assert Study.load(tmp_path / "study").dataset.notes == study.dataset.notes


def test_arrays_that_are_equal_have_equal_keys():
    pixels = np.zeros((3, 4, 4, 3), np.uint8)
    pixels[1] = 9
    first, second, third = ArrayImages(pixels).keys
    assert first == third != second


def write(folder, name: str, image: Image.Image) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=70)


SIZES = {
    "small and large": [("large/{}.jpg", 96), ("small/{}.jpg", 24)],
    "three sizes as numbers": [("128x96/{}.png", 96), ("64x48/{}.png", 48), ("32x24/{}.png", 24)],
    "other suffixes": [("full/{}.png", 120), ("thumbnails/{}.jpg", 30)],
    "names that say the size": [("hires/{}.jpg", 96), ("web/{}-64x48.jpg", 48)],
    "letters as Flickr has": [("o/{}_o.jpg", 96), ("s/{}_s.jpg", 48)],
    "classes below sizes": [("full/cat/{}.jpg", 96), ("preview/cat/{}.jpg", 32)],
    "within a split": [("train/big/{}.jpg", 96), ("train/tiny/{}.jpg", 20)],
}


@pytest.mark.parametrize("case", SIZES)
def test_labels_that_are_sizes_of_the_same_pictures_are_said(tmp_path, case):
    for number in range(5):
        for pattern, side in SIZES[case]:
            image = picture(number).resize((side * 4 // 3, side), Image.Resampling.LANCZOS)
            write(tmp_path, pattern.format(number), image)
    (note,) = [note for note in notes_of(tmp_path) if VERSIONS in note]
    folders = sorted(
        {pattern.split("/")[-3 if "cat" in pattern else -2] for pattern, _ in SIZES[case]}
    )
    assert note.startswith(f"the labels '{folders[0]}'")
    assert f"'{folders[-1]}' hold" in note
    assert "labels= can be" in note


def test_labels_that_are_colors_of_the_same_pictures_are_said(tmp_path):
    for number in range(3):
        write(tmp_path, f"color/{number}.jpg", picture(number))
        write(tmp_path, f"gray/{number}.jpg", ImageOps.grayscale(picture(number)))
    assert any(VERSIONS in note for note in notes_of(tmp_path))


def darker(image: Image.Image) -> Image.Image:
    return image.point(lambda value: value * 3 // 4)


NO_VERSIONS = {
    "numbered from 1 in each class": lambda n: [
        (f"cat/img_{n:03}.jpg", picture(n)),
        (f"dog/img_{n:03}.jpg", picture(100 + n, 64)),
    ],
    "one size, another moment: faces, seasons": lambda n: [
        (f"happy/subject{n}.png", picture(n)),
        (f"sad/subject{n}.png", darker(picture(n))),
    ],
    "flat pictures": lambda n: [
        (f"red/{n}.png", Image.new("RGB", (20 + n, 9), "red")),
        (f"blue/{n}.png", Image.new("RGB", (30 + n, 9), "blue")),
    ],
    "one pair of the same picture among others": lambda n: [
        (f"cat/{n}.png", picture(n)),
        (f"dog/{n}.png", picture(n if n == 2 else 50 + n, 48)),
    ],
    "sizes within classes": lambda n: [
        (f"{'cat' if n % 2 else 'dog'}/{side}/{n}.jpg", picture(n).resize((side, side)))
        for side in (40, 80)
    ],
    "a few files with one name": lambda n: [
        *((f"cat/{n} {i}.png", picture(10 * n + i)) for i in range(4)),
        *((f"dog/{n} {i}.png", picture(500 + 10 * n + i)) for i in range(4)),
        (f"dog/{n} 0.jpeg", picture(10 * n, 48)),
    ],
}


@pytest.mark.parametrize("case", NO_VERSIONS)
def test_the_same_file_names_alone_are_no_doubt(tmp_path, case):
    for number in range(5):
        for name, image in NO_VERSIONS[case](number):
            write(tmp_path, name, image)
    assert not any(VERSIONS in note for note in notes_of(tmp_path, n_query=0))


def test_labels_from_elsewhere_are_not_doubted_because_of_the_folders(tmp_path):
    for number in range(4):
        write(tmp_path, f"large/{number}.jpg", picture(number))
        write(tmp_path, f"small/{number}.jpg", picture(number).resize((32, 24)))
    lines = [
        f"{size}/{n}.jpg,{'cat' if n % 2 else 'dog'}"
        for size in ("large", "small")
        for n in range(4)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]))
    assert not any(VERSIONS in note for note in notes_of(tmp_path, labels="labels.csv"))
    assert not any(VERSIONS in note for note in notes_of(tmp_path, labels=None))


def test_only_a_few_pictures_are_read_to_tell(tmp_path, monkeypatch):
    for number in range(30):
        write(tmp_path, f"large/{number}.jpg", picture(number))
        write(tmp_path, f"small/{number}.jpg", picture(number).resize((32, 24)))
    notes_of(tmp_path)  # decodes all, once
    read = []
    from uhscm_core.datasets import images

    true = images.read_image
    monkeypatch.setattr(images, "read_image", lambda path: read.append(path) or true(path))
    assert any(VERSIONS in note for note in notes_of(tmp_path))
    assert 0 < len(read) <= 12
