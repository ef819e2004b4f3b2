"""The paper's benchmarks on small postcards: rows, missing data, odd arguments, interruptions."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from uhscm_core import Experiment, Study, load_vlp, run_paper, training
from uhscm_core.paper import METHODS, running
from uhscm_core.paper.protocol import BENCHMARKS, dataset_of, rank_of
from uhscm_core.paper.running import PIXELS
from uhscm_core.recipe import RECIPES
from uhscm_core.runs import writer
from uhscm_core.support import store

pytestmark = pytest.mark.usefixtures("quick_peers")
ROOT = Path(__file__).resolve().parents[2]
SMALL = {"n_train": 40, "n_database": 60, "n_query": 10}
QUICK = {"datasets": ["postcards"], "bits": [8, 16], "seeds": 2, **SMALL}


def photos(folder, several: bool = False):
    """Twenty small photos in two classes, each of its color."""
    for i in range(20):
        place = folder / ("red" if i % 2 else "blue")
        place.mkdir(parents=True, exist_ok=True)
        color = (200, i, 0) if i % 2 else (0, i, 200)
        Image.new("RGB", (32, 32), color).save(place / f"{i}.png")
    return folder


def test_every_method_has_a_row_on_postcards(tmp_path):
    said = []
    table = run_paper(tmp_path, report=said.append, **QUICK)
    frame = table.to_frame()
    names = [f"UHSCM, {m}" if m in RECIPES else m for m in METHODS]
    assert list(dict.fromkeys(frame["method"])) == names
    computed = frame[~frame["method"].isin(PIXELS)]
    assert (computed["seeds"] == 2).all()
    assert computed["mAP"].between(0, 1).all()
    assert (frame["rank"] == 5000).all(), "postcards have several labels"
    assert sum("seed" in line for line in said) == 2 * len(computed)
    found = pd.read_csv(tmp_path / "table.csv", comment="#")
    assert found["mAP"].tolist() == pytest.approx(frame["mAP"].tolist(), nan_ok=True)
    again = []
    repeated = run_paper(tmp_path, report=again.append, **QUICK)
    assert not any("seed" in line for line in again)
    assert repeated.to_frame().equals(frame)


def test_a_row_is_what_the_experiment_gives(tmp_path):
    table = run_paper(tmp_path / "paper", methods=["ITQ", "tuned"], **QUICK)
    dataset = dataset_of("postcards", tmp_path, SMALL, download=False)
    study = Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
    for name, vary in (("ITQ", {"method": ["ITQ"]}), ("UHSCM, tuned", {"recipe": ["tuned"]})):
        experiment = Experiment(study, {"bits": [8, 16], **vary}, 2, top_k=5000)
        list(experiment)
        rows = table.to_frame()
        rows = rows[rows["method"] == name]
        expected = experiment.to_frame()
        assert rows["mAP"].tolist() == expected["mAP"].tolist()
        assert rows["sd"].tolist() == expected["sd"].tolist()


def test_pixels_are_left_out_without_a_gpu_and_the_row_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    table = run_paper(tmp_path, methods=["VGG19 on pixels"], **QUICK)
    assert table.to_frame()["mAP"].isna().all()
    (said,) = table.remarks()
    assert said.startswith("postcards, VGG19 on pixels: left out without a GPU")
    assert "pixels_on_cpu" in said


ON_PIXELS = QUICK | {
    "bits": [8],
    "seeds": 1,
    "methods": ["VGG19 on pixels", "paper"],
    "pixels_on_cpu": True,
}
EPOCHS = 8  # each of one step, as a batch is larger than the set


def small_backbone(patch):
    """Stand in for VGG19, train for a few epochs, and keep a checkpoint of each step."""
    patch.setitem(running.PIXELS, "VGG19 on pixels", "test_resnet")
    patch.setattr(running.os, "cpu_count", lambda: 1)
    patch.setitem(RECIPES["paper"], "epochs", EPOCHS)
    patch.setattr(writer, "_CHECKPOINT_SECONDS", 0.0)


def losses_on_pixels(patch):
    """Return what will hold the loss of each step on pixels that is trained from now on."""
    losses = {}
    original = training._Training._train_on

    def spy(self, *batch):
        terms = original(self, *batch)
        if self.network.on_pixels:
            losses[self.step + 1] = terms["total"]
        return terms

    patch.setattr(training._Training, "_train_on", spy)
    return losses


KILLED = """
import importlib.util
import sys

import pytest

sys.path.insert(0, {root!r})
spec = importlib.util.spec_from_file_location("paper_runs", {file!r})
paper_runs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(paper_runs)
if __name__ == "__main__":
    paper_runs.small_backbone(pytest.MonkeyPatch())
    paper_runs.run_paper({folder!r}, **paper_runs.ON_PIXELS)
