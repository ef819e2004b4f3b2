"""Images are encoded once: found again by digest, resumed after a kill, shared by processes."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageStat

from uhscm_core import ConceptSet, Encoder, load_dataset, load_vlp
from uhscm_core import features as features_module
from uhscm_core.datasets import ArrayImages, ImageDataset
from uhscm_core.encoder import BatchEncoder
from uhscm_core.features import encode_dataset, features_key, ship_features
from uhscm_core.support import store
from uhscm_core.support.progress import report_progress_to
from uhscm_core.vlp import VLP

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

SHARD = 8  # 48 images make six shards
PATIENCE = 120  # seconds to wait for another process on a machine that others use too


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(features_module, "SHARD", SHARD)


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
    return sorted((home / "features").glob("*/*.safetensors"))


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
    encode(dataset_of(dataset.images.pixels[::-1].copy()), vlp)
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
def test_shards_hold_all_rows_in_order(dataset, vlp, home, n):
    part = dataset_of(dataset.images.pixels[:n])
    features = encode(part, vlp)
    torch.testing.assert_close(features, vlp.encode_images(part.images))
    shards = [store.load_tensors(path)[0]["features"] for path in shards_in(home)]
    assert [len(shard) for shard in shards] == [8] * (n // 8) + [n % 8] * (n % 8 > 0)
    assert torch.equal(torch.cat(shards), features)


@pytest.fixture
def shipped(dataset, vlp, tmp_path, monkeypatch) -> Path:
    """The folder of features that ship with a package of these tests' own."""
    monkeypatch.setattr(features_module, "SHIPPED", tmp_path / "shipped")
    features = vlp.encode_images(dataset.images)
    return ship_features(features, features_key(dataset, vlp), tmp_path / "shipped")


def test_what_is_shipped_is_found_by_the_same_key(dataset, vlp, home, shipped, encoded):
    features = encode(dataset, vlp)
    assert not encoded
    assert not shards_in(home)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=1), torch.ones(48))
    torch.testing.assert_close(features, vlp.encode_images(dataset.images), atol=5e-4, rtol=0)
    assert {
        tensors["features"].dtype
        for tensors, _ in map(store.load_tensors, sorted(shipped.iterdir()))
    } == {torch.half}


def test_what_is_shipped_does_for_nothing_else(dataset, vlp, tiny_model, shipped, encoded):
    encode(dataset_of(dataset.images.pixels[:40]), vlp)
    assert sum(encoded) == 40
    other = load_vlp(tiny_model, device="cpu")
    with torch.no_grad():
        other._model.logit_scale += 1
    encode(dataset, other)
    assert sum(encoded) == 40 + 48


def test_shipped_features_that_lack_a_shard_are_not_used(dataset, vlp, home, shipped):
    (shipped / "000000016.safetensors").unlink()
    torch.testing.assert_close(encode(dataset, vlp), vlp.encode_images(dataset.images))
    assert len(shards_in(home)) == 6
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


def test_only_missing_shards_are_encoded(dataset, vlp, home, encoded):
    features = encode(dataset, vlp)
    for path in shards_in(home)[1:4:2]:
        path.unlink()
    encoded.clear()
    assert torch.equal(encode(dataset, vlp), features)
    assert encoded == [8, 8]


def test_a_bar_is_shown_only_while_something_is_encoded(dataset, vlp, capsys):
    for shown in (True, False):
        encode_dataset(dataset, vlp, progress=True)
        assert ("encoding images: 100%" in "".join(capsys.readouterr())) == shown


@pytest.mark.parametrize("damage", ["torn", "empty", "pickle", "of other rows", "of another name"])
def test_a_damaged_shard_is_named_and_can_be_made_again(dataset, vlp, home, damage):
    features = encode(dataset, vlp)
    path = shards_in(home)[2]
    if damage == "of other rows":
        store.save_tensors(path, {"features": torch.zeros(7, 16)})
    elif damage == "of another name":
        store.save_tensors(path, {"something": torch.zeros(8, 16)})
    else:
        content = {"torn": path.read_bytes()[:-9], "empty": b"", "pickle": b"\x80\x04N."}
        path.write_bytes(content[damage])
    message = rf"{path}: a damaged cache file; delete it, and it is encoded again"
    with pytest.raises(ValueError, match=message):
        encode(dataset, vlp)
    path.unlink()
    assert torch.equal(encode(dataset, vlp), features)


