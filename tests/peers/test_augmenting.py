"""Augmented copies of images as the views of a peer, and whether an encoder bears them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from tests.experiments.conftest import small_study
from tests.peers.test_fitting import PEERS, each_peer, fitted, points
from uhscm_core import (
    BASELINES,
    Experiment,
    Study,
    UHSCMWarning,
    fit_baseline,
    load_dataset,
    load_vlp,
    stages,
)
from uhscm_core.experiments.settings import read_settings, study_identity
from uhscm_core.peers.augmenting import AugmentedImages, augmented_features, recognized_share
from uhscm_core.peers.fitting import Inputs
from uhscm_core.support import store

pytestmark = pytest.mark.usefixtures("quick_peers")


def noise(n: int, size: tuple[int, int] = (20, 30)) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for _ in range(n)]


def keys(n: int) -> list[str]:
    return [f"key {i}" for i in range(n)]


@pytest.fixture
def photo_study(photo_folder, tiny_model) -> Study:
    dataset = load_dataset(photo_folder, n_query=8, progress=False)
    return Study(dataset, load_vlp(tiny_model, device="cpu"), "nuswide81", progress=False)


@pytest.fixture
def borne(monkeypatch):
    """The tiny model knows nothing, so that it recognizes few images."""
    monkeypatch.setattr(stages, "BORNE", 0.0)


# -- the copies --------------------------------------------------------------------------------


def test_a_copy_depends_on_the_image_and_its_number_alone():
    images = noise(4)
    first = AugmentedImages(images, keys(4), 0)
    state = torch.random.get_rng_state()
    pixels = [np.asarray(image) for image in first]
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(5)
    backwards = AugmentedImages(images[::-1], keys(4)[::-1], 0)
    for i in range(4):
        assert np.array_equal(np.asarray(backwards[3 - i]), pixels[i])
        assert backwards.keys[3 - i] == first.keys[i]
    second = AugmentedImages(images, keys(4), 1)
    assert not set(first.keys) & set(second.keys)
    assert all(not np.array_equal(np.asarray(second[i]), pixels[i]) for i in range(4))


@pytest.mark.parametrize(
    ("mode", "size", "side"),
    [("RGB", (30, 20), 20), ("L", (1, 1), 2), ("RGBA", (3, 900), 3), ("P", (700, 600), 512)],
)
def test_a_copy_is_a_square_of_the_short_side(mode, size, side):
    (copy,) = AugmentedImages([Image.new(mode, size)], ["key"], 0)
    assert (copy.mode, copy.size) == ("RGB", (side, side))


def test_each_kind_of_augmentation_is_drawn():
    gradient = np.stack(np.meshgrid(np.arange(64) * 2, np.arange(64) * 3), axis=2)
    image = Image.fromarray(np.dstack([gradient, np.full((64, 64), 40)]).astype(np.uint8))
    drawn = [
        np.asarray(AugmentedImages([image], ["key"], copy)[0]).astype(int) for copy in range(60)
    ]
    gray = [(a[..., 0] == a[..., 1]).all() and (a[..., 1] == a[..., 2]).all() for a in drawn]
    rises = [a[..., 0].mean(0)[-1] > a[..., 0].mean(0)[0] for a in drawn]
    recolored = [abs(a[..., 2].mean() - 40) > 4 for a in drawn]
    assert 3 <= sum(gray) <= 25  # 12 expected
    assert 15 <= sum(rises) <= 45  # 30 expected
    assert 25 <= sum(recolored) <= 55


def test_copies_are_encoded_once_and_found_again(tiny_model):
    encoder, images = load_vlp(tiny_model, device="cpu"), noise(6)
    found = augmented_features(images, keys(6), encoder, 3, progress=False)
    assert found.shape == (3, 6, 16)
    assert torch.allclose(found.norm(dim=2), torch.ones(3, 6))
    for copy in range(3):
        alone = encoder.encode_images(list(AugmentedImages(images, keys(6), copy)))
        assert torch.allclose(found[copy], alone, atol=1e-6)
    others = [Image.new("RGB", (20, 20))] * 6  # which would have other features
    again = augmented_features(others, keys(6), encoder, 3, progress=False)
    assert torch.equal(again, found)


@pytest.mark.usefixtures("as_users_run_it")  # the check of a sequence reads one of its items
def test_a_photo_that_was_painted_over_is_refused(photo_study):
    images = photo_study.dataset.images
    assert len(images.keys) == 48
    place = int(photo_study.dataset.splits["train"][0])
    Image.new("RGB", (24, 32)).save(images.path(place))
    with pytest.raises(OSError, match="changed since the folder was loaded"):
        _ = photo_study.augmented_copies


# -- whether they are borne --------------------------------------------------------------------


def naive_share(x: list[list[float]], copies: list[list[list[float]]]) -> float:
    found = 0
    for copy in copies:
        for i, a in enumerate(copy):
            scores = [sum(p * q for p, q in zip(a, row, strict=True)) for row in x]
            found += all(scores[i] >= score for score in scores)
    return found / (len(copies) * len(x))


def test_the_recognized_share_is_what_a_loop_counts():
    generator = torch.Generator().manual_seed(0)
    x = torch.nn.functional.normalize(torch.randn(30, 8, generator=generator), dim=1)
    copies = torch.stack([x + s * torch.randn(30, 8, generator=generator) for s in (0.1, 0.5)])
    share = recognized_share(x, copies)
    assert share == pytest.approx(naive_share(x.tolist(), copies.tolist()))
    assert 0.5 < share < 1


def test_the_recognized_share_from_end_to_end():
    x = torch.eye(5)
    assert recognized_share(x, x[None]) == 1
    assert recognized_share(x, x[[1, 2, 3, 4, 0]][None]) == 0
    assert recognized_share(x[:1], x[None, :1]) == 1
    equal = x[[0, 0, 0]]
    assert recognized_share(equal, equal[None]) == 1


def test_a_study_measures_one_copy_of_a_sample(photo_study, monkeypatch):
    train = photo_study.dataset.splits["train"]
    copies = photo_study.augmented_copies
    assert copies.shape == (2, 40, 16)
    x = photo_study.image_features[train]
    assert photo_study.recognized == pytest.approx(naive_share(x.tolist(), copies[:1].tolist()))
    monkeypatch.setattr(stages, "RECOGNIZED_AMONG", 2)
    few = dataclasses.replace(photo_study)
    ends = [0, 39]
    expected = naive_share(x[ends].tolist(), copies[:1, ends].tolist())
    assert few.recognized == pytest.approx(expected)


# -- views of them -----------------------------------------------------------------------------


def test_two_views_are_two_different_copies_of_the_same_images():
    x = points(50).numpy()
    copies = np.stack([x + copy + 1 for copy in range(3)]).astype(np.float32)
    inputs = Inputs(x, copies)
    rows, generator = torch.arange(50).repeat(40), torch.Generator().manual_seed(0)
    pairs = set()
    first, second = inputs.two_views(rows, 0.5, generator)
    for one, other, row in zip(first, second, rows, strict=True):
        moved = [float((view - inputs.rows[row]).mean()) * inputs.scale for view in (one, other)]
        pairs.add(tuple(round(number) for number in moved))
    assert pairs == {(i, j) for i in (1, 2, 3) for j in (1, 2, 3) if i != j}
    shifts = (inputs.view(rows, 0.5, generator) - inputs.rows[rows]).mean(1) * inputs.scale
    assert set(shifts.round().int().tolist()) == {1, 2, 3}


def test_without_copies_two_views_are_drawn_one_after_the_other():
    inputs, rows = Inputs(points(50).numpy()), torch.arange(50)
    one, other = (torch.Generator().manual_seed(3) for _ in range(2))
    expected = [inputs.view(rows, 0.5, one) for _ in range(2)]
    assert all(map(torch.equal, inputs.two_views(rows, 0.5, other), expected))


@each_peer
def test_a_peer_learns_from_its_copies_alone(name):
    x = points(60)
    copies = torch.stack([x, points(60, seed=4), points(60, seed=5)])
    texts = points(5, x.shape[1], seed=1) if BASELINES[name].texts else None

    def codes(seed=0, **views):
        return fit_baseline(name, x, 16, seed, texts=texts, **views).encode(x)

    assert torch.equal(codes(copies=copies), codes(copies=copies.clone()))
    assert not torch.equal(codes(copies=copies), codes())
    assert not torch.equal(codes(copies=copies), codes(copies=copies, seed=1))
    assert torch.equal(codes(), fitted(name, x, 16).encode(x))


@pytest.mark.usefixtures("as_users_run_it")
def test_odd_copies_are_refused():
    x = points(30)
    copies = torch.stack([x, x])
    with pytest.raises(ValueError, match="copies: ITQ takes no views of images"):
        fit_baseline("ITQ", x, 8, copies=copies)
    for odd in (copies[:1], copies[0], copies[:, :29], copies[:, :, :5]):
        with pytest.raises(ValueError, match=r"must have shape \(C, 30, 12\) with C of 2 or more"):
            fit_baseline("CIBHash", x, 8, copies=odd)
    with pytest.raises(ValueError, match="copies: 2 of 60 rows hold NaN or inf: 2, 32"):
        fit_baseline("CIBHash", x, 8, copies=copies.index_fill(1, torch.tensor(2), np.nan)[:, :30])
    with pytest.raises(TypeError, match="copies must be a Tensor"):
        fit_baseline("CIBHash", x, 8, copies=copies.numpy())


# -- of a study and of an experiment -----------------------------------------------------------


@pytest.mark.usefixtures("borne")
def test_a_study_gives_codes_of_augmented_copies(photo_study):
    train = photo_study.dataset.splits["train"]
    x = photo_study.image_features
    expected = fit_baseline("CroVCA", x[train], 8, 1, copies=photo_study.augmented_copies)
    codes = photo_study.baseline_codes("CroVCA", 8, 1, views="augmented")
    assert torch.equal(codes, expected.encode(x))
    assert torch.equal(codes, photo_study.baseline_codes("CroVCA", 8, 1, views="auto"))
    assert not torch.equal(codes, photo_study.baseline_codes("CroVCA", 8, 1))


def test_an_encoder_that_does_not_bear_them_is_said(photo_study, monkeypatch):
    monkeypatch.setattr(stages, "BORNE", 1.01)
    share = f"{photo_study.recognized:.0%}"
    noised = photo_study.baseline_codes("CIBHash", 8)
    _ = photo_study.augmented_copies  # what older releases of torchvision warn of is said here
    with pytest.warns(UHSCMWarning, match=f"tiny recognizes {share} .* 101% .* noise instead"):
        assert torch.equal(photo_study.baseline_codes("CIBHash", 8, views="auto"), noised)
    with pytest.warns(UHSCMWarning, match="may be worse than from noised"):
        codes = photo_study.baseline_codes("CIBHash", 8, views="augmented")
    assert not torch.equal(codes, noised)


@pytest.mark.usefixtures("as_users_run_it")
def test_odd_views_are_refused(photo_study):
    for views, error in (("cropped", ValueError), (True, TypeError)):
        with pytest.raises(error, match="views must be one of 'noised', 'augmented', 'auto', got"):
            photo_study.baseline_codes("CIBHash", 8, views=views)
    with pytest.raises(ValueError, match="views: ITQ takes no views of images; leave out views="):
        photo_study.baseline_codes("ITQ", 8, views="auto")
    for views in ("augmented", "auto"):
        with pytest.raises(ValueError, match="made from features has no encoder for augmented"):
            small_study().baseline_codes("CIBHash", 8, views=views)
    with pytest.raises(ValueError, match="views must be one of"):
        Experiment(photo_study, {"method": ["CIBHash"], "views": ["cropped"]})


def test_views_make_a_setting_of_the_methods_that_read_them():
    study = small_study()
    values = {"method": ("UHSCM", "ITQ", "CIBHash", "DUH-EG"), "views": ("noised", "augmented")}
    settings = read_settings(study, values)
    read = [(s.method, s.values.get("views")) for s in settings]
    assert read == [
        ("UHSCM", None),
        ("ITQ", None),
        ("CIBHash", "noised"),
        ("CIBHash", "augmented"),
        ("DUH-EG", "noised"),
        ("DUH-EG", "augmented"),
    ]
    before = read_settings(study, {"method": values["method"]})
    kept = [s.key for s in settings if s.views == "noised"]
    assert kept == [s.key for s in before]  # so that their codes are found again
    assert len({s.key for s in settings}) == 6
    identity = study_identity(study, ())
    earlier = store.digest_of("CIBHash", *identity.items(), 64, BASELINES["CIBHash"].version)
    assert settings[2].key == earlier  # so that the codes of earlier versions are found too


@pytest.mark.usefixtures("borne")
def test_an_experiment_compares_views_and_continues(photo_study, tmp_path, monkeypatch):
    vary = {"method": PEERS, "views": ["noised", "augmented"], "bits": [8]}
    asked, of_study = [], Study.baseline_codes

    def spied(*given, views="not given"):
        asked.append(views)
        return of_study(*given, views=views)

    monkeypatch.setattr(Study, "baseline_codes", spied)
    first = next(iter(Experiment(photo_study, vary, 1, tmp_path / "runs")))
    again = Experiment(photo_study, vary, 1, tmp_path / "runs")
    assert len(again.missing) == 7
    assert len(list(again)) == 7
    assert asked == ["noised", "augmented"] * 4
    frame = again.to_frame()
    assert list(frame["views"]) == ["noised", "augmented"] * 4
    assert frame["mAP"][0] == first.mAP
    monkeypatch.setattr(Study, "baseline_codes", None)  # nothing is computed twice
    found = Experiment(photo_study, vary, 1, tmp_path / "runs")
    assert found.to_frame().equals(frame)
    said = found.compare(
        {"method": "CIBHash", "views": "augmented"}, {"method": "CIBHash", "views": "noised"}
    )
    assert "augmented" in said.sentence
