"""Worker processes are started only where that cannot fail."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from uhscm_core.support.processes import reading_in

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import multiprocessing, os
multiprocessing.set_start_method(os.environ["METHOD"], force=True)
from uhscm_core import Study, load_dataset, load_vlp
dataset = load_dataset(os.environ["PHOTOS"], progress=False)
study = Study(dataset, load_vlp("postcards", device="cpu"), ["tree"], progress=False)
print("features", tuple(study.image_features.shape))
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_the_readmes_lines_are_a_script_under_any_start_method(tmp_path, home, method):
    photos = tmp_path / "photos"
    photos.mkdir()
    generator = np.random.default_rng(0)
    for i in range(520):  # more than 512, from where on processes read
        pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"{i:03d}.png")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PHOTOS": str(photos), "METHOD": method},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "features (520, " in done.stdout


@pytest.fixture
def main(monkeypatch):
    """A main module as in a notebook; with a `__file__` it is a script's."""
    module = ModuleType("__main__")
    module.__spec__ = None
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


@pytest.mark.parametrize(
    ("method", "platform", "in_a_script", "in_a_notebook"),
    [
        ("fork", "linux", "fork", "fork"),
        ("forkserver", "linux", "fork", "fork"),  # the default of Python 3.14
        ("forkserver", "darwin", None, "forkserver"),
        ("spawn", "darwin", None, "spawn"),
        ("spawn", "win32", None, "spawn"),
        ("spawn", "linux", None, "spawn"),
    ],
)
def test_processes_that_import_a_script_again_are_not_started(
    monkeypatch, main, method, platform, in_a_script, in_a_notebook
):
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: method)
    monkeypatch.setattr(sys, "platform", platform)
    assert reading_in(0) == {"num_workers": 0}
    assert reading_in(2) == {"num_workers": 2, "multiprocessing_context": in_a_notebook}
    main.__file__ = "script.py"
    started = {"num_workers": 2, "multiprocessing_context": in_a_script}
    assert reading_in(2) == (started if in_a_script else {"num_workers": 0})