def test_a_full_disk_keeps_the_shards_before(dataset, vlp, home, encoded, monkeypatch):
    fsync, calls = os.fsync, []

    def full_after_two(handle):
        calls.append(handle)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_after_two)
        message = r"could not write \(No space left.*000000016\.safetensors"
        with pytest.raises(OSError, match=message) as caught:
            encode(dataset, vlp)
    assert caught.value.errno == errno.ENOSPC
    assert [path.name for path in shards_in(home)] == [
        "000000000.safetensors",
        "000000008.safetensors",
    ]
    assert not list(home.rglob("*.part"))
    encoded.clear()
    torch.testing.assert_close(encode(dataset, vlp), vlp.encode_images(dataset.images))
    assert encoded[:4] == [8] * 4  # and no lock was left behind


def test_an_image_that_vanished_is_named_and_the_shards_before_stay(
    photo_folder, vlp, home, as_users_run_it
):  # because the run-time shape check opens an image of its own choice
    dataset = load_dataset(photo_folder, progress=False)
    dataset.images.path(20).unlink()
    with pytest.raises(OSError, match=rf"{dataset.names[20]}: no such file"):
        encode(dataset, vlp)
    assert len(shards_in(home)) == 2


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
    assert [path.stat().st_mtime_ns for path in finished] == times
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))


def test_a_process_waits_for_the_shard_another_is_at_and_takes_it_when_that_dies(
    start, report_of, photo_folder, vlp, home, tmp_path
):
    holder = start("stall")  # at the third shard
    wait_until((tmp_path / "stalled").exists, holder)
    other = start("other")  # does all shards but that one
    wait_until(lambda: len(shards_in(home)) == 5, other)
    held = shards_in(home)[0].with_name("000000016.safetensors")
    assert not held.exists()
    assert other.exitcode is None
    holder.kill()
    other.join(PATIENCE)
    assert other.exitcode == 0
    assert held.exists()
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
    assert len(list(home.rglob("*.begun"))) == 1
    encoded.clear()
    reports = []
    with report_progress_to(lambda *report: reports.append(report)):
        features = encode(dataset, vlp)
    assert sum(encoded) == 48 - 14
    assert reports[0] == ("encoding images", 14, 48)  # what is there counts as done
    assert reports[-1] == ("encoding images", 48, 48)
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))
    assert not list(home.rglob("*.begun"))


def test_an_unfinished_shard_is_saved_every_few_seconds(dataset, vlp, home, monkeypatch):
    monkeypatch.setattr(features_module, "BATCH", 3)
    monkeypatch.setattr(features_module, "SAVE_SECONDS", 0.0)
    kept = []

    def look(_what: str, done: int, _of: int) -> None:
        kept.append((done, [path.name for path in home.rglob("*.begun")]))

    with report_progress_to(look):
        encode(dataset, vlp)
    assert kept[:4] == [
        (3, ["000000000.begun"]),
        (6, ["000000000.begun"]),
        (8, []),
        (11, ["000000008.begun"]),
    ]


@pytest.mark.parametrize("damage", ["torn", "of another width", "longer than the shard", "pickle"])
def test_a_damaged_partial_shard_is_encoded_again(dataset, vlp, home, encoded, monkeypatch, damage):
    monkeypatch.setattr(features_module, "BATCH", 3)
    with stop_after(6), pytest.raises(Stopped):
        encode(dataset, vlp)
    (path,) = home.rglob("*.begun")
    if damage == "of another width":
        store.save_tensors(path, {"features": torch.zeros(6, 7)})
    elif damage == "longer than the shard":
        store.save_tensors(path, {"features": torch.zeros(8, 16)})
    else:
        path.write_bytes({"torn": path.read_bytes()[:-9], "pickle": b"\x80\x04N."}[damage])
    encoded.clear()
    features = encode(dataset, vlp)
    assert sum(encoded) == 48
    torch.testing.assert_close(features, vlp.encode_images(dataset.images))


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
    assert len(list(home.rglob("*.begun"))) == 1
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


def test_an_encoder_is_found_by_its_digest_and_by_that_of_its_preprocessing(dataset, vlp):
    encoder = MeanColors()
    assert features_key(dataset, encoder) == store.digest_of(dataset.digest, encoder.digest)
    expected = store.digest_of(dataset.digest, vlp.digest, vlp.preprocess_digest)
    assert features_key(dataset, vlp) == expected
    other = MeanColors()
    other.digest = "mean colors, version 2"
    assert features_key(dataset, other) != features_key(dataset, encoder)


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
