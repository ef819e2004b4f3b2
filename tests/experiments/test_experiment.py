"""An experiment computes what is missing, keeps it, and compares its settings."""

from __future__ import annotations

import contextlib
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch

from uhscm_core import BASELINES, ConceptSet, Experiment, Study, UHSCMWarning
from uhscm_core.support import store

FAST = {"epochs": [1], "bits": [8]}


@pytest.fixture
def trainings(monkeypatch):
    """The seeds of the trainings that were started."""
    started = []
    train = Study.train

    def counted(self, *arguments, **settings):
        started.append(arguments[1].seed)
        return train(self, *arguments, **settings)

    monkeypatch.setattr(Study, "train", counted)
    return started


def test_a_row_per_setting_agrees_with_the_study_itself(study):
    experiment = Experiment(study, {"tau": [1.0, 3.0], **FAST}, seeds=2)
    results = list(experiment)
    assert [(r.settings["tau"], r.seed) for r in results] == [
        (1.0, 0),
        (1.0, 1),
        (3.0, 0),
        (3.0, 1),
    ]
    frame = experiment.to_frame()
    assert [*frame] == ["tau", "epochs", "bits", "mAP", "sd", "low", "high", "seeds"]
    assert frame["tau"].tolist() == [1.0, 3.0]
    assert frame["seeds"].tolist() == [2, 2]
    by_hand = [
        study.with_(tau=3.0).train(bits=8, epochs=1, seed=seed).evaluate() for seed in (0, 1)
    ]
    assert [r.mAP for r in results[2:]] == pytest.approx(by_hand, abs=1e-12)
    assert frame["mAP"][1] == pytest.approx(np.mean(by_hand))
    assert frame["sd"][1] == pytest.approx(np.std(by_hand, ddof=1))


def test_what_is_there_is_not_computed_again(study, tmp_path, trainings):
    vary = {"alpha": [0.0, 0.2], **FAST}
    first = Experiment(study, vary, seeds=2, folder=tmp_path / "e")
    assert len(list(first)) == 4
    assert list(first) == []
    later = Experiment(study, {"alpha": [0.0, 0.5], **FAST}, seeds=3, folder=tmp_path / "e")
    assert [(r.settings["alpha"], r.seed) for r in later] == [
        (0.0, 2),
        (0.5, 0),
        (0.5, 1),
        (0.5, 2),
    ]
    assert len(trainings) == 8
    assert first.to_frame().equals(Experiment(study, vary, 2, tmp_path / "e").to_frame())


def test_a_setting_gives_its_codes_and_its_network_without_another_training(
    study, tmp_path, trainings
):
    vary = {
        "method": ["UHSCM", "ITQ"],
        "tau": [1.0, 3.0],
        **FAST,
    }
    experiment = Experiment(study, vary, seeds=2, folder=tmp_path / "e")
    assert experiment.first_runs == {}
    list(experiment)
    trainings.clear()
    runs = experiment.first_runs
    assert list(runs) == list(experiment.names)
    assert {run.seed for run in runs.values()} == {0}
    first, second, itq, *_ = runs.values()
    assert torch.equal(experiment.codes(itq), study.baseline_codes("ITQ", 8))
    trained = experiment.trained(second)
    assert trained.tau == 3.0
    assert torch.equal(trained.codes, experiment.codes(second))
    with pytest.raises(ValueError, match="ITQ has no network"):
        experiment.trained(itq)
    assert trainings == []
    for path in (tmp_path / "e" / "networks").iterdir():
        path.unlink()
    assert torch.equal(experiment.trained(first).codes, experiment.codes(first))
    assert trainings == [0]
    experiment.trained(first)
    assert trainings == [0]


def test_another_rank_or_relevance_trains_nothing(study, tmp_path, trainings):
    for settings in ({}, {"top_k": 5}, {"relevant": "concepts"}):
        experiment = Experiment(study, FAST, seeds=2, folder=tmp_path / "e", **settings)
        assert len(list(experiment)) == 2
    assert len(trainings) == 2


def test_other_labels_are_evaluated_without_a_training(study, tmp_path, trainings):
    list(Experiment(study, FAST, seeds=1, folder=tmp_path / "e"))
    dataset = study.dataset
    other = study.with_(dataset=type(dataset)(**{**vars(dataset), "labels": 1 - dataset.labels}))
    assert len(list(Experiment(other, FAST, seeds=1, folder=tmp_path / "e"))) == 1
    assert len(trainings) == 1


