"""A folder as people have them: read, stopped, gone, written to; every bad file by its reason."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.widgets.explorers.messy_folder import SKIPPED, make_messy_folder
from uhscm_core import features as features_module
from uhscm_core.support import store
from uhscm_core.vlp import VLP
from widgets import PhotosExplorer, Workbench
from widgets.background import photo_reader as module

# The run-time shape check looks at one item of a sequence: it would decode an image of ours.
pytestmark = pytest.mark.usefixtures("as_users_run_it")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nothing_read_before(monkeypatch):
    monkeypatch.setattr(module, "_READERS", {})
    monkeypatch.delenv("UHSCM_PHOTOS", raising=False)
    monkeypatch.delenv("UHSCM_VLP", raising=False)


@pytest.fixture
def folder(tmp_path) -> Path:
    return write(tmp_path / "holiday", 12)


def write(folder: Path, n: int, first: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(first)
    for i in range(first, first + n):
        pixels = generator.integers(0, 255, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:05d}.png")
    return folder


def read(*args, **settings) -> PhotosExplorer:
    photos = PhotosExplorer(*args, **settings)
    photos.read()
    photos.wait()
    return photos


@pytest.fixture
def encoded(monkeypatch) -> list[int]:
    sizes, embed = [], VLP._embed

    def counted(vlp, pixels):
        sizes.append(len(pixels))
        return embed(vlp, pixels)

    monkeypatch.setattr(VLP, "_embed", counted)
    return sizes


def test_an_empty_list_of_concepts_is_refused():
    with pytest.raises(ValueError, match="concepts is empty"):
        PhotosExplorer(concepts=[])


def test_a_folder_is_read_and_its_study_is_given(folder, tiny_model):
    photos = PhotosExplorer(folder, tiny_model)
    assert photos.status.summary == "Give a folder and press Read."
    with pytest.raises(RuntimeError, match="no folder was read yet: press Read"):
        _ = photos.study
    photos.read()
    photos.wait()
    assert photos.status.errors == []
    assert photos.status.summary.startswith("12 images, 0 skipped; ")
    assert "of 537 concepts kept with tiny" in photos.status.summary
    assert len(photos.study.image_features) == len(photos.gallery.ids) == 12
    assert photos.to_frame().empty
    assert photos.progress.summary == ""
    assert not photos.buttons["read"].disabled
    assert photos.buttons["stop"].disabled


def test_how_the_folder_was_understood_is_said(folder, tiny_model):
    for place in (folder / "2019", folder / "2020"):
        write(place, 3)
        (folder / "empty.png").touch()
    photos = read(folder, tiny_model)
    (note,) = (note for note in photos.study.dataset.notes if "dates" in note)
    assert "labels= can be" in note  # a form has no such argument
    said = note[1:].partition("labels=")[0] + "Other labels are chosen in Python, with load_dataset"
    assert photos.status.notes[0] == f"T{said}"
    assert "exact copies" in photos.status.notes[1]  # the pictures of both years are the same
    assert photos.status.notes[2:] == ["Kept as queries, so no search finds them: 1 of 18 images"]
    assert photos.status.summary == "18 images, 1 skipped; 1 of 537 concepts kept with tiny"
    photos.folder.value = str(folder / "gone")
    photos.read()
    photos.wait()
    assert photos.status.notes == []  # they were those of the folder before


def test_a_folder_that_cannot_be_read_leaves_the_images_of_before(folder, tiny_model):
    photos = read(folder, tiny_model)
    study = photos.study
    photos.folder.value = str(folder / "gone")
    photos.read()
    photos.wait()
    assert "was not read. The images in view are those of before." in photos.status.summary
    assert photos.gallery.layout.display == ""
    assert len(photos.gallery.ids) == 12
    assert photos.study is study
    assert "no such folder" in photos.folder.error.lower()


def test_a_form_that_asks_for_something_else_says_so(folder, tiny_model):
    photos = read(folder, tiny_model)
    said = photos.status.summary
    model = photos.model.value
    photos.model.value = "postcards"
    assert photos.status.summary.startswith("Press Read for these settings: the images in view")
    assert photos.status.summary.endswith(f"with {tiny_model}.")
    photos.model.value = model
    assert photos.status.summary == said


def test_all_of_the_messy_folder(public_folder, png_of_size, permissions_bite):
    folder = make_messy_folder(public_folder / "messy", png_of_size(20_000, 20_000))
    read(write(public_folder / "few", 2))  # imports what another user may have no right to read
    shutil.rmtree(public_folder / "home")
    with permissions_bite:
        photos = read(folder)
    assert photos.status.errors == []
    frame = photos.to_frame()
    assert frame["file"].tolist() == sorted(SKIPPED)
    for name, reason in frame.itertuples(index=False):
        assert SKIPPED[name] in reason
        assert str(folder) not in reason
    assert photos.status.summary.startswith(f"200 images, {len(SKIPPED)} skipped; ")
    names = photos.study.dataset.names
    assert {"صورة الشاطئ.jpg", 'say "hi" <img src=x onerror=alert(1)>.png'} <= set(names)
    assert photos.skipped.summary == f"{len(SKIPPED)} files skipped, and why"
    name, content = photos.result._as_csv()
    assert name == "skipped.csv"
    assert content.decode().count("\n") == len(SKIPPED) + 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "no path given"),
        ("   ", "no path given"),
        ("{}/gone", "no such folder: {}/gone"),
        ("{}/00003.png", "{}/00003.png is a file. Give its folder instead: {}"),
        ("C:\\Users\\me\\Pictures", "This is a Windows path"),
        ("holiday", "no such folder: holiday. It was looked for in"),
        ("a\0b", "no such folder: 'a\\x00b'"),
    ],
)
def test_what_is_no_folder_is_a_sentence(folder, tiny_model, given, said):
    photos = read(given.replace("{}", str(folder)), tiny_model)
    assert photos.status.summary == "The folder was not read."
    (error,) = photos.status.log
    assert said.replace("{}", str(folder)).replace("\\x00", "\\x00") in error
    with pytest.raises(RuntimeError, match="the folder was not read: "):
        _ = photos.study


def test_a_folder_without_images_and_one_of_broken_ones(tmp_path, tiny_model):
    empty = tmp_path / "empty"
    empty.mkdir()
    (error,) = read(empty, tiny_model).status.log
    assert "no image in this folder" in error
    (empty / "text.jpg").write_text("no photo")
    (error,) = read(empty, tiny_model, concepts="coco80").status.log
    assert "text.jpg: not an image of a known format" in error


def test_missing_weights_are_told_whole(folder, home):
    (error,) = read(folder, "ViT-B-32 openai").status.log
    assert "fetch" in error
    assert f"{home}/weights/ViT-B-32.openai.safetensors" in error
    assert photos_model_is_kept(folder)


def photos_model_is_kept(folder) -> bool:
    """After the failure another model can be chosen in the same panel."""
    photos = PhotosExplorer(folder, "ViT-B-32 openai")
    assert photos.model.error  # the reading that failed is found again, with its reason
    photos.model.value = "postcards"
    photos.read()
    photos.wait()
    return photos.status.errors == [] and len(photos.study.dataset) == 12


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "ViT-B-99 openai"}, "open_clip knows no model 'ViT-B-99'"),
        ({"model": "ViT-B-32"}, "ViT-B-32 needs pretrained weights"),
        ({"model": "/no/where.json"}, "no such file: /no/where.json"),
        ({"concepts": ("cat", "Cat")}, "'Cat' is already listed on line 1"),
        ({"concepts": "/no/list.txt"}, "no such text file of concepts: /no/list.txt"),
    ],
)
def test_a_model_or_concepts_that_are_not_there_are_a_sentence(folder, settings, said):
    (error,) = read(folder, **{"model": "postcards", **settings}).status.log
    assert said in error


def test_a_box_without_names_is_a_sentence(folder, tiny_model):
    photos = PhotosExplorer(folder, tiny_model)
    photos.concepts.value, photos.names.value = "typed names", " \n"
    photos.read()
    photos.wait()
    assert photos.status.log == ["no concept given: type some names, one per line"]
    assert photos.names.error == photos.status.log[0]
    assert photos.status.errors == []


def test_own_concepts_typed_and_in_a_file(folder, tmp_path, tiny_model):
    photos = read(folder, tiny_model, concepts=["beach", "my aunt Ada"])
    assert photos.study.concepts.names == ("beach", "my aunt Ada")
    photos.names.value = "beach, boat\nmy aunt Ada"
    photos.read()
    photos.wait()
    assert photos.study.concepts.names == ("beach", "boat", "my aunt Ada")
    (tmp_path / "own list.txt").write_text("snow\nice\n")
    other = read(folder, tiny_model, concepts=f'"{tmp_path}/own list.txt"')
    assert other.study.concepts.names == ("snow", "ice")


def test_undo_brings_back_the_form_and_the_images_of_the_folder_before(
    folder, tmp_path, tiny_model, monkeypatch
):
    monkeypatch.setenv("UHSCM_VLP", str(tiny_model))
    other = write(tmp_path / "work", 5, first=50)
    (other / "empty.png").touch()
    bench = Workbench(folder)
    bench.wait()
    photos = bench.photos
    photos.folder.value, photos.concepts.value = str(other), "coco80"
    photos.read()
    bench.wait()
    assert len(photos.gallery.ids) == 5
    bench.undo()
    bench.wait()
    assert (photos.folder.value, photos.concepts.value) == (str(folder), "common")
    assert len(photos.gallery.ids) == 12
    assert photos.to_frame().empty
    bench.redo()
    bench.wait()
    assert (photos.folder.value, photos.concepts.value) == (str(other), "coco80")
    assert len(photos.gallery.ids) == 5
    assert photos.to_frame()["file"].tolist() == ["empty.png"]
    bench.close()


def test_what_is_typed_stays_when_another_study_of_the_same_folder_comes(folder, tiny_model):
    photos = read(folder, tiny_model)
    photos.folder.value = "/not/read/yet"
    photos.show_study(photos.study.with_(tau=2.0))
    assert photos.folder.value == "/not/read/yet"


def slowly(monkeypatch, seconds=0.05, batch=3) -> None:
    embed = VLP._embed

    def slow(vlp, pixels):
        time.sleep(seconds)
        return embed(vlp, pixels)

    monkeypatch.setattr(VLP, "_embed", slow)
    monkeypatch.setattr(features_module, "BATCH", batch)


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_reading_is_seen_stopped_and_goes_on(tmp_path, tiny_model, monkeypatch, encoded):
    folder = write(tmp_path / "many", 60)
    slowly(monkeypatch)
    photos = PhotosExplorer(folder, tiny_model)
    began = time.perf_counter()
    photos.read()
    assert time.perf_counter() - began < 0.5  # the cell returns at once
    until(lambda: photos.progress.summary.startswith("Encoding images: "))
    assert photos.progress.total == 60
    assert photos.buttons["read"].disabled
    assert photos.folder.disabled
    with pytest.raises(RuntimeError, match="still being read"):
        _ = photos.study
    reader = photos.reader
    photos.read()  # once more does nothing
    assert photos.reader is reader
    photos.stop()
    photos.wait()
    done = sum(encoded)
    assert 0 < done < 60
    assert photos.status.summary.startswith(f"Stopped: {done} of 60 images are encoded")
    assert photos.status.errors == []
    with pytest.raises(RuntimeError, match="was stopped: press Read"):
        _ = photos.study
    photos.read()
    photos.wait()
    assert sum(encoded) == 60
    assert photos.status.summary.startswith("60 images, 0 skipped")


def test_a_cell_that_is_run_again_finds_the_reading(tmp_path, tiny_model, monkeypatch, encoded):
    folder = write(tmp_path / "many", 30)
    slowly(monkeypatch)
    first = PhotosExplorer(folder, tiny_model)
    first.read()
    until(lambda: encoded)
    second = PhotosExplorer(folder, tiny_model)
    second.read()
    second.wait()
    assert sum(encoded) == 30
    assert second.study.dataset.names[0] == "00000.png"
    assert first.status.summary == "This panel is shown by the cell that was run last."
    with pytest.raises(RuntimeError, match="is shown by the cell that was run last"):
        first.read()
    third = PhotosExplorer(folder, tiny_model)
    third.wait()
    assert third.study is second.study
    assert third.status.summary.startswith("30 images, 0 skipped")


def test_a_file_that_goes_while_it_is_read(tmp_path, tiny_model, monkeypatch):
    folder = write(tmp_path / "many", 30)
    slowly(monkeypatch)
    photos = PhotosExplorer(folder, tiny_model)
    photos.read()
    until(lambda: photos.reader.step.what == "encoding images")
    (folder / "00029.png").unlink()
    photos.wait()
    (error,) = photos.status.log
    assert error == (
        f"{folder}/00029.png: no such file or directory. The folder has changed since it was "
        f"checked: press Read again."
    )
    photos.read()
    photos.wait()
    assert len(photos.study.dataset) == 29


def test_a_folder_that_goes_and_comes_back(tmp_path, tiny_model, monkeypatch, encoded):
    folder = write(tmp_path / "many", 30)
    slowly(monkeypatch)
    photos = PhotosExplorer(folder, tiny_model)
    photos.read()
    until(lambda: len(encoded) >= 3)
    folder.rename(tmp_path / "unplugged")
    photos.wait()
    (error,) = photos.status.log
    assert error.startswith("The folder disappeared while it was read: ")
    assert "Restore it and press Read" in error
    (tmp_path / "unplugged").rename(folder)
    photos.read()
    photos.wait()
    assert len(photos.study.dataset) == 30
    assert sum(encoded) == 30


def test_a_folder_that_is_written_to_is_read_as_it_was(folder, tiny_model, monkeypatch):
    slowly(monkeypatch)
    photos = PhotosExplorer(folder, tiny_model)
    photos.read()
    until(lambda: photos.reader.step.what == "encoding images")
    write(folder, 5, first=100)
    photos.wait()
    assert len(photos.study.dataset) == 12
    photos.read()
    photos.wait()
    assert len(photos.study.dataset) == 17


def test_a_full_disk_says_what_to_do(folder, tiny_model, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        (error,) = read(folder, tiny_model).status.log
    assert "results are not kept" in error
    assert "could not write (No space left on device)" in error
    assert "make room, or set UHSCM_HOME" in error
    assert "[Errno" not in error


def test_ten_thousand_skipped_files_are_counted_and_the_first_are_shown(folder, tiny_model):
    for i in range(700):
        (folder / f"bad {i:04d}.jpg").touch()
    photos = read(folder, tiny_model)
    assert photos.status.summary.startswith("12 images, 700 skipped")
    assert photos.skipped.summary == "700 files skipped, and why; the first 500, all in the CSV"
    assert len(photos.skipped.rows) == 500
    assert len(photos.to_frame()) == 700


KILLED = """
import sys, time
from uhscm_core import features
from uhscm_core.vlp import VLP
from widgets import PhotosExplorer
embed = VLP._embed
def slow(vlp, pixels):
    time.sleep(0.05)
    print(len(pixels), flush=True)
    return embed(vlp, pixels)
