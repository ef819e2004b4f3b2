"""Images are encoded once: found again by content, resumed after a kill, shared by processes."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import time
import warnings
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageStat

from uhscm_core import ConceptSet, Encoder, UHSCMWarning, load_dataset, load_vlp
from uhscm_core import features as features_module
from uhscm_core.datasets import ArrayImages, ImageDataset
from uhscm_core.encoder import BatchEncoder
from uhscm_core.features import encode_dataset, ship_features
from uhscm_core.support import shards as shards_module
from uhscm_core.support import store
from uhscm_core.support.progress import report_progress_to
from uhscm_core.vlp import VLP

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

SHARD = 8  # 48 images make six shards
PATIENCE = 120  # seconds to wait for another process on a machine that others use too


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(features_module, "SHARD", SHARD)
    monkeypatch.setattr(shards_module, "SHARD", SHARD)


@pytest.fixture
def dataset() -> ImageDataset:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 16, 16, 3), dtype=np.uint8)
    return dataset_of(pixels)


def dataset_of(pixels: np.ndarray) -> ImageDataset:
    images = ArrayImages(pixels)
    everything = np.arange(len(images))
    splits = {"train": everything, "database": everything, "query": everything[:0]}
    return ImageDataset(images, None, (), splits, images.digest, images.names)


@pytest.fixture
def vlp(tiny_model) -> VLP:
    return load_vlp(tiny_model, device="cpu")


@pytest.fixture
def encoded(monkeypatch) -> list[int]:
    """The sizes of the batches that any model encodes from now on."""
    sizes = []
    embed = VLP._embed

    def counted(vlp, pixels):
        sizes.append(len(pixels))
        return embed(vlp, pixels)

    monkeypatch.setattr(VLP, "_embed", counted)
    return sizes


def encode(dataset, vlp) -> torch.Tensor:
    return encode_dataset(dataset, vlp, progress=False)


def shards_in(home: Path) -> list[Path]:
    return sorted((home / "features").glob("*/*.safetensors"), key=os.path.getmtime)


def sizes_in(home: Path) -> list[int]:
    return [len(store.load_tensors(path)[0]["features"]) for path in shards_in(home)]


def test_features_are_what_the_model_gives(dataset, vlp):
    features = encode(dataset, vlp)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))


def test_a_second_call_runs_no_model(dataset, vlp, tiny_model, encoded):
    first = encode(dataset, vlp)
    assert sum(encoded) == 48
    again = encode(dataset_of(dataset.images.pixels.copy()), load_vlp(tiny_model, device="cpu"))
    assert sum(encoded) == 48
    assert torch.equal(again, first)


def test_other_images_another_model_and_other_preprocessing_are_encoded_again(
    dataset, vlp, tiny_model, encoded
):
    encode(dataset, vlp)
    encode(dataset_of(255 - dataset.images.pixels), vlp)
    assert sum(encoded) == 2 * 48
    other = load_vlp(tiny_model, device="cpu")
    with torch.no_grad():
        other._model.logit_scale += 1
    encode(dataset, other)
    assert sum(encoded) == 3 * 48
    squashed = load_vlp(tiny_model, device="cpu")
    squashed._model.visual.preprocess_cfg["resize_mode"] = "squash"
    encode(dataset, squashed)
    assert sum(encoded) == 4 * 48


@pytest.mark.parametrize("n", [1, 7, 8, 9, 48])
def test_shards_hold_each_image_once(dataset, vlp, home, n):
    part = dataset_of(dataset.images.pixels[:n])
    features = encode(part, vlp)
    torch.testing.assert_close(features, vlp.encode_images(part.images))
    assert sorted(sizes_in(home), reverse=True) == [8] * (n // 8) + [n % 8] * (n % 8 > 0)
    assert torch.equal(encode(part, vlp), features)
    assert not list(home.rglob("*.lock"))


def test_equal_images_are_encoded_once_and_all_have_their_features(dataset, vlp, encoded):
    pixels = dataset.images.pixels[[3, 3, 5, 3]]
    features = encode(dataset_of(pixels), vlp)
    assert sum(encoded) == 2
    torch.testing.assert_close(features, vlp.encode_images(ArrayImages(pixels)))


def test_what_datasets_share_is_encoded_once(dataset, vlp, encoded):
    encode(dataset_of(dataset.images.pixels[:20]), vlp)
    encode(dataset_of(dataset.images.pixels[10:30]), vlp)
    assert sum(encoded) == 30
    backwards = encode(dataset_of(dataset.images.pixels[29::-1].copy()), vlp)
    assert sum(encoded) == 30
    expected = vlp.encode_images(dataset.images[29::-1])
    torch.testing.assert_close(backwards, expected)


def test_a_photo_added_renamed_moved_or_shared_costs_one_encode_or_none(
    photo_folder, vlp, encoded, tmp_path
):
    def images_encoded(folder: Path) -> int:
        encoded.clear()
        dataset = load_dataset(folder, progress=False)
        features = encode(dataset, vlp)
        count = sum(encoded)
        torch.testing.assert_close(features, vlp.encode_images(dataset.images))
        return count

    assert images_encoded(photo_folder) == 48
    noise = np.random.default_rng(1).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo_folder / "red" / "added.png")
    assert images_encoded(photo_folder) == 1
    (photo_folder / "red" / "added.png").rename(photo_folder / "red" / "another name.png")
    assert images_encoded(photo_folder) == 0
    shutil.copytree(photo_folder, tmp_path / "second" / "folder")
    assert images_encoded(tmp_path / "second") == 0
    photo_folder.rename(tmp_path / "moved")
    assert images_encoded(tmp_path / "moved") == 0


def test_a_picture_painted_over_in_its_middle_has_new_features(tmp_path, vlp, encoded):
    folder = tmp_path / "holiday"
    folder.mkdir()
    for suffix in ("bmp", "ppm"):
        Image.new("RGB", (240, 240), "red").save(folder / f"a.{suffix}")
    before = encode(load_dataset(folder, progress=False), vlp)
    for path in folder.iterdir():
        times = path.stat()
        content = bytearray(path.read_bytes())
        content[40_000:-40_000] = os.urandom(len(content) - 80_000)
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    dataset = load_dataset(folder, progress=False)
    encoded.clear()
    features = encode(dataset, vlp)
    assert sum(encoded) == 2
    fresh = vlp.encode_images(dataset.images)
    assert (features * fresh).sum(1).min() > 0.999
    assert (features - before).abs().max() > 0.01


@pytest.mark.parametrize("workers", [0, 1])
def test_a_photo_replaced_while_it_is_encoded_is_named_and_gets_no_features(
    photo_folder, vlp, encoded, workers, as_users_run_it
):
    dataset = load_dataset(photo_folder, progress=False)
    path = dataset.images.path(20)
    own = path.read_bytes()
    path.write_bytes(dataset.images.path(40).read_bytes())
    message = rf"^{path}: changed since the folder was loaded: load it again$"
    with pytest.raises(OSError, match=message):
        encode_dataset(dataset, vlp, workers=workers, progress=False)
    path.write_bytes(own)  # put back
    features = encode(load_dataset(photo_folder, progress=False), vlp)
    assert sum(encoded) == 48  # what was encoded before the error was kept
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))


def test_an_encoder_with_two_datasets_of_plain_images_mixes_nothing(dataset, home, as_users_run_it):
    first, second = (list(dataset.images[a:b]) for a, b in ((0, 5), (5, 10)))
    encoder = MeanColors()
    ids = np.arange(5)
    splits = {"train": ids, "database": ids, "query": ids[:0]}
    names = tuple("abcde")
    for images in (first, second):
        with pytest.raises(ValueError, match="digest must be a text"):
            ImageDataset(images, None, (), splits, None, names)
    for digest, images in (("one", first), ("two", second)):
        features = encode(ImageDataset(images, None, (), splits, digest, names), encoder)
        torch.testing.assert_close(features, encoder.encode_images(images))


@pytest.fixture
def shipped(dataset, vlp, tmp_path, monkeypatch) -> Path:
    """The folder of features that ship with a package of these tests' own."""
    monkeypatch.setattr(features_module, "SHIPPED", tmp_path / "shipped")
    features = vlp.encode_images(dataset.images)
    return ship_features(features, dataset.images.keys, vlp, tmp_path / "shipped")


