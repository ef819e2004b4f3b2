"""Every command of docs/command-line.md, word for word on a folder of 300 photos, in its order."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from tests.cli.conftest import PAGE, commands_of_the_page
from uhscm_cli.commands import COMMANDS
from uhscm_cli.parser import make_parser
from uhscm_core import HammingIndex, Study

ONNX = all(map(importlib.util.find_spec, ("onnx", "onnxscript")))  # the extra onnx
NAMES = {command.__name__.rpartition(".")[2] for command in COMMANDS}


def documented_keys() -> dict[str, set[str]]:
    """The keys of each command's object; those in parentheses are of what it holds."""
    table = PAGE.read_text(encoding="utf-8").split("Its keys:\n")[1]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", text))) for name, text in rows}


def test_every_command_is_on_the_page():
    assert {shlex.split(line)[1] for line in commands_of_the_page()} == NAMES
    assert documented_keys().keys() == NAMES


def test_each_command_of_the_page_does_what_it_says(at_the_desk, uhscm):
    keys = documented_keys()
    for line in commands_of_the_page():
        words = shlex.split(line)
        if ".onnx" in line and not ONNX:
            continue
        answered = uhscm(line)
        # This machine may lack what the doctor asks for; that it answers is what counts.
        assert answered.status == 0 or words[1] == "doctor", f"{line}: {answered.err}"
        assert answered.out.strip(), line
        assert "Traceback" not in answered.err
        if words[1] == "doctor":  # slow, and its object is small
            continue
        again = uhscm(line, "--json", "--quiet")
        assert again.status == 0, f"{line}: {again.err}"
        assert again.err == "", line
        optional = {"methods", "comparison"} if "--compare" not in words else set()
        assert again.object.keys() == keys[words[1]] - optional, line
    study = Study.load(at_the_desk / "study")
    assert study.network is not None
    assert study.network.bits == 16
    assert study.concepts.templates == ("a painting of the {}",)
    assert len(study.dataset) == 300
    assert [*study.dataset.skipped] == ["notes.jpg"]
    index = HammingIndex.load(at_the_desk / "study" / "index.safetensors")
    assert np.array_equal(index.codes, study.index.codes)
    table = pyarrow.parquet.read_table(at_the_desk / "codes.parquet")
    assert b"".join(table["code"].to_pylist()) == study.codes.numpy().tobytes()


