"""What is varied is read with care: each slip is named, with what would be right."""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.experiments.conftest import NAMES
from uhscm_core import BASELINES, ConceptSet, Experiment, UHSCMWarning
from uhscm_core.comparison import REFERENCES
from uhscm_core.experiments.naming import find_setting, name_of
from uhscm_core.experiments.settings import read_settings, read_values

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ([("tau", [1])], "vary must be a dict of names and lists .*, got"),
        ({1: [2]}, "vary must have names as keys, got 1"),
        ({"denoise": [True]}, "'denoise' is no setting .*; expected"),
        ({"temperature": [1]}, "'temperature' is no setting"),
        ({"learning_rat": [1]}, "expected one like 'learning_rate'"),
        ({"seed": [1, 2]}, r"'seed' cannot be varied: .*seeds=\.\.\."),
        ({"network": [None]}, "'network' cannot be varied: an experiment trains its own"),
        ({"progress": [True]}, "'progress' cannot be varied"),
        ({"config": [None]}, "'config' cannot be varied: name its settings"),
        ({"tau": []}, "tau must have at least one value, got none"),
        ({"tau": 3.0}, r"tau must be a list of values, got 3.0.*write \[value\]"),
        ({"tau": None}, "tau must be a list of values, got None"),
        ({"concepts": "nuswide81"}, "concepts must be a list of values, got 'nuswide81'"),
        ({"concepts": ConceptSet(("a", "b"))}, "concepts must be a list of values, got ConceptSet"),
        ({"method": ["UHSCM", "ITC"]}, "method must be one of .*'ITQ'.*, got 'ITC'"),
        ({"method": [3]}, "method must be one of .*, got 3"),
        ({"tau": [1, -1]}, "tau must be a finite number greater than 0.*, got -1"),
        ({"tau": [float("nan")]}, "tau must be a finite number.*, got nan"),
        ({"alpha": ["0.2"]}, "alpha must be a finite number.*, got '0.2'"),
        ({"bits": [0]}, "bits must be a whole number.*, got 0"),
        ({"bits": [16.0]}, "bits must be a whole number.*, got 16.0"),
        ({"template": ["no place"]}, "template needs exactly one {}.*'no place'"),
        ({"pretrained": [1]}, "pretrained must be True or False, got 1"),
        ({"backbone": [""]}, "backbone must be a text that is not blank"),
        ({"tau": [3, 1, 3.0]}, "one setting twice: tau=3 .* and tau=3.0"),
        ({"concepts": [NAMES, tuple(NAMES)]}, "vary gives one setting twice"),
        ({"method": ["UHSCM", "UHSCM"]}, "vary gives one setting twice|twice"),
    ],
    ids=str,
)
def test_a_slip_in_vary_is_named(study, vary, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Experiment(study, vary)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"study": "study"}, "study must be a Study .*, got 'study'"),
        ({"seeds": 0}, "seeds must be a whole number between 1 and 10,000, got 0"),
        ({"seeds": [0, 1]}, r"seeds must be a whole number.*, got \[0, 1\]"),
        ({"workers": 0}, "workers must be a whole number.*, got 0"),
        ({"top_k": 0}, "top_k must be a whole number of at least 1, got 0"),
        ({"relevant": "by labels"}, "relevant must be one of 'labels', 'concepts', got"),
        ({"folder": 3}, "folder must be a path"),
        ({"folder": __file__}, "folder must be a folder, got the file"),
    ],
    ids=str,
)
def test_a_slip_in_another_argument_is_named(study, arguments, message):
    with pytest.raises((TypeError, ValueError, OSError), match=message):
        Experiment(**{"study": study, "vary": {}, **arguments})


def test_values_of_any_kind_of_list_are_read(study):
    for values in ([4, 8], (4, 8), np.array([4, 8]), range(4, 9, 4), iter([4, 8]), {4, 8}):
        settings = read_settings(study, read_values({"bits": values}))
        assert sorted(s.bits for s in settings) == [4, 8]


def test_a_study_without_changes_is_one_setting(study):
    (setting,) = read_settings(study, {})
    assert (setting.bits, setting.method, name_of(setting, {})) == (64, "UHSCM", "the study")


def test_a_key_covers_what_decides_the_result_and_nothing_else(study):
    def key(changed=study, **vary):
        (setting,) = read_settings(changed, read_values({k: [v] for k, v in vary.items()}))
        return setting.key

    assert key() == key(tau=3.0) == key(workers=0) == key(validate_every=3)
    assert key() == key(concepts=NAMES) == key(bits=64)
    different = [
        key(),
        key(tau=2.0),
        key(min_share=0.1),
        key(max_share=0.9),
        key(concepts=NAMES[:5]),
        key(bits=32),
        key(epochs=3),
        key(alpha=0.0),
        key(backbone="resnet18"),
        key(method="ITQ"),
        key(method="LSH"),
        key(method="ITQ", bits=32),
    ]
    assert len(set(different)) == len(different)
    assert key(method="ITQ") == key(study.with_(network=None), method="ITQ", tau=1.0, epochs=5)


