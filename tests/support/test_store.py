"""Files are there whole or not at all, and nothing unpickles them."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import safetensors.torch
import torch

from uhscm_core.support import store

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "flags": torch.tensor([True, False])}


class Spy:
    """An object whose unpickling writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_home_is_the_configured_folder_or_the_platforms(home, monkeypatch):
    assert store.home() == home
    monkeypatch.setenv("UHSCM_HOME", "~/elsewhere")
    assert store.home() == Path.home() / "elsewhere"
    monkeypatch.setenv("UHSCM_HOME", "")
    assert store.home() == Path(platformdirs.user_cache_dir("uhscm"))
    monkeypatch.setenv("UHSCM_HOME", "  ")
    assert store.home() == Path(platformdirs.user_cache_dir("uhscm"))
    monkeypatch.delenv("UHSCM_HOME")
    assert store.home() == Path(platformdirs.user_cache_dir("uhscm"))


def test_tensors_and_metadata_come_back(tmp_path):
    path = tmp_path / "new/folder/x.safetensors"
    store.save_tensors(path, TENSORS, {"tau": 3.0, "names": ["ö"]})
    tensors, metadata = store.load_tensors(path)
    assert metadata == {"tau": 3.0, "names": ["ö"]}
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_views_and_tensors_with_gradients_are_saved(tmp_path):
    base = torch.arange(12.0).reshape(3, 4).requires_grad_()
    store.save_tensors(tmp_path / "x.safetensors", {"t": base.T, "row": base[1], "none": base[:0]})
    tensors, metadata = store.load_tensors(tmp_path / "x.safetensors")
    assert torch.equal(tensors["t"], base.T.detach())
    assert tensors["row"].tolist() == [4, 5, 6, 7]
    assert tensors["none"].shape == (0, 4)
    assert metadata == {}


def test_every_flipped_bit_of_the_content_is_found(tmp_path):
    path = tmp_path / "x.safetensors"
    store.save_tensors(path, TENSORS, {"tau": 3.0})
    good = path.read_bytes()
    for bit in range(len(good) * 8):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            tensors, metadata = store.load_tensors(path)
        except store.DamagedFileError:
            continue
        assert metadata == {"tau": 3.0}  # a bit that means nothing, such as a space of the header
        assert tensors.keys() == TENSORS.keys()
        assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_a_file_without_a_digest_is_read_as_before(tmp_path):
    path = tmp_path / "old.safetensors"
    path.write_bytes(safetensors.torch.save(TENSORS, {"json": '{"tau": 3.0}'}))
    tensors, metadata = store.load_tensors(path)
    assert torch.equal(tensors["a"], TENSORS["a"])
    assert metadata == {"tau": 3.0}


def test_json_comes_back_whatever_its_text(tmp_path):
    value = {"arabic": "صورة", "bytes": os.fsdecode(b"\xff"), "list": [1, 2.5, None, True]}
    store.save_json(tmp_path / "x.json", value)
    assert store.load_json(tmp_path / "x.json") == value
    (tmp_path / "x.json").read_bytes().decode("utf-8")


def test_every_flipped_bit_of_json_is_found(tmp_path):
    path = tmp_path / "x.json"
    value = {"tau": 3.0, "names": ["ö", "b"], "none": None, "inner": {"b": 1, "a": [2, 1e-9]}}
    store.save_json(path, value)
    good = path.read_bytes()
    for bit in range(len(good) * 8):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            read = store.load_json(path)
        except store.DamagedFileError:
            continue
        assert {key: read[key] for key in value} == value


def test_json_changed_by_hand_says_how_to_keep_the_change(tmp_path):
    path = tmp_path / "x.json"
    store.save_json(path, {"tau": 3.0, "name": "a"})
    changed = path.read_text().replace("3.0", "4.0")
    path.write_text(changed)
    with pytest.raises(store.DamagedFileError, match=r"x\.json: damaged.*make its \"digest\" null"):
        store.load_json(path)
    digest = json.loads(changed)["digest"]
    path.write_text(changed.replace(f'"{digest}"', "null"))
    assert store.load_json(path) == {"tau": 4.0, "name": "a"}


