"""Which files of a folder are images, which of them are read, and why the others are not."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from uhscm_core import load_dataset
from uhscm_core.datasets.formats import READ, READ_SUFFIXES, image_kind, open_regular

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


@pytest.fixture
def suffixes() -> Path:
    if not (CASES / "suffixes").is_dir():
        pytest.skip("the cases are not in ../shared")
    return CASES / "suffixes"


def red(path: Path, kind: str = "PNG") -> Path:
    Image.new("RGB", (8, 8), (200, 20, 10)).save(path, kind)
    return path


@pytest.mark.filterwarnings("ignore:.*skipped")
def test_each_file_with_an_images_suffix_is_read_or_listed(suffixes, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(suffixes, folder)
    dataset = load_dataset(folder, n_query=1, progress=False)
    assert set(dataset.names) == {"0.jpg", "1.jfif", "2.JFIF", "3.pbm"}
    assert set(dataset.skipped) == {"x.jp2", "x.pef", "x.psd", "x.tga"}
    assert "JPEG 2000" in dataset.skipped["x.jp2"]
    assert "cameras" in dataset.skipped["x.pef"]


def test_each_suffix_that_pillow_knows_is_read_or_has_a_reason(tmp_path):
    Image.init()
    for suffix in Image.registered_extensions():
        path = tmp_path / f"x{suffix}"
        path.write_bytes(bytes(64))
        assert image_kind(path) is not None, suffix


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "PPM"])
@pytest.mark.parametrize("name", ["IMG_0001", "photo.jpg~", "photo.part.1"])
def test_a_file_that_begins_as_an_image_is_read_whatever_it_is_called(tmp_path, kind, name):
    assert image_kind(red(tmp_path / name, kind)) == READ


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "cameras"),
        (b"v/1\1\2\0\0\0", "OpenEXR"),
        (b'<?xml version="1.0"?>\n<svg xmlns="">', "SVG"),
    ],
)
def test_an_image_that_is_not_read_is_known_by_its_first_bytes(tmp_path, start, said):
    path = tmp_path / "file"
    path.write_bytes(start + bytes(64))
    assert said in image_kind(path)


@pytest.mark.parametrize(
    "text",
    [b"", b"BMW drives well, and so on and on", b"P1 is a line", b"II. Act", b"RIFFraff", b"{}"],
)
def test_other_files_are_no_images(tmp_path, text):
    for name in ("labels.txt", "README", "x.csv"):
        (tmp_path / name).write_bytes(text)
        assert image_kind(tmp_path / name) is None


def test_a_raw_file_that_begins_as_a_tiff_is_not_read_as_its_preview(tmp_path):
    assert "cameras" in image_kind(red(tmp_path / "photo.NEF", "TIFF"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("suffix", ["HEIC", "psd", "nef", "tga"])
@pytest.mark.filterwarnings("ignore:.*skipped")
def test_a_photo_under_the_suffix_of_another_format_is_read(tmp_path, kind, suffix):
    red(tmp_path / f"IMG_0001.{suffix}", kind)
    (tmp_path / f"IMG_0002.{suffix}").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (image,) = load_dataset(tmp_path, n_query=0, progress=False).images
    assert np.allclose(image.getpixel((4, 4)), (200, 20, 10), atol=6)
    assert image_kind(tmp_path / f"IMG_0002.{suffix}") not in (READ, None)


def test_pipes_sockets_and_folders_are_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.png"))
    found = {}
    names = ("pipe.jpg", "pipe", "folder.jpg", "socket.png")
    asked = threading.Thread(
        target=lambda: found.update({name: image_kind(tmp_path / name) for name in names}),
        daemon=True,  # a call that waits for ever would keep the tests from ending
    )
    asked.start()
    asked.join(20)
    wrong = "not a regular file"
    assert found == {"pipe.jpg": wrong, "pipe": None, "folder.jpg": wrong, "socket.png": wrong}
    with pytest.raises(OSError, match=wrong) as caught:
        open_regular(tmp_path / "pipe")
    assert caught.value.errno


def test_a_link_to_nowhere_keeps_its_name(tmp_path):
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    assert image_kind(tmp_path / "gone.jpg") == READ  # reading says why it cannot be read


def test_no_suffix_is_both_read_and_not(tmp_path):
    for suffix in READ_SUFFIXES:
        (tmp_path / f"x{suffix}").write_bytes(b"")
        assert image_kind(tmp_path / f"x{suffix}") == READ