@pytest.mark.parametrize("listed", [BASELINES, REFERENCES], ids=["baseline", "reference"])
def test_a_method_of_a_later_version_is_computed_again(study, listed, tmp_path, monkeypatch):
    name = "LSH" if listed is BASELINES else "cosine of both"
    vary = {"method": [name, "UHSCM"], "bits": [8], "epochs": [1]}

    def files():
        list(Experiment(study, vary, seeds=1, folder=tmp_path))
        return {path.name for path in (tmp_path / "results").iterdir()}

    before = files()
    assert files() == before
    later = dataclasses.replace(listed[name], version=listed[name].version + 1)
    monkeypatch.setitem(listed, name, later)
    assert len(files() - before) == 1  # the training is not repeated


def test_a_key_covers_the_preprocessing_that_a_model_keeps_apart(study):
    encoder = copy.copy(study.vlp)
    object.__setattr__(encoder, "preprocess_digest", "other")
    other = dataclasses.replace(study, vlp=encoder)
    (before,), (after,) = (read_settings(one, {}) for one in (study, other))
    assert before.key != after.key


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (3, "a must be a dict that names one setting.*, got 3"),
        ({"seed": 1}, "a: 'seed' is not varied here; varied: 'method', 'alpha', 'max_share'"),
        ({"alpha": 0.1}, "a: alpha must be one of 0.0, 0.2, got 0.1"),
        ({"alpha": True}, "a: alpha must be one of"),
        ({"alpha": 0.2}, "a must name one setting of .*, but 2 settings .*got {'alpha': 0.2}"),
        ({}, "a must name one setting of .*'method', 'alpha'.*, but 5 settings .*got {}"),
    ],
    ids=str,
)
def test_a_dict_that_names_no_setting_is_refused(study, wanted, message):
    values = read_values(
        {"method": ["UHSCM", "ITQ"], "alpha": [0.0, 0.2], "max_share": [None, 0.9]}
    )
    with pytest.raises((TypeError, ValueError), match=message):
        find_setting("a", wanted, read_settings(study, values), values)


def test_a_setting_is_named_by_what_it_reads_and_may_name_more(study):
    values = read_values(
        {"method": ["UHSCM", "ITQ"], "alpha": [0.0, 0.2], "max_share": [None, 0.9]}
    )
    settings = read_settings(study, values)
    itq = find_setting("a", {"method": "ITQ"}, settings, values)
    assert itq.values == {"method": "ITQ"}
    assert find_setting("a", {"method": "ITQ", "alpha": 0}, settings, values) is itq
    row = {"method": "ITQ", "alpha": float("nan"), "max_share": None}
    assert find_setting("a", row, settings, values) is itq
    wanted = {"method": "UHSCM", "alpha": np.float64(0.2), "max_share": None}
    found = find_setting("a", wanted, settings, values)
    assert found.values == {"method": "UHSCM", "alpha": 0.2, "max_share": None}


def test_a_comparison_names_what_differs(study):
    values = read_values(
        {"method": ["UHSCM", "ITQ"], "alpha": [0.0, 0.2], "bits": [8, 16], "epochs": [1]}
    )
    settings = read_settings(study, values)
    first, second, third = settings[0], settings[1], settings[-1]
    assert name_of(first, values) == "UHSCM with alpha=0.0, bits=8"
    assert name_of(first, values, second) == "bits=8"
    assert name_of(first, values, third) == "UHSCM with alpha=0.0, bits=8"
    assert name_of(third, values, first) == "ITQ with bits=16"


CALLS = """
import json, warnings
from tests.experiments.conftest import small_study
from uhscm_core import Experiment
study = small_study()
experiment = Experiment(study, {"tau": [1, 3], "epochs": [1], "bits": [8]}, seeds=1)
list(experiment)
said = []
for call in (
    lambda: experiment.compare(None, {}),
    lambda: experiment.compare({"tau": 1}, [1]),
    lambda: experiment.compare({"tau": "1"}, {"tau": 3}),
    lambda: experiment.queries({"tau": 1}, {"tau": 4}),
    lambda: Experiment(study, None),
    lambda: Experiment(None, {}),
    lambda: Experiment(study, {}, seeds=True),
    lambda: Experiment(study, {}, workers="2"),
    lambda: Experiment(study, {}, top_k=2.5),
):
    try:
        call()
        said.append("accepted")
    except (TypeError, ValueError) as error:
        said.append(str(error))
print(json.dumps([experiment.compare({"tau": 1}, {"tau": 3.0}).low, said]))
"""


@pytest.mark.slow
def test_users_without_the_run_time_checks_get_our_words():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CALLS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    low, said = json.loads(done.stdout.splitlines()[-1])
    assert low == -1
    arguments = ["a must", "b must", "a: tau", "b: tau", "vary", "study", "seeds", "workers"]
    for words, argument in zip(said, [*arguments, "top_k"], strict=True):
        assert words.startswith(argument), words
        assert "got" in words


def test_what_no_method_reads_is_said_to_be_left_out(study):
    said = r"^left out, as no method of this experiment reads it: 'lam' and 'views'$"
    vary = {"method": ["ITQ", "LSH"], "lam": [0.1, 0.2], "views": ["noised", "auto"], "bits": [8]}
    with pytest.warns(UHSCMWarning, match=said):
        experiment = Experiment(study, vary)
    assert len(experiment.names) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Experiment(study, {"method": ["ITQ", "CIBHash"], "views": ["noised", "auto"]})
        Experiment(study, {"method": ["ITQ"], "lam": [0.1]})  # one value varies nothing