"""


def kill_in_training(folder, done):
    """Run the paper's benchmarks in another process; kill it when so many steps are done."""
    script = KILLED.format(root=str(ROOT), file=__file__, folder=str(folder))
    child = subprocess.Popen([sys.executable, "-c", script])
    logs = folder / "postcards" / "training"
    try:
        while child.poll() is None:
            if sum(log.read_bytes().count(b"\n") for log in logs.glob("*/metrics.jsonl")) >= done:
                break
            time.sleep(0.02)
        assert child.poll() is None, "it ended before it was killed"
    finally:
        child.kill()
        child.wait()
    assert child.returncode == -signal.SIGKILL


def codes_in(folder):
    """The codes of each run that a folder keeps, by the name of their file."""
    found = (folder / "postcards" / "codes").iterdir()
    return {path.name: store.load_tensors(path)[0]["codes"] for path in found}


@pytest.mark.slow
@pytest.mark.usefixtures("weights_of_test_resnet")
def test_a_backbone_on_pixels_has_a_row_also_when_killed_in_its_training(tmp_path, monkeypatch):
    small_backbone(monkeypatch)
    losses = losses_on_pixels(monkeypatch)
    whole = run_paper(tmp_path / "whole", **ON_PIXELS)
    on_pixels, on_features = whole.rows
    assert on_pixels.method == "VGG19 on pixels"
    assert 0 < on_pixels.mAP < 1
    assert on_pixels.mAP != on_features.mAP

    uninterrupted = dict(losses)
    assert list(uninterrupted) == list(range(1, EPOCHS + 1))
    losses.clear()
    kill_in_training(tmp_path / "killed", done=3)
    resumed = run_paper(tmp_path / "killed", **ON_PIXELS)
    first = min(losses)
    assert first >= 3  # a step is logged before its checkpoint is written
    assert losses == {step: uninterrupted[step] for step in range(first, EPOCHS + 1)}
    assert resumed.to_frame().equals(whole.to_frame())
    expected, found = codes_in(tmp_path / "whole"), codes_in(tmp_path / "killed")
    assert len(expected) == 2
    assert found.keys() == expected.keys()
    for name, codes in expected.items():
        assert torch.equal(found[name], codes)


def test_missing_datasets_say_where_to_get_them_and_the_others_run(tmp_path):
    options = QUICK | {"datasets": [*BENCHMARKS, "postcards"]}
    table = run_paper(tmp_path / "out", methods=["LSH"], root=tmp_path / "data", **options)
    assert list(dict.fromkeys(table.to_frame()["dataset"])) == ["postcards"]
    first, second, third = table.notes
    assert "CIFAR-10 was not run" in first
    assert "download=True" in first
    assert str(tmp_path / "data" / "flickr25k") in second
    assert "LIACS MIRFLICKR page" in second
    assert "NUS Lab for Media Search page" in third


def test_a_model_that_is_missing_is_said(tmp_path):
    folder = photos(tmp_path / "photos")
    table = run_paper(tmp_path / "out", [folder], methods=["LSH"], bits=[8])
    assert table.rows == ()
    assert "photos was not run: " in table.notes[0]


def test_a_folder_is_evaluated_at_1000_where_each_image_has_one_label(tmp_path):
    folder = photos(tmp_path / "photos")
    options = {"methods": ["ITQ"], "bits": [4], "seeds": 1, "n_query": 4, "model": "postcards"}
    table = run_paper(tmp_path / "out", [folder], concepts="coco80", **options)
    (row,) = table.rows
    assert (row.dataset, row.rank, row.seeds) == ("photos", 1000, 1)


def test_index_files_next_to_the_images_are_the_split(tmp_path):
    folder = photos(tmp_path / "photos")
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*.png"))
    (folder / "index").mkdir()
    for part, rows in (("train", names[:8]), ("database", names[:14]), ("test", names[14:])):
        lines = [f"{name} {int('red' in name)} 1" for name in rows]
        (folder / "index" / f"{part}.txt").write_text("\n".join(lines) + "\n")
    dataset = dataset_of(str(folder), tmp_path, {}, download=False)
    sizes = {name: len(ids) for name, ids in dataset.splits.items()}
    assert sizes == {"train": 8, "database": 14, "query": 6}
    assert rank_of(str(folder), dataset) == 5000


def test_images_without_labels_are_not_run_and_it_says_why(tmp_path):
    for i in range(12):
        (tmp_path / "bare").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / "bare" / f"{i}.png")
    table = run_paper(tmp_path / "out", [tmp_path / "bare"], model="postcards", bits=[4])
    assert table.notes == ("bare was not run: evaluation needs labels, but these images have none",)