def test_the_digest_depends_on_the_values_and_their_order():
    assert store.digest_of(1, "a") == store.digest_of(1, "a")
    assert store.digest_of({"a": 1, "b": 2}) == store.digest_of({"b": 2, "a": 1})
    digests = {store.digest_of(*parts) for parts in ((1, "a"), ("a", 1), (1,), ("1", "a"), ())}
    assert len(digests) == 5
    assert store.digest_of(os.fsdecode(b"\xff"))


WRITERS = {
    "json": lambda path: store.save_json(path, {"new": 1}),
    "safetensors": lambda path: store.save_tensors(path, TENSORS),
}


def full_disk_at_write(monkeypatch):
    class Full(io.RawIOBase):
        def write(self, _):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    fdopen = os.fdopen

    def onto_a_full_disk(handle, mode):
        fdopen(handle, mode).close()
        return Full()

    monkeypatch.setattr(os, "fdopen", onto_a_full_disk)


def full_disk_at_fsync(monkeypatch):
    def fsync(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


def full_disk_at_rename(monkeypatch):
    def replace(path, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", replace)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(
    "fill", [full_disk_at_write, full_disk_at_fsync, full_disk_at_rename], ids=lambda f: f.__name__
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, kind, fill):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(b"old")
    fill(monkeypatch)
    with pytest.raises(OSError, match=rf"could not write \(No space left.*x\.{kind}") as caught:
        WRITERS[kind](path)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def write_and_be_interrupted():
        with store.replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_be_interrupted()
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_the_new_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "x"
    with store.replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"new"


def test_a_value_that_json_cannot_hold_changes_nothing(tmp_path):
    store.save_json(tmp_path / "x.json", {"old": 1})
    with pytest.raises(TypeError):
        store.save_json(tmp_path / "x.json", {"new": np.zeros(3)})
    with pytest.raises(TypeError):
        store.save_tensors(tmp_path / "x.safetensors", TENSORS, {"new": np.zeros(3)})
    assert store.load_json(tmp_path / "x.json") == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file"):
        store.save_json(tmp_path / "file/x.json", 1)


@pytest.mark.parametrize("damage", ["empty", "torn", "text", "json", "pickle", "torch"])
def test_what_is_no_safetensors_file_is_refused_and_not_unpickled(tmp_path, damage):
    path, trap = tmp_path / "x.safetensors", tmp_path / "trap"
    store.save_tensors(path, TENSORS)
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:-3])
    elif damage == "torch":
        torch.save({"a": Spy(trap)}, path)
    else:
        contents = {
            "empty": b"",
            "text": b"some text",
            "json": b'{"a": 1}',
            "pickle": pickle.dumps(Spy(trap)),
        }
        path.write_bytes(contents[damage])
    with pytest.raises(ValueError, match=r"x\.safetensors: not a readable safetensors file \("):
        store.load_tensors(path)
    assert not trap.exists()


def test_metadata_of_another_program_is_refused_or_left_out(tmp_path):
    import safetensors.torch

    path = tmp_path / "x.safetensors"
    safetensors.torch.save_file(TENSORS, path)
    assert store.load_tensors(path)[1] == {}
    safetensors.torch.save_file(TENSORS, path, {"json": "{"})
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        store.load_tensors(path)


def test_what_is_no_json_is_refused(tmp_path):
    path = tmp_path / "x.json"
    for content in (b"", b'{"torn', b"\xff\xfe", pickle.dumps({"a": 1})):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.json: not readable JSON \("):
            store.load_json(path)
    path.write_text(json.dumps([1]))
    assert store.load_json(path) == [1]


def test_a_missing_file_is_named(tmp_path):
    for load in (store.load_json, store.load_tensors):
        for path in (tmp_path / "gone", tmp_path):
            with pytest.raises(FileNotFoundError, match=f"no such file: {path}"):
                load(path)
