"""Classical baselines against their definitions, by numpy and by loops."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys

import faiss
import numpy as np
import pytest
import torch

from uhscm_core import BASELINES, Baseline, fit_baseline, unpack_codes
from uhscm_core.baselines import TooManyBitsError
from uhscm_core.support.progress import report_progress_to

pytestmark = pytest.mark.usefixtures("quick_peers")
each_baseline = pytest.mark.parametrize("name", BASELINES)


def fit(name: str, features: torch.Tensor, bits: int, seed: int = 0):
    """Fit a baseline, with texts where it reads some."""
    texts = None
    if BASELINES[name].texts:
        texts = torch.randn(6, features.shape[-1], generator=torch.Generator().manual_seed(0))
    return fit_baseline(name, features, bits, seed, texts=texts)


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
    baseline = fit(name, features, bits)
    codes = baseline.encode(features)
    assert (baseline.name, baseline.bits) == (name, bits)
    assert codes.dtype == torch.uint8
    assert codes.shape == (400, math.ceil(bits / 8))
    padding = 8 * codes.shape[1] - bits
    assert bool((codes[:, -1] % 2**padding == 0).all())


@each_baseline
def test_the_same_seed_gives_the_same_codes(name):
    features = stretched()
    codes = [fit(name, features, 8, seed=5).encode(features) for _ in range(2)]
    assert torch.equal(*codes)


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "PCA sign"])
def test_another_seed_gives_other_codes(name):
    features = stretched()
    codes = [fit(name, features, 8, seed=s).encode(features) for s in (0, 1)]
    assert not torch.equal(*codes)


@each_baseline
def test_a_row_gets_the_same_code_alone_as_among_others(name):
    features = stretched()
    baseline = fit(name, features, 8)
    codes = baseline.encode(features)
    for row in (0, 7, 399):
        assert torch.equal(baseline.encode(features[row : row + 1])[0], codes[row])


@each_baseline
def test_no_features_give_no_codes(name):
    assert fit(name, stretched(), 9).encode(torch.ones(0, 12)).shape == (0, 2)


@each_baseline
def test_the_global_random_state_is_left_alone(name):
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    fit(name, stretched(), 8)
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


def published_itq(x: np.ndarray, bits: int, start: np.ndarray) -> np.ndarray:
    """Gong and Lazebnik's ITQ.m, line by line: (n, L) values whose signs are the codes."""
    x = x - x.mean(0)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    v = x @ vectors[:, np.argsort(values)[::-1][:bits]]
    r, _, _ = np.linalg.svd(start)
    for _ in range(50):
        z = v @ r
        ux = np.ones_like(z) * -1
        ux[z >= 0] = 1
        c = ux.T @ v
        ub, _, ua = np.linalg.svd(c)
        r = ua.T @ ub.T
    return v @ r


def relative_loss(v: np.ndarray) -> float:
    """The share of |V|² that the nearest multiple of the signs of V misses."""
    return float(1 - np.abs(v).mean() ** 2 / (v**2).mean())