def test_what_is_shipped_is_found_by_the_same_key(dataset, vlp, home, shipped, encoded):
    features = encode(dataset, vlp)
    assert not encoded
    assert not home.exists()
    assert features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=1), torch.ones(48))
    torch.testing.assert_close(features, vlp.encode_images(dataset.images), atol=5e-4, rtol=0)
    assert {
        tensors["features"].dtype
        for tensors, _ in map(store.load_tensors, sorted(shipped.iterdir()))
    } == {torch.half}


def test_what_is_shipped_does_for_the_same_images_and_model(
    dataset, vlp, tiny_model, shipped, encoded
):
    encode(dataset_of(dataset.images.pixels[:40]), vlp)
    assert not encoded
    other = load_vlp(tiny_model, device="cpu")
    with torch.no_grad():
        other._model.logit_scale += 1
    encode(dataset, other)
    assert sum(encoded) == 48


def test_what_the_shipped_features_lack_is_encoded(dataset, vlp, home, shipped, encoded):
    next(shipped.iterdir()).unlink()
    features = encode(dataset, vlp)
    assert sum(encoded) == 8
    expected = vlp.encode_images(dataset.images)
    torch.testing.assert_close(features, expected, atol=5e-4, rtol=0)
    assert len(shards_in(home)) == 1
    assert len(list(shipped.iterdir())) == 5