def test_methods_are_not_repeated_over_what_they_do_not_read(study):
    methods = ["UHSCM", "ITQ", "cosine of features", "cosine of concepts"]
    experiment = Experiment(study, {"method": methods, "tau": [1.0, 3.0], **FAST}, seeds=2)
    frame = experiment.to_frame()
    assert frame["method"].tolist() == [
        *["UHSCM"] * 2,
        "ITQ",
        "cosine of features",
        *["cosine of concepts"] * 2,
    ]
    results = list(experiment)
    assert len(results) == 4 + 2 + 1 + 2
    assert [r.seed for r in results[-3:]] == [None] * 3
    table = study.train(bits=8, epochs=1).compare().set_index("method")["mAP"]
    assert results[4].mAP == pytest.approx(table["ITQ"])
    assert results[6].mAP == pytest.approx(table["cosine of features"])


def test_a_baseline_is_computed_with_each_seed(study):
    results = list(Experiment(study, {"method": ["LSH"], "bits": [16]}, seeds=3))
    assert len({r.average_precision.tobytes() for r in results}) == 3


def test_too_many_bits_for_a_baseline_are_left_out_with_a_word(study):
    experiment = Experiment(study, {"method": ["LSH"], "bits": [8, 32]}, seeds=1)
    with pytest.warns(UHSCMWarning, match="left out: .*LSH"):
        assert len(list(experiment)) == 1
    assert experiment.to_frame()["seeds"].tolist() == [1, 0]


def test_lists_templates_temperatures_bits_and_methods_are_varied_together(
    tiny_model, photo_folder
):
    from uhscm_core import load_dataset, load_vlp

    study = Study(
        load_dataset(photo_folder, progress=False),
        load_vlp(str(tiny_model)),
        ["red", "blue", "green"],
        progress=False,
        min_share=0.0,
    )
    experiment = Experiment(
        study,
        {
            "concepts": [["red", "blue"], ConceptSet(("red", "green", "cat")), "coco80"],
            "template": ["a photo of the {}", ["a {}", "one {}"]],
            "tau": [1.0, 3.0],
            "bits": np.array([4, 8]),
            "method": ("UHSCM", "LSH"),
            "epochs": range(1, 2),
        },
        seeds=1,
    )
    results = list(experiment)
    assert len(results) == 3 * 2 * 2 * 2 + 2
    frame = experiment.to_frame()
    assert not frame.duplicated().any()
    assert frame["template"].dropna().unique().tolist() == ["a photo of the {}", "a {} | one {}"]
    a = {"concepts": ["red", "blue"], "template": ["a {}", "one {}"], "tau": 3, "bits": 4}
    b = {**dict(frame.loc[0, ["concepts", "template", "tau", "bits"]]), "method": "UHSCM"}
    assert "Nothing can be said" in experiment.compare({**a, "method": "UHSCM"}, b).sentence
    assert experiment.compare({"method": "LSH", "bits": 4}, b).sentence


def test_a_comparison_is_over_seeds_and_queries(study):
    experiment = Experiment(study, {"method": ["UHSCM", "LSH"], **FAST}, seeds=3)
    results = list(experiment)
    comparison = experiment.compare({"method": "UHSCM"}, {"method": "LSH"})
    trained, random = (
        np.stack([r.average_precision for r in results if r.settings["method"] == method])
        for method in ("UHSCM", "LSH")
    )
    assert comparison.difference == pytest.approx(trained.mean() - random.mean())
    assert comparison.low < comparison.difference < comparison.high
    assert comparison.share_better == (trained.mean(0) > random.mean(0)).mean()
    back = experiment.compare({"method": "LSH"}, {"method": "UHSCM"})
    assert (back.low, back.high) == pytest.approx((-comparison.high, -comparison.low))
    moved = experiment.queries({"method": "UHSCM"}, {"method": "LSH"})
    assert [*moved] == ["query", "a", "b", "difference"]
    assert sorted(moved["query"]) == study.dataset.splits["query"].tolist()
    assert (moved["difference"].abs().diff().dropna() <= 0).all()
    row = moved.iloc[0]
    place = study.dataset.splits["query"].tolist().index(row["query"])
    assert row["a"] == pytest.approx(trained[:, place].mean())


