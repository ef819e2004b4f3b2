"""The cache folder: no access, no room, damaged files, and leftovers of killed writes."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections import namedtuple

import filelock
import pytest
import torch

from uhscm_core.support import store
from uhscm_doctor import cache

HOUR = 3600


def one(check):
    (finding,) = check()
    return finding


def part_in(folder, age=2 * HOUR, name="000000000.safetensors", digits="a" * 32):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{name}.{digits}.part"
    path.write_bytes(bytes(8192))
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_a_folder_that_takes_files_is_fine_and_left_as_it_was(home):
    finding = one(cache.writable)
    assert finding.verdict == "ok"
    assert str(home) in finding.found
    assert "$UHSCM_HOME" in finding.found
    assert list(home.iterdir()) == []


def test_a_folder_below_a_file_is_bad(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("UHSCM_HOME", str(tmp_path / "file" / "home"))
    finding = one(cache.writable)
    assert finding.verdict == "bad"
    assert "UHSCM_HOME=" in finding.fix


def test_a_folder_that_takes_no_rename_is_bad(home, monkeypatch):
    def refused(path, target):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.replace", refused)
    finding = one(cache.writable)
    assert finding.verdict == "bad"
    assert "ead-only file system" in finding.found
    assert list(home.iterdir()) == []


def test_a_folder_without_locks_is_bad(home, monkeypatch):
    def refused(self):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "_acquire", refused)
    finding = one(cache.writable)
    assert finding.verdict == "bad"
    assert "flock" in finding.found


@pytest.mark.skipif(os.name == "nt", reason="permissions are others on Windows")
def test_a_cache_that_others_can_write_to_is_said(home):
    assert list(cache.private()) == []
    store.save_json(home / "checked" / "x.json", {})
    assert home.stat().st_mode & 0o777 == 0o700
    assert list(cache.private()) == []
    (home / "checked").chmod(0o770)
    home.chmod(0o777)
    finding = one(cache.private)
    assert finding.verdict == "warn"
    assert f"others can write to {home} (drwxrwxrwx), {home}/checked (drwxrwx---)" in finding.found
    assert finding.fix == f"chmod -R go-w {home}"


def test_leftovers_in_any_folder_given_are_found_and_removed(home, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    study = tmp_path / "study"
    part = part_in(study)
    damaged = study / "x.safetensors.damaged"
    damaged.touch()
    exported = tmp_path / "tmp" / "uhscm-export-1"
    young = tmp_path / "tmp" / "uhscm-export-2"
    for folder in (exported, young):
        folder.mkdir(parents=True)
        (folder / "study.json").touch()
    for path in (damaged, exported):
        os.utime(path, (time.time() - 2 * HOUR,) * 2)
    assert next(cache.leftovers([study])).found.startswith("3 unfinished or damaged files, ")
    assert {left.path for left in cache.clean([study])} == {part, damaged, exported}
    assert not any(path.exists() for path in (part, damaged, exported))
    assert young.exists()


@pytest.mark.parametrize(("free", "verdict"), [(2**40, "ok"), (2**29, "warn"), (2**20, "bad")])
def test_room_on_the_disk(monkeypatch, free, verdict):
    usage = namedtuple("usage", "total used free")(2**40, 0, free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    finding = one(cache.writable)
    assert finding.verdict == verdict
    assert ("free some disk space" in finding.fix) == (verdict != "ok")


def test_what_is_kept_is_counted_by_kind(home):
    assert one(cache.contents).found == "none yet"
    store.save_tensors(home / "features" / "a" / "0.safetensors", {"x": torch.zeros(2**18)})
    store.save_json(home / "experiments" / "a" / "results.json", "x" * 20_000)
    store.save_json(home / "notes.json", "mine")
    found = one(cache.contents).found
    assert "features 1.0 MB" in found
    assert "experiments 2" in found
    assert "other 4 kB" in found
    assert "runs" not in found.partition("(")[0]


def test_a_torn_file_is_bad_and_named(home):
    path = home / "features" / "a" / "0.safetensors"
    store.save_tensors(path, {"x": torch.zeros(1000)})
    assert [finding.verdict for finding in cache.contents()] == ["ok"]
    path.write_bytes(path.read_bytes()[:-100])
    _, damaged = cache.contents()
    assert damaged.verdict == "bad"
    assert str(path) in damaged.found
    assert "delete" in damaged.fix


def test_what_a_killed_write_left_is_removed_and_nothing_else(home):
    old = part_in(home / "features" / "a")
    young = part_in(home / "features" / "b", age=60)
    foreign = part_in(home, digits="my-own-notes")
    store.save_json(home / "kept.json", 1)
    outside = part_in(home.parent / "elsewhere")
    (home / "link").symlink_to(outside.parent, target_is_directory=True)
    leftovers, locks = cache.leftovers()
    assert leftovers.verdict == "warn"
    assert leftovers.found == f"1 unfinished or damaged files, 8 kB: {old}"
    assert locks.found == "none"
    assert [part.path for part in cache.clean()] == [old]
    assert not old.exists()
    assert all(path.exists() for path in (young, foreign, outside, home / "kept.json"))
    assert cache.clean() == []


def test_an_old_write_is_left_alone_while_its_folder_is_locked(home):
    path = part_in(home / "runs" / "s" / "001", name="checkpoint.safetensors")
    with filelock.FileLock(path.parent / "run.lock"):
        held = one(cache.leftovers)
        assert held.found.startswith("1 held by running work")
        assert "run.lock" in held.found
        assert cache.clean() == []
    assert len(cache.clean()) == 1


def test_a_real_killed_write_has_the_name_that_is_looked_for(home, monkeypatch):
    monkeypatch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
    with pytest.raises(KeyboardInterrupt), store.replacing(home / "codes.npz"):
        raise KeyboardInterrupt
    (left,) = home.iterdir()
    assert cache._LEFT.fullmatch(left.name)