def test_batches_do_not_cross_shards(dataset, vlp, encoded, monkeypatch):
    monkeypatch.setattr(features_module, "BATCH", 5)
    features = encode(dataset, vlp)
    assert encoded == [5, 3] * 6
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))


def test_worker_processes_give_the_same(photo_folder, vlp, home):
    dataset = load_dataset(photo_folder, progress=False)
    features = encode_dataset(dataset, vlp, workers=1, progress=False)
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))
    assert len(shards_in(home)) == 6


def test_a_bar_is_shown_only_while_something_is_encoded(dataset, vlp, capsys):
    for shown in (True, False):
        encode_dataset(dataset, vlp, progress=True)
        assert ("encoding images: 100%" in "".join(capsys.readouterr())) == shown


def test_only_what_is_missing_is_encoded(dataset, vlp, home, encoded):
    features = encode(dataset, vlp)
    for path in shards_in(home)[1:4:2]:
        path.unlink()
    encoded.clear()
    assert torch.equal(encode(dataset, vlp), features)
    assert encoded == [8, 8]


def save_rows(path: Path, keys: torch.Tensor, rows: torch.Tensor, name: str = "features") -> None:
    store.save_tensors(path, {"keys": keys, name: rows}, {"folder": path.parent.name})


@pytest.mark.parametrize(
    "damage",
    ["torn", "empty", "pickle", "of other rows", "of another name", "of another width", "swapped"],
)
def test_a_damaged_shard_is_put_aside_and_its_images_encoded_again(
    dataset, vlp, home, encoded, damage
):
    features = encode(dataset, vlp)
    path = shards_in(home)[2]
    keys = store.load_tensors(path)[0]["keys"]
    if damage == "of other rows":
        save_rows(path, keys, torch.zeros(7, 16))
    elif damage == "of another name":
        save_rows(path, keys, torch.zeros(8, 16), "something")
    elif damage == "of another width":
        save_rows(path, keys, torch.zeros(8, 7))
    elif damage == "swapped":  # for that of another model
        other = path.parents[1] / "another" / path.name
        save_rows(other, keys, torch.zeros(8, 16))
        other.replace(path)
    else:
        content = {"torn": path.read_bytes()[:-9], "empty": b"", "pickle": b"\x80\x04N."}
        path.write_bytes(content[damage])
    encoded.clear()
    with pytest.warns(UHSCMWarning, match=rf"{path.name}.* again"):
        assert torch.equal(encode(dataset, vlp), features)
    assert sum(encoded) == 8
    assert path.with_name(f"{path.name}.damaged").exists()
    assert torch.equal(encode(dataset, vlp), features)  # healed
    assert sum(encoded) == 8


def test_a_flipped_bit_is_found_or_harmless(dataset, vlp, home):
    dataset = dataset_of(dataset.images.pixels[:5])
    features = encode(dataset, vlp)
    (path,) = shards_in(home)
    whole = path.read_bytes()
    draw = random.Random(0)
    for _ in range(60):
        for other in shards_in(home):
            other.unlink()
        flipped = bytearray(whole)
        place = draw.randrange(len(whole))
        flipped[place] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UHSCMWarning)
            torch.testing.assert_close(encode(dataset, vlp), features)


