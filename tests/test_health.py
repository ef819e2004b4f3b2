"""What is found in studies made sick on purpose, what would help, and nothing in healthy ones."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
import torch

from uhscm_core import HashNetwork, HealthFinding, Study, TrainingConfig, load_vlp
from uhscm_core.health import effective_number

from .conftest import unit_rows

DIMENSIONS = 48


def made(n=300, concepts=8, seen=None, noise=0.6, seed=0, scale=25.0, **settings):
    """Make a study of images that lie around the first `seen` of some concepts."""
    generator = torch.Generator().manual_seed(seed)
    texts = unit_rows(generator, concepts, DIMENSIONS)
    seen = seen or concepts
    centres = texts[torch.arange(n) % seen]
    images = torch.nn.functional.normalize(
        centres + noise * unit_rows(generator, n, DIMENSIONS), dim=1
    )
    rows = np.arange(n)
    splits = {"train": rows[n // 10 :], "database": rows[n // 10 :], "query": rows[: n // 10]}
    names = [f"concept {c}" for c in range(concepts)]
    study = Study.from_features(images, names, texts, splits=splits, logit_scale=scale)
    return study.with_(**{"tau": scale / concepts, **settings})


def with_weights(study, bits, change):
    """The study with a network whose last layer was changed, as a run that went wrong."""
    network = HashNetwork(bits, in_features=study.vlp.embed_dim, seed=0)
    with torch.no_grad():
        change(network.head[-1])
    return study.with_(network=network)


def zero(layer):
    layer.weight.zero_()
    layer.bias.fill_(0.5)


def mostly_zero(layer):
    layer.weight[: len(layer.weight) * 3 // 4].zero_()
    layer.bias.fill_(0.5)


def saturated(layer):
    layer.weight.mul_(1e-4)
    layer.bias.copy_(torch.linspace(-1, 1, len(layer.bias)))


def two_codes(layer):
    layer.weight.copy_(layer.weight[:1].expand_as(layer.weight).clone())
    layer.bias.zero_()


def kinds(study):
    return {finding.kind for finding in study.health()}


SICK = {
    # kind -> name -> a study that has it
    "equal codes": {
        "a dead layer": lambda: with_weights(made(), 16, zero),
        "three quarters of the bits constant": lambda: with_weights(made(), 32, mostly_zero),
        "a bias that outweighs all": lambda: with_weights(made(), 24, saturated),
        "two codes for eight concepts": lambda: with_weights(made(concepts=16), 16, two_codes),
    },
    "too few images": {
        "eight photos, 64 bits": lambda: made(n=8, concepts=2).train(bits=64, epochs=1),
        "forty photos, 32 bits": lambda: made(n=40).train(bits=32, epochs=1),
        "a hundred photos, 128 bits": lambda: made(n=100).train(bits=128, epochs=1),
    },
    "one concept": {
        "images of one thing": lambda: made(seen=1, noise=0.1),
        "images of one thing, a few of another": lambda: uneven(made(n=400)),
    },
    "flat distributions": {
        "tau far too small": lambda: made(tau=0.01),
        "tau too small": lambda: made(tau=0.1),
        "many concepts, tau too small": lambda: made(concepts=30, tau=0.05),
    },
    "one-hot distributions": {
        "tau too large": lambda: made(tau=100.0),
        "tau far too large": lambda: made(tau=1e4),
        "a scale ten times that of the model": lambda: made(noise=0.2, tau=30.0),
    },
    "threshold below one vote": {
        "twelve photos": lambda: made(n=12, seen=3),
        "a small share": lambda: made(min_share=0.01),
        "many candidates": lambda: made(n=60, concepts=40),
    },
    "list explains little": {
        "concepts of something else": lambda: unrelated(seed=0),
        "other concepts of something else": lambda: unrelated(seed=5),
        "two of ten things named": lambda: two_named_of(made(concepts=10, noise=0.3)),
    },
}


def uneven(study):
    """The study with training images of one concept, and two of another."""
    train = np.sort([*range(40, 400, 8), 41, 49])
    dataset = dataclasses.replace(study.dataset, splits={**study.dataset.splits, "train": train})
    return study.with_(dataset=dataset)


def unrelated(seed):
    study = made(concepts=12, seed=seed)
    other = unit_rows(torch.Generator().manual_seed(100 + seed), 4, DIMENSIONS)
    return study.with_(concepts=["w", "x", "y", "z"], text_features=other)


def two_named_of(study):
    return study.with_(concepts=["one", "two"], text_features=study.text_features[:2])


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in SICK for name in SICK[kind]])
def test_a_sick_study_is_found_and_what_is_proposed_helps(kind, name):
    study = SICK[kind][name]()
    found = {finding.kind: finding for finding in study.health()}
    assert kind in found
    finding = found[kind]
    assert isinstance(finding, HealthFinding)
    assert finding.message
    assert "\n" not in finding.message
    assert all(isinstance(value, float) for value in finding.values.values())
    if finding.change is None:
        assert kind in {"list explains little", "one concept"}
    elif "bits" in finding.change:
        assert kind not in kinds(study.train(**finding.change))
    else:
        assert kind not in kinds(study.with_(**finding.change))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"concepts": 2},
        {"concepts": 30, "n": 600},
        {"noise": 0.2},
        {"noise": 0.9},
        {"scale": 100.0, "tau": 3.0},
        {"seen": 5},
    ],
)
def test_healthy_studies_have_no_finding(settings):
    assert made(**settings).health() == ()
    assert made(**settings).train(bits=16, epochs=10).health() == ()


@pytest.mark.slow
def test_the_default_postcards_are_healthy(default_postcards):
    study = Study(default_postcards, load_vlp("postcards"), "nuswide81", progress=False)
    assert study.health() == ()
    assert study.explained == pytest.approx(0.81, abs=0.01)  # as measured before
    assert study.with_(concepts="coco80").explained == pytest.approx(0.22, abs=0.01)
    assert kinds(study.with_(concepts="coco80")) == {"list explains little", "labels not covered"}
    assert study.train(bits=64, epochs=15).health() == ()
    collapsed = study.train(config=TrainingConfig.paper(momentum=0.9, center=False), epochs=8)
    assert "equal codes" in kinds(collapsed)


def test_texts_that_are_cut_and_labels_that_nothing_covers_are_found(study):
    with pytest.warns(UserWarning, match="cut"):
        cut = study.with_(template="a photo of the {} with very many other words all around it too")
    (finding,) = (f for f in cut.health() if f.kind == "texts cut")
    assert finding.change == {"template": "a photo of the {}"}
    assert "texts cut" not in kinds(cut.with_(**finding.change))
    names = ("zebra", "wedding", "laptop", "castle")
    labels = torch.eye(4, dtype=torch.uint8)[torch.arange(260) % 4]
    dataset = dataclasses.replace(study.dataset, labels=labels, label_names=names)
    (finding,) = (
        f for f in study.with_(dataset=dataset).health() if f.kind == "labels not covered"
    )
    assert "3 of 4 label names: 'zebra', 'wedding', 'laptop'" in finding.message
    assert "labels not covered" not in kinds(study)


def test_looking_at_health_trains_nothing_and_is_done_once(monkeypatch):
    study = made().train(bits=16, epochs=1)
    monkeypatch.setattr("uhscm_core.study.train", None)
    assert study.health() is study.health()


def test_explained_variance_is_that_of_a_linear_map():
    study = made(noise=1.0)
    x = study.image_features[study.dataset.splits["train"]].double().numpy()
    q = torch.softmax(25 * torch.from_numpy(x) @ study.mined.text_features.T.double(), dim=1)
    u = (q / q.norm(dim=1, keepdim=True)).numpy()
    design = np.column_stack([np.ones(len(u)), u])
    residual = x - design @ np.linalg.lstsq(design, x)[0]
    plain = 1 - (residual**2).sum() / ((x - x.mean(0)) ** 2).sum()
    n, k = u.shape
    assert study.explained == pytest.approx(1 - (1 - plain) * (n - 1) / (n - k - 1))
    assert made(n=12).explained is None


def test_the_effective_number_runs_from_one_to_all():
    rows = torch.tensor([[1.0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]])
    assert effective_number(rows).tolist() == pytest.approx([1, 4, 2])


def test_codes_of_more_bits_than_a_float_has_powers_have_a_health():
    study = made(n=40)
    network = HashNetwork(2048, in_features=DIMENSIONS, seed=0)
    assert isinstance(study.with_(network=network).health(), tuple)


def test_training_logs_what_is_found(caplog):
    with caplog.at_level(logging.WARNING, "uhscm_core"):
        sick = made(n=40).train(bits=32, epochs=1)
    messages = [finding.message for finding in sick.health()]
    assert [record.getMessage() for record in caplog.records] == messages
    caplog.clear()
    made().train(bits=16, epochs=10)
    assert not caplog.records


def test_the_repr_is_a_short_table_and_computes_nothing(study):
    fresh = Study(study.dataset, study.vlp, study.concepts, progress=False)
    before = repr(fresh)
    assert not any(fresh._cache.values())
    assert "81 candidates, not mined yet" in before
    assert "use study.train(bits=...)" in before
    trained = study.train(bits=16, epochs=1)
    _ = trained.kept_names, trained.health()
    after = repr(trained)
    for part in ("260 images", "postcards", "kept and", "16 bits from features", "health"):
        assert part in after
    assert trained.health()[0].message[:60] in after
    names = [f"{'a very long name ' * 20}{i}" for i in range(8)]
    long = made(concepts=8)
    long = long.with_(concepts=names, text_features=long.text_features)
    _ = long.kept_names
    for text in (before, after, repr(long)):
        assert len(text) < 2000
        assert text.startswith("Study\n")
