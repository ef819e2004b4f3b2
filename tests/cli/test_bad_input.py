"""What wrong usage and hostile input get: one sentence, an exit status, and no traceback."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from uhscm_cli import saying
from uhscm_cli.commands import evaluate, export, train
from uhscm_cli.values import assigned, listed_values
from uhscm_core import Study

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, "-m", "uhscm_cli"]


@pytest.mark.parametrize(
    "line",
    ["", "unknown", "train", "train study --bits many", "train study --unknown", "search study"],
)
def test_wrong_usage_is_2(line, uhscm):
    answered = uhscm(f"uhscm {line}")
    assert answered.status == 2
    assert answered.out == ""
    command = f"{line.split()[0]} " if " " in line else ""  # whose options are meant
    assert f"usage: uhscm {command}" in answered.err
    assert "Traceback" not in answered.err


def test_an_unknown_option_is_said_with_the_usage_of_its_command(uhscm):
    answered = uhscm("uhscm train study --template 'a sketch of the {}'")
    assert answered.status == 2
    assert answered.err.startswith("usage: uhscm train ")
    assert "unrecognized arguments: --template" in answered.err


WRONG = {
    "encode nowhere new": "nowhere",
    "encode photos photos": "other files",
    "encode photos query.jpg": "a file",
    "encode photos/birds new --root /tmp": "root",
    "encode cifar10 new": "needs its folder: --root ...",
    "encode photos new --concepts ' '": "--concepts is blank",
    "encode photos new --seed -1": "--seed must be a whole number of at least 0, got -1",
    "mine ready --template ''": "--template is blank",
    "encode photos new --n-train 100000": "--n-train must be a whole number between 1 and",
    "encode photos new --labels odd": "--labels must be auto, folder, none, a pattern",
    "encode photos new --model NO-SUCH": "use a name such as ViT-B-16, or the path",
    "encode photos new --concepts nolist": "nolist",
    "encode photos new --device moon": "moon",
    "encode '' new": "SOURCE is blank: give it a value",
    "encode photos ''": "STUDY",
    "mine nowhere": "uhscm encode PHOTOS nowhere",
    "mine ready --tau -1": "--tau must be a finite number greater than 0",
    "mine ready --min-share -2": "--min-share must be",
    "mine ready --template nothing": "{}",
    "mine ready --concepts photos": "photos",
    "train ready --bits 0": "--bits must be a whole number between 1 and 65,536, got 0",
    "train ready --recipe magic": "recipe",
    "train ready --set nothing": "NAME=VALUE",
    "train ready --set speed=9": "training has no setting speed; its settings are epochs",
    "train ready --set batch_size=many": "batch_size",
    "train ready --set lam=0.5 --set lam=0.6": "lam is set twice",
    "train ready --backbone no_such": "no_such",
    "index ready --add nowhere": "nowhere",
    "export ready codes.parquet model.onxx": ".onnx",
    "search ready nothing.jpg": "no such file",
    "search ready photos/notes.jpg": "notes.jpg",
    "search ready query.jpg -k 0": "-k must be",
    "search ready ''": "QUERY",
    "evaluate ready --top-k 0": "--top-k",
    "evaluate ready --compare --methods magic": "magic",
    "evaluate ready --views auto": "add --compare",
    "evaluate ready --methods ITQ": "add --compare",
    "experiment ready --vary method=CIBHash --vary views=cropped": "cropped",
    "experiment ready --vary bits": "NAME=VALUE",
    "experiment ready --vary bitz=8": "bitz",
    "experiment ready --vary bits=8 --seeds 0": "--seeds must",
    "experiment ready --vary bits=8 --compare bits=8 bits": "NAME=VALUE",
    "paper table --datasets nowhere": "nowhere",
    "paper table --methods magic": "magic",
    "export ready codes.csv": ".parquet",
    "export ready nowhere/at/all/codes.npz codes.csv": "codes.csv",
    "paper query.jpg --datasets postcards": "query.jpg: the table needs a folder",
    "check nowhere.npz": "no such file",
    "check query.jpg": "FILE must end in .parquet",
}


def test_what_is_missing_is_made_with_a_command(at_the_desk, uhscm):
    shutil.rmtree(at_the_desk / "bare", ignore_errors=True)
    assert uhscm("uhscm encode photos bare --labels none").status == 0
    assert "train one with: uhscm train STUDY" in uhscm("uhscm search bare query.jpg").err
    assert uhscm("uhscm train bare --bits 8 --epochs 1").status == 0
    for line in ("evaluate bare", "experiment bare --vary bits=8"):
        said = uhscm(f"uhscm {line}").err
        assert "give it labels with: uhscm encode PHOTOS STUDY --labels FILE" in said
        assert "relevant=" not in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train s --bits 1.5", "argument --bits: expected a whole number, got '1.5'"),
        ("mine s --tau x", "argument --tau: expected a number, got 'x'"),
        ("paper t --bits 8,x", "argument --bits: expected whole numbers such as 32,64, got '8,x'"),
    ],
)
def test_a_number_that_is_none_is_said_without_names_of_the_code(line, said, uhscm):
    assert said in uhscm(f"uhscm {line}").err


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_1_and_one_sentence(line, trained_desk, uhscm, as_users_run_it):
    answered = uhscm(f"uhscm {line} --quiet")
    assert answered.status == 1, answered
    assert answered.out == ""
    (said,) = answered.err.splitlines()
    assert said.startswith("uhscm: ")
    assert "unexpected" not in said
    assert WRONG[line] in said
    assert not (trained_desk / "new" / "study.json").exists()


@pytest.mark.parametrize("wrong", ["--bits 0", "--recipe magic", "--set speed=9"])
def test_no_training_is_told_that_does_not_begin(wrong, trained_desk, uhscm):
    answered = uhscm(f"uhscm train ready {wrong}")
    assert answered.status == 1
    assert [line.partition(" ")[0] for line in answered.err.splitlines()] == ["reading", "uhscm:"]


def test_a_table_without_a_row_is_1_and_says_what_to_do_in_options(at_the_desk, uhscm):
    answered = uhscm("uhscm paper nothing --root nowhere --methods LSH --json")
    assert answered.status == 1
    assert answered.object["rows"] == []
    for said in (answered.err, answered.object["markdown"]):
        assert "let it be downloaded with --download\n" in said
    few = "--methods LSH --bits 8 --seeds 1 --n-train 20 --n-database 30 --n-query 5"
    answered = uhscm(f"uhscm paper something --datasets postcards {few}")
    assert answered.status == 0
    assert "|" not in answered.err, "bars are for terminals"


def test_no_evaluation_is_told_before_there_are_codes(at_the_desk, uhscm):
    shutil.rmtree(at_the_desk / "untrained", ignore_errors=True)
    assert uhscm("uhscm encode photos untrained").status == 0
    answered = uhscm("uhscm evaluate untrained")
    assert answered.status == 1
    assert "evaluating" not in answered.err


def test_a_wrong_comparison_is_refused_before_anything_is_computed(trained_desk, uhscm):
    answered = uhscm("uhscm experiment ready --vary bits=8,16 --seeds 2 --compare bits=8 bits=61")
    assert answered.status == 1
    assert "61" in answered.err
    assert "missing" not in answered.err


def test_runs_of_an_experiment_are_told_as_they_are_typed(trained_desk, uhscm):
    line = "uhscm experiment ready --vary method=UHSCM,ITQ --vary bits=8 --seeds 1"
    said = [said for said in uhscm(line).err.splitlines() if not said.startswith("note: ")]
    assert said[1] == "2 runs are missing"
    known = r"with seed 0: mAP 0\.\d{4}, \d+\.\d s"
    assert re.fullmatch("1 of 2: method=UHSCM, bits=8 " + known, said[2])
    assert re.fullmatch("2 of 2: method=ITQ, bits=8 " + known, said[3])
    assert "0 runs are missing" in uhscm(line).err


def test_debug_shows_where(trained_desk, uhscm):
    with pytest.raises(FileNotFoundError):
        uhscm("uhscm mine nowhere --debug")


def test_a_fault_of_ours_is_named_as_one(trained_desk, uhscm, monkeypatch):
    def broken(_):
        raise KeyError("x")

    monkeypatch.setattr(evaluate, "run", broken)
    answered = uhscm("uhscm evaluate ready")
    assert answered.status == 1
    assert answered.err == "uhscm: unexpected KeyError: 'x'; use --debug to see where\n"


def test_interrupted_is_130(trained_desk, uhscm, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate, "run", interrupted)
    answered = uhscm("uhscm evaluate ready")
    assert answered.status == 130
    assert answered.out == ""
    assert "interrupted" in answered.err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', "\x00\x1b[2J"])
def test_a_damaged_study_is_one_sentence(content, at_the_desk, uhscm, tmp_path):
    (tmp_path / "study.json").write_text(content)
    answered = uhscm(f"uhscm mine '{tmp_path}' --quiet")
    assert answered.status == 1
    (said,) = answered.err.splitlines()
    assert "study.json" in said
    assert "\x1b" not in said


def test_a_damaged_index_is_one_sentence(trained_desk, uhscm):
    uhscm("uhscm index ready")
    file = trained_desk / "ready" / "index.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    answered = uhscm("uhscm search ready query.jpg --quiet")
    assert answered.status == 1
    assert "index.safetensors" in answered.err
    assert len(answered.err.splitlines()) == 1


HOSTILE = ("\x1b[31mred.jpg", "two\nlines.jpg", "-k.jpg", "<b>$(id)`id`.jpg", "名前.jpg")


def test_hostile_names_reach_no_terminal_and_come_back_whole(at_the_desk, uhscm, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    raw = os.fsdecode(b"not utf-8 \xff.jpg")
    places = sorted((at_the_desk / "photos").rglob("[0-9]*.jpg"))
    for i, name in enumerate((*HOSTILE, raw, *map("{}.jpg".format, range(14)))):
        shutil.copy(places[i], photos / name)
    (photos / "\x1b]0;bad\x07.jpg").write_bytes(b"")
    for line in ("encode {p} {s}", "train {s} --bits 8 --epochs 1", "index {s}"):
        answered = uhscm("uhscm " + line.format(p=f"'{photos}'", s=f"'{tmp_path}/s'"))
        assert answered.status == 0, answered.err
        assert "\x1b" not in answered.out + answered.err
        assert "\x07" not in answered.out + answered.err
    answered = uhscm(f"uhscm search '{tmp_path}/s' '{at_the_desk}/query.jpg' -k 99")
    assert answered.status == 0
    assert "\x1b" not in answered.out
    assert "\\x1b[31mred.jpg" in answered.out
    assert len(answered.out.splitlines()) == 1 + 18  # the database has 18 of 20
    found = uhscm(f"uhscm search '{tmp_path}/s' '{at_the_desk}/query.jpg' -k 99 --json").object
    names = {os.path.basename(row["image"]) for row in found["results"]}  # noqa: PTH119
    database = Study.load(tmp_path / "s").dataset
    assert names == {database.names[i] for i in database.splits["database"]}


def test_notes_and_skipped_files_are_told_in_options_also_as_json(at_the_desk, uhscm, tmp_path):
    photos = tmp_path / "photos"
    shutil.copytree(at_the_desk / "photos", photos)
    (photos / "link.jpg").symlink_to(at_the_desk / "query.jpg")
    said = uhscm(f"uhscm encode '{photos}' '{tmp_path}/s' --json").object
    assert said["skipped"]["link.jpg"] == "a link out of the folder"
    assert any("--json lists them" in note for note in said["notes"])
    assert not any("dataset.skipped" in note for note in said["notes"])


def test_a_folder_that_cannot_be_written_is_said_before_the_work(
    at_the_desk, uhscm, tmp_path, permissions_bite
):
    place = tmp_path / "locked"
    place.mkdir()
    place.chmod(0o500)
    with permissions_bite:
        answered = uhscm(f"uhscm encode photos {place}/study --quiet")
    place.chmod(0o700)
    assert answered.status == 1
    (said,) = answered.err.splitlines()
    assert re.search("cannot write here|Permission denied", said)


def test_the_same_training_twice_at_once_is_refused(trained_desk, uhscm, monkeypatch):
    answers = []
    show = train._progress._show

    def meanwhile(self, step):
        show(self, step)
        if not answers:
            answers.append(None)
            answers.append(uhscm("uhscm train ready --bits 12 --epochs 2 --quiet"))

    monkeypatch.setattr(train._progress, "_show", meanwhile)
    assert uhscm("uhscm train ready --bits 12 --epochs 2").status == 0
    assert answers[1].status == 1
    assert "another process is training" in answers[1].err
    monkeypatch.undo()


def test_a_training_continues_where_it_was_interrupted(trained_desk, uhscm, monkeypatch):
    whole = uhscm("uhscm train ready --bits 24 --epochs 3 --json").object
    seen = []
    show = train._progress._show

    def interrupted(self, step):
        show(self, step)
        seen.append(step.step)
        if len(seen) == 3:
            raise KeyboardInterrupt

    shutil.rmtree("ready/runs")
    monkeypatch.setattr(train._progress, "_show", interrupted)
    assert uhscm("uhscm train ready --bits 24 --epochs 3").status == 130
    answered = uhscm("uhscm train ready --bits 24 --epochs 3 --json")
    monkeypatch.undo()
    assert answered.object == whole
    assert seen == list(range(1, whole["steps"] + 1))


# -- in a process of its own, without torch ----------------------------------------------------


def closed(*words: str) -> tuple[int, str]:
    """Run a command whose standard output has no reader."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*RUN, *words], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["completion", "bash"]])
