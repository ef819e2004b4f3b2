"""What the doctor deletes: what is computed again, by age and by size, and what is outdated."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import filelock
import pytest

from uhscm_doctor import prune

DAY = 86_400
NEW = "features/aaaa/0123456789abcdef0123456789abcdef.safetensors"
KEPT = ("runs/s/001/run.json", "weights/a.safetensors", "notes.json", "pictures/mine.png")


def cached(home: Path, name: str, days: float = 0.0, size: int = 4096) -> Path:
    """A file in the home folder that was last used some days ago."""
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


@pytest.fixture
def kept(home) -> list[Path]:
    """Old files that are never deleted."""
    return [cached(home, name, 999) for name in KEPT]


def removed(parts) -> set[Path]:
    assert not any(part.path.exists() for part in parts)
    return {part.path for part in parts}


def test_what_was_not_used_for_long_is_deleted(home, kept):
    old = {cached(home, name, 40) for name in (NEW, "postcards/b", "layouts/c.safetensors")}
    young = cached(home, "features/bbbb/1.safetensors", 20)
    read_today = cached(home, "checked/d/2.safetensors")
    os.utime(read_today, (time.time(), time.time() - 40 * DAY))
    assert removed(prune.prune(days=30)) == old
    assert all(path.exists() for path in (*kept, young, read_today))
    assert not (home / "features" / "aaaa").exists()
    assert prune.prune(days=30) == []


def test_the_longest_unused_is_deleted_beyond_a_size(home, kept):
    paths = [cached(home, f"features/a/{age}.safetensors", age, 40_960) for age in (3, 1, 2, 0)]
    assert removed(prune.prune(gigabytes=1e-4)) == {paths[0], paths[2]}
    assert all(path.exists() for path in kept)
    assert removed(prune.prune(gigabytes=0)) == {paths[1], paths[3]}


def test_what_older_versions_left_is_said_and_deleted(home, kept):
    assert list(prune.outdated()) == []
    names = ("000000000.safetensors", "000002048.begun", "000002048.lock")
    old = {cached(home, f"features/0123/{name}") for name in names}
    old.add(cached(home, "checked/0123456789abcdef0123.json"))
    new = [cached(home, name) for name in (NEW, "checked/0123/1.safetensors")]
    (finding,) = prune.outdated()
    assert finding.verdict == "warn"
    assert finding.found.startswith("4 files of version 0.2 or older")
    assert finding.fix.endswith("--clean")
    assert removed(prune.remove_outdated()) == old
    assert all(path.exists() for path in (*kept, *new))


def test_a_lock_that_is_held_stays(home):
    path = cached(home, "features/a/b.lock", 99)
    with filelock.FileLock(path):
        assert prune.prune(days=1) == []
        assert path.exists()


def test_links_are_not_followed(home, tmp_path):
    outside = cached(tmp_path, "elsewhere/mine.safetensors", 99)
    (home / "features").mkdir(parents=True)
    (home / "features" / "link").symlink_to(outside.parent, target_is_directory=True)
    (home / "features" / "file.safetensors").symlink_to(outside)
    assert prune.prune(days=1, gigabytes=0) == []
    assert outside.exists()


@pytest.mark.slow
def test_the_command_line_prunes(home):
    old, young = cached(home, NEW, 40), cached(home, "features/b/1.safetensors")
    outdated = cached(home, "features/0123/000000000.safetensors")
    command = [sys.executable, "-m", "uhscm_doctor", "--clean", "--older-than", "30"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Removed 1 cached files, 4 kB." in done.stdout
    assert not old.exists()
    assert not outdated.exists()
    assert young.exists()
    wrong = subprocess.run([*command[:3], "--older-than", "-1"], capture_output=True, check=False)
    assert wrong.returncode == 2
