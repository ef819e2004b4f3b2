"""Studies made from features that were computed elsewhere."""

from __future__ import annotations

import dataclasses
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from uhscm_core import Study, UHSCMWarning, mine_concepts
from uhscm_core.datasets.images import ArrayImages
from uhscm_core.precomputed import unit_rows

N, M, D = 90, 6, 12
NAMES = tuple("abcdef")


def vectors(n: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, D))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


TEXTS = vectors(M, 1)
CLASSES = np.random.default_rng(2).integers(0, M, N)
IMAGES = vectors(N, 3) * 0.5 + TEXTS[CLASSES]
IMAGES = (IMAGES / np.linalg.norm(IMAGES, axis=1, keepdims=True)).astype(np.float32)


def made(image_features=IMAGES, concepts=NAMES, text_features=TEXTS, **settings) -> Study:
    return Study.from_features(image_features, concepts, text_features, **settings)


@pytest.fixture(scope="module")
def labelled() -> Study:
    return made(labels=CLASSES, label_names=NAMES)


@pytest.fixture(scope="module")
def trained_(labelled) -> Study:
    return labelled.train(8, epochs=2, batch_size=16, device="cpu")


def test_it_gives_what_the_model_gives_on_the_same_features(trained):
    """Features taken from a study of images make the same study."""
    copy = Study.from_features(
        trained.image_features.numpy(),
        trained.concepts,
        trained.text_features,
        labels=trained.dataset.labels,
        label_names=trained.dataset.label_names,
        splits=trained.dataset.splits,
        logit_scale=trained.vlp.logit_scale,
        names=trained.dataset.names,
    )
    assert torch.equal(copy.mined.kept, trained.mined.kept)
    torch.testing.assert_close(copy.distribution, trained.distribution, atol=1e-6, rtol=0)
    copy = copy.train(16, epochs=2)
    assert torch.equal(copy.codes, trained.codes)
    assert copy.evaluate() == pytest.approx(trained.evaluate(), abs=1e-6)
    assert copy.search(5, 20).ids.tolist() == trained.search(5, 20).ids.tolist()


def test_each_stage_is_that_of_the_functions(labelled):
    train = labelled.dataset.splits["train"]
    expected = mine_concepts(torch.from_numpy(IMAGES[train]), torch.from_numpy(TEXTS))
    assert torch.equal(labelled.mined.distribution, expected.distribution)
    assert labelled.kept_names == tuple(
        name for name, kept in zip(NAMES, expected.kept.tolist(), strict=True) if kept
    )


KINDS = {
    "float64": lambda x: x.astype(np.float64),
    "float16": lambda x: x.astype(np.float16),
    "big-endian": lambda x: x.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "frame": pd.DataFrame,
    "list": np.ndarray.tolist,
    "torch": torch.from_numpy,
    "parameter": lambda x: torch.nn.Parameter(torch.from_numpy(x)),
    "list of tensors": lambda x: [torch.tensor(row, requires_grad=True) for row in x],
}


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_any_kind_are_taken(kind):
    study = made(KINDS[kind](IMAGES), text_features=KINDS[kind](TEXTS))
    assert study.image_features.dtype == torch.float32
    assert study.image_features.is_contiguous()
    torch.testing.assert_close(study.image_features, torch.from_numpy(IMAGES), atol=1e-3, rtol=0)


@pytest.mark.filterwarnings("ignore::uhscm_core.UHSCMWarning")  # half a percent off unit length
def test_brain_floats_are_taken(trained_):
    study = made(torch.from_numpy(IMAGES).bfloat16())
    torch.testing.assert_close(study.image_features, torch.from_numpy(IMAGES), atol=1e-2, rtol=0)
    found = trained_.search(image_features=torch.from_numpy(IMAGES[0]).bfloat16(), k=N)
    assert sorted(found.ids.tolist()) == trained_.dataset.splits["database"].tolist()


@pytest.mark.usefixtures("as_users_run_it")
def test_a_logit_scale_may_be_the_models_parameter():
    scale = torch.nn.Parameter(torch.tensor(100.0).log()).exp()
    assert made(logit_scale=scale).vlp.logit_scale == pytest.approx(100, rel=1e-5)


