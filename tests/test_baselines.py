"""Classical baselines against their definitions, by numpy and by loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from uhscm_core import BASELINES, Baseline, fit_baseline, unpack_codes

each_baseline = pytest.mark.parametrize("name", BASELINES)


def stretched(n: int = 400, d: int = 12, seed: int = 0) -> torch.Tensor:
    """Features with a clear order of principal components, rotated away from the axes."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(d, d, generator=generator)).Q
    return torch.randn(n, d, generator=generator) * torch.logspace(1, -1, d) @ axes.T + 3


def signs(baseline, features: torch.Tensor) -> torch.Tensor:
    return unpack_codes(baseline.encode(features), baseline.bits)


@each_baseline
@pytest.mark.parametrize("bits", [1, 5, 8, 12])
def test_codes_are_packed_bits_of_the_length_asked_for(name, bits):
    features = stretched()
    baseline = fit_baseline(name, features, bits)
    codes = baseline.encode(features)
    assert (baseline.name, baseline.bits) == (name, bits)
    assert codes.dtype == torch.uint8
    assert codes.shape == (400, math.ceil(bits / 8))
    padding = 8 * codes.shape[1] - bits
    assert bool((codes[:, -1] % 2**padding == 0).all())


@each_baseline
def test_the_same_seed_gives_the_same_codes(name):
    features = stretched()
    codes = [fit_baseline(name, features, 8, seed=5).encode(features) for _ in range(2)]
    assert torch.equal(*codes)


@pytest.mark.parametrize("name", ["LSH", "ITQ"])
def test_another_seed_gives_other_codes(name):
    features = stretched()
    codes = [fit_baseline(name, features, 8, seed=s).encode(features) for s in (0, 1)]
    assert not torch.equal(*codes)


@each_baseline
def test_a_row_gets_the_same_code_alone_as_among_others(name):
    features = stretched()
    baseline = fit_baseline(name, features, 8)
    codes = baseline.encode(features)
    for row in (0, 7, 399):
        assert torch.equal(baseline.encode(features[row : row + 1])[0], codes[row])


@each_baseline
def test_no_features_give_no_codes(name):
    assert fit_baseline(name, stretched(), 9).encode(torch.ones(0, 12)).shape == (0, 2)


@each_baseline
def test_the_global_random_state_is_left_alone(name):
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    fit_baseline(name, stretched(), 8)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


def test_pca_signs_are_those_of_the_leading_principal_components():
    features = stretched()
    found = signs(fit_baseline("PCA sign", features, 5), features)
    x = features.double().numpy()
    x -= x.mean(0)
    values, vectors = np.linalg.eigh(x.T @ x)
    leading = vectors[:, np.argsort(values)[::-1][:5]]
    expected = np.sign(x @ leading)
    for bit in range(5):  # a component is defined up to its sign
        agree = (found[:, bit].numpy() == expected[:, bit]).mean()
        assert max(agree, 1 - agree) > 0.995


def test_lsh_bits_differ_in_proportion_to_the_angle():
    # Charikar 2002: a random projection parts two vectors with probability angle / pi.
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(60, 256, generator=generator)
    features = features[:30].repeat(2, 1) + torch.linspace(0, 2, 60)[:, None] * features
    found = signs(fit_baseline("LSH", features, 256), features)
    centred = torch.nn.functional.normalize(features - features.mean(0), dim=1)
    angle = (centred @ centred.T).clamp(-1, 1).acos() / math.pi
    apart = (found[:, None] != found[None]).float().mean(2)
    assert float((apart - angle).abs().max()) < 0.15  # five deviations of 256 coins
    assert float((apart - angle).abs().mean()) < 0.04


def test_lsh_centres_so_that_mirrored_features_get_opposite_bits():
    features = stretched()
    baseline = fit_baseline("LSH", features, 8)
    mirrored = 2 * features.mean(0) - features
    assert torch.equal(signs(baseline, mirrored), -signs(baseline, features))


