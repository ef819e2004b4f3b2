"""Sentences that name Python's arguments name options at a terminal, and neither in a form."""

from __future__ import annotations

import re

import pytest
import torch
from PIL import Image

from uhscm_cli.saying import as_options
from uhscm_core import load_dataset, mine_concepts
from uhscm_core.support.ways import FOLLOW, LABELS, LABELS_OR_NONE, LISTED, told
from widgets.background.errors import message_of
from widgets.background.worker import Worker

pytestmark = pytest.mark.usefixtures("as_users_run_it")  # the check would read broken images

ARGUMENT = re.compile(r"\b\w+=|`\w+\.")  # labels= or `dataset.skipped`


@pytest.mark.parametrize("way", [LABELS, LABELS_OR_NONE, FOLLOW, LISTED])
def test_no_way_of_python_is_left(way):
    assert ARGUMENT.search(way)
    for to in ("command line", "form"):
        said = told(f"3 images skipped{way}.", to)
        assert said.startswith("3 images skipped")
        assert not ARGUMENT.search(said)
    assert "--" not in told(way, "form")
    assert told("a photo called labels=3.png", "form") == "a photo called labels=3.png"


def photos_of(folder, *names):
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (10 * i, 90, 200)).save(folder / name)
    return folder


def test_what_a_folder_says_is_told_in_the_terms_of_its_reader(tmp_path):
    folder = photos_of(tmp_path / "a", *(f"Urlaub/{i}.png" for i in range(4)))
    (folder / "broken.png").write_bytes(b"none")
    dataset = load_dataset(folder, progress=False, warn=False)
    notes = " ".join(dataset.notes)
    assert "labels= can be" in notes
    assert "`dataset.skipped` lists them" in notes
    assert "--labels can be folder" in as_options(notes)
    assert "--json lists them" in as_options(notes)
    assert "Other labels are chosen in Python" in told(notes, "form")
    assert not ARGUMENT.search(told(notes, "form"))


def test_errors_and_what_a_job_says_are_told_so_too(tmp_path):
    folder = photos_of(tmp_path / "b", "train/cat/0.png", "train/dog/1.png", "test/bird/2.png")
    with pytest.raises(ValueError, match="give labels=") as error:
        load_dataset(folder, progress=False)
    assert message_of(error.value).endswith("or choose the labels in Python, with load_dataset")
    said: list[str] = []
    worker = Worker(lambda *_: None, said.append)

    def fail():
        load_dataset(photos_of(tmp_path / "c", "Urlaub/0.png", "Urlaub/1.png"), progress=False)
        load_dataset(folder, progress=False)

    worker.do("reading", fail)
    assert len(said) >= 2  # what the first folder says, and the error of the second
    assert not any(ARGUMENT.search(sentence) for sentence in said)
    rows = torch.eye(4)
    with pytest.raises(ValueError, match=r"\(largest first\); min_share is 9$") as error:
        mine_concepts(rows, rows, min_share=9)
    assert message_of(error.value).endswith("(largest first); Minimum votes is 9")
    assert as_options(str(error.value)).endswith("(largest first); --min-share is 9")
