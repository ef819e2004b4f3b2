"""Paths that people paste for a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from widgets.background.paths import folder_from_text, path_from_text


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "My Photos (2019)"
    path.mkdir()
    return path


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "  {}\n",
        '"{}"',
        "'{}'",
        "“{}”",
        "\"'{}'\"",
        "{}/",
        "~/My Photos (2019)",
        "'~/My Photos (2019)'",
        "My Photos (2019)",
        "./My Photos (2019)",
        "~/My\\ Photos\\ \\(2019\\)",
        "file://{}",
    ],
)
def test_the_folder_that_was_meant(folder, text):
    assert folder_from_text(text.replace("{}", str(folder))) == folder


def test_an_address_with_escapes(folder):
    assert folder_from_text(folder.as_uri()) == folder


def test_a_name_that_is_really_so_comes_first(folder):
    for name in ('"quoted"', " blank ", "back\\slash", "new\nline", "~", "C:\\odd"):
        (folder / name).mkdir()
        assert folder_from_text(f"{folder}/{name}") == folder / name


def test_a_path_of_windows_under_its_linux_subsystem(folder, monkeypatch):
    exists = Path.exists
    monkeypatch.setattr(
        Path, "exists", lambda path: str(path) == "/mnt/c/Users/me/My Photos" or exists(path)
    )
    for text in ('"C:\\Users\\me\\My Photos"', "C:/Users/me/My Photos"):
        assert path_from_text(text) == Path("/mnt/c/Users/me/My Photos")


@pytest.mark.parametrize("text", ["~nobody-of-this-name/x", "a\0b", "x" * 5000, "file://", "''"])
def test_nonsense_is_no_folder(folder, text):
    with pytest.raises((NotADirectoryError, ValueError), match=r"no such folder|no path given"):
        folder_from_text(text)