def test_one_seed_says_nothing(study):
    experiment = Experiment(study, {"alpha": [0.0, 0.2], **FAST}, seeds=1)
    list(experiment)
    comparison = experiment.compare({"alpha": 0}, {"alpha": 0.2})
    assert (comparison.low, comparison.high) == (-1, 1)
    assert "one seed" in comparison.sentence
    frame = experiment.to_frame()
    assert (frame["low"].tolist(), frame["high"].tolist()) == ([0, 0], [1, 1])
    assert frame["sd"].isna().all()


def test_a_setting_equals_itself(study):
    experiment = Experiment(study, FAST, seeds=2)
    list(experiment)
    comparison = experiment.compare({}, {"bits": 8})
    assert (comparison.difference, comparison.low, comparison.high) == (0, 0, 0)
    assert comparison.sentence == "a and b are one setting."


def test_without_results_a_comparison_asks_for_them(study):
    experiment = Experiment(study, {"alpha": [0.0, 0.2], **FAST}, seeds=1)
    assert experiment.to_frame()["seeds"].tolist() == [0, 0]
    assert experiment.to_frame()["mAP"].isna().all()
    with pytest.raises(ValueError, match=r"a: no run with alpha=0.0.*list\(experiment\)"):
        experiment.compare({"alpha": 0}, {"alpha": 0.2})


def test_queries_without_a_label_are_left_out_with_a_word(study):
    labels = study.dataset.labels.clone()
    labels[study.dataset.splits["query"][:2]] = 0
    other = study.with_(dataset=type(study.dataset)(**{**vars(study.dataset), "labels": labels}))
    with pytest.warns(UHSCMWarning, match="2 of 12 queries have no label") as said:
        experiment = Experiment(other, {"alpha": [0.0, 0.2], **FAST}, seeds=1)
    assert len(said) == 1
    assert [len(result.average_precision) for result in experiment] == [10, 10]


def test_concepts_decide_where_labels_are_missing(study):
    unlabelled = study.with_(
        dataset=type(study.dataset)(**{**vars(study.dataset), "labels": None, "label_names": ()})
    )
    with pytest.raises(
        ValueError, match=r"by labels, but this dataset has none.*relevant='concepts'"
    ):
        Experiment(unlabelled, FAST)
    (result,) = Experiment(unlabelled, {"method": ["cosine of concepts"]}, relevant="concepts")
    # A ranking by the very similarity that decides finds all relevant images first.
    found = set(result.average_precision.round(12))
    assert found <= {0.0, 1.0}
    assert 1.0 in found


def test_a_folder_of_another_study_is_refused(study, tmp_path):
    Experiment(study, FAST, folder=tmp_path / "e")
    with pytest.raises(
        ValueError, match=r"folder: .* another study .*tau 3.0 -> 5.0.*another folder"
    ):
        Experiment(study.with_(tau=5.0), FAST, folder=tmp_path / "e")
    splits = {**study.dataset.splits, "query": study.dataset.splits["query"][1:]}
    other = study.with_(dataset=type(study.dataset)(**{**vars(study.dataset), "splits": splits}))
    with pytest.raises(ValueError, match=r"another study .*splits"):
        Experiment(other, FAST, folder=tmp_path / "e")