def test_itq_rotates_so_that_signs_lose_less_than_those_of_pca():
    # Gong and Lazebnik 2011: unit rows, projected on the components, then rotated.
    features = stretched()
    rotated = fit_baseline("ITQ", features, 6).project(features.numpy())
    x = features.double().numpy()
    x -= x.mean(0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x -= x.mean(0)
    values, vectors = np.linalg.eigh(x.T @ x)
    components = x @ vectors[:, np.argsort(values)[::-1][:6]]

    def loss(v):
        scale = np.abs(v).mean()
        return float(((np.sign(v) * scale - v) ** 2).sum(1).mean())

    assert loss(rotated) < 0.9 * loss(components)


@each_baseline
def test_near_features_get_nearer_codes_than_far_ones(name):
    generator = torch.Generator().manual_seed(3)
    centres = 4 * torch.randn(4, 16, generator=generator)
    features = (centres[:, None] + torch.randn(4, 50, 16, generator=generator)).reshape(200, 16)
    found = signs(fit_baseline(name, features, 8), features)
    apart = (found[:, None] != found[None]).float().sum(2)
    same = torch.arange(4).repeat_interleave(50)
    same = same[:, None] == same[None]
    assert float(apart[same].mean()) < 0.75 * float(apart[~same].mean())


@each_baseline
def test_more_bits_than_directions_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} on 400 features of width 12 gives 1 to 12 bits"):
        fit_baseline(name, stretched(), 13)
    with pytest.raises(ValueError, match="bits must be a whole number between 1 and 65,536, got 0"):
        fit_baseline(name, stretched(), 0)


@pytest.mark.parametrize("name", ["PCA sign", "ITQ"])
def test_fewer_features_than_bits_have_too_few_components(name):
    with pytest.raises(ValueError, match="on 3 features of width 12 gives 1 to 3 bits, not 4"):
        fit_baseline(name, stretched(3), 4)


def test_lsh_needs_no_more_features_than_one():
    assert fit_baseline("LSH", stretched(1), 12).encode(stretched(2)).shape == (2, 2)


def test_no_features_are_refused():
    for name in BASELINES:
        with pytest.raises(ValueError, match="on 0 features of width 12"):
            fit_baseline(name, torch.ones(0, 12), 4)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="name must be one of 'LSH', 'PCA sign', 'ITQ', got 'SH'"):
        fit_baseline("SH", stretched(), 4)


@each_baseline
def test_features_that_are_not_finite_are_named(name):
    features = stretched()
    baseline = fit_baseline(name, features, 4)
    features[17, 3] = math.nan
    message = "x: 1 of 400 rows hold NaN or inf: 17"
    with pytest.raises(ValueError, match=message):
        fit_baseline(name, features, 4)
    with pytest.raises(ValueError, match=message):
        baseline.encode(features)


@each_baseline
def test_features_of_another_width_are_refused(name):
    baseline = fit_baseline(name, stretched(), 4)
    with pytest.raises(ValueError, match=r"fitted on features of width 12, got \(2, 11\)"):
        baseline.encode(torch.ones(2, 11))


@each_baseline
def test_features_that_are_not_rows_of_floats_are_refused(as_users_run_it, name):
    with pytest.raises(ValueError, match=r"x must be float with shape \(n, d\), got float"):
        fit_baseline(name, torch.ones(12), 4)
    with pytest.raises(ValueError, match=r"x must be float .* got int64 \(3, 2\)"):
        fit_baseline(name, torch.ones(3, 2).long(), 1)


def test_a_registered_baseline_is_fitted_by_its_name(monkeypatch):
    seen = []

    def fit(x, bits, seed):
        seen.append((x, bits, seed))
        return lambda rows: rows[:, :bits]

    monkeypatch.setitem(BASELINES, "first", Baseline(fit, space="concepts"))
    features = stretched() - 3
    baseline = fit_baseline("first", features, 5, seed=9)
    assert torch.equal(signs(baseline, features) > 0, features[:, :5] > 0)
    ((x, *rest),) = seen
    assert (x.dtype, rest) == (np.float32, [5, 9])
    assert np.array_equal(x, features.numpy())
    with pytest.raises(ValueError, match="first on 400 features of width 12 gives 1 to 12 bits"):
        fit_baseline("first", features, 13)


def test_a_baseline_may_give_more_bits_than_directions(monkeypatch):
    def fit(_x, bits, _seed):
        return lambda rows: np.tile(rows, (1, 2))[:, :bits]

    monkeypatch.setitem(BASELINES, "twice", Baseline(fit, max_bits=lambda _, width: 2 * width))
    features = stretched()
    assert fit_baseline("twice", features, 24).encode(features).shape == (400, 3)
    with pytest.raises(ValueError, match="gives 1 to 24 bits, not 25"):
        fit_baseline("twice", features, 25)