def test_the_other_commands_that_the_page_names_are_understood():
    named = re.findall(r"`uhscm ([^`]+)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) >= 3
    for words in named:
        if not words.endswith("--help"):
            assert make_parser().parse_args(shlex.split(words)).command in NAMES


def test_the_doctor_answers_as_documented(at_the_desk, uhscm, monkeypatch):
    monkeypatch.setattr("uhscm_doctor.report.CHECKS", ())
    monkeypatch.setattr("uhscm_doctor.doctor.__defaults__", ((),))
    answered = uhscm("uhscm doctor --json")
    assert answered.object.keys() == documented_keys()["doctor"]
    assert answered.status == 0


@pytest.mark.parametrize("name", sorted(NAMES))
def test_help_explains_each_command(name, uhscm):
    answered = uhscm(f"uhscm {name} --help")
    assert answered.status == 0
    assert f"usage: uhscm {name}" in answered.out
    assert "--json" in answered.out
    assert len(answered.out.split("\n\n")[1]) > 40


def test_the_help_says_each_default_as_one(uhscm):
    choices = make_parser()._subparsers._group_actions[0].choices
    for name, parser in choices.items():
        for action in parser._actions:
            said = action.help or ""
            assert not re.search(r"; [\w.,+-]+$", said), f"{name} {action.dest}: {said}"
            if action.option_strings and action.default not in (None, False, [], argparse.SUPPRESS):
                assert f"(default: {action.default})" in said, f"{name} {action.dest}"


def test_search_finds_the_photo_itself_first_and_says_where_it_is(trained_desk, uhscm):
    database = Study.load("ready").dataset
    place = database.images.path(int(database.splits["database"][3]))
    for _ in range(2):  # with the study's own codes, and from the index
        results = uhscm(f"uhscm search ready {place} -k 20 --json").object["results"]
        assert results[0]["distance"] == 0
        assert str(place) in [row["image"] for row in results if row["distance"] == 0]
        assert uhscm("uhscm index ready").status == 0


def test_words_are_answered_by_what_is_better_for_them_or_by_what_is_chosen(trained_desk, uhscm):
    kept = Study.load("ready").kept_names[0]
    for line, kind in (
        (f"'{kept}'", "concepts"),
        ("'a locomotive in a valley at night'", "features"),
        ("'a locomotive in a valley at night' --by concepts", "concepts"),
        (f"'{kept}' --by features", "features"),
    ):
        answered = uhscm(f"uhscm search ready {line} --json")
        assert answered.object["kind"] == kind
        assert answered.object["bits"] is None
        said = "as no kept concept says the same as 'a locomotive in a valley at night'; to ask the"
        assert (said in answered.err) == (kind == "features" and "--by" not in line)
    for by, head in (("features", "cosine of features"), ("concepts", "S of concepts")):
        shown = uhscm(f"uhscm search ready '{kept}' --by {by}").out.splitlines()
        assert shown[0].split("  ")[1] == head
        first = uhscm(f"uhscm search ready '{kept}' --by {by} --json").object["results"][0]
        distance = first["distance"] * (2 if by == "concepts" else 1)
        assert float(shown[1].split()[1]) == pytest.approx(1 - distance, abs=6e-5)


def test_words_that_name_a_folder_are_said_to_be_words(trained_desk, uhscm):
    answered = uhscm("uhscm search ready photos")
    assert answered.status == 0
    assert "'photos' is also a folder here, and is read as words" in answered.err
    assert "is also a folder" not in uhscm("uhscm search ready photos --text").err


def test_sizes_and_epochs_are_said_in_units(trained_desk, uhscm):
    assert re.search(r"index\.safetensors \(\d+\.\d kB\)", uhscm("uhscm index ready").out)
    assert re.search(r"wrote c\.npz \(\d+\.\d kB\)", uhscm("uhscm export ready c.npz").out)
    untrained = uhscm("uhscm train ready --bits 8 --epochs 0").out
    assert untrained == "8 bits learned in 0 epochs, so the network is as it began\n"


def test_one_seed_has_no_interval(trained_desk, uhscm):
    line = "uhscm experiment ready --vary bits=8,16 --vary method=ITQ --seeds"
    head, first, *_, said = uhscm(f"{line} 1").out.splitlines()
    assert head.split() == ["bits", "method", "mAP", "sd", "low", "high", "seeds"]
    assert first.split()[3:] == ["-", "-", "-", "1"]
    assert said == "With one seed there is no interval; use --seeds 2 or more."
    more = uhscm(f"{line} 2").out
    assert "no interval" not in more
    assert "-" not in more.split()


def test_an_index_of_an_earlier_training_is_not_used(trained_desk, uhscm):
    before = uhscm("uhscm search ready query.jpg --json --quiet").object
    uhscm("uhscm index ready")
    uhscm("uhscm train ready --bits 16 --epochs 2 --seed 1")
    answered = uhscm("uhscm search ready query.jpg --json")
    assert "the index is of an earlier training" in answered.err
    uhscm("uhscm train ready --bits 16 --epochs 2")
    answered = uhscm("uhscm search ready query.jpg --json")
    assert "earlier training" not in answered.err
    assert answered.object == before


def test_photos_of_the_same_world_are_added_in_silence(trained_desk, uhscm):
    before = uhscm("uhscm index ready --json").object["images"]
    answered = uhscm("uhscm index ready --add more-photos --json")
    assert "differ from what" not in answered.err
    assert answered.object["added"] == 40
    assert answered.object["images"] == before + 40
    photo = next((trained_desk / "more-photos").rglob("*.jpg"))
    results = uhscm(f"uhscm search ready {photo} -k 400 --json").object["results"]
    assert len(results) == before + 40
    assert str(photo) in [row["image"] for row in results if row["distance"] == 0]
    answered = uhscm("uhscm index ready --add more-photos --json")
    assert answered.object["added"] == 0
    assert "40 of 40 images are in the index already" in answered.err
    assert "40 added images are not in the new index" in uhscm("uhscm index ready").err


def test_photos_of_another_world_are_told(trained_desk, uhscm, tmp_path):
    generator = np.random.default_rng(0)
    for i in range(12):
        noise = generator.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
    answered = uhscm(f"uhscm index ready --add '{tmp_path}'")
    assert answered.status == 0
    assert "differ from what the network was trained on" in answered.err
    assert "of which 12 were added now" in answered.out


def test_encode_is_done_once_and_keeps_what_was_trained(trained_desk, uhscm):
    assert uhscm("uhscm encode photos ready").status == 0
    assert Study.load("ready").network is not None
    answered = uhscm("uhscm encode postcards ready --n-database 20 --n-query 2")
    assert answered.status == 1
    assert "another folder" in answered.err


def test_encode_again_gives_a_study_what_is_asked_for_now(trained_desk, uhscm):
    uhscm("uhscm encode photos asked --labels none --n-query 20 --concepts nuswide81")
    uhscm("uhscm train asked --bits 8 --epochs 1")
    uhscm("uhscm index asked")
    network = Study.load("asked").network
    assert Study.load("asked").dataset.labels is None
    assert uhscm("uhscm encode photos asked --n-query 20").status == 0
    study = Study.load("asked")
    assert study.dataset.labels is not None
    assert len(study.concepts.names) == 81
    assert study.network is not None
    assert study.network.state_dict().keys() == network.state_dict().keys()
    answered = uhscm("uhscm encode photos asked --n-query 40 --concepts coco80")
    study = Study.load("asked")
    assert len(study.dataset.splits["query"]) == 40
    assert len(study.concepts.names) == 80
    assert study.network is None
    assert "is dropped: train again" in answered.err
    assert "the index was of other images and is deleted" in answered.err


def test_what_other_concepts_make_useless_is_said(trained_desk, uhscm):
    uhscm("uhscm encode photos words")
    assert "bits learned in 1 epoch," in uhscm("uhscm train words --bits 8 --epochs 1").out
    answered = uhscm("uhscm mine words --concepts common")
    assert "train again" in answered.err
    assert Study.load("words").network is None
    answered = uhscm("uhscm evaluate words")
    assert answered.status == 1
    assert answered.out == ""