def clustered(n: int = 1000, d: int = 64, seed: int = 0) -> torch.Tensor:
    """Unit features with a large common part, around 30 centers."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, d))[rng.integers(0, 30, n)] + rng.normal(size=(n, d)) + 2
    x *= np.logspace(0, -1.5, d)
    return torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True)).float()


@pytest.mark.parametrize("bits", [8, 32, 48])
def test_itq_reaches_the_loss_of_the_published_algorithm(bits):
    features = clustered()
    x = features.numpy()
    rng = np.random.default_rng(1)
    starts = rng.normal(size=(3, bits, bits))
    published = [relative_loss(published_itq(x.astype(float), bits, start)) for start in starts]
    ours = [relative_loss(fit_baseline("ITQ", features, bits, s).project(x)) for s in range(3)]
    assert np.mean(ours) == pytest.approx(np.mean(published), rel=0.03)


def test_the_rotations_of_itq_are_heard():
    heard = []
    with report_progress_to(lambda *step: heard.append(step)):
        fit_baseline("ITQ", torch.randn(40, 8, generator=torch.Generator().manual_seed(0)), 4)
    assert heard == [("rotating", done, 50) for done in range(1, 51)]


def test_itq_loses_less_than_that_of_faiss():
    features = clustered()
    theirs = faiss.ITQTransform(64, 48, True)
    theirs.train(features.numpy())
    ours = fit_baseline("ITQ", features, 48).project(features.numpy())
    assert relative_loss(ours) < 0.95 * relative_loss(theirs.apply(features.numpy()))


def test_itq_is_a_rotation_of_the_leading_components():
    features = stretched()
    rotated = fit_baseline("ITQ", features, 6).project(features.numpy())
    x = features.double().numpy()
    x -= x.mean(0)
    values, vectors = np.linalg.eigh(x.T @ x)
    components = x @ vectors[:, np.argsort(values)[::-1][:6]]
    assert np.allclose(rotated @ rotated.T, components @ components.T, atol=1e-9)
    assert relative_loss(rotated) < 0.9 * relative_loss(components)


@pytest.mark.parametrize("name", ["ITQ", "ITQ of concepts"])
@pytest.mark.parametrize(("n", "bits"), [(400, 13), (400, 64), (8, 64), (3, 3), (2, 1)])
def test_itq_of_more_bits_than_directions_lifts_without_changing_a_distance(name, n, bits):
    features = stretched(n)
    baseline = fit_baseline(name, features, bits)
    lifted = baseline.project(features.numpy())
    x = features.double().numpy()
    if n == 400:
        x -= x.mean(0)
        assert np.allclose(lifted @ lifted.T, x @ x.T, atol=1e-9)
    assert baseline.encode(features).shape == (n, math.ceil(bits / 8))
    found = signs(baseline, features)
    if bits >= n - 1:  # the rows are further apart than the signs of their values can hide
        assert len(found.unique(dim=0)) == n
    assert not bool((found == found[:1]).all(0).any()), "no bit is wasted"


def test_itq_of_distributions_whose_rows_sum_to_one_has_one_direction_less_than_concepts():
    q = torch.softmax(torch.randn(500, 26, generator=torch.Generator().manual_seed(0)) * 3, dim=1)
    baseline = fit_baseline("ITQ of concepts", q, 64)
    assert np.linalg.matrix_rank(baseline.project(q.numpy()), tol=1e-6) == 25
    assert len(signs(baseline, q).unique(dim=0)) > 200
    with pytest.raises(ValueError, match=r"500 rows that differ in 25 directions .* at most 25"):
        fit_baseline("PCA sign", q, 26)


@pytest.mark.parametrize("name", ["PCA sign", "ITQ", "ITQ of concepts"])
@pytest.mark.parametrize(
    "rows",
    [
        torch.full((9, 5), 0.3),
        torch.zeros(9, 5),
        torch.rand(1, 5),
        torch.ones(40, 1),  # the distributions over one kept concept
        1 / math.sqrt(5) + 6e-8 * torch.randint(0, 2, (9, 5)),  # equal but for rounding
    ],
    ids=["constant", "zeros", "one row", "one concept", "rounding"],
)
def test_rows_that_are_all_equal_have_no_direction(name, rows):
    with pytest.raises(TooManyBitsError, match=r"all equal|at most 0 bits"):
        fit_baseline(name, rows, 1)


@each_baseline
def test_duplicates_get_equal_codes_and_what_they_repeat_is_still_told_apart(name):
    features = stretched(9)[torch.arange(90) % 9]
    found = signs(fit(name, features, 8), features)
    assert torch.equal(found, found[:9].repeat(10, 1))
    assert len(found.unique(dim=0)) >= 5


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e4, 1e12])
@pytest.mark.parametrize("name", ["PCA sign", "ITQ"])
def test_the_scale_of_the_features_does_not_matter(name, scale):
    features = stretched()
    codes, scaled = (fit_baseline(name, x, 8).encode(x) for x in (features, features * scale))
    assert (codes != scaled).float().mean() < 0.01


CODES = """
import hashlib, torch
from uhscm_core import fit_baseline

