"""The runs of a study: where they are, and what differs."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from uhscm_core import TrainingConfig, TrainingStep, load_dataset
from uhscm_core.analysis.study_runs import (
    TRAINED_WITH,
    differences,
    runs_folder,
    runs_key,
    study_of,
    trained_of,
    unlike,
)
from uhscm_core.runs import MiningSettings, holding, new_run, read_runs
from uhscm_core.support import store


def step(number, epoch, total=1.0, **metrics):
    return TrainingStep(epoch, number, total, 0.5, 0.25, 3.0, 100.0, metrics or None)


OTHER = "a drawing of the {}"


def test_runs_on_the_same_images_share_a_folder_whatever_they_are_trained_with(study):
    other = study.with_(template=OTHER)
    assert runs_folder(study) == runs_folder(study.with_(progress=True)) == runs_folder(other)
    assert runs_key(study) == runs_key(study.with_(progress=True)) != runs_key(other)
    few = study.with_(dataset=load_dataset("postcards", n_database=30, n_train=20, n_query=5))
    assert runs_folder(study) != runs_folder(few)


def test_a_run_says_what_else_it_was_trained_with_and_gives_that_study(study, tmp_path):
    other = study.with_(template=OTHER, tau=2.0)
    for each in (study, other):
        new_run(tmp_path, 16, TrainingConfig(), mining=MiningSettings.of(each))
    own, unlike_own = read_runs(tmp_path)
    assert [unlike(run, study) for run in (own, unlike_own)] == ["", f"template “{OTHER}”, tau 2"]
    assert unlike(own, other) == "template “a photo of the {}”, tau 3"
    assert study_of(own, study) is study
    assert study_of(unlike_own, study).concepts == other.concepts
    assert study_of(unlike_own, study).mined.temperature == other.mined.temperature
    frame = differences([own, unlike_own], {}, study)
    assert frame[TRAINED_WITH].tolist() == ["what is in view", f"template “{OTHER}”, tau 2"]
    assert TRAINED_WITH not in differences([own], {}, study)
    names = study.with_(concepts=["cat", "dog", "tree", "sky"])
    run = new_run(tmp_path, 16, TrainingConfig(), mining=MiningSettings.of(names))
    assert unlike(run, study) == "4 concepts (cat, dog, tree, ...)"


def test_a_run_that_does_not_say_its_prompt_counts_as_of_the_study(study, tmp_path):
    run = new_run(tmp_path, 16, TrainingConfig())
    assert unlike(run, study) == ""
    assert study_of(run, study) is study
    assert trained_of(run, study) is None


@pytest.mark.parametrize("values", [[], {"names": ["a"]}, {"names": [], "templates": ["{}"]}])
def test_a_description_with_something_else_in_the_place_of_concepts_is_damaged(tmp_path, values):
    run = new_run(tmp_path, 16, TrainingConfig())
    about = store.load_json(run.folder / "run.json")
    if isinstance(values, dict) and "templates" in values:
        values = {**values, "tau": 3.0, "min_share": 0.5, "max_share": None}
    store.save_json(run.folder / "run.json", about | {"mining": values})
    (found,) = read_runs(tmp_path)
    assert found.is_damaged
    assert "mining" in found.message


class TestTheFoldersOfEarlierVersions:
    """They were keyed by the template and the concepts too; runs said neither."""

    @pytest.fixture
    def folders(self, study, home):
        """A folder with two runs of the study, and one with a saved run of another template."""
        made = []
        for each, saved in ((study, False), (study.with_(template=OTHER), True)):
            concepts = dataclasses.asdict(each.concepts)
            digests = each.dataset.digest, each.vlp.digest
            key = store.digest_of(*digests, concepts, each.tau, each.min_share, each.max_share)
            folder = home / "runs" / key
            runs = [new_run(folder, 16, TrainingConfig(), parent=parent) for parent in ("", "001")]
            if saved:
                each.save(runs[0].folder)
            made.append(folder)
        return made

    def test_all_runs_are_in_one_table_with_their_prompts(self, study, folders):
        runs = read_runs(runs_folder(study))
        assert [run.name for run in runs] == ["001", "002", "003", "004"]
        assert [run.parent for run in runs] == ["", "001", "", "003"]
        prompts = [run.mining.concepts.templates[0] for run in runs]
        assert prompts == [*["a photo of the {}"] * 2, *[OTHER] * 2]
        assert not any(folder.exists() for folder in folders)
        assert runs_folder(study) == runs[0].folder.parent
        assert new_run(runs_folder(study), 16, TrainingConfig()).name == "005"

    def test_a_number_stays_where_it_is_free(self, study, folders):
        shutil.rmtree(folders[0] / "001")
        assert [run.name for run in read_runs(runs_folder(study))] == ["002", "003", "004"]

    def test_a_run_in_training_stays_until_it_has_ended(self, study, folders):
        with holding(folders[0] / "001"):
            assert [run.name for run in read_runs(runs_folder(study))] == ["002", "003", "004"]
            assert [path.name for path in folders[0].iterdir()] == ["001"]
        assert [run.name for run in read_runs(runs_folder(study))][-1] == "005"

    def test_runs_on_other_images_stay_where_they_are(self, study, folders, home):
        few = study.with_(dataset=load_dataset("postcards", n_database=30, n_train=20, n_query=5))
        assert read_runs(runs_folder(few)) == []
        assert all(folder.exists() for folder in folders)


def test_only_what_differs_stands_in_the_table(tmp_path):
    runs = [
        new_run(tmp_path, 16, TrainingConfig(lam=lam), parent=parent)
        for lam, parent in ((0.8, ""), (0.6, "001"))
    ]
    histories = {
        "001": [step(1, 1, **{"mAP by concepts": 0.7}), step(2, 2, **{"mAP by concepts": 0.5})],
        "002": [],
    }
    frame = differences(runs, histories).set_index("run")
    assert frame["lam"].tolist() == [0.8, 0.6]
    assert "bits" not in frame
    assert frame.loc["001", "last mAP by concepts"] == 0.5
    assert frame.loc["001", "best by concepts"] == 0.7
    assert frame.loc["001", "epochs done"] == 2
    assert differences([]).empty


def test_a_backbone_that_a_run_does_not_have_makes_no_difference(tmp_path):
    config = TrainingConfig(recipe="uhscm")
    runs = [new_run(tmp_path, 16, config, pretrained=given) for given in (True, False)]
    assert "pretrained" not in differences(runs)
    on_pixels = [
        new_run(tmp_path, 16, config, backbone="vgg19", pretrained=given) for given in (True, False)
    ]
    assert differences(on_pixels)["pretrained"].tolist() == [True, False]
