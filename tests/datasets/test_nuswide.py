"""NUS-WIDE as it is distributed, and as most copies have it, on six images."""

from __future__ import annotations

import pytest

from tests.datasets.files import photo, text
from uhscm_core.datasets import load_dataset
from uhscm_core.support.notices import UHSCMWarning


@pytest.fixture
def nuswide_folder(tmp_path):
    """Six images; sky has four, dog two, zebra one, and the last has none."""
    names = [f"actor\\000{i}_{i}.jpg" for i in range(6)]
    for i, name in enumerate(names):
        photo(tmp_path / "Flickr" / name.replace("\\", "/"), i)
    text(tmp_path / "ImageList/Imagelist.txt", *names)
    labels = tmp_path / "Groundtruth/AllLabels"
    text(labels / "Labels_dog.txt", 0, 0, 0, 1, 1, 0)
    text(labels / "Labels_sky.txt", 1, 1, 1, 1, 0, 0)
    text(labels / "Labels_zebra.txt", 0, 0, 1, 0, 0, 0)
    return tmp_path


def load(root, **split):
    return load_dataset("nuswide", root=root, n_labels=3, **split)


def test_nuswide_is_read_as_distributed_without_images_of_no_label(nuswide_folder):
    dataset = load(nuswide_folder, n_query=1)
    assert dataset.label_names == ("dog", "sky", "zebra")
    assert dataset.names == tuple(f"Flickr/actor/000{i}_{i}.jpg" for i in range(5))
    assert dataset.labels.tolist() == [[0, 1, 0], [0, 1, 0], [0, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert len(dataset.splits["query"]) == 1
    assert dataset.notes == ()


def test_nuswide_keeps_the_most_frequent_labels(nuswide_folder):
    dataset = load_dataset("nuswide", root=nuswide_folder, n_labels=1, n_query=0)
    assert dataset.label_names == ("sky",)
    assert len(dataset) == 4


def test_fewer_label_files_than_labels_asked_for_are_said(nuswide_folder):
    with pytest.warns(UHSCMWarning, match="there are 3 label files below .*, and n_labels is 21"):
        assert len(load_dataset("nuswide", root=nuswide_folder).label_names) == 3
    for wrong in (0, 82):
        with pytest.raises(ValueError, match="n_labels must be a whole number between 1 and 81"):
            load_dataset("nuswide", root=nuswide_folder, n_labels=wrong)


@pytest.mark.parametrize("n_labels", [21, 81])
def test_21_and_81_labels(tmp_path, n_labels):
    names = [f"actor\\{i:04d}_{i}.jpg" for i in range(81)]
    text(tmp_path / "ImageList/Imagelist.txt", *names)
    for i in range(81):  # label i has i + 1 images
        photo(tmp_path / "Flickr" / names[i].replace("\\", "/"), i)
        flags = [int(row <= i) for row in range(81)]
        text(tmp_path / f"Groundtruth/AllLabels/Labels_{i:02d}.txt", *flags)
    dataset = load_dataset("nuswide", root=tmp_path, n_labels=n_labels)
    assert dataset.label_names == tuple(f"{i:02d}" for i in range(81 - n_labels, 81))
    assert len(dataset) == 81


def test_photos_in_one_flat_folder_are_found_by_their_names(nuswide_folder):
    (nuswide_folder / "Flickr/actor").rename(nuswide_folder / "images")
    with pytest.warns(UHSCMWarning, match="the images were found by their file names"):
        dataset = load(nuswide_folder)
    assert dataset.names == tuple(f"images/000{i}_{i}.jpg" for i in range(5))
    assert [image.getpixel((0, 0))[0] for image in dataset.images] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("root", ["Flickr/Flickr", "../NUS-WIDE", "data"])
def test_photos_in_a_folder_of_the_same_name_or_one_too_high_are_found(
    nuswide_folder, tmp_path_factory, root
):
    above = tmp_path_factory.mktemp("above")
    if root == "Flickr/Flickr":
        (nuswide_folder / "Flickr").rename(nuswide_folder / "inner")
        (nuswide_folder / "Flickr").mkdir()
        (nuswide_folder / "inner").rename(nuswide_folder / "Flickr/Flickr")
        above = nuswide_folder
    else:
        nuswide_folder.rename(above / root.replace("../", ""))
    dataset = load(above)
    assert all(
        name.endswith(f"Flickr/actor/000{i}_{i}.jpg") for i, name in enumerate(dataset.names)
    )
    assert dataset.labels_of(2) == ("sky", "zebra")


def test_photos_that_are_gone_are_left_out_listed_and_counted(nuswide_folder):
    (nuswide_folder / "Flickr/actor/0002_2.jpg").unlink()
    with pytest.warns(UHSCMWarning, match="1 of 5 listed images are not below"):
        dataset = load(nuswide_folder, n_query=1)
    assert dataset.skipped == {"actor/0002_2.jpg": "listed, but not in the folder"}
    assert dataset.labels.tolist() == [[0, 1, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0]]
    assert sum(len(dataset.splits[name]) for name in ("database", "query")) == 4
    for i in (1, 3):
        (nuswide_folder / f"Flickr/actor/000{i}_{i}.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"3 of 5 images are missing .*first 'actor/0001_1"):
        load(nuswide_folder)


def test_a_second_image_list_is_said_and_other_cases_are_read(nuswide_folder):
    text(nuswide_folder / "old/Imagelist.txt", "x")
    (nuswide_folder / "Groundtruth").rename(nuswide_folder / "groundtruth")
    (nuswide_folder / "groundtruth/AllLabels").rename(nuswide_folder / "groundtruth/alllabels")
    with pytest.warns(UHSCMWarning, match="2 image lists below .* is read"):
        assert len(load(nuswide_folder)) == 5


def test_photos_under_two_folders_are_refused(nuswide_folder):
    photo(nuswide_folder / "small/actor/0001_1.jpg")
    with pytest.raises(ValueError, match=r"could be any of 'Flickr/actor/.*' and 'small/actor/"):
        load(nuswide_folder)


def test_a_link_to_the_photos_is_named_and_followed_if_asked_for(nuswide_folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("disk") / "Flickr"
    (nuswide_folder / "Flickr").rename(elsewhere)
    (nuswide_folder / "Flickr").symlink_to(elsewhere)
    with pytest.raises(FileNotFoundError, match=r"not followed: 'Flickr/', .*follow_links=True"):
        load(nuswide_folder)
    assert len(load(nuswide_folder, follow_links=True)) == 5


def test_nuswide_says_what_is_missing_and_where_to_get_it(nuswide_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no ImageList/Imagelist\.txt .* NUS Lab for Medi"):
        load(nuswide_folder / "Flickr")
    for path in (nuswide_folder / "Groundtruth/AllLabels").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"no Groundtruth/AllLabels/Labels_\*\.txt below"):
        load(nuswide_folder)


def test_windows_line_ends_and_a_blank_last_line_are_read(nuswide_folder):
    names = [f"actor\\000{i}_{i}.jpg" for i in range(6)]
    text(nuswide_folder / "ImageList/Imagelist.txt", *names, "", end="\r\n")
    text(nuswide_folder / "Groundtruth/AllLabels/Labels_dog.txt", 0, 0, 0, 1, 1, 0, end="\r\n")
    assert len(load(nuswide_folder)) == 5


@pytest.mark.parametrize("lines", [(1, 0, 1), (1, 0, 1, 0, 1, 2), (1, 0, 1, 0, 1, "x")])
def test_nuswide_names_a_label_file_that_does_not_match(nuswide_folder, lines):
    text(nuswide_folder / "Groundtruth/AllLabels/Labels_dog.txt", *lines)
    with pytest.raises(ValueError, match=r"Labels_dog\.txt: expected 0 or 1 on 6 lines, .* got "):
        load(nuswide_folder)
