"""What can be compared on either side."""

from __future__ import annotations

import dataclasses

from uhscm_core import HashNetwork, TrainingConfig
from uhscm_core.analysis.rankers import FEATURES
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.runs import RunLabel, new_run, write_label
from uhscm_core.support.store import save_tensors
from widgets.panels.sides import SidesPanel
from widgets.states.compare import CompareState


def test_a_network_is_compared_with_itq_or_with_what_was_handed_in(trained, study):
    panel = SidesPanel(trained, None, lambda: None)
    panel.adopt(trained)
    assert panel.left.options == panel.right.options == tuple(panel.rankers)
    assert panel.first_pair(trained) == ("UHSCM, 16 bits", "ITQ, 16 bits")
    handed = SidesPanel(trained, {"mine": trained}, lambda: None)
    handed.adopt(trained)
    assert handed.first_pair(trained) == ("UHSCM, 16 bits", "mine")
    panel.adopt(study)
    assert panel.first_pair(study) == (FEATURES, "ITQ, 64 bits")


def test_the_newest_run_is_compared_with_itq_of_as_many_bits(study):
    for bits in (8, 16):
        run = new_run(runs_folder(study), bits, TrainingConfig(recipe="uhscm"))
        network = HashNetwork(bits, in_features=study.vlp.embed_dim)
        save_tensors(run.folder / "best.safetensors", network.state_dict(), {"epoch": 1})
    panel = SidesPanel(study, None, lambda: None)
    panel.adopt(study)
    assert panel.first_pair(study) == ("run 002, 16 bits", "ITQ, 16 bits")
    state = CompareState("run 001, 8 bits", "run 002, 16 bits", 0)
    assert not panel.is_old(study)
    write_label(run.folder, RunLabel(title="the long one"))
    assert panel.is_old(study)
    panel.adopt(study)
    now = panel.as_now_called(state)
    assert (now.left, now.right) == ("run 001, 8 bits", "run 002, 16 bits: the long one")
    (run.folder / "label.json").write_text("no label")
    panel.adopt(study)
    assert "run 002, 16 bits" in panel.rankers
    assert panel.as_now_called(dataclasses.replace(state, left="run 003, 8 bits")) is None


def test_what_was_computed_of_a_study_is_kept(trained):
    panel = SidesPanel(trained, None, lambda: None)
    panel.adopt(trained)
    before = dict(panel.rankers)
    panel.adopt(trained)
    assert panel.rankers == before
    assert not panel.is_old(trained)


def test_the_button_swaps(trained):
    pressed = []
    SidesPanel(trained, None, lambda: pressed.append(True)).swap.click()
    assert pressed == [True]
