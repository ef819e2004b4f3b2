"""Listing a folder: links, hidden folders, and what cannot be listed."""

from __future__ import annotations

import contextlib
import os

import pytest

from tests.datasets.files import photo, text
from uhscm_core.datasets import load_dataset
from uhscm_core.datasets.walking import LINK_OUT, walk
from uhscm_core.support.notices import UHSCMWarning


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "holiday"
    photo(path / "cat/1.png")
    photo(path / "dog/2.png")
    return path


@pytest.fixture
def private(tmp_path):
    """A folder elsewhere, with a picture that is not to come along unasked."""
    photo(tmp_path / "private/secret.png")
    return tmp_path / "private"


def load(folder, **split):
    return load_dataset(folder, progress=False, **split)


def test_a_link_to_a_folder_elsewhere_is_skipped_with_a_reason_unless_asked_for(folder, private):
    (folder / "bird").symlink_to(private)
    with pytest.warns(UHSCMWarning, match=r"1 of 3 .*bird/: a link out of the folder"):
        dataset = load(folder)
    assert dataset.names == ("cat/1.png", "dog/2.png")
    assert dataset.skipped == {"bird/": LINK_OUT}
    dataset = load(folder, follow_links=True)
    assert dataset.names == ("bird/secret.png", "cat/1.png", "dog/2.png")
    assert dataset.source["follow_links"] is True
    assert load_dataset(dataset.source["source"], follow_links=True, progress=False).names


def test_a_link_to_the_root_of_the_disk_is_skipped(folder):
    (folder / "cat/everything").symlink_to("/")
    with pytest.warns(UHSCMWarning, match="cat/everything/: a link out of the folder"):
        assert load(folder).names == ("cat/1.png", "dog/2.png")


def test_a_link_to_a_file_elsewhere_is_skipped_with_a_reason_unless_asked_for(folder, private):
    (folder / "cat/linked.png").symlink_to(private / "secret.png")
    (folder / "cat/note.txt").symlink_to(text(private / "note.txt", "hello"))  # no image
    with pytest.warns(UHSCMWarning):
        dataset = load(folder)
    assert dataset.skipped == {"cat/linked.png": LINK_OUT}
    assert load(folder, follow_links=True).names == ("cat/1.png", "cat/linked.png", "dog/2.png")


def test_links_within_the_folder_are_followed_where_they_are_the_only_way(folder):
    photo(folder / ".store/3.png")
    (folder / "cat/3.png").symlink_to(folder / ".store/3.png")
    (folder / "store").symlink_to(folder / ".store")
    with pytest.warns(UHSCMWarning) as said:
        dataset = load(folder)
    assert "1 hidden image is left out" in str(said[0].message)
    assert "copies of images with other labels ('cat/3.png' and 'store" in str(said[1].message)
    assert dataset.names == ("cat/1.png", "cat/3.png", "dog/2.png", "store/3.png")


@pytest.mark.parametrize("follow_links", [False, True])
def test_loops_of_links_end(folder, follow_links):
    (folder / "cat/loop").symlink_to(folder)
    (folder / "cat/self").symlink_to(folder / "cat")
    (folder / "cat/above").symlink_to(folder.parent)
    listing = walk(folder, follow_links=follow_links)
    assert [name for name in listing.names if "above" not in name] == ["cat/1.png", "dog/2.png"]
    assert len(listing.names) == 2
    assert {"cat/loop/", "cat/self/"} <= listing.skipped.keys()


def test_a_folder_under_two_names_is_read_once_and_under_its_own(folder, monkeypatch):
    (folder / "a").symlink_to(folder / "cat")
    (folder / "z").symlink_to(folder / "cat")
    scandir = os.scandir
    for backwards in (False, True):  # disks list folders in any order
        monkeypatch.setattr(os, "scandir", lambda path, b=backwards: Listed(scandir(path), b))
        listing = walk(folder)
        assert listing.names == ["cat/1.png", "dog/2.png"]
        assert listing.skipped == dict.fromkeys(
            ("a/", "z/"), "a link to a folder that is read itself, cat/"
        )


def test_a_folder_elsewhere_under_two_names_is_read_under_the_first(folder, private):
    for name in ("a", "z"):
        (folder / name).symlink_to(private)
    listing = walk(folder, follow_links=True)
    assert listing.names == ["a/secret.png", "cat/1.png", "dog/2.png"]
    assert listing.skipped == {"z/": "a link to a folder that is already read, a/"}


class Listed(contextlib.AbstractContextManager):
    """What os.scandir gives, in order of names or the other way round."""

    def __init__(self, entries, backwards: bool) -> None:
        with entries:
            self.entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=backwards))

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.entries)

    def __exit__(self, *error):
        return None


def test_a_folder_that_is_itself_a_link_is_read(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert load(tmp_path / "link").names == ("cat/1.png", "dog/2.png")


def test_folders_of_systems_and_hidden_ones_are_counted_and_not_read(folder):
    for name in (
        "__MACOSX/cat/9.png",
        "cat/.ipynb_checkpoints/1-checkpoint.png",
        "dog/@eaDir/2.png",
        ".Trash/old.jpg",
        "#recycle/3.png",
        "@Recycle/4.png",
        "$Recycle.Bin/S-1-5/5.png",
    ):
        photo(folder / name)
    photo(folder / "__MACOSX/cat/._1.png")
    (folder / "cat/Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    with pytest.warns(UHSCMWarning, match="7 hidden images are left out"):
        dataset = load(folder)
    assert dataset.names == ("cat/1.png", "dog/2.png")
    assert dataset.label_names == ("cat", "dog")
    assert dataset.skipped == {}


def test_a_link_that_may_not_be_read_is_skipped_and_the_rest_is_read(folder, monkeypatch):
    (folder / "bird").symlink_to(folder.parent)
    readlink = os.readlink

    def refuse(path, **options):
        if str(path).endswith("bird"):
            raise PermissionError(13, "Permission denied", path)
        return readlink(path, **options)

    monkeypatch.setattr(os, "readlink", refuse)
    for follow_links in (False, True):
        listing = walk(folder, follow_links=follow_links)
        assert listing.names == ["cat/1.png", "dog/2.png"]
        assert listing.skipped == {"bird/": "a link that cannot be read"}


def test_the_folder_itself_that_cannot_be_listed_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        walk(tmp_path / "gone")
