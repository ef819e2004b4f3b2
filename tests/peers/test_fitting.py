"""What holds for each peer: seeds, threads, small and odd collections, and where they are named."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from tests.experiments.conftest import small_study
from uhscm_core import BASELINES, Experiment, UHSCMWarning, fit_baseline, unpack_codes
from uhscm_core.analysis.rankers import rankers_of
from uhscm_core.baselines import TooManyBitsError
from uhscm_core.peers.fitting import Inputs, Schedule, fit_network
from uhscm_core.support.progress import report_progress_to

pytestmark = pytest.mark.usefixtures("quick_peers")
PEERS = [name for name, baseline in BASELINES.items() if baseline.trains]
each_peer = pytest.mark.parametrize("name", PEERS)


def points(n: int, d: int = 12, seed: int = 0) -> torch.Tensor:
    """Unit features in three clusters with a large common part."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, d))[np.arange(n) % 3] + 0.3 * rng.normal(size=(n, d)) + 2
    return torch.nn.functional.normalize(torch.from_numpy(x).float(), dim=1)


def fitted(name: str, x: torch.Tensor, bits: int, seed: int = 0, concepts: int = 5):
    texts = points(concepts, x.shape[1], seed=1) if BASELINES[name].texts else None
    return fit_baseline(name, x, bits, seed, texts=texts)


def test_the_peers_are_listed():
    assert PEERS == ["CIBHash", "CroVCA", "DUH-EG", "k-means + OrthoHash"]


@each_peer
@pytest.mark.parametrize(("n", "bits"), [(2, 4), (8, 64), (30, 1), (257, 16), (30, 128)], ids=str)
def test_small_collections_and_odd_lengths_get_codes(name, n, bits):
    x = points(n)
    codes = unpack_codes(fitted(name, x, bits).encode(x), bits)
    assert codes.shape == (n, bits)
    if bits > 1:  # the cosine of one bit has no gradient, so that nothing need be learned
        assert len(codes.unique(dim=0)) >= 2


@each_peer
def test_a_training_is_heard_and_can_be_ended_at_any_batch(name):
    x, reports = points(300), []

    def report(what, done, total):
        reports.append((what, done, total))
        if done == end:
            raise InterruptedError

    end = 10**9
    silent = fitted(name, x, 16).encode(x)
    with report_progress_to(report):
        assert torch.equal(fitted(name, x, 16).encode(x), silent)
    total = reports[-1][2]
    assert reports == [("training in batches", done, total) for done in range(1, total + 1)]
    end = 3
    reports.clear()
    with report_progress_to(report), pytest.raises(InterruptedError):
        fitted(name, x, 16)
    assert len(reports) == 3


def test_a_last_batch_is_never_of_one_image():
    seen = []
    network = torch.nn.Linear(1, 1)

    def loss(rows, _):
        seen.append(len(rows))
        return network(torch.ones(1, 1)).sum()

    fit_network(network, 257, loss, Schedule(epochs=1), 0)
    assert sorted(seen) == [128, 129]


@each_peer
@pytest.mark.parametrize(
    "x", [torch.full((9, 12), 0.3), torch.zeros(9, 12), points(1)], ids=["0.3", "0", "one image"]
)
def test_features_that_are_all_equal_are_refused(name, x):
    with pytest.raises(TooManyBitsError, match="rows that are all equal"):
        fitted(name, x, 8)


def test_one_kept_concept_is_refused_in_a_sentence():
    with pytest.raises(TooManyBitsError, match="at least two concepts to tell images apart, got 1"):
        fitted("DUH-EG", points(30), 8, concepts=1)


@each_peer
def test_the_scale_of_the_features_does_not_matter(name):
    if BASELINES[name].texts:
        pytest.skip("its external features are of unit features")
    x = points(60)
    codes, scaled = (unpack_codes(fitted(name, rows, 8).encode(rows), 8) for rows in (x, 1e4 * x))
    assert float((codes != scaled).float().mean()) < 0.05


def test_a_number_that_never_changes_does_no_harm():
    x = points(60)
    x[:, 3] = 0.25
    for name in PEERS:
        assert len(unpack_codes(fitted(name, x, 8).encode(x), 8).unique(dim=0)) >= 2


