"""The folder of a study: saved by many at once, killed, damaged, or made by another person."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.conftest import unit_rows
from uhscm_core import Study, load_dataset, load_vlp
from uhscm_core.support import store

HOUR = 3600


@pytest.fixture(scope="module")
def small() -> Study:
    """A study of 40 feature rows with a network of 8 bits."""
    generator = torch.Generator().manual_seed(0)
    rows, texts = unit_rows(generator, 40, 8), unit_rows(generator, 3, 8)
    return Study.from_features(rows, ["cat", "dog", "sky"], texts).train(
        bits=8, recipe="uhscm", epochs=1
    )


@pytest.fixture
def folder(small, tmp_path) -> Path:
    small.save(tmp_path / "study")
    return tmp_path / "study"


def with_tau(study: Study, tau: float) -> Study:
    return study.with_(tau=tau, network=study.network, history=study.history)


def files(folder: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in folder.iterdir())


def save_some(study, folder, start, number, loads):
    start.wait()
    for index in range(10):
        with_tau(study, 3 + number + index / 100).save(folder)
        if loads:
            Study.load(folder)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_sixty_simultaneous_saves_leave_one_whole_study(small, tmp_path):
    fork, folder = multiprocessing.get_context("fork"), tmp_path / "new" / "study"
    start = fork.Barrier(6)
    savers = [
        fork.Process(target=save_some, args=(small, folder, start, number, number % 2))
        for number in range(6)
    ]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join(120)
    assert [saver.exitcode for saver in savers] == [0] * 6  # half of them have loaded as well
    loaded = Study.load(folder)
    assert loaded.tau in {3 + number + 9 / 100 for number in range(6)}
    assert torch.equal(loaded.codes, small.codes)
    assert files(folder) == ["features", "study.json", "weights"]


def test_a_save_deletes_only_what_the_study_before_it_named(small, folder):
    mine = folder / "weights-of-my-own.safetensors"
    mine.write_bytes(b"not yours")
    os.utime(mine, (time.time() - 2 * HOUR,) * 2)
    small.save(folder)
    assert mine.read_bytes() == b"not yours"
    assert files(folder) == ["features", "study.json", "weights", "weights"]


def save_until_killed(study, folder):
    for index in range(1000):
        with_tau(study, 5 + index).save(folder)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_a_killed_save_leaves_a_whole_study_and_the_next_sweeps(small, folder):
    for pause in (0.05, 0.1, 0.15):
        saver = multiprocessing.get_context("fork").Process(
            target=save_until_killed, args=(small, folder)
        )
        saver.start()
        time.sleep(pause)
        os.kill(saver.pid, signal.SIGKILL)
        saver.join()
        assert torch.equal(Study.load(folder).codes, small.codes)
    part = folder / f".study.json.{'0' * 32}.part"
    part.touch()
    lost = folder / f"weights-{'0' * 32}.safetensors"
    lost.touch()
    for path in (part, lost):
        os.utime(path, (time.time() - 2 * HOUR,) * 2)
    for path in folder.iterdir():
        if path.suffix in (".part", ".safetensors"):
            os.utime(path, (time.time() - 2 * HOUR,) * 2)
    small.save(folder)
    assert files(folder) == ["features", "study.json", "weights"]


@pytest.mark.parametrize("kind", ["weights", "features"])
def test_files_swapped_between_two_studies_are_found(small, folder, tmp_path, kind):
    other = small.train(bits=8, epochs=1, seed=1)
    other.save(tmp_path / "other")
    (mine,) = folder.glob(f"{kind}-*")
    (theirs,) = (tmp_path / "other").glob(f"{kind}-*")
    if kind == "features":
        labels = torch.arange(40) % 2
        rows, texts = small.image_features, small.vlp.text_features
        same = Study.from_features(rows, small.concepts, texts, labels=labels)
        same.save(tmp_path / "labelled")
        (theirs,) = (tmp_path / "labelled").glob("features-*")
    shutil.copy(theirs, mine)
    with pytest.raises(store.DamagedFileError, match=rf"{kind}-.*: damaged, another file took"):
        Study.load(folder)


def change(folder: Path, **changes: object) -> None:
    path = folder / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"digest": None} | changes))


@pytest.mark.parametrize("kind", ["weights", "features"])
@pytest.mark.parametrize(
    "name", ["../x.safetensors", "/etc/passwd", "..", "a/b", "a\\b", "C:x", "x\0", "", 3]
)
def test_a_file_outside_the_folder_is_refused(folder, kind, name):
    change(folder, **{kind: name})
    with pytest.raises(ValueError, match=rf"study\.json: {kind} must be "):
        Study.load(folder)


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path):
    (weights,) = folder.glob("weights-*")
    weights.rename(tmp_path / "elsewhere.safetensors")
    weights.symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(ValueError, match=r"weights must be the name of a file in the same folder"):
        Study.load(folder)
    weights.unlink()
    weights.symlink_to(weights)
    with pytest.raises(ValueError, match=r"weights must be the name of a file in the same folder"):
        Study.load(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tau": "3"}, "tau must be int or float, got '3'"),
        ({"tau": True}, "tau must be int or float, got 'True'"),
        ({"history": {}}, "history must be list, got '{}'"),
        ({"history": [5]}, "must be a dict, got int"),
        ({"history": [{"epoch": 1}]}, "without images_per_second, quantization"),
        ({"concepts": {"names": [1], "templates": ["{}"]}}, "a name must be text, got 1"),
        ({"concepts": {"names": ["a"]}}, "concepts: without templates"),
        ({"dataset": {}}, "dataset must have a source"),
        ({"vlp": {"name": "postcards", "device": "x"}}, "vlp: unknown 'device'"),
        ({"dataset_digest": None}, "dataset_digest must be str, got 'None'"),
        ({"surprise": 1}, "unknown 'surprise': the file is damaged, or of a later version"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_settings_of_the_wrong_type_are_named(folder, changes, message):
    change(folder, **changes)
    with pytest.raises(ValueError, match=r"study\.json") as caught:
        Study.load(folder)
    assert message in str(caught.value)


def test_missing_settings_are_named(folder):
    path = folder / "study.json"
    config = json.loads(path.read_text())
    del config["tau"], config["digest"]
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"study\.json: without tau"):
        Study.load(folder)
    path.write_text("[1]")
    with pytest.raises(ValueError, match=r"study\.json: must be a dict, got list"):
        Study.load(folder)


@pytest.mark.parametrize("depth", [900, 200_000])
def test_deeply_nested_json_is_an_error_in_words(folder, depth):
    text = (folder / "study.json").read_text()
    nested = "[" * depth + "]" * depth
    (folder / "study.json").write_text(text.replace('"history": [', f'"nested": {nested},"h": ['))
    with pytest.raises(ValueError, match=r"study\.json: (not readable JSON|damaged)"):
        Study.load(folder)


def rewrite_weights(folder: Path, settings: dict, **tensors: torch.Tensor) -> None:
    (path,) = folder.glob("weights-*")
    kept, about = store.load_tensors(path)
    store.save_tensors(path, kept | tensors, about | settings)
    change(folder, weights_digest=None)
    config = json.loads((folder / "study.json").read_text())
    del config["weights_digest"]
    (folder / "study.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": 10**12}, "no hash network has these settings"),
        ({"bits": 9}, r"head.2.bias must be float \(9,\), got float \(8,\)"),
        ({"bits": 10**30}, "no hash network has these settings"),
        ({"bits": "8"}, "not the settings of a hash network"),
        ({"bits": True}, "not the settings of a hash network"),
        ({"hidden": 10**9}, "no hash network has these settings"),
        ({"backbone": "no_such_model"}, "no hash network has these settings"),
        ({"backbone": "vit_gigantic_patch14_224", "in_features": 8}, "the weights are not those"),
        ({"pretrained": True}, "not the settings of a hash network"),
    ],
)
def test_a_network_of_other_sizes_is_refused_before_memory_is_taken(folder, settings, message):
    rewrite_weights(folder, settings)
    with pytest.raises(ValueError, match=message):
        Study.load(folder)


def test_weights_that_are_no_numbers_are_refused(small, folder):
    rewrite_weights(folder, {}, **{"head.0.bias": torch.full((512,), float("nan"))})
    with pytest.raises(ValueError, match=r"head\.0\.bias contains weights that are NaN"):
        Study.load(folder)


def test_features_that_are_no_numbers_are_refused(folder):
    (path,) = folder.glob("features-*")
    tensors, about = store.load_tensors(path)
    tensors["image_features"][3, 0] = float("inf")
    change(folder, features_digest=store.save_tensors(path, tensors, about))
    with pytest.raises(ValueError, match=r"image_features: 1 of 40 rows hold NaN or inf: 3"):
        Study.load(folder)


@pytest.fixture
def photos_saved(photo_folder, tiny_model, tmp_path):
    """A study of train/ and val/, saved."""
    for split in ("train", "val"):
        shutil.copytree(photo_folder, tmp_path / "split" / split)
    dataset = load_dataset(tmp_path / "split", progress=False, warn=False)
    study = Study(dataset, load_vlp(str(tiny_model)), ["red", "green", "blue"], progress=False)
    study.save(tmp_path / "study")
    return tmp_path / "study"


def change_config(folder, **changes) -> None:
    config = json.loads((folder / "study.json").read_text())
    config["digest"] = None
    config["dataset"] |= changes.pop("dataset", {})
    for name, value in changes.items():
        config.pop(name) if value is None else config.update({name: value})
    (folder / "study.json").write_text(json.dumps(config))


def test_the_same_images_in_another_split_are_refused(photos_saved):
    assert len(Study.load(photos_saved).dataset.splits["query"]) == 48
    change_config(photos_saved, dataset={"seed": 1, "n_train": 20})
    with pytest.raises(ValueError, match="another split of them, so that queries may have been"):
        Study.load(photos_saved)


def test_a_folder_that_is_split_otherwise_than_before_is_refused(photos_saved):
    change_config(photos_saved, splits_digest=None)  # as versions before 0.3 wrote it
    with pytest.raises(ValueError, match="another split of them, so that queries may have been"):
        Study.load(photos_saved)


def test_a_split_without_a_seed_is_refused(photos_saved):
    change_config(photos_saved, splits_digest=None, dataset={"seed": None})
    with pytest.raises(
        ValueError, match="split with seed=None, so its split cannot be drawn again"
    ):
        Study.load(photos_saved)
