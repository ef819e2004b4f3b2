"""What ranks a database: each way against a loop, evaluated as the study evaluates itself."""

from __future__ import annotations

import dataclasses
from unittest import mock

import numpy as np
import pytest
import torch

from uhscm_core import BASELINES, ConceptSet, HashNetwork, Study, TrainingConfig, unpack_codes
from uhscm_core.analysis.rankers import BOTH, CONCEPTS, FEATURES, rankers_of
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.runs import MiningSettings, RunLabel, new_run, read_runs, write_label
from uhscm_core.support.store import save_tensors
from widgets import CompareExplorer

HOSTILE = "<img src=x onerror=alert(1)>"


def first_ranker(study):
    return next(iter(rankers_of(study)[0].values()))


@pytest.fixture
def run_of(study):
    """Makes runs on disk, as if they had been trained."""

    def make(bits, weights=True, config=TrainingConfig(recipe="uhscm"), **settings):  # noqa: B008
        run = new_run(runs_folder(study), bits, config, **settings)
        if weights:
            network = HashNetwork(bits, in_features=study.vlp.embed_dim, seed=bits)
            save_tensors(run.folder / "best.safetensors", network.state_dict(), {"epoch": 1})
            return network
        return None

    return make


def test_all_ways_are_offered_and_none_computed_yet(study, trained):
    other = study.train(bits=8, epochs=1)
    with mock.patch.object(Study, "baseline_codes") as fitted:
        named, left_out = rankers_of(trained, {"8 bits": other, HOSTILE: other})
    assert not fitted.called
    assert left_out == {}
    assert list(named) == [
        *("UHSCM, 16 bits", "8 bits", HOSTILE),
        *(f"{name}, 16 bits" for name in BASELINES),
        *(FEATURES, CONCEPTS, BOTH),
    ]
    assert all(name == ranker.name for name, ranker in named.items())
    assert next(iter(rankers_of(study)[0])) == "LSH, 64 bits"
    assert torch.equal(named["8 bits"].vectors, other.codes)


def test_what_was_computed_is_kept(trained):
    codes = trained.baseline_codes("ITQ", 16)
    with mock.patch.object(Study, "baseline_codes", return_value=codes) as fitted:
        ranker = rankers_of(trained)[0]["ITQ, 16 bits"]
        ranker.rank(3)
        ranker.rank(4)
        assert ranker.known() is None
        values = ranker.average_precisions()
        assert np.array_equal(ranker.known(), values)
        assert np.array_equal(ranker.average_precisions(), values)
    assert fitted.call_count == 1


@pytest.mark.parametrize("where", ["query", "database"])
def test_codes_rank_by_hamming_distance_without_the_query(trained, where):
    query = int(trained.dataset.splits[where][5])
    ranking = first_ranker(trained).rank(query)
    signs = unpack_codes(trained.codes, 16)
    expected = [int(i) for i in trained.dataset.splits["database"] if i != query]
    assert ranking.items.tolist() == expected
    for image, distance in zip(ranking.items, ranking.distances, strict=True):
        assert distance == int((signs[image] != signs[query]).sum())


@pytest.mark.parametrize("name", [FEATURES, CONCEPTS])
def test_vectors_rank_by_cosine(trained, name):
    query = int(trained.dataset.splits["query"][2])
    ranking = rankers_of(trained)[0][name].rank(query)
    features = trained.image_features
    centered = features - features[trained.dataset.splits["train"]].mean(0)
    vectors = centered if name == FEATURES else trained.distribution
    for image, distance in zip(ranking.items[:30], ranking.distances[:30], strict=True):
        cosine = float(torch.cosine_similarity(vectors[image], vectors[query], dim=0))
        assert distance == pytest.approx(1 - cosine, abs=1e-5)


def test_all_are_evaluated_as_the_study_evaluates_them(trained):
    named, _ = rankers_of(trained)
    expected = trained.compare().set_index("method")["mAP"]
    for name, method in [
        ("UHSCM, 16 bits", "UHSCM"),
        ("ITQ, 16 bits", "ITQ"),
        ("ITQ of concepts, 16 bits", "ITQ of concepts"),
        (FEATURES, "cosine of features"),
        (CONCEPTS, "cosine of concepts"),
        (BOTH, "cosine of both"),
    ]:
        each = named[name].average_precisions()
        assert each.mean() == pytest.approx(expected[method], abs=1e-9)
        query = int(trained.dataset.splits["query"][7])
        assert named[name].average_precision(query, "expected") == pytest.approx(each[7], abs=1e-9)
    for ties in ("worst", "best"):
        value = named["UHSCM, 16 bits"].average_precisions(ties).mean()
        assert value == pytest.approx(trained.evaluate(ties=ties))


