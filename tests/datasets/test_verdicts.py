"""Each content is decoded once, and a verdict is kept only if it depends on nothing else."""

from __future__ import annotations

import errno
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from uhscm_core import UHSCMWarning
from uhscm_core.datasets import verdicts
from uhscm_core.datasets.images import ImageFiles
from uhscm_core.datasets.verdicts import readable
from uhscm_core.support.progress import report_progress_to
from uhscm_core.support.shards import Shards

# The run-time shape check looks at one item of a sequence: it would decode an image of ours, and
# broken ones are what these tests are about.
pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "holiday"
    path.mkdir()
    return path


def photo(path: Path, grey: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (grey, 0, 0)).save(path, "PNG")
    return path


def files_in(folder: Path) -> ImageFiles:
    return ImageFiles(folder, sorted(path.name for path in folder.iterdir()))


def sorted_out(folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    images, problems = readable(files_in(folder), progress=False)
    assert images.keys == ImageFiles(folder, images.names).keys
    return images.names, problems


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The names of the files that are decoded from now on."""
    names = []
    decode = verdicts._decoded

    def counted(path):
        names.append(path.name)
        return decode(path)

    monkeypatch.setattr(verdicts, "_decoded", counted)
    return names


def shards_in(home: Path) -> list[Path]:
    return sorted((home / "checked").glob("*/*.safetensors"))


def test_a_second_look_decodes_nothing(folder, decoded):
    photo(folder / "good.png")
    (folder / "bad.png").touch()
    for _ in range(2):
        assert sorted_out(folder) == (("good.png",), {"bad.png": "the file is empty"})
    assert sorted(decoded) == ["bad.png", "good.png"]
    photo(folder / "bad.png", 3)  # fixed
    assert sorted_out(folder) == (("bad.png", "good.png"), {})
    assert decoded[2:] == ["bad.png"]


def test_one_photo_added_to_many_is_decoded_alone(folder, decoded, home):
    for i in range(30):
        photo(folder / f"{i}.png", i)
    sorted_out(folder)
    photo(folder / "new.png", 200)
    (folder / "3.png").rename(folder / "renamed.png")
    sorted_out(folder)
    assert decoded[30:] == ["new.png"]
    folder.rename(folder.with_name("moved"))
    sorted_out(folder.with_name("moved"))
    assert len(decoded) == 31
    assert len(shards_in(home)) == 1  # merged


def test_odd_reasons_and_names_are_kept_whole(folder, decoded, monkeypatch):
    name = "caf\udce9.png" if os.name == "posix" else "café.png"
    photo(folder / name)

    def refused(path, content):
        raise OSError(f"{path}: no picture: 日本語 \N{NULL}x " + "y" * 500)

    monkeypatch.setattr(verdicts, "read_image", refused)
    first = sorted_out(folder)
    assert first[1][name].endswith("y" * 500)
    assert sorted_out(folder) == first
    assert len(decoded) == 1


def test_a_stopped_look_keeps_what_it_decoded(folder, decoded):
    for i in range(5):
        photo(folder / f"{i}.png", i)

    def stop(_what: str, done: int, _of: int) -> None:
        if done == 3:
            raise InterruptedError

    with report_progress_to(stop), pytest.raises(InterruptedError):
        sorted_out(folder)
    decoded.clear()
    sorted_out(folder)
    assert len(decoded) == 5 - 3


def too_many_files(path):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def disk_error(path):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def no_memory(path, content=None):
    raise MemoryError


@pytest.mark.parametrize(
    ("where", "failure", "reason"),
    [
        ("file_key", too_many_files, "too many open files"),
        ("read_regular", too_many_files, "too many open files"),
        ("read_regular", disk_error, "input/output error"),
        ("read_regular", no_memory, "MemoryError"),
        ("read_image", no_memory, "MemoryError"),
    ],
)
def test_what_may_be_gone_tomorrow_is_said_and_not_remembered(folder, where, failure, reason):
    for i in range(3):
        photo(folder / f"{i}.png", i)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, where, failure)
        assert sorted_out(folder) == ((), dict.fromkeys(["0.png", "1.png", "2.png"], reason))
    assert sorted_out(folder) == (("0.png", "1.png", "2.png"), {})


def test_too_many_files_open_inside_pillow_is_not_remembered(folder, monkeypatch):
    photo(folder / "0.png")
    with monkeypatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", lambda _: too_many_files(None))
        assert sorted_out(folder) == ((), {"0.png": "too many open files"})
    assert sorted_out(folder) == (("0.png",), {})


def test_a_file_that_may_not_be_read_today_is_read_tomorrow(public_folder, permissions_bite):
    folder = public_folder / "holiday"
    path = photo(folder / "0.png")
    folder.chmod(0o777)
    path.chmod(0)
    with permissions_bite:
        assert sorted_out(folder) == ((), {"0.png": "permission denied"})
    path.chmod(0o644)
    assert sorted_out(folder) == (("0.png",), {})


def test_files_that_are_away_are_not_held_to_be_bad(folder, tmp_path, decoded, monkeypatch):
    photo(folder / "0.png")
    decode = verdicts._decoded

    def unplugged(path):
        folder.rename(tmp_path / "away")
        return decode(path)

    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "_decoded", unplugged)
        images, problems = readable(files_in(folder), progress=False)
    assert (images.names, problems) == ((), {"0.png": "no such file or directory"})
    (tmp_path / "away").rename(folder)
    assert sorted_out(folder) == (("0.png",), {})


def test_a_file_that_changes_meanwhile_has_the_verdict_and_key_of_what_was_decoded(
    folder, monkeypatch
):
    path = photo(folder / "0.png", 1)
    decode = verdicts._decoded

    def painted_over(path):
        photo(path, 2)
        return decode(path)

    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "_decoded", painted_over)
        images, _ = readable(files_in(folder), progress=False)
    assert images.keys == ImageFiles(folder, [path.name]).keys
    assert images.unchanged(0).getpixel((0, 0)) == (2, 0, 0)


@pytest.mark.parametrize("raised", [1000, None])
def test_a_pixel_limit_that_is_raised_or_lifted_is_another_question(folder, monkeypatch, raised):
    photo(folder / "0.png")  # 64 pixels
    with monkeypatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
        names, problems = sorted_out(folder)
        assert (names, list(problems)) == ((), ["0.png"])
        patch.setattr(Image, "MAX_IMAGE_PIXELS", raised)
        assert sorted_out(folder) == (("0.png",), {})
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
        assert list(sorted_out(folder)[1]) == ["0.png"]


def test_truncated_files_that_are_allowed_are_another_question(folder, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "0.jpg")
    (folder / "0.jpg").write_bytes((folder / "0.jpg").read_bytes()[:-900])
    assert "truncated" in sorted_out(folder)[1]["0.jpg"]
    with monkeypatch.context() as patch:
        patch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        assert sorted_out(folder) == (("0.jpg",), {})
    assert "truncated" in sorted_out(folder)[1]["0.jpg"]


def test_a_new_reader_or_another_pillow_decodes_again(folder, decoded, monkeypatch):
    photo(folder / "0.png")
    sorted_out(folder)
    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "READER_VERSION", verdicts.READER_VERSION + 1)
        sorted_out(folder)
    with monkeypatch.context() as patch:
        patch.setattr("PIL.__version__", "99.0")
        sorted_out(folder)
    assert len(decoded) == 3


def test_a_flipped_bit_in_a_record_is_found_or_harmless(folder, home):
    for i in range(4):
        photo(folder / f"{i}.png", i)
    (folder / "bad.png").write_bytes(b"no picture")
    expected = sorted_out(folder)
    (path,) = shards_in(home)
    whole = path.read_bytes()
    draw = random.Random(0)
    found = 0
    for _ in range(60):
        for other in home.rglob("*.safetensors*"):
            other.unlink()
        flipped = bytearray(whole)
        flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UHSCMWarning)
            assert sorted_out(folder) == expected
        found += any(path.name in str(warning.message) for warning in said)
    assert found >= 50  # a damaged key among others that are found, too


def test_a_folder_is_read_where_nothing_can_be_kept(folder, tmp_path, monkeypatch):
    photo(folder / "0.png")
    (tmp_path / "file").touch()
    monkeypatch.setenv("UHSCM_HOME", str(tmp_path / "file" / "home"))
    with pytest.warns(UHSCMWarning, match=r"results are not kept.*set UHSCM_HOME"):
        assert sorted_out(folder) == (("0.png",), {})
    with warnings.catch_warnings():
        warnings.simplefilter("error", UHSCMWarning)  # said once
        assert sorted_out(folder) == (("0.png",), {})


def test_verdicts_are_merged_into_one_shard(home):
    folder = home / "checked" / "a"
    shards = Shards(folder, "reasons")
    for reason in (b"", b"short", b"a longer one"):
        verdicts._keep(shards, [verdicts._Verdict(f"{len(reason):064x}", reason.decode(), True)])
    assert len(shards_in(home)) == 3
    shards.merge()
    (_,) = shards_in(home)
    keys = [f"{n:064x}" for n in (12, 5, 0, 1)]
    known = verdicts._known(Shards(folder, "reasons"), keys)
    assert known == {keys[0]: "a longer one", keys[1]: "short", keys[2]: ""}


def test_a_file_too_large_for_any_picture_is_refused_unread(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = folder / "0.png"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1601)  # sparse

    def refused(path):
        raise AssertionError("read into memory")

    monkeypatch.setattr(verdicts, "read_regular", refused)
    for _ in range(2):
        assert "the limit is" in sorted_out(folder)[1]["0.png"]