def full_disk(handle):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_costs_what_is_kept_and_not_the_work(dataset, vlp, home, encoded, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.warns(UHSCMWarning, match=r"not kept.*No space left.*set UHSCM_HOME") as said:
            features = encode(dataset, vlp)
    assert len(said) == 1
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))
    assert not list(home.rglob("*.part"))
    assert not list(home.rglob("*.lock"))
    encoded.clear()
    encode(dataset, vlp)
    assert encoded == [8] * 6


def test_a_home_that_cannot_be_written_is_no_obstacle(photo_folder, vlp, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("UHSCM_HOME", str(tmp_path / "file" / "home"))
    with pytest.warns(UHSCMWarning, match=r"not kept, because .*file/home cannot be written"):
        dataset = load_dataset(photo_folder, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UHSCMWarning)  # said once
        features = encode(dataset, vlp)
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))


def test_what_an_old_version_kept_is_left_behind_and_said_once(dataset, vlp, home):
    old = home / "features" / store.digest_of("old") / "000000000.safetensors"
    store.save_tensors(old, {"features": torch.zeros(8, 16)})
    with pytest.warns(UHSCMWarning, match=r"encoded again.*read wrongly.*--clean"):
        encode(dataset, vlp)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UHSCMWarning)
        encode(dataset_of(255 - dataset.images.pixels), vlp)
    assert old.exists()


def test_an_image_that_vanished_is_named_and_the_shards_before_stay(
    photo_folder, vlp, home, as_users_run_it
):  # because the run-time shape check opens an image of its own choice
    dataset = load_dataset(photo_folder, progress=False)
    dataset.images.path(20).unlink()
    with pytest.raises(OSError, match=rf"{dataset.names[20]}: no such file"):
        encode(dataset, vlp)
    assert sizes_in(home) == [8, 8]


# Other processes: forked, as a data loader's workers are, because importing takes seconds. What
# they do in the middle of their work waits for a file, so that nothing hangs on timing.


def wait_until(happened: Callable[[], bool], process: BaseProcess | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert process is None or process.exitcode is None, f"ended with {process.exitcode}"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def encode_and_report(task: str, photos: Path, model: Path, signals: Path) -> None:
    """What a process does: encode the photos, and tell how many images it was."""
    torch.set_num_threads(1)
    embed, count = VLP._embed, 0

    def embedded(vlp, pixels):
        nonlocal count
        if task.startswith("meet") and count == 0:  # each process is at a shard of its own
            (signals / f"{task}.started").touch()
            wait_until(lambda: len(list(signals.glob("meet*.started"))) == 2)
        if task == "stall" and count == 2 * SHARD:  # two shards are done: wait to be killed
            (signals / "stalled").touch()
            wait_until(lambda: False)
        count += len(pixels)
        return embed(vlp, pixels)

    VLP._embed = embedded
    dataset = load_dataset(photos, progress=False)
    features = encode(dataset, load_vlp(model, device="cpu"))
    store.save_tensors(signals / f"{task}.safetensors", {"features": features}, {"count": count})


@pytest.fixture
def start(photo_folder, tiny_model, tmp_path):
    """Start a process on one task; what still runs at the end is killed."""
    running = []

    def started(task: str) -> BaseProcess:
        process = multiprocessing.get_context("fork").Process(
            target=encode_and_report, args=(task, photo_folder, tiny_model, tmp_path)
        )
        process.start()
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.join()


@pytest.fixture
def report_of(tmp_path):
    def report(task: str) -> tuple[torch.Tensor, int]:
        tensors, metadata = store.load_tensors(tmp_path / f"{task}.safetensors")
        return tensors["features"], metadata["count"]

    return report


def test_after_kill_9_only_the_missing_shards_are_encoded(
    start, photo_folder, vlp, home, tmp_path, encoded
):
    process = start("stall")
    wait_until((tmp_path / "stalled").exists, process)
    finished = shards_in(home)
    assert len(finished) == 2
    times = [path.stat().st_mtime_ns for path in finished]
    os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL

    dataset = load_dataset(photo_folder, progress=False)
    features = encode(dataset, vlp)
    assert sum(encoded) == 48 - 16
    assert [path.stat().st_mtime_ns for path in finished] == times  # nothing was merged
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))


