"""The benchmark of GPUs, whose lines run on the CPU as a dry run."""

from __future__ import annotations

import re
import sys

import pytest
import torch

from benchmarks import gpu

PARTS = (
    "encoding",
    "agreement with the CPU",
    "training on features",
    "fine-tuning test_resnet",
    "a full device",
    "tests marked cuda",
)


@pytest.fixture
def printed_by(monkeypatch, capsys):
    def run(*options):
        monkeypatch.setattr(sys, "argv", ["gpu", *options])
        gpu.main()
        return capsys.readouterr().out

    return run


@pytest.mark.slow
def test_a_dry_run_runs_every_part_on_the_cpu(printed_by):
    printed = printed_by("--dry-run")
    assert re.findall("### (.+)", printed) == list(PARTS)
    assert "0 of 220 images vote for another concept" in printed
    assert len(re.findall(r"^\| \w+ \| cpu \| ", printed, re.MULTILINE)) == 4  # recipes
    for precision in ("32-true", "bf16-mixed"):
        rates = (
            rf"random weights, batches of 8, {precision}: \d+ images/s with reading, \d+ without"
        )
        assert re.search(rates, printed)
    assert "cpu has no memory for a batch of 16; reduce batch_size" in printed
    assert "with memory again, the run continued where it was" in printed
    assert re.search(r"\d+ (passed|skipped)", printed)


@pytest.fixture
def one_part(monkeypatch):
    """A dry run whose parts do nothing but the first, which can be set."""
    for name in ("encoding", "agreement", "recipes", "pixels", "full_device", "run_tests"):
        monkeypatch.setattr(gpu, name, lambda *_: None)
    monkeypatch.setattr(gpu, "Study", lambda *_, **__: None)


@pytest.mark.usefixtures("one_part")
def test_what_there_is_no_time_left_for_is_named(printed_by, monkeypatch):
    monkeypatch.setattr(gpu, "MINUTES", -1)
    printed = printed_by("--dry-run")
    assert "###" not in printed
    assert re.findall(r"left out, because 0.0 minutes are over: (.+)", printed) == list(PARTS)


@pytest.mark.usefixtures("one_part")
def test_a_part_that_fails_leaves_the_others_and_is_named_at_the_end(
    printed_by, monkeypatch, capsys
):
    def fails(*_):
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(gpu, "agreement", fails)
    with pytest.raises(SystemExit, match="failed: agreement with the CPU"):
        printed_by("--dry-run")
    printed = capsys.readouterr().out
    assert "failed: RuntimeError: no kernel image is available" in printed
    assert re.findall("### (.+)", printed) == list(PARTS)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_gpu_it_says_so(printed_by):
    assert printed_by() == "skipped: there is no CUDA GPU on this machine\n"


def test_the_tests_that_need_a_gpu_are_found(monkeypatch):
    def seen(command, **_):
        files.extend(part.rpartition("/")[2] for part in command if part.endswith(".py"))
        return type("Done", (), {"stdout": "2 passed"})

    files = []
    monkeypatch.setattr(gpu.subprocess, "run", seen)
    gpu.run_tests(10)
    assert {"test_metrics.py", "test_training_on_pixels.py"} <= set(files)
