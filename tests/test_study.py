from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from uhscm_core import (
    BASELINES,
    Baseline,
    Study,
    load_dataset,
    load_vlp,
    mean_average_precision,
    pack_codes,
    stages,
)
from uhscm_core.concepts import ConceptSet
from uhscm_core.support import store

NAMES = ("red", "green", "blue", "cat", "sky")


@pytest.fixture
def base(photo_folder, tiny_model):
    dataset = load_dataset(photo_folder, n_query=8, progress=False)
    # With random weights nothing is sure to be kept: keep every concept that got a vote.
    return Study(dataset, load_vlp(tiny_model), NAMES, min_share=0.0, progress=False)


@pytest.fixture
def trained(base):
    return base.train(12, epochs=3, batch_size=16, device="cpu")


def test_the_stages_have_the_shapes_of_the_method(trained):
    n, train = 48, len(trained.dataset.splits["train"])
    kept = int(trained.mined.kept.sum())
    assert trained.image_features.shape == (n, 16)
    assert trained.text_features.shape == (len(NAMES), 16)
    assert trained.mined.distribution.shape == (train, kept)
    assert trained.distribution.shape == (n, kept)
    assert trained.codes.shape == (n, 2)
    assert len(trained.index) == len(trained.dataset.splits["database"])
    assert trained.bit_concepts.shape == (12, kept)
    assert len(trained.kept_names) == kept
    assert len(trained.history) == 3 * -(-train // 16)


def test_mining_sees_the_training_images_alone(base):
    train = base.dataset.splits["train"]
    assert int(base.mined.wins.sum()) == len(train)
    assert torch.allclose(base.distribution[train], base.mined.distribution)


def test_labels_never_reach_training(base):
    unlabelled = dataclasses.replace(base.dataset, labels=None, label_names=())
    without = base.with_(dataset=unlabelled)
    settings = {"epochs": 2, "batch_size": 16, "device": "cpu"}
    assert torch.equal(base.train(8, **settings).codes, without.train(8, **settings).codes)


def test_a_changed_study_shares_what_did_not_change(trained):
    trained.text_features, trained.votes, trained.distribution, trained.index  # noqa: B018  (computed once)
    cooler = trained.with_(tau=1.0)
    assert cooler.image_features is trained.image_features
    assert cooler.text_features is trained.text_features
    assert cooler.votes is trained.votes  # tau moves no vote
    assert cooler.mined.temperature == pytest.approx(trained.mined.temperature / 3)
    worded = trained.with_(template="a {} in the rain")
    assert worded.concepts.names == trained.concepts.names
    assert worded.image_features is trained.image_features
    assert not torch.equal(worded.text_features, trained.text_features)
    assert worded.votes is not trained.votes
    for one in (trained, worded):
        train = one.dataset.splits["train"]
        counted = torch.bincount(one.votes[train], minlength=len(one.concepts))
        assert torch.equal(counted, one.mined.wins)
    for changed in (cooler, worded):
        assert changed.network is None  # it learned from other concepts
        assert changed.history == ()
    assert trained.network is not None  # and the study itself stays as it was
    assert trained.concepts.templates == ("a photo of the {}",)


def test_a_setting_to_its_own_value_changes_nothing(trained):
    same = trained.with_(tau=3.0, template="a photo of the {}")
    assert same.network is trained.network
    assert same.mined is trained.mined


def test_concepts_can_be_changed_with_their_templates_kept(base):
    worded = base.with_(template=["a {}", "the {}"]).with_(concepts=["one", "two"])
    assert worded.concepts == ConceptSet(("one", "two"), ("a {}", "the {}"))
    assert base.with_(concepts="coco80", template="my {}").concepts.templates == ("my {}",)


def test_unknown_settings_and_bad_templates_are_refused(base):
    with pytest.raises(TypeError, match="no setting tua"):
        base.with_(tua=2.0)
    with pytest.raises(ValueError, match="needs exactly one"):
        base.with_(template="no braces")


def test_an_image_of_the_database_finds_itself_first(trained):
    index = int(trained.dataset.splits["database"][5])
    found = trained.search(index, k=48)
    assert found.kind == "hamming"
    assert found.distances[0] == 0
    assert index in found.ids[found.distances == 0].tolist()
    assert set(found.ids.tolist()) == set(trained.dataset.splits["database"].tolist())
    assert (found.distances.diff() >= 0).all()


def test_an_image_a_file_and_an_index_find_the_same(trained, photo_folder):
    index = int(trained.dataset.splits["query"][0])
    path = photo_folder / trained.dataset.names[index]
    expected = trained.search(index, 10)
    for query in (path, Image.open(path), trained.dataset.images[index]):
        found = trained.search(query, 10)
        assert torch.equal(found.ids, expected.ids)
        assert torch.equal(found.distances, expected.distances)


@pytest.mark.filterwarnings("ignore:no kept concept covers")  # its model knows no words
def test_a_text_is_answered_by_its_concept_distribution(trained):
    found = trained.search("red", 7)
    assert found.kind == "concepts"
    wanted = trained.mined.apply(trained.vlp.encode_texts(["a photo of the red"]))
    assert torch.equal(trained.text_distribution(" red "), wanted[0])
    database = trained.dataset.splits["database"]
    cosines = torch.nn.functional.cosine_similarity(wanted, trained.distribution[database])
    assert torch.allclose(found.distances, 1 - cosines.sort(descending=True).values[:7], atol=1e-5)
    with pytest.raises(ValueError, match="needs some text"):
        trained.search("  ")
    with pytest.raises(ValueError, match="needs some text"):
        trained.text_distribution("")


def test_an_explanation_adds_up(base):
    why = base.explain(3, 20)
    assert float(why.parts.sum()) == pytest.approx(why.similarity + 1, abs=1e-5)
    for outside in (-1, 48):
        with pytest.raises(IndexError, match=f"no image {outside}: the dataset has 48"):
            base.explain(3, outside)
    frame = why.to_frame()
    assert list(frame.columns) == ["concept", "part"]
    assert frame["part"].is_monotonic_decreasing
    assert set(frame["concept"]) == set(base.kept_names)


def test_the_comparison_has_a_row_a_method(trained):
    table = trained.compare(top_k=10)
    assert list(table["method"]) == [
        "UHSCM",
        "LSH",
        "PCA sign",
        "ITQ",
        "ITQ of concepts",
        "cosine of concepts",
        "cosine of features",
        "cosine of both",
    ]
    assert table["mAP"].between(0, 1).all()
    assert table["mAP"][0] == trained.evaluate(10)


def test_the_references_can_be_left_out_also_by_their_old_name(trained):
    with_them, without = trained.compare(), trained.compare(references=False)
    quick = [name for name, baseline in BASELINES.items() if not baseline.trains]
    assert list(without["method"]) == ["UHSCM", *quick]
    assert with_them[: len(without)].equals(without)
    with pytest.warns(FutureWarning, match="use references="):
        assert trained.compare(ceilings=False).equals(without)
    with pytest.warns(FutureWarning, match="use references="):
        assert trained.compare(ceilings=True).equals(with_them)


@pytest.mark.parametrize(
    ("space", "of"), [("features", "image_features"), ("concepts", "distribution")]
)
def test_a_registered_baseline_is_compared_in_the_space_that_it_reads(
    trained, monkeypatch, space, of
):
    seen = []

    def fit(x, bits, _seed):
        seen.append(x)
        return lambda rows: np.repeat(rows[:, :1] - np.median(x[:, 0]), bits, axis=1)

    monkeypatch.setitem(BASELINES, "mine", Baseline(fit, space, max_bits=lambda *_: 64))
    table = trained.compare(references=False).set_index("method")
    assert list(table.index) == ["UHSCM", "LSH", "PCA sign", "ITQ", "ITQ of concepts", "mine"]
    vectors = getattr(trained, of)
    train, query, database = (trained.dataset.splits[s] for s in ("train", "query", "database"))
    assert np.array_equal(seen[0], vectors[train].numpy())
    above = vectors[:, :1] - float(np.median(vectors[train, 0]))
    codes = pack_codes(above.repeat(1, trained.network.bits))
    assert torch.equal(trained.baseline_codes("mine", trained.network.bits), codes)
    labels = trained.dataset.labels
    expected = mean_average_precision(
        codes[query], codes[database], labels[query], labels[database], ties="expected"
    )
    assert table["mAP"]["mine"] == expected


@pytest.mark.parametrize(
    ("project", "message"),
    [
        (lambda rows: rows[:, :3], r"'mine' must give shape \(48, 12\) .* got \(48, 3\)"),
        (lambda rows: rows[:, :12] * np.nan, "outputs contain NaN"),
    ],
)
def test_the_mistake_of_a_registered_baseline_is_not_taken_for_too_few_directions(
    trained, monkeypatch, project, message
):
    monkeypatch.setitem(BASELINES, "mine", Baseline(lambda *_: project))
    with pytest.raises(ValueError, match=message):
        trained.compare(references=False)


@pytest.mark.usefixtures("as_users_run_it")
def test_a_baseline_of_an_unknown_space_is_refused():
    with pytest.raises(
        ValueError, match="space must be one of 'features', 'concepts', got 'concept'"
    ):
        Baseline(lambda *_: lambda rows: rows, space="concept")


def test_questions_that_need_more_say_what(base, trained):
    with pytest.raises(ValueError, match=r"no hash network yet: use study\.train"):
        base.search(0)
    unlabelled = dataclasses.replace(base.dataset, labels=None, label_names=())
    blind = trained.with_(dataset=unlabelled, network=trained.network)
    with pytest.raises(ValueError, match="evaluation needs labels"):
        blind.evaluate()


def test_a_saved_study_comes_back_whole(trained, tmp_path):
    folder = tmp_path / "study"
    trained.save(folder)
    back = Study.load(folder)
    assert back.concepts == trained.concepts
    assert (back.tau, back.min_share, back.max_share) == (3.0, 0.0, None)
    assert torch.equal(back.codes, trained.codes)
    assert back.history == trained.history
    assert back.dataset.names == trained.dataset.names
    np.testing.assert_array_equal(back.dataset.splits["train"], trained.dataset.splits["train"])


def test_a_saved_study_refuses_other_images_and_other_models(trained, tmp_path, photo_folder):
    folder = tmp_path / "study"
    trained.save(folder)
    config = json.loads((folder / "study.json").read_text())
    config |= {"vlp_digest": "0" * 20, "digest": None}
    (folder / "study.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="this vlp is not the one"):
        Study.load(folder)
    (photo_folder / "red" / "00.png").unlink()
    with pytest.raises(ValueError, match="this dataset is not the one"):
        Study.load(folder)


def test_an_untrained_study_saved_over_a_trained_one_has_no_network(trained, base, tmp_path):
    trained.save(tmp_path / "study")
    base.save(tmp_path / "study")
    assert Study.load(tmp_path / "study").network is None


def test_a_study_of_parts_made_by_hand_cannot_be_saved(base, tmp_path):
    by_hand = base.with_(dataset=dataclasses.replace(base.dataset, source=None))
    with pytest.raises(ValueError, match="comes from load_dataset or"):
        by_hand.save(tmp_path)


class MeanColors:
    """An encoder of three numbers, with none of our classes behind it."""

    name, digest, embed_dim, logit_scale = "mean colors", "mean-colors-1", 3, 10.0

    def encode_images(self, images):
        means = torch.stack([torch.tensor(np.asarray(i).mean((0, 1))).float() for i in images])
        return torch.nn.functional.normalize(means, dim=1)

    def encode_texts(self, texts):
        axes = {"red": 0, "green": 1, "blue": 2}
        names = texts.names if isinstance(texts, ConceptSet) else texts
        return torch.eye(3)[[axes[next(a for a in axes if a in name)] for name in names]]


def test_any_encoder_will_do(base, tmp_path):
    study_ = Study(base.dataset, MeanColors(), ["blue", "green", "red"], progress=False)
    assert study_.mined.wins.sum() == len(study_.dataset.splits["train"])
    trained = study_.train(8, epochs=2, batch_size=16, device="cpu")
    assert trained.search("something red", 5).kind == "concepts"
    names = {trained.dataset.names[i].partition("/")[0] for i in trained.search("a red one", 5).ids}
    assert names == {"red"}
    index = int(trained.dataset.splits["query"][0])
    embedding = trained.embed(trained.dataset.images[index])
    assert torch.equal(embedding.code, trained.embed(index).code)
    trained.save(tmp_path / "study")
    with pytest.raises(ValueError, match="an encoder of your own; pass it as vlp="):
        Study.load(tmp_path / "study")
    back = Study.load(tmp_path / "study", vlp=MeanColors())
    assert torch.equal(back.codes, trained.codes)


class AsNumpy(MeanColors):
    """The same encoder in numpy, with the factor of a mistake."""

    digest, factor = "mean-colors-numpy", 1.0

    def encode_images(self, images):
        assert {image.mode for image in images} == {"RGB"}
        return super().encode_images(images).double().numpy() * self.factor

    def encode_texts(self, texts):
        return super().encode_texts(texts).double().numpy() * self.factor


@pytest.mark.usefixtures("as_users_run_it")
def test_an_encoder_may_return_numpy_in_float64(base):
    concepts = ["blue", "green", "red"]
    expected, study_ = (
        Study(base.dataset, encoder, concepts, progress=False).train(8, epochs=1, device="cpu")
        for encoder in (MeanColors(), AsNumpy())
    )
    assert torch.equal(study_.mined.wins, expected.mined.wins)
    assert torch.equal(study_.search("a red one").ids, expected.search("a red one").ids)
    image = base.dataset.images[4].convert("RGBA")
    assert study_.embed(image).features.dtype == torch.float32
    assert torch.equal(study_.search(image).ids, study_.search(4).ids)


@pytest.mark.usefixtures("as_users_run_it")
def test_an_encoder_that_returns_other_lengths_is_told_so(base):
    wrong = AsNumpy()
    wrong.factor = 2.0
    study_ = Study(base.dataset, wrong, ["blue", "green", "red"], progress=False)
    with pytest.raises(ValueError, match=r"encode_texts of mean colors must .* unit length"):
        study_.text_features  # noqa: B018
    with pytest.raises(ValueError, match=r"encode_images of mean colors must .* unit length"):
        study_.embed(base.dataset.images[0])


@pytest.mark.usefixtures("as_users_run_it")
def test_an_encoder_is_not_asked_for_its_digest_before_it_is_needed(base):
    class Costly(MeanColors):
        @property
        def digest(self):
            raise AssertionError("the weights were hashed")

    assert Study(base.dataset, Costly(), ["blue", "green"]).vlp.name == "mean colors"


@pytest.mark.usefixtures("as_users_run_it")
def test_an_encoder_without_a_digest_is_refused(base):
    members = {k: v for k, v in vars(MeanColors).items() if k != "digest"}
    with pytest.raises(TypeError, match=r"vlp must be an Encoder .* without digest"):
        Study(base.dataset, type("Nameless", (), members)(), NAMES)


@pytest.mark.usefixtures("as_users_run_it")
def test_what_is_no_encoder_is_refused(base):
    with pytest.raises(TypeError, match=r"vlp must be an Encoder .* got str 'x' without name, dig"):
        Study(base.dataset, "x", NAMES)


def test_an_embedding_is_what_each_stage_gives(trained, base, photo_folder):
    index = int(trained.dataset.splits["query"][0])
    path = photo_folder / trained.dataset.names[index]
    for item in (index, path, Image.open(path)):
        embedding = trained.embed(item)
        assert torch.allclose(embedding.features, trained.image_features[index], atol=1e-5)
        assert torch.allclose(embedding.distribution, trained.distribution[index], atol=1e-4)
        assert torch.equal(embedding.code, trained.codes[index])
        assert base.embed(item).code is None
    with pytest.raises(IndexError, match="no image 48"):
        trained.embed(48)


def test_a_study_on_pixels_searches_and_comes_back(base, tmp_path):
    pixels = base.train(
        8, backbone="test_resnet", pretrained=False, epochs=1, device="cpu", workers=0
    )
    assert pixels.codes.shape == (48, 1)
    image = pixels.dataset.images[4]
    assert torch.equal(pixels.search(image, 5).ids, pixels.search(4, 5).ids)
    pixels.save(tmp_path / "study")
    assert torch.equal(Study.load(tmp_path / "study").codes, pixels.codes)


def test_every_stage_is_computed_once(base, monkeypatch):
    calls = []
    original = stages.mine_concepts
    monkeypatch.setattr(stages, "mine_concepts", lambda *a: calls.append(1) or original(*a))
    fresh = base.with_(tau=2.0)
    fresh.mined, fresh.distribution, fresh.kept_names, fresh.mined  # noqa: B018
    assert calls == [1]


def test_what_is_computed_after_the_change_is_shared_too(base):
    cooler = base.with_(tau=1.0)  # before anything is computed
    assert cooler.image_features is base.image_features
    assert base.text_features is cooler.text_features
    assert cooler.mined is not base.mined
    assert base.with_(template="the {}").text_features is not base.text_features


def test_an_image_of_any_mode_is_read_as_its_file_is(trained, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    Image.fromarray(pixels).save(tmp_path / "glass.png")
    Image.fromarray(pixels[..., :3]).save(tmp_path / "turned.jpg", exif=exif)
    Image.fromarray(pixels).convert("RGB").convert("CMYK").save(tmp_path / "print.jpg")
    on_pixels = trained.train(
        8, backbone="test_resnet", pretrained=False, epochs=0, device="cpu", workers=0
    )
    for study_ in (trained, on_pixels):
        for name in ("glass.png", "turned.jpg", "print.jpg"):
            of_file = study_.search(tmp_path / name, 20)
            of_image = study_.search(Image.open(tmp_path / name), 20)
            assert torch.equal(of_file.ids, of_image.ids), name
            assert torch.equal(of_file.distances, of_image.distances), name


def test_a_result_can_be_asked_for_in_turn_and_nonsense_cannot(trained, as_users_run_it):
    found = trained.search(0, 3)
    assert trained.search(found.ids[1], 3).distances[0] == 0
    for outside in (-1, 48):
        with pytest.raises(IndexError, match=f"no image {outside}: the dataset has 48"):
            trained.search(outside)
    with pytest.raises(
        TypeError,
        match=r"given by its index, .* and a query also as a text, got \[1, 2\] \(list\)",
    ):
        trained.search([1, 2])


def test_a_network_that_goes_on_learning_does_not_change_the_study(trained):
    network = copy.deepcopy(trained.network).train()
    live = trained.with_(network=network, history=())
    before = live.codes.clone()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.neg_()
    assert not live.network.training
    assert torch.equal(pack_codes(live.network.outputs(live.image_features)), before)
    assert not torch.equal(live.with_(network=network).codes, before)


def test_a_run_taken_up_again_brings_its_whole_history(base, tmp_path):
    settings = {"batch_size": 16, "device": "cpu", "folder": tmp_path / "run"}
    first = base.train(8, epochs=2, **settings)
    again = base.train(8, epochs=2, **settings)
    longer = base.train(8, epochs=3, **settings)
    assert again.history == first.history
    assert longer.history[: len(first.history)] == first.history
    assert {step.epoch for step in longer.history} == {1, 2, 3}


def test_a_failed_save_leaves_what_was_saved_before(trained, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    trained.save(folder)
    other = trained.with_(tau=1.0).train(12, epochs=1, device="cpu")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store, "save_json", full)
        with pytest.raises(OSError, match="No space"):
            other.save(folder)
    back = Study.load(folder)
    assert back.tau == 3.0
    assert torch.equal(back.codes, trained.codes)
    other.save(folder)
    assert torch.equal(Study.load(folder).codes, other.codes)
    assert len(list(folder.glob("weights-*"))) == 1  # nothing old is left behind


def test_more_bits_than_the_features_have_leave_out_the_baselines_that_do_not_lift(base):
    table = base.train(24, epochs=1, device="cpu").compare().set_index("method")
    assert list(table.index[table["mAP"].isna()]) == ["LSH", "PCA sign"]


def test_one_kept_concept_leaves_the_baseline_of_concepts_out(base):
    votes = base.mined.wins.sort().values
    n = len(base.dataset.splits["train"])
    share = float(votes[-2] + 0.5) * len(votes) / n
    one = base.with_(min_share=share).train(8, epochs=1, device="cpu")
    assert len(one.kept_names) == 1
    table = one.compare(references=False).set_index("method")
    assert list(table.index[table["mAP"].isna()]) == ["ITQ of concepts"]


@pytest.mark.usefixtures("as_users_run_it")
def test_a_study_of_names_instead_of_values_says_what_it_needs(base):
    with pytest.raises(
        TypeError, match=r"dataset must be an ImageDataset \(from load_dataset\), got str"
    ):
        Study("postcards", base.vlp, NAMES)


@pytest.mark.usefixtures("as_users_run_it")
def test_settings_from_numpy_can_be_saved_and_unknown_ones_are_named(photo_folder, base, tmp_path):
    dataset = load_dataset(photo_folder, n_query=np.int64(5), progress=False)
    settings = {"tau": torch.tensor(2.5), "max_share": np.float32(0.5)}
    base.with_(dataset=dataset, **settings).save(tmp_path / "study")
    back = Study.load(tmp_path / "study")
    assert len(back.dataset.splits["query"]) == 5
    assert (back.tau, back.max_share) == (2.5, 0.5)
    with pytest.raises(
        TypeError, match="has no argument test, train: expected some of n_train, n_database"
    ):
        load_dataset(photo_folder, train=3, test=4)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"epochs": 1}}, "config must be a TrainingConfig .*, got {'epochs': 1}"),
        ({"bits": "64"}, "bits must be a whole number .*, got '64'"),
        ({"bits": 64.0}, "bits must be a whole number .*, got 64.0"),
        ({"epoch": 1}, "training has no setting epoch"),
        ({"on_step": "print"}, "on_step must be a function, got 'print'"),
    ],
)
def test_training_arguments_of_another_kind_are_named(study, change, message):
    with pytest.raises(TypeError, match=message):
        study.train(**change)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("name", ["tau", "min_share", "max_share"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.5, True, "3", [3]])
def test_mining_settings_are_checked_at_once(study, name, value):
    with pytest.raises((TypeError, ValueError), match=f"{name} must be a finite number.*, got"):
        study.with_(**{name: value})


@pytest.mark.usefixtures("as_users_run_it")
def test_an_index_that_is_none_is_refused_by_its_argument(trained):
    for call, name in (
        (lambda value: trained.search(value), "query"),
        (lambda value: trained.embed(value), "item"),
        (lambda value: trained.explain(0, value), "j"),
    ):
        for wrong in (True, 1.0, np.ma.array(1, mask=True)):
            with pytest.raises(TypeError, match=f"^{name}: an image is given by its index"):
                call(wrong)
        with pytest.raises(IndexError, match=f"^{name}: no image"):
            call(10**9)