def test_a_process_waits_for_the_shard_another_is_at_and_takes_it_when_that_dies(
    start, report_of, photo_folder, vlp, home, tmp_path
):
    holder = start("stall")  # at the third shard
    wait_until((tmp_path / "stalled").exists, holder)
    other = start("other")  # does all shards but that one
    wait_until(lambda: len(shards_in(home)) == 5, other)
    assert other.exitcode is None
    holder.kill()
    other.join(PATIENCE)
    assert other.exitcode == 0
    assert len(shards_in(home)) == 6
    features, count = report_of("other")
    assert count == 48 - 16
    dataset = load_dataset(photo_folder, progress=False)
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))


def test_two_processes_share_the_work_and_end_with_the_same(start, report_of):
    processes = [start(task) for task in ("meet-a", "meet-b")]
    for process in processes:
        process.join(PATIENCE)
        assert process.exitcode == 0
    (first, first_count), (second, second_count) = report_of("meet-a"), report_of("meet-b")
    assert first_count + second_count == 48  # each image once
    assert min(first_count, second_count) >= SHARD
    assert torch.equal(first, second)


class Stopped(Exception):  # noqa: N818  # not an error
    pass


def stop_after(n: int):
    """A block in which encoding is stopped once n images are encoded."""

    def stop(_what: str, done: int, _of: int) -> None:
        if done >= n:
            raise Stopped

    return report_progress_to(stop)


def test_a_stopped_run_continues_at_the_next_batch(dataset, vlp, home, encoded, monkeypatch):
    monkeypatch.setattr(features_module, "BATCH", 3)
    with stop_after(14), pytest.raises(Stopped):
        encode(dataset, vlp)
    assert encoded == [3, 3, 2, 3, 3]  # a shard of eight, and six of the next
    assert sizes_in(home) == [8, 6]
    encoded.clear()
    reports = []
    with report_progress_to(lambda *report: reports.append(report)):
        features = encode(dataset, vlp)
    assert sum(encoded) == 48 - 14
    assert reports[0] == ("encoding images", 14, 48)  # what is there counts as done
    assert reports[-1] == ("encoding images", 48, 48)
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))
    assert sizes_in(home) == [8] * 6  # the two parts of one chunk are merged


def test_an_unfinished_shard_is_saved_every_few_seconds(dataset, vlp, home, monkeypatch):
    monkeypatch.setattr(features_module, "BATCH", 3)
    monkeypatch.setattr(features_module, "SAVE_SECONDS", 0.0)
    kept = []

    def look(_what: str, done: int, _of: int) -> None:
        kept.append((done, sorted(sizes_in(home))))

    with report_progress_to(look):
        encode(dataset, vlp)
    assert kept[:4] == [(3, [3]), (6, [3, 3]), (8, [8]), (11, [3, 8])]


def test_a_worker_processes_error_is_told_without_its_traceback(photo_folder, vlp, as_users_run_it):
    dataset = load_dataset(photo_folder, progress=False)
    dataset.images.path(20).unlink()
    with pytest.raises(OSError, match="no such file") as caught:
        encode_dataset(dataset, vlp, workers=1, progress=False)
    assert str(caught.value) == f"{dataset.images.path(20)}: no such file or directory"


# Encoders that are not a VLP


COLORS = ("red", "green", "blue")


class MeanColors:
    """An encoder of ten lines: an image is its mean color, a text the color it names."""

    name, digest, embed_dim, logit_scale = "mean colors", "mean colors, version 1", 3, 10.0

    def __init__(self) -> None:
        self.sizes: list[int] = []  # of the batches it was given

    def encode_images(self, images):
        self.sizes.append(len(images))
        means = torch.tensor([ImageStat.Stat(image).mean for image in images])
        return torch.nn.functional.normalize(means, dim=1)

    def encode_texts(self, texts):
        names = texts.names if isinstance(texts, ConceptSet) else texts
        return torch.tensor(
            [[float(name == c) for c in ("red", "green", "blue")] for name in names]
        )


def mean_colors_by_hand(dataset) -> torch.Tensor:
    means = dataset.images.pixels.astype(np.float64).mean(axis=(1, 2))
    return torch.from_numpy(means / np.linalg.norm(means, axis=1, keepdims=True)).float()