def test_published_figures_stand_in_the_table(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("dataset,method,bits,mAP,source\npostcards,Theirs,8,0.5,page 3\n")
    table = run_paper(tmp_path / "out", methods=["LSH"], published=path, **QUICK)
    assert table.rows[-1].method == "Theirs (published)"
    assert "postcards, Theirs (published): from page 3" in table.remarks()


def test_the_provenance_says_how_to_repeat_it(tmp_path):
    table = run_paper(tmp_path, methods=["LSH"], **QUICK)
    said = dict(table.provenance)
    assert said["command"].startswith("run_paper(")
    assert "uhscm-explorer 0" in said["versions"]
    assert said["seeds"] == "0 to 1"
    assert "40 train, 60 database, 10 query" in said["postcards"]
    repeated = eval(said["command"], {"run_paper": run_paper})  # noqa: S307  # our own words
    assert repeated.rows == table.rows


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datasets": []}, "datasets must have at least one value"),
        ({"datasets": "postcards"}, "datasets must be a list, got 'postcards'"),
        ({"datasets": ["postcard"]}, "no dataset 'postcard': expected cifar10, flickr25k"),
        ({"datasets": ["postcards"] * 2}, "datasets must name each once, got 'postcards' twice"),
        ({"methods": ["SH"]}, "methods must be one of 'LSH'"),
        ({"methods": [3]}, "methods must be one of 'LSH'"),
        ({"bits": [0]}, "bits must be a whole number"),
        ({"bits": [8, 8]}, "bits must name each once, got 8 twice"),
        ({"bits": 8}, "bits must be a list, got 8"),
        ({"seeds": 0}, "seeds must be a whole number"),
        ({"seeds": 1.5}, "seeds must be a whole number"),
        ({"workers": 0}, "workers must be a whole number"),
        ({"n_train": -1}, "n_train must be a whole number"),
        ({"pixels_on_cpu": "yes"}, "pixels_on_cpu must be True or False"),
        ({"download": 1}, "download must be True or False"),
        ({"progress": 1}, "progress must be True or False"),
        ({"concepts": "no such list"}, "no such list"),
        ({"report": 3}, "report must be a function"),
        ({"published": "no such file.csv"}, "no such file"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_odd_arguments_are_refused_before_anything_runs(tmp_path, changes, message):
    with pytest.raises((TypeError, ValueError, OSError), match=message):
        run_paper(tmp_path / "out", **(QUICK | changes))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_take_the_table_is_refused_first(tmp_path, permissions_bite):
    said: list[str] = []
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="the table needs a folder, and this is a file"):
        run_paper(tmp_path / "file", report=said.append, **QUICK)
    (tmp_path / "locked").mkdir(mode=0o500)
    with permissions_bite, pytest.raises(PermissionError, match="cannot write here"):
        run_paper(tmp_path / "locked", report=said.append, **QUICK)
    assert said == []


@pytest.mark.parametrize("source", ["postcards", "photos"])
def test_no_bar_is_shown_where_none_is_wanted(source, tmp_path, capsys):
    folder = photos(tmp_path / "photos") if source == "photos" else source
    options = QUICK | {"datasets": [folder], "methods": ["LSH"], "model": "postcards"}
    if source == "photos":
        options |= {"n_train": 10, "n_database": 15, "n_query": 5}
    run_paper(tmp_path / "out", progress=False, **options)
    assert "|" not in "".join(capsys.readouterr())
    assert (tmp_path / "out" / "table.csv").exists()


SCRIPT = """
from uhscm_core import run_paper
run_paper({folder!r}, ["postcards"], methods=["ITQ", "uhscm", "tuned"], bits=[8, 16], seeds=2,
          n_train=40, n_database=60, n_query=10, report=lambda line: print(line, flush=True))
"""


@pytest.mark.slow
def test_a_killed_run_is_taken_up_where_it_was(tmp_path, home):
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    script = SCRIPT.format(folder=str(folder))
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "UHSCM_HOME": str(home)},
    )
    before = []
    for line in child.stdout:
        before.append(line.strip())
        if "UHSCM, uhscm, 8 bits" in line:  # in the middle of the second of three methods
            break
    os.kill(child.pid, signal.SIGKILL)
    with contextlib.suppress(Exception):
        child.communicate(timeout=60)
    options = QUICK | {"methods": ["ITQ", "uhscm", "tuned"]}
    after: list[str] = []
    table = run_paper(folder, report=after.append, **options)
    runs = [[line for line in lines if "seed" in line] for lines in (before, after)]
    assert len(runs[0]) >= 5
    assert not set(runs[0]) & set(runs[1]), "what was there is not computed again"
    # The child may have finished one more run before it was killed.
    assert 12 - len(runs[0]) - 1 <= len(runs[1]) <= 12 - len(runs[0])
    expected = run_paper(whole, **options)
    assert np.array_equal(table.to_frame()["mAP"], expected.to_frame()["mAP"])