def test_runs_on_disk_are_offered_by_what_differs(study, run_of):
    network = run_of(8)
    run_of(8, weights=False, parent="001")
    named, left_out = rankers_of(study)
    assert [name for name in named if name.startswith("run")] == [
        "run 001, 8 bits",
        "run 002, 8 bits",
    ]
    expected = study.with_(network=network).codes
    assert torch.equal(named["run 001, 8 bits"].vectors, expected)
    with pytest.raises(ValueError, match="run 002 ended before it had any weights"):
        named["run 002, 8 bits"].rank(0)
    run_of(8, weights=False, backbone="vgg19")
    named, left_out = rankers_of(study)
    assert [name for name in named if name.startswith("run")] == [
        "run 001, 8 bits: backbone features",
        "run 002, 8 bits: backbone features",
    ]
    assert list(left_out) == ["run 003, 8 bits: backbone vgg19"]
    assert "reads pixels" in left_out["run 003, 8 bits: backbone vgg19"]


def test_runs_are_told_apart_by_recipe_own_settings_and_titles(study, run_of):
    run_of(8, config=TrainingConfig(recipe="tuned"))
    run_of(8, config=TrainingConfig(recipe="uhscm", epochs=3))
    run_of(8, config=TrainingConfig(recipe="uhscm", epochs=4))
    first, *_ = read_runs(runs_folder(study))
    write_label(first.folder, RunLabel(title="the first one"))
    named, _ = rankers_of(study)
    assert [name for name in named if name.startswith("run")] == [
        "run 001, 8 bits: the first one",
        "run 002, 8 bits: uhscm, epochs 3",
        "run 003, 8 bits: uhscm, epochs 4",
    ]


def test_what_has_no_effect_on_a_network_is_not_in_its_name(study, run_of):
    config = TrainingConfig(recipe="uhscm")
    quiet = {"validate_every": 3, "device": "cpu", "workers": 2, "precision": "32-true"}
    run_of(8, config=config)
    run_of(8, config=dataclasses.replace(config, **quiet))
    run_of(8, config=dataclasses.replace(config, precision="bf16-mixed"))
    assert [name for name in rankers_of(study)[0] if name.startswith("run")] == [
        "run 001, 8 bits",
        "run 002, 8 bits",
        "run 003, 8 bits: precision bf16-mixed",
    ]


def test_the_run_whose_network_is_in_view_is_known(study, run_of):
    for bits in (8, 16):
        config = TrainingConfig(recipe="uhscm", epochs=1)
        run = new_run(runs_folder(study), bits, config)
        trained = study.train(bits, config, folder=run.folder)
    found, _ = rankers_of(trained)
    assert [name for name in found if "bits" in name][:3] == [
        "UHSCM, 16 bits",
        "run 001, 8 bits",
        "run 002, 16 bits: in view",
    ]
    assert found["UHSCM, 16 bits"].setting == found["run 002, 16 bits: in view"].setting
    assert found["UHSCM, 16 bits"].setting["epochs"] == 1
    (run.folder / "metrics.jsonl").write_text("no log\n")
    assert rankers_of(trained)[0]["UHSCM, 16 bits"].setting == {}


def test_a_run_ranks_by_the_prompt_and_concepts_that_it_was_trained_with(study, run_of):
    prompted = study.with_(template="a drawing of the {}")
    listed = study.with_(concepts=["sky", "sea", "house", "tree", "road", "car"], min_share=0.1)
    run_of(8)
    network = run_of(16, mining=MiningSettings.of(prompted))
    run_of(8, mining=MiningSettings.of(listed))
    found, _ = rankers_of(study)
    own, of_prompt, of_list = (one for name, one in found.items() if name.startswith("run "))
    assert of_prompt.name == "run 002, 16 bits: template “a drawing of the {}”"
    assert of_list.name == "run 003, 8 bits: 6 concepts (sky, sea, house, ...), min_share 0.1"
    assert own.study is study
    assert of_prompt.study.concepts == prompted.concepts
    assert torch.equal(of_prompt.vectors, prompted.with_(network=network).codes)
    assert of_prompt.setting["template"] == ("a drawing of the {}",)
    assert of_list.setting == {}  # a list that has no name, so no bench varies it
    title = RunLabel(title="as drawn")
    write_label(read_runs(runs_folder(study))[1].folder, title)
    assert "run 002, 16 bits: as drawn, template “a drawing of the {}”" in rankers_of(study)[0]