def test_a_view_differs_by_noise_and_by_what_is_dropped():
    inputs = Inputs(points(4000).numpy())
    rows = torch.arange(4000)
    whole = inputs.view(rows, 0.0, torch.Generator().manual_seed(0))
    dropped = whole == 0
    assert float(dropped.float().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.allclose(whole[~dropped], inputs.rows[~dropped] / 0.9)
    noised = inputs.view(rows, 0.5, torch.Generator().manual_seed(0))
    kept = noised != 0
    shares = [
        float((noised[:, d] * 0.9 - inputs.rows[:, d])[kept[:, d]].std() / inputs.rows[:, d].std())
        for d in range(12)
    ]
    assert shares == pytest.approx([0.5] * 12, abs=0.05)


def test_the_rate_rises_and_falls():
    schedule = Schedule(epochs=10, rate=1.0, warm_up=2, falls=True)
    rates = [schedule.rate_at(progress) for progress in (0.0, 1.0, 2.0, 6.0, 10.0)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert Schedule(epochs=10, rate=0.3).rate_at(9.5) == 0.3


# -- where they are named ----------------------------------------------------------------------


def test_they_are_methods_of_an_experiment():
    study = small_study()
    experiment = Experiment(study, {"method": PEERS, "bits": [8]}, seeds=2)
    assert len(list(experiment)) == 8
    assert (experiment.to_frame()["mAP"] > 0.5).all()


def test_what_a_peer_reads_of_the_mining_makes_another_setting():
    kept = {"min_share": [0.5, -1.0], "bits": [8]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UHSCMWarning)  # no other one reads it
        settings = {
            name: len(Experiment(small_study(), {"method": [name], **kept}, 1).missing)
            for name in PEERS
        }
    assert settings == {name: 2 if name == "DUH-EG" else 1 for name in PEERS}


def test_duheg_reads_the_kept_concepts_of_the_study():
    study = small_study()
    train = study.image_features[study.dataset.splits["train"]]
    texts = study.text_features[study.mined.kept]
    assert 2 <= len(texts) < 6
    expected = fit_baseline("DUH-EG", train, 8, texts=texts).encode(study.image_features)
    assert torch.equal(study.baseline_codes("DUH-EG", 8), expected)


def test_the_comparison_has_them_if_they_are_asked_for():
    study = small_study().train(8, epochs=1, device="cpu")
    table = study.compare(references=False)
    assert not set(PEERS) & set(table["method"])
    asked = study.compare(references=False, methods=["ITQ", *PEERS])
    assert list(asked["method"]) == ["UHSCM", "ITQ", *PEERS]
    assert asked["mAP"].notna().all()
    assert list(study.compare(references=False, methods=[])["method"]) == ["UHSCM"]


def test_the_comparison_gives_views_to_the_methods_that_take_them(monkeypatch):
    study = small_study().train(8, epochs=1, device="cpu")
    given = {}
    original = type(study).baseline_codes

    def spy(self, name, bits, seed=0, *, views="noised"):
        given[name] = views
        return original(self, name, bits, seed)

    monkeypatch.setattr(type(study), "baseline_codes", spy)
    study.compare(references=False, methods=["ITQ", *PEERS], views="auto")
    assert given == {"ITQ": "noised", **dict.fromkeys(PEERS, "auto")}


@pytest.mark.usefixtures("as_users_run_it")
def test_the_comparison_refuses_odd_views():
    study = small_study().train(8, epochs=1, device="cpu")
    with pytest.raises(ValueError, match="views must be one of 'noised', 'augmented', 'auto', got"):
        study.compare(methods=[], views="cropped")


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ("ITQ", "methods must be a list of names of BASELINES, got 'ITQ'"),
        ({"ITQ"}, "methods must be a list of names of BASELINES"),
        (["ITQ", "SH"], "methods must be one of 'LSH'.* got 'SH'"),
        (["ITQ", "ITQ"], "methods must name each baseline once, got 'ITQ' twice"),
        ([3], "methods must be one of 'LSH'.* got 3"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_odd_methods_are_refused(methods, message):
    study = small_study().train(8, epochs=1, device="cpu")
    with pytest.raises((TypeError, ValueError), match=message):
        study.compare(methods=methods)


def test_the_compare_explorer_offers_them():
    rankers, _ = rankers_of(small_study())
    for name in PEERS:
        ranker = rankers[f"{name}, 64 bits"]
        assert float(ranker.average_precisions().mean()) > 0.5


@pytest.mark.usefixtures("as_users_run_it")
def test_texts_where_they_are_needed_and_nowhere_else():
    x, texts = points(30), points(4, seed=1)
    with pytest.raises(ValueError, match="texts: DUH-EG takes text features of the kept concepts"):
        fit_baseline("DUH-EG", x, 8)
    with pytest.raises(ValueError, match="texts: ITQ takes no text features"):
        fit_baseline("ITQ", x, 8, texts=texts)
    with pytest.raises(ValueError, match="x and texts must have the same width"):
        fit_baseline("DUH-EG", x, 8, texts=texts[:, :5])
    with pytest.raises(ValueError, match="texts: 1 of 4 rows hold NaN"):
        fit_baseline("DUH-EG", x, 8, texts=texts.clone().index_fill_(0, torch.tensor(2), np.nan))