VLP._embed = slow
features.BATCH, features.SAVE_SECONDS = 3, 0.1
photos = PhotosExplorer(sys.argv[1], sys.argv[2])
photos.read()
photos.wait()
"""


@pytest.mark.slow
def test_after_a_kernel_was_killed_only_the_rest_is_encoded(
    tmp_path, tiny_model, home, monkeypatch, encoded
):
    folder = write(tmp_path / "many", 60)
    environment = {**os.environ, "UHSCM_HOME": str(home), "PYTHONPATH": str(ROOT)}
    kernel = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), str(tiny_model)],
        stdout=subprocess.PIPE,
        env=environment,
    )
    for _ in range(10):
        assert kernel.stdout.readline().strip() == b"3"
    kernel.kill()
    kernel.wait()
    kernel.stdout.close()
    shards = (home / "features").glob("*/*.safetensors")
    kept = sum(len(store.load_tensors(shard)[0]["features"]) for shard in shards)
    assert kept >= 15
    photos = read(folder, tiny_model)
    assert sum(encoded) == 60 - kept
    assert len(photos.study.image_features) == 60


def test_letters_typed_are_no_steps_to_undo_and_a_reading_is_one(folder, trained):
    bench = Workbench(trained)
    bench.wait()
    for length in range(1, 6):
        for box in (bench.photos.folder, bench.photos.names):
            typed = {"type": "typed", "content": "house"[:length], "view": "a browser"}
            box._handle_custom_msg(typed, [])
    bench.photos.concepts.value = "coco80"
    bench.wait()
    assert bench._undo.disabled
    bench.photos.folder.value, bench.photos.concepts.value = str(folder), "common"
    bench.photos.read()
    bench.wait()
    read_here = bench.study
    assert read_here is not trained
    bench.undo()
    bench.wait()
    assert bench.study is trained
    assert bench._undo.disabled
    bench.redo()
    bench.wait()
    assert bench.study is read_here
    bench.close()