def test_a_run_whose_concepts_have_no_features_is_left_out_and_it_is_said(run_of):
    rows = np.eye(12, dtype=np.float32)
    study = Study.from_features(rows, ["a", "b", "c"], rows[:3])
    mining = dataclasses.replace(MiningSettings.of(study), concepts=ConceptSet(("d", "e")))
    new_run(runs_folder(study), 8, TrainingConfig(), mining=mining)
    found, left_out = rankers_of(study)
    assert not any(name.startswith("run ") for name in found)
    ((name, why),) = left_out.items()
    assert name == "run 001, 8 bits: 2 concepts (d, e)"
    assert "text_features" in why


def test_a_network_on_pixels_says_that_it_is_slow(trained, monkeypatch):
    monkeypatch.setattr(trained.network, "on_pixels", True)
    names = list(rankers_of(trained, {"other": trained})[0])
    assert names[:2] == [
        "UHSCM, 16 bits (reads pixels: slow at first)",
        "other (reads pixels: slow at first)",
    ]
    with mock.patch.object(Study, "codes", new_callable=mock.PropertyMock) as codes:
        explorer = CompareExplorer(trained)
        explorer.wait()
    assert (explorer.state.left, codes.called) == (FEATURES, False)


def test_two_of_one_name_are_told_apart(trained):
    named, _ = rankers_of(trained, {"UHSCM, 16 bits": trained, "ITQ, 16 bits": trained})
    assert {"UHSCM, 16 bits", "UHSCM, 16 bits (2)", "ITQ, 16 bits", "ITQ, 16 bits (2)"} <= set(
        named
    )


def test_a_baseline_of_more_bits_than_there_are_directions_says_so(study):
    wide = study.train(bits=200, epochs=1)
    named, _ = rankers_of(wide)
    with pytest.raises(ValueError, match=r"PCA sign on 120 rows of width .* not 200"):
        named["PCA sign, 200 bits"].rank(0)
    assert named["ITQ, 200 bits"].vectors.shape[1] == 25


def test_others_that_cannot_be_compared_are_refused(as_users_run_it, study, trained):
    with pytest.raises(TypeError, match=r"others\['x'\] must be a Study, got 3 \(int\)"):
        rankers_of(trained, {"x": 3})
    with pytest.raises(ValueError, match=r"others\['x'\] has no hash network"):
        rankers_of(trained, {"x": study})
    fewer = dataclasses.replace(study.dataset, digest="another")
    other = trained.with_(dataset=fewer, network=trained.network)
    with pytest.raises(ValueError, match=r"others\['x'\] has other images"):
        rankers_of(trained, {"x": other})


def test_without_labels_nothing_is_evaluated(trained):
    bare = dataclasses.replace(trained.dataset, labels=None, label_names=())
    ranker = first_ranker(trained.with_(dataset=bare, network=trained.network))
    ranker.rank(0)
    with pytest.raises(ValueError, match="evaluation needs labels"):
        ranker.average_precision(0, "expected")


def test_a_ranker_says_what_an_experiment_varies_to_get_it(study, run_of):
    run_of(8)
    run_of(16, config=TrainingConfig(recipe="tuned", seed=3, epochs=5, workers=0))
    run_of(16, config=TrainingConfig(recipe="tuned", learning_rate=0.1))
    rankers = rankers_of(study)[0]
    plain, tuned, other = (
        ranker.setting for name, ranker in rankers.items() if name.startswith("run ")
    )
    prompt = {"template": ("a photo of the {}",)}
    assert plain == {"recipe": "uhscm", "bits": 8, "epochs": 60, "lam": 0.8, **prompt}
    assert tuned == {"recipe": "tuned", "bits": 16, "epochs": 5, **prompt}
    assert other == {}  # no experiment of a bench varies the learning rate
    assert rankers["ITQ, 16 bits"].setting == {"method": "ITQ", "bits": 16}
    assert rankers[FEATURES].setting == {"method": FEATURES}