@pytest.mark.parametrize("kind", ["codes", "results"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap"])
def test_a_damaged_file_is_set_aside_and_computed_again(study, tmp_path, kind, damage):
    folder = tmp_path / "e"
    whole = Experiment(study, {"alpha": [0.0, 0.2], **FAST}, seeds=1, folder=folder)
    list(whole)
    first, second = sorted((folder / kind).iterdir())
    content = bytearray(first.read_bytes())
    if damage == "flip":
        content[-3] ^= 8
    content = {"cut": content[:-20], "empty": b"", "swap": second.read_bytes()}.get(damage, content)
    first.write_bytes(content)
    if kind == "codes":
        for path in (folder / "results").iterdir():
            path.unlink()
    again = Experiment(study, {"alpha": [0.0, 0.2], **FAST}, seeds=1, folder=folder)
    with pytest.warns(UHSCMWarning, match="computed again"):
        list(again)
    assert again.to_frame().equals(whole.to_frame())
    assert first.with_name(f"{first.name}.damaged").exists()


def test_leaving_the_loop_loses_no_finished_run(study, tmp_path, trainings):
    vary = {"alpha": [0.0, 0.2], **FAST}
    for _ in Experiment(study, vary, seeds=2, folder=tmp_path / "e"):
        break
    assert len(trainings) == 1
    left = Experiment(study, vary, seeds=2, folder=tmp_path / "e")
    assert len(list(left)) == 3
    assert len(trainings) == 4


def test_a_training_that_was_interrupted_continues(study, tmp_path, monkeypatch):
    vary = {"epochs": [4], "bits": [8], "batch_size": [10]}
    steps = []

    def interrupted(self, *arguments, folder, **settings):
        def stop(step):
            steps.append(step.step)
            if len(steps) == 9:
                raise KeyboardInterrupt

        return train(self, *arguments, folder=folder, on_step=stop, **settings)

    train = Study.train
    monkeypatch.setattr(Study, "train", interrupted)
    experiment = Experiment(study, vary, seeds=1, folder=tmp_path / "e")
    with contextlib.suppress(KeyboardInterrupt):
        list(experiment)
    (result,) = Experiment(study, vary, seeds=1, folder=tmp_path / "e")
    assert steps == [*range(1, 10), *range(10, 17)]  # no step twice
    monkeypatch.undo()
    (whole,) = Experiment(study, vary, seeds=1)
    assert np.array_equal(result.average_precision, whole.average_precision)
    assert not any((tmp_path / "e" / "training").iterdir())


def test_a_damaged_training_starts_again(study, tmp_path):
    vary = {"epochs": [2], "bits": [8]}
    full = mock.patch.object(store, "save_tensors", side_effect=OSError(28, "full"))
    with full, pytest.raises(OSError, match="full"):
        list(Experiment(study, vary, seeds=1, folder=tmp_path / "e"))
    (training,) = (tmp_path / "e" / "training").iterdir()
    (training / "config.json").write_text("{")
    experiment = Experiment(study, vary, seeds=1, folder=tmp_path / "e")
    with pytest.warns(UHSCMWarning, match="this training starts again"):
        (result,) = experiment
    (whole,) = Experiment(study, vary, seeds=1)
    assert np.array_equal(result.average_precision, whole.average_precision)


def test_a_run_that_fails_is_named(study):
    experiment = Experiment(study, {"min_share": [0.5, 5.9], **FAST}, seeds=1)
    with pytest.raises(ValueError, match="no concept passed") as caught:
        list(experiment)
    assert "in the run with min_share=5.9, seed 0" in caught.value.__notes__[0]


def test_a_folder_of_its_own_goes_with_the_experiment(study, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    experiment = Experiment(study, FAST, seeds=1)
    list(experiment)
    assert len(list(tmp_path.glob("uhscm-experiment-*"))) == 1
    del experiment
    assert not list(tmp_path.glob("uhscm-experiment-*"))


def test_baselines_registered_by_a_user_are_methods_too(study, monkeypatch):
    from uhscm_core import Baseline

    def fit_first(x, bits, seed):
        return lambda rows: rows[:, :bits]

    monkeypatch.setitem(BASELINES, "first", Baseline(fit_first))
    (result,) = Experiment(study, {"method": ["first"], "bits": [8]}, seeds=1)
    assert result.mAP > 0
    assert torch.equal(study.baseline_codes("first", 8), study.baseline_codes("first", 8, seed=5))


class StoppedError(Exception):
    pass


def test_a_watched_experiment_ends_where_it_is_told_to_and_continues_there(
    study, tmp_path, trainings
):
    vary = {"alpha": [0.0, 0.2], "epochs": [3], "bits": [8], "batch_size": [20]}
    whole = Experiment(study, vary, seeds=1)
    list(whole)
    seen = []

    def watch(run, step):
        seen.append((run.setting.values["alpha"], run.seed, step and step.step))
        if seen[-1] == (0.2, 0, 4):
            raise StoppedError

    experiment = Experiment(study, vary, seeds=1, folder=tmp_path / "e")
    assert [(run.setting.values["alpha"], run.seed) for run in experiment.missing] == [
        (0.0, 0),
        (0.2, 0),
    ]
    with pytest.raises(StoppedError):
        list(experiment.compute(watch))
    assert seen[:2] == [(0.0, 0, None), (0.0, 0, 1)]
    assert [experiment.name(run) for run in experiment.missing] == ["alpha=0.2"]
    seen.clear()
    assert len(list(experiment.compute(watch))) == 1
    assert seen == [(0.2, 0, None), (0.2, 0, 5), (0.2, 0, 6)]  # 1 to 4 are not taken again
    assert experiment.missing == ()
    pd.testing.assert_frame_equal(experiment.to_frame(), whole.to_frame())