def test_a_closed_pipe_is_no_error(words):
    assert closed(*words) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_an_error():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*RUN, "completion", "bash"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 1
    assert re.fullmatch(r"uhscm: .*No space left on device\n", done.stderr)


def test_help_comes_without_torch():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *RUN[1:], "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"argparse", "uhscm_cli.parser"} <= loaded
    assert not {"torch", "numpy", "uhscm_core"} & loaded


def test_wrong_usage_with_control_characters_is_escaped():
    done = subprocess.run(
        [*RUN, "train", "s", "--\x1b[2J"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 2
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_names_commands_and_options(shell, uhscm):
    script = uhscm(f"uhscm completion {shell}").out
    assert "encode" in script
    assert "bits" in script


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")
def test_bash_completes_a_command(uhscm, tmp_path):
    (tmp_path / "completion").write_text(uhscm("uhscm completion bash").out)
    ask = (
        f"source {tmp_path}/completion; COMP_WORDS=(uhscm tr); COMP_CWORD=1; "
        '_shtab_uhscm; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["train"]


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_the_same_command_continues(at_the_desk, uhscm):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [*RUN, "encode", "photos", "stopped"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # if it is ignored
    )
    assert running.stderr is not None
    assert running.stderr.readline() == "reading photos\n"  # now it is at work
    running.send_signal(signal.SIGINT)
    out, err = running.communicate()
    assert running.returncode == 130
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    assert uhscm("uhscm encode photos stopped").status == 0


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")
@pytest.mark.parametrize(
    "words", ["mine s --concepts", "encode p s --model", "encode p s --labels", "paper", "mine"]
)
def test_bash_completes_files_where_one_can_be_named(words, uhscm, tmp_path):
    (tmp_path / "completion").write_text(uhscm("uhscm completion bash").out)
    (tmp_path / "words.txt").touch()
    (tmp_path / "words").mkdir()
    ask = (
        f"cd {tmp_path}; source completion; COMP_WORDS=(uhscm {words} wo); "
        f'COMP_CWORD={len(words.split()) + 1}; _shtab_uhscm; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == ["words", "words.txt"]


# -- small parts ---------------------------------------------------------------------------------


def test_values_are_read_as_json_reads_them():
    assert assigned(["a=1", "b=0.5", "c=true", "d=null", "e=ITQ of concepts", "f-g=x=y"]) == {
        "a": 1,
        "b": 0.5,
        "c": True,
        "d": None,
        "e": "ITQ of concepts",
        "f_g": "x=y",
    }
    assert listed_values(["bits=16,32", "method=UHSCM, ITQ"]) == {
        "bits": [16, 32],
        "method": ["UHSCM", "ITQ"],
    }


def test_cells_and_sizes_have_digits_and_units():
    rows = list(saying.table([(0.98765, 1), (1.0, 2), (1.02849, 3)], ("distance", "rank")))
    assert [row.split()[0] for row in rows] == ["distance", "0.9877", "1.0000", "1.0285"]
    sizes = (1, 999, 1000, 2417, 1_300_000, 5_020_000_000, 7_000_000_000_000)
    assert [saying.size_of(size) for size in sizes] == [
        *("1 byte", "999 bytes", "1.0 kB", "2.4 kB", "1.3 MB", "5.0 GB", "7000.0 GB"),
    ]


def test_numbers_that_json_lacks_become_null():
    odd = {"a": float("nan"), "b": [float("inf"), 1], "c": Path("x"), "d": (True, None, "t")}
    assert json.loads(json.dumps(saying.plain(odd), allow_nan=False)) == {
        "a": None,
        "b": [None, 1],
        "c": "x",
        "d": [True, None, "t"],
    }


def test_warnings_of_other_libraries_are_shown_with_debug_alone(uhscm, monkeypatch):
    def noisy(_):
        warnings.warn("theirs", DeprecationWarning, stacklevel=1)
        return {"study": "s", "files": []}

    monkeypatch.setattr(export, "run", noisy)
    assert "theirs" not in uhscm("uhscm export s f").err
    assert "theirs" in uhscm("uhscm export s f --debug").err
