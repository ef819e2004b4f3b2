"""The fine-tuning benchmark on postcards and a tiny backbone: one command that resumes."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks import finetuning
from uhscm_core import HashNetwork
from uhscm_core.backbones import PACKAGES, find_packaged_weights


@pytest.fixture
def printed_by(study, weights_of_test_resnet, monkeypatch, capsys, tmp_path):
    """What the command prints for the small study, with a pretrained backbone of 20,000 weights."""
    monkeypatch.setattr(finetuning, "BACKBONE", "test_resnet")
    monkeypatch.setattr(finetuning, "VALIDATION", (10, 40))
    monkeypatch.setattr(finetuning, "corel5k", lambda: (study.dataset, "postcards"))
    monkeypatch.setattr(finetuning, "load_vlp", lambda _: study.vlp)

    def run(*options):
        arguments = ["--folder", str(tmp_path / "run"), "--size", "32", "--bits", "16", *options]
        monkeypatch.setattr(sys, "argv", ["finetuning", *arguments])
        finetuning.main()
        return capsys.readouterr().out

    return run


def cells(text, start):
    """The rows of the printed table that begin with a text."""
    rows = (line.strip("| ").split(" | ") for line in text.splitlines())
    return [[cell.strip() for cell in row] for row in rows if row[0].startswith(start)]


def test_the_curve_has_a_row_per_epoch_and_the_table_the_heads_next_to_it(printed_by):
    printed = printed_by("--epochs", "2")
    curve = [row for row in cells(printed, "") if row[0] in ("1", "2")]
    assert len(curve) == 2
    for row in curve:
        assert len(row) == 8
        assert all(0 <= float(value) <= 1 for value in row[5:7])
    before, after = cells(printed, "backbone on pixels")
    assert before[:2] == ["backbone on pixels, before training", ""]
    assert after[:2] == ["backbone on pixels, fine-tuned", "2"]
    assert before[2:4] != after[2:4]
    assert [row[1] for row in cells(printed, "head on features")] == ["2", "60", "8"]
    assert len(cells(printed, "ITQ of concepts")) == 1


def test_none_of_the_images_that_validate_is_trained_on(printed_by, study):
    kept = finetuning.held_out(study.dataset, "postcards").dataset.splits
    assert set(kept["train"]) < set(study.dataset.splits["train"])
    assert list(kept["query"]) == list(study.dataset.splits["query"])
    printed = printed_by("--epochs", "1")
    assert re.search(r"Validated on \d+ database images .* that are not trained on", printed)


def test_a_run_without_time_stops_after_an_epoch_and_continues_in_its_folder(printed_by):
    first = printed_by("--epochs", "3", "--minutes", "0")
    assert cells(first, "backbone on pixels, fine-tuned")[0][1] == "1"
    second = printed_by("--epochs", "3")
    assert "epoch 1 in" not in second
    assert cells(second, "backbone on pixels, fine-tuned")[0][1] == "3"
    assert [row[2:4] for row in cells(first, "backbone on pixels, before")] == [
        row[2:4] for row in cells(second, "backbone on pixels, before")
    ]


def test_without_the_photos_it_says_why_nothing_runs(printed_by, monkeypatch):
    def absent():
        raise FileNotFoundError("no such folder: put the photos there")

    monkeypatch.setattr(finetuning, "corel5k", absent)
    assert printed_by() == "skipped: no such folder: put the photos there\n"


@pytest.mark.usefixtures("printed_by")
def test_the_backbone_reads_images_of_the_asked_size():
    options = argparse.Namespace(bits=16, seed=0, size=48, device="cpu")
    network = finetuning.small_network(options)
    assert network.transform(augment=True)(Image.new("RGB", (192, 128))).shape == (3, 48, 48)
    untouched = HashNetwork(16, "test_resnet", pretrained=False)
    assert untouched.transform(augment=True)(Image.new("RGB", (192, 128))).shape == (3, 160, 160)


@pytest.mark.photos
@pytest.mark.slow
def test_imagenet_weights_learn_the_concepts_of_photos(monkeypatch, capsys, tmp_path):
    if find_packaged_weights(finetuning.BACKBONE) is None:
        pytest.skip(f"{PACKAGES[finetuning.BACKBONE]} is not installed")
    try:
        dataset, model = finetuning.corel5k()
    except OSError:
        pytest.skip("the development photos are not in ../shared")
    ids = [*dataset.splits["database"][:140], *dataset.splits["query"][:20]]
    few = dataclasses.replace(
        dataset,
        images=dataset.images.take([int(i) for i in ids]),
        labels=dataset.labels[ids],
        names=tuple(dataset.names[i] for i in ids),
        digest="few photos",
        splits={"train": np.arange(140), "database": np.arange(140), "query": np.arange(140, 160)},
    )
    monkeypatch.setattr(finetuning, "corel5k", lambda: (few, model))
    monkeypatch.setattr(finetuning, "VALIDATION", (10, 30))
    options = ["--folder", str(tmp_path / "run"), "--size", "96", "--epochs", "3"]
    monkeypatch.setattr(sys, "argv", ["finetuning", *options])
    finetuning.main()
    printed = capsys.readouterr().out
    curve = {row[0]: row for row in cells(printed, "") if row[0] in ("1", "2", "3")}
    assert float(curve["3"][2]) < 0.8 * float(curve["1"][2])  # the similarity term
    assert float(curve["3"][5]) > float(curve["1"][5])  # validation by concepts