def test_the_features_are_a_copy():
    mine = IMAGES.copy()
    study = made(mine)
    mine[:] = 0
    assert torch.equal(study.image_features, torch.from_numpy(IMAGES))


def test_rows_that_are_not_of_unit_length_are_normalized_and_said():
    longer = IMAGES.copy()
    longer[[3, 7]] *= 5
    with pytest.warns(UHSCMWarning, match=r"image_features: 2 of 90 rows did not have unit length"):
        study = made(longer)
    torch.testing.assert_close(study.image_features, torch.from_numpy(IMAGES), atol=1e-6, rtol=0)
    assert len(study.dataset.notes) == 1
    assert study.dataset.notes[0] in repr(study.dataset)


def test_rows_near_unit_length_stay_as_they_are():
    near = IMAGES * np.float32(1.0005)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(made(near).image_features.numpy(), near)


def test_a_long_row_does_not_overflow():
    rows, notes = unit_rows("x", np.array([[1e30, 0.0], [3e38, 4e38]]))
    assert len(notes) == 1
    np.testing.assert_allclose(rows, [[1, 0], [0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_rows_without_a_direction_are_named(value):
    bad = IMAGES.copy()
    bad[[4, 11]] = value
    with pytest.raises(ValueError, match=r"image_features: .* 2 of 90 rows: 4, 11"):
        made(bad)
    with pytest.raises(ValueError, match=r"text_features: .* 1 of 6 rows: 5"):
        made(text_features=np.vstack([TEXTS[:5], np.full((1, D), value)]))


MASK = np.arange(N) < 60


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_features": IMAGES[0]}, r"image_features must be numbers with shape \(n, d\)"),
        ({"image_features": np.empty((0, D))}, "at least one row"),
        ({"image_features": np.full((3, D), "x")}, "must be numbers"),
        (
            {"text_features": np.eye(6, 5)},
            r"rows must have a direction; all zeros in 1 of 6 rows: 5",
        ),
        ({"text_features": np.eye(6)}, r"same width, got \(90, 12\) and \(6, 6\)"),
        ({"text_features": TEXTS[:4]}, "one row per concept: 6 concepts, got 4 rows"),
        ({"concepts": ("a", "b", "c", "A", "e", "f")}, "'A'"),
        ({"image_features": [[1.0, 2.0], [1.0]]}, "image_features must have rows of one length"),
        ({"image_features": np.full((2, D), 1e200)}, "too large to square in 2 of 2 rows: 0, 1"),
        ({"labels": [NAMES[c] for c in CLASSES]}, "class numbers from 0 on, got <U1 such as "),
        ({"labels": [[0]] * 89 + [[0, 1]]}, "labels must have rows of one length"),
        ({"labels": np.ones((N, 0))}, r"labels must have shape \(90, C\) .* got \(90, 0\)"),
        ({"splits": {"train": [], "database": [1], "query": [2]}}, "'train'. must name at least"),
        ({"splits": {0: MASK}}, "splits must have the keys train, database, query, got 0"),
        ({"logit_scale": 0}, "logit_scale must be a finite number .*, got 0"),
        (
            {"logit_scale": float("nan")},
            "logit_scale must be a finite number .*, got nan",
        ),
        ({"labels": CLASSES[:5]}, r"labels must have shape \(90, C\) .* got \(5,\)"),
        ({"labels": CLASSES - 1}, "class numbers from 0 on"),
        ({"labels": CLASSES / 2}, "class numbers from 0 on"),
        ({"labels": np.full((N, 2), 2)}, "must be 0 and 1 only"),
        ({"labels": np.ones((N, 2)), "label_names": ["x"]}, "one name per label, 2, got 1"),
        ({"label_names": ["x"]}, "label_names needs labels"),
        ({"labels": np.ones((N, 2)), "label_names": ["x", "x"]}, "label_names must differ .*'x'"),
        ({"labels": np.ones((N, 2)), "label_names": ["x", " "]}, "and not be blank, got ' '"),
        ({"names": ["x"]}, "names must have one entry per row of image_features, 90, got 1"),
        ({"images": ["x"]}, "images must have one entry per row"),
        ({"splits": {"train": [0]}}, "splits must have the keys train, database, query, got train"),
        ({"splits": {"train": [0, 0], "database": [1], "query": [2]}}, "name each row once"),
        ({"splits": {"train": [90], "database": [1], "query": [2]}}, "rows from 0 to 89"),
        ({"splits": {"train": [-1], "database": [1], "query": [2]}}, "rows from 0 to 89"),
        ({"splits": {"train": [0.5], "database": [1], "query": [2]}}, "a mask or a list of row"),
        ({"splits": {"train": MASK[:9], "database": [1], "query": [2]}}, r"a mask must have shape"),
        ({"splits": {"train": MASK, "database": MASK, "query": MASK}}, "both the query and"),
        ({"splits": {"train": MASK, "database": [70], "query": MASK}}, "query and the train"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        made(**changes)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": [1] * N}, r"images\[0\] must be an image or a path, got int"),
        ({"names": "n" * N}, "names must be a sequence of names, got 'nnn"),
        ({"labels": CLASSES, "label_names": "abcdef"}, "label_names must be a sequence of names"),
        ({"labels": CLASSES, "label_names": {*NAMES}}, "label_names must be a sequence of names"),
        (
            {"labels": CLASSES, "label_names": [*NAMES[1:], None]},
            r"label_names\[\d\] must be a name",
        ),
        ({"splits": [MASK, MASK, ~MASK]}, "splits must be a dict of train, database, query, got"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(changes, message):
    with pytest.raises(TypeError, match=message):
        made(**changes)


def test_splits_are_masks_or_rows_and_rows_in_none_stay():
    splits = {"train": np.arange(80, 90), "database": MASK, "query": [61, 60]}
    study = made(splits=splits, labels=CLASSES)
    assert study.image_features.shape == (N, D)
    assert study.dataset.splits["database"].tolist() == list(range(60))
    assert study.dataset.splits["query"].tolist() == [61, 60]
    trained = study.train(8, epochs=1, batch_size=4, device="cpu")  # train is outside the database
    assert trained.codes.shape == (N, 1)
    assert set(trained.search(85, 60).ids.tolist()) == set(range(60))
    assert 0 <= trained.evaluate() <= 1


def test_without_splits_they_are_those_of_the_seed():
    one, same, other = made(), made(), made(seed=1)
    for name in ("train", "database", "query"):
        assert np.array_equal(one.dataset.splits[name], same.dataset.splits[name])
    assert not np.array_equal(one.dataset.splits["query"], other.dataset.splits["query"])


def test_labels_are_class_numbers_or_multi_hot():
    classes, hot = made(labels=CLASSES), made(labels=np.eye(M)[CLASSES], label_names=NAMES)
    assert torch.equal(classes.dataset.labels, hot.dataset.labels)
    assert classes.dataset.label_names[:2] == ("label 0", "label 1")
    assert hot.dataset.labels_of(0) == (NAMES[CLASSES[0]],)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("sequence", [list, np.array, pd.Index, iter])
def test_names_are_any_sequence(sequence):
    study = made(labels=CLASSES, label_names=sequence(NAMES), names=sequence(list(map(str, MASK))))
    assert study.dataset.label_names == NAMES
    assert study.dataset.names[0] == "True"


def test_class_numbers_need_the_memory_of_their_labels_alone():
    tracemalloc.start()
    labels = made(labels=np.where(CLASSES == 0, 20_000, CLASSES)).dataset.labels
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert labels.shape == (N, 20_001)
    assert labels.argmax(1).tolist() == [int(c) or 20_000 for c in CLASSES]
    assert peak < 50_000_000  # a row for each class would be 400 MB


def test_a_vector_is_answered_as_the_image_or_text_it_is_of(trained_):
    for row in (0, 17):
        by_id, by_vector = trained_.search(row), trained_.search(image_features=IMAGES[row])
        assert by_vector.kind == "hamming"
        assert by_vector.ids.tolist() == by_id.ids.tolist()
        assert by_vector.distances.tolist() == by_id.distances.tolist()
    found = trained_.search(text_features=TEXTS[2] * 3 / 3, k=5)
    assert found.kind == "concepts"
    assert (CLASSES[found.ids] == 2).all()
    with pytest.warns(UHSCMWarning, match="image_features: 1 of 1 rows"):
        assert trained_.search(image_features=7 * IMAGES[0]).ids[0] in trained_.search(0).ids


@pytest.mark.usefixtures("as_users_run_it")
def test_a_vector_that_does_not_fit_is_refused(trained_):
    with pytest.raises(ValueError, match=r"image_features must be a vector of shape \(12,\), got"):
        trained_.search(image_features=IMAGES[:2])
    with pytest.raises(ValueError, match=r"text_features must be a vector of shape \(12,\), got"):
        trained_.search(text_features=[1.0, 2.0])
    with pytest.raises(ValueError, match="text_features: rows must be finite"):
        trained_.search(text_features=np.full(D, np.nan))
    with pytest.raises(TypeError, match="one of query, image_features and text_features"):
        trained_.search()
    with pytest.raises(TypeError, match="one of query, image_features and text_features"):
        trained_.search(0, image_features=IMAGES[0])
    with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
        trained_.search(text_features=TEXTS[0], k=0)


def test_what_needs_a_model_is_refused_with_the_way_around(trained_):
    for ask in (
        lambda: trained_.with_(template="a {} in the rain"),
        lambda: trained_.with_(template=["a photo of the {}", "a {} in the rain"]),
        lambda: trained_.with_(concepts=["a", "zebra"]),
    ):
        with pytest.raises(
            ValueError, match=r"(rain'|'zebra'); use with_\(concepts=\.\.\., text_f"
        ):
            ask()
    with pytest.raises(ValueError, match=r"search\(text_features=\.\.\.\)"):
        trained_.search("dog")
    with pytest.raises(ValueError, match=r"search\(image_features=\.\.\.\)"):
        trained_.search(Image.new("RGB", (8, 8)))
    with pytest.raises(ValueError, match="no images to read"):
        trained_.train(8, backbone="test_resnet", pretrained=False, epochs=1)


def test_other_concepts_come_with_their_vectors_or_are_known(labelled, trained_):
    fewer = labelled.with_(concepts=["c", "a"])
    assert torch.equal(fewer.text_features, labelled.text_features[[2, 0]])
    other = trained_.with_(concepts=["x", "y"], text_features=TEXTS[3:5])
    assert other.network is None
    assert torch.equal(other.text_features, labelled.text_features[3:5])
    assert other.image_features is trained_.image_features
    with pytest.raises(ValueError, match="one row per concept: 1 concepts, got 2 rows"):
        labelled.with_(concepts=["x"], text_features=TEXTS[:2])
    with pytest.raises(ValueError, match="one row per concept: 6 concepts, got 2 rows"):
        labelled.with_(text_features=TEXTS[:2])
    same = trained_.with_(template="a photo of the {}", tau=3.0)
    assert same.network is trained_.network


def test_other_vectors_that_are_not_of_unit_length_are_said_and_noted():
    rows = IMAGES * np.linspace(1, 3, N, dtype=np.float32)[:, None]
    with pytest.warns(UHSCMWarning) as said:
        study = made(rows, text_features=2 * TEXTS)
    assert study.dataset.notes == tuple(str(warning.message) for warning in said)
    with pytest.warns(UHSCMWarning, match="text_features: 2 of 2 rows") as said:
        other = study.with_(concepts=["x", "y"], text_features=5 * TEXTS[:2])
    assert other.dataset.notes == (study.dataset.notes[0], str(said[0].message))
    assert study.with_(text_features=TEXTS).dataset.notes == study.dataset.notes[:1]


def test_vectors_are_not_taken_by_a_study_with_a_model(study):
    with pytest.raises(ValueError, match="text_features are for a study made from features"):
        study.with_(text_features=TEXTS)


def test_features_stay_with_their_images(labelled, study):
    unlabelled = dataclasses.replace(labelled.dataset, labels=None, label_names=())
    assert labelled.with_(dataset=unlabelled).image_features is labelled.image_features
    with pytest.raises(ValueError, match="other images than the features are of"):
        labelled.with_(dataset=study.dataset)
    with pytest.raises(ValueError, match="other images than the features are of"):
        labelled.with_(vlp=made(vectors(N, 9)).vlp)
    with pytest.raises(ValueError, match="no images to read"):
        labelled.with_(vlp=study.vlp).image_features  # noqa: B018


def test_embedding_by_id_is_what_the_study_holds(labelled, trained_):
    before, after = labelled.embed(4), trained_.embed(4)
    assert before.code is None
    assert torch.equal(after.code, trained_.codes[4])
    assert torch.equal(after.features, trained_.image_features[4])
    assert torch.equal(before.distribution, trained_.distribution[4])


def test_it_comes_back_from_its_folder_with_its_features(trained_, tmp_path):
    trained_.save(tmp_path / "study")
    back = Study.load(tmp_path / "study")
    assert torch.equal(back.image_features, trained_.image_features)
    assert torch.equal(back.codes, trained_.codes)
    assert back.evaluate() == trained_.evaluate()
    assert back.dataset.names == trained_.dataset.names
    assert back.dataset.label_names == trained_.dataset.label_names
    assert back.vlp.digest == trained_.vlp.digest
    assert back.vlp.logit_scale == trained_.vlp.logit_scale
    back.with_(concepts=["a", "b"]).save(tmp_path / "study")
    again = Study.load(tmp_path / "study")
    assert again.concepts.names == ("a", "b")
    assert len(list((tmp_path / "study").glob("*.safetensors"))) == 1  # no old files are left


def test_images_are_shown_where_there_are_some(tmp_path):
    files = []
    for number in range(N):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (8, 8), (number, 0, 0)).save(files[-1])
    study = made(images=files)
    assert study.dataset.names[7] == "7.png"
    assert study.dataset.images[7].getpixel((0, 0)) == (7, 0, 0)
    study.save(tmp_path / "study")
    assert Study.load(tmp_path / "study").dataset.images[7].getpixel((0, 0)) == (7, 0, 0)
    pil = made(images=[Image.new("RGB", (8, 8), (number, 0, 0)) for number in range(N)])
    assert pil.dataset.images[9].getpixel((0, 0)) == (9, 0, 0)
    with pytest.warns(UHSCMWarning, match="not saved with the study"):
        pil.save(tmp_path / "other")
    assert not Study.load(tmp_path / "other").dataset.has_pixels


@pytest.mark.filterwarnings("ignore:images that were not given as paths")
@pytest.mark.parametrize("kind", ["array", "mixed"])
def test_images_that_cannot_be_saved_come_back_as_tiles(tmp_path, kind):
    if kind == "array":
        pixels = ArrayImages(np.zeros((N, 8, 8, 3), np.uint8))
        study = made().with_(dataset=dataclasses.replace(made().dataset, images=pixels))
    else:
        image, file = Image.new("RGB", (8, 8)), tmp_path / "one.png"
        image.save(file)
        study = made(images=[image, *[file] * (N - 1)])
    study.save(tmp_path / "study")
    back = Study.load(tmp_path / "study")
    assert not back.dataset.has_pixels
    assert torch.equal(back.image_features, study.image_features)
    own = Study.load(tmp_path / "study", dataset=study.dataset)
    assert own.dataset is study.dataset


def test_placeholder_tiles_differ_by_name():
    dataset = made().dataset
    assert dataset.names[3] == "image 3"
    assert not dataset.has_pixels
    assert dataset.images[3].mode == "RGB"
    assert dataset.images[3].tobytes() != dataset.images[4].tobytes()
    assert [tile.size for tile in dataset.images[3:5]] == [(96, 96)] * 2