generator = torch.Generator().manual_seed(0)
x = torch.randn(1000, 96, generator=generator) @ torch.randn(96, 96, generator=generator)
fits = [("ITQ", 64), ("ITQ of concepts", 128), ("PCA sign", 32)]
codes = [fit_baseline(name, x, bits).encode(x).numpy().tobytes() for name, bits in fits]
digest = hashlib.sha256(b"".join(codes)).hexdigest()
"""


def test_itq_is_the_same_with_any_number_of_threads():
    found = {}
    exec(CODES, found)  # noqa: S102  # with the threads of this process
    threads = "1" if torch.get_num_threads() > 1 else "2"
    other = subprocess.run(
        [sys.executable, "-c", f"{CODES}\nprint(torch.get_num_threads(), digest)"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
    )
    assert other.stdout.split() == [threads, found["digest"]]


@each_baseline
def test_near_features_get_nearer_codes_than_far_ones(name):
    generator = torch.Generator().manual_seed(3)
    centres = 4 * torch.randn(4, 16, generator=generator)
    features = (centres[:, None] + torch.randn(4, 50, 16, generator=generator)).reshape(200, 16)
    found = signs(fit(name, features, 8), features)
    apart = (found[:, None] != found[None]).float().sum(2)
    same = torch.arange(4).repeat_interleave(50)
    same = same[:, None] == same[None]
    assert float(apart[same].mean()) < 0.75 * float(apart[~same].mean())


@pytest.mark.parametrize("name", ["LSH", "PCA sign"])
def test_more_bits_than_directions_are_refused(name):
    message = f"{name} on 400 rows of width 12 gives at most 12 bits, not 13"
    with pytest.raises(TooManyBitsError, match=message):
        fit_baseline(name, stretched(), 13)


@each_baseline
def test_codes_have_at_least_one_bit(name):
    with pytest.raises(ValueError, match="bits must be a whole number between 1 and 65,536, got 0"):
        fit(name, stretched(), 0)


def test_fewer_features_than_bits_have_too_few_components():
    with pytest.raises(TooManyBitsError, match="on 3 rows of width 12 gives at most 3 bits, not 4"):
        fit_baseline("PCA sign", stretched(3), 4)
    with pytest.raises(TooManyBitsError, match=r"3 rows that differ in 2 directions .* at most 2"):
        fit_baseline("PCA sign", stretched(3), 3)


def test_lsh_needs_no_more_features_than_one():
    assert fit_baseline("LSH", stretched(1), 12).encode(stretched(2)).shape == (2, 2)


def test_no_features_are_refused():
    for name in BASELINES:
        with pytest.raises(ValueError, match="on 0 rows of width 12 gives at most 0"):
            fit(name, torch.ones(0, 12), 4)
        with pytest.raises(ValueError, match="on 9 rows of width 0 gives at most 0"):
            fit(name, torch.ones(9, 0), 4)


def test_an_unknown_name_is_refused_with_the_known_ones():
    known = re.escape(", ".join(map(repr, BASELINES)))
    with pytest.raises(ValueError, match=f"name must be one of {known}, got 'SH'"):
        fit_baseline("SH", stretched(), 4)


@each_baseline
def test_features_that_are_not_finite_are_named(name):
    features = stretched()
    baseline = fit(name, features, 4)
    features[17, 3] = math.nan
    message = "x: 1 of 400 rows hold NaN or inf: 17"
    with pytest.raises(ValueError, match=message):
        fit(name, features, 4)
    with pytest.raises(ValueError, match=message):
        baseline.encode(features)


@each_baseline
def test_features_of_another_width_are_refused(name):
    baseline = fit(name, stretched(), 4)
    with pytest.raises(ValueError, match=r"fitted on features of width 12, got \(2, 11\)"):
        baseline.encode(torch.ones(2, 11))


@each_baseline
def test_features_that_are_not_rows_of_floats_are_refused(as_users_run_it, name):
    with pytest.raises(ValueError, match=r"x must be float with shape \(n, d\), got float"):
        fit(name, torch.ones(12), 4)
    with pytest.raises(ValueError, match=r"x must be float .* got int64 \(3, 2\)"):
        fit(name, torch.ones(3, 2).long(), 1)


def test_each_baseline_says_which_space_it_reads():
    spaces = {name: baseline.space for name, baseline in BASELINES.items()}
    assert spaces == {
        **dict.fromkeys(BASELINES, "features"),
        "ITQ of concepts": "concepts",
    }
    reading = {name for name, baseline in BASELINES.items() if baseline.reads_concepts}
    assert reading == {"ITQ of concepts", "DUH-EG"}


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
    with pytest.raises(ValueError, match="first on 400 rows of width 12 gives at most 12 bits"):
        fit_baseline("first", features, 13)


def test_a_baseline_may_give_more_bits_than_directions(monkeypatch):
    def fit(_x, bits, _seed):
        return lambda rows: np.tile(rows, (1, 2))[:, :bits]

    monkeypatch.setitem(BASELINES, "twice", Baseline(fit, max_bits=lambda _, width: 2 * width))
    features = stretched()
    assert fit_baseline("twice", features, 24).encode(features).shape == (400, 3)
    with pytest.raises(ValueError, match="gives at most 24 bits, not 25"):
        fit_baseline("twice", features, 25)
