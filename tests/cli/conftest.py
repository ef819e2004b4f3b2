"""A folder of painted photos, and the words of the docs run on it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from uhscm_cli.main import main
from uhscm_postcards.paint import paint
from uhscm_postcards.scene import make_scene

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
FIRST = 2_000_000_000  # seeds of scenes that no other test has


class Answered(NamedTuple):
    """What one command came to."""

    status: int
    out: str
    err: str

    @property
    def object(self) -> Any:
        return json.loads(self.out)


def paint_photos(folder: Path, number: int, first: int = FIRST) -> None:
    """Painted pictures as JPEG files, in a folder for one of the labels of each."""
    for i in range(number):
        scene = make_scene(first + i)
        label = sorted(scene.labels)[i % len(scene.labels)]
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(paint(scene)).save(folder / label / f"{i:03d}.jpg", quality=92)


def commands_of_the_page() -> list[str]:
    """All lines in the page's blocks of shell commands."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.+?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture
def uhscm(capsys) -> Callable[..., Answered]:
    """Run a command line in this process."""

    def run(line: str, *more: str) -> Answered:
        capsys.readouterr()
        status = main([*shlex.split(line)[1:], *more])
        return Answered(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def desk(tmp_path_factory) -> Path:
    """A folder with `photos`, `more-photos`, `query.jpg`, and a home of its own."""
    folder = tmp_path_factory.mktemp("desk")
    paint_photos(folder / "photos", 300)
    paint_photos(folder / "more-photos", 40, FIRST + 1000)
    (folder / "photos" / "notes.jpg").write_text("not an image")
    Image.fromarray(paint(make_scene(FIRST + 300))).save(folder / "query.jpg")
    return folder


@pytest.fixture
def at_the_desk(desk, monkeypatch, as_users_run_it) -> Path:
    monkeypatch.chdir(desk)
    monkeypatch.setenv("UHSCM_HOME", str(desk / "home"))
    monkeypatch.delenv("UHSCM_VLP", raising=False)
    return desk


@pytest.fixture
def trained_desk(at_the_desk, uhscm) -> Path:
    """The same with the study `ready`, trained to 16 bits, as no other test has changed it."""
    if not (at_the_desk / "made" / "study.json").exists():
        for line in ("encode photos made", "mine made", "train made --bits 16 --epochs 2"):
            answered = uhscm(f"uhscm {line}")
            assert answered.status == 0, answered.err
    shutil.rmtree(at_the_desk / "ready", ignore_errors=True)
    shutil.copytree(at_the_desk / "made", at_the_desk / "ready")
    return at_the_desk