def test_any_object_with_the_members_is_an_encoder(vlp):
    assert isinstance(MeanColors(), Encoder)
    assert isinstance(vlp, Encoder)
    assert isinstance(vlp, BatchEncoder)
    assert not isinstance(MeanColors(), BatchEncoder)
    assert not isinstance("postcards", Encoder)


def test_any_encoder_is_given_batches_and_cached(dataset, home, monkeypatch):
    monkeypatch.setattr(features_module, "BATCH", 5)
    encoder = MeanColors()
    features = encode(dataset, encoder)
    torch.testing.assert_close(features, mean_colors_by_hand(dataset))
    assert encoder.sizes == [5, 3] * 6
    assert len(shards_in(home)) == 6
    again = MeanColors()
    assert torch.equal(encode(dataset, again), features)
    assert again.sizes == []


def test_any_encoder_is_resumed_at_the_next_batch(dataset, home, monkeypatch):
    monkeypatch.setattr(features_module, "BATCH", 3)
    with stop_after(14), pytest.raises(Stopped):
        encode(dataset, MeanColors())
    assert sizes_in(home) == [8, 6]
    encoder = MeanColors()
    features = encode(dataset, encoder)
    assert sum(encoder.sizes) == 48 - 14
    torch.testing.assert_close(features, mean_colors_by_hand(dataset))


def test_any_encoder_is_given_rgb_images(photo_folder):
    modes = set()

    class Watching(MeanColors):
        def encode_images(self, images):
            modes.update(image.mode for image in images)
            return super().encode_images(images)

    Image.new("L", (8, 8), 100).save(photo_folder / "red" / "gray.png")
    encode(load_dataset(photo_folder, progress=False), Watching())
    assert modes == {"RGB"}


def test_an_encoder_is_found_by_its_digest_that_of_its_preprocessing_and_the_reader(dataset, home):
    def images_encoded(digest, preprocess_digest=None):
        encoder = MeanColors()
        encoder.digest = digest
        if preprocess_digest is not None:
            encoder.preprocess_digest = preprocess_digest
        encode(dataset, encoder)
        return sum(encoder.sizes)

    asked = [("one",), ("two",), ("one", "a"), ("one", "b")]
    assert [images_encoded(*digests) for digests in asked] == [48] * 4
    assert [images_encoded(*digests) for digests in asked] == [0] * 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features_module, "READER_VERSION", features_module.READER_VERSION + 1)
        assert images_encoded("one") == 48
    assert len({path.parent for path in shards_in(home)}) == 5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x[:, :2], r"mean colors must return shape \(8, 3\) for 8 images, got \(8, 2\)"),
        (lambda x: x[1:], r"must return shape \(8, 3\) for 8 images, got \(7, 3\)"),
        (lambda x: 2 * x, r"finite rows of unit length, got lengths from 2 to 2; divide each row"),
        (lambda x: x * torch.nan, r"finite rows of unit length, got lengths from nan to nan"),
    ],
)
def test_an_encoder_that_returns_something_else_is_an_error(dataset, home, wrong, message):
    class Wrong(MeanColors):
        def encode_images(self, images):
            return wrong(super().encode_images(images))

    with pytest.raises(ValueError, match=message):
        encode(dataset, Wrong())
    assert not shards_in(home)


def test_an_encoder_may_answer_in_half_precision_with_gradients(dataset):
    class Half(MeanColors):
        def encode_images(self, images):
            return super().encode_images(images).half().requires_grad_()

    features = encode(dataset, Half())
    assert features.dtype == torch.float32
    assert not features.requires_grad
    torch.testing.assert_close(features, mean_colors_by_hand(dataset), atol=1e-3, rtol=0)


def test_images_that_are_checked_travel_to_other_processes(photo_folder, as_users_run_it):
    images = load_dataset(photo_folder, progress=False).images
    travelled = pickle.loads(pickle.dumps(features_module._Unchanged(images)))
    assert travelled[3].tobytes() == images[3].tobytes()
    assert len(travelled) == len(travelled[:]) == len(images)
    images.path(3).write_bytes(images.path(40).read_bytes())
    with pytest.raises(OSError, match="changed since the folder was loaded"):
        travelled[3]
