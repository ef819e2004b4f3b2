"""Codes that keep a mixture of features and concepts: the share, the network, its training."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core import HashNetwork, Study, TrainingConfig, mine_concepts, pack_codes, train
from uhscm_core.health import share_sentence
from uhscm_core.mixing import ConceptMixture, explained_share, feature_share
from uhscm_core.objective import mixed_loss
from uhscm_core.recipe import RECIPES, config_from
from uhscm_core.runs import read_network

from .conftest import unit_rows

N, D, K = 300, 24, 6
QUICK = TrainingConfig(recipe="adaptive", epochs=2, batch_size=64, device="cpu")


def images(n=N, noise=0.3, seed=0):
    """Unit features near one of K concepts each, and the concepts."""
    generator = torch.Generator().manual_seed(seed)
    concepts = unit_rows(generator, K, D)
    rows = concepts[torch.arange(n) % K] + noise * unit_rows(generator, n, D)
    return torch.nn.functional.normalize(rows, dim=1), concepts


def made(config=QUICK, bits=16, n=N, **more):
    x, concepts = images(n, **more)
    mined = mine_concepts(x, concepts, min_share=-1.0)
    return HashNetwork.for_recipe(bits, mined, x, config), x, mined


# The share.


def test_products_of_mixtures_are_those_of_the_formula():
    x, concepts = images(40)
    mixture = ConceptMixture(D, K, 0.3, 50.0)
    mixture.fit(x, concepts)
    v = mixture(x).double().numpy()
    f = (x - x.mean(0)).double().numpy()
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    scores = 50.0 * (x @ concepts.T).double().numpy()
    products = []
    for s in (scores, scores / 3):
        q = np.exp(s - s.max(1, keepdims=True))
        q /= q.sum(1, keepdims=True)
        lengths = np.linalg.norm(q, axis=1)
        q /= np.sqrt(lengths * lengths.mean())[:, None]
        assert (q**2).sum(1).mean() == pytest.approx(1)
        products.append(q @ q.T)
    expected = 0.3 * f @ f.T + 0.7 * (0.7 * products[0] + 0.3 * products[1])
    assert np.abs(v @ v.T - expected).max() < 1e-5


def test_concepts_that_name_all_explain_more_than_others():
    x, concepts = images()
    other = unit_rows(torch.Generator().manual_seed(9), K, D)
    named, unnamed = (explained_share(x, t, 100.0) for t in (concepts, other))
    assert named is not None
    assert unnamed is not None
    assert named > 0.7 > 0.6 > unnamed
    assert feature_share(named) < feature_share(unnamed)


@given(st.floats(-2, 1), st.floats(-2, 1))
def test_the_share_falls_with_what_the_concepts_explain(a, b):
    low, high = sorted((a, b))
    assert 0.02 <= feature_share(high) <= feature_share(low) <= 1


def test_too_few_images_say_nothing_about_the_share():
    x, concepts = images(8)
    assert explained_share(x, concepts, 100.0) is None
    assert explained_share(x[:1].expand(60, -1), concepts, 100.0) is None  # all equal
    assert feature_share(None) == 0.5


def test_a_study_says_what_its_concepts_explain_and_what_its_codes_lean_on(study, trained):
    apart = "explain 81% of what sets the images apart; "

    def mixed(share):
        return f"codes mix {share:.0%} features with {1 - share:.0%} concepts"

    (line,) = [line for line in repr(trained).splitlines() if "explain" in line]
    assert f"{apart}{mixed(trained.network.feature_share)}" in line
    own = f"{apart}with the recipe 'adaptive', {mixed(feature_share(study.explained))}"
    assert share_sentence(study).endswith(own)
    half = study.train(bits=8, epochs=0, feature_share=0.5)
    assert share_sentence(half).endswith("codes mix 50% features with 50% concepts")
    few = study.with_(concepts="coco80")
    (finding,) = [f for f in few.health() if f.kind == "list explains little"]
    assert finding.message.startswith(share_sentence(few))
    assert "explain" not in repr(few.with_(concepts=["tree", "sky"]))  # nothing is computed for it


# The objective.


def test_the_objective_is_that_of_its_formula():
    generator = torch.Generator().manual_seed(3)
    z = torch.tanh(torch.randn(7, 5, generator=generator, dtype=torch.float64))
    v = torch.randn(7, 9, generator=generator, dtype=torch.float64)
    terms = mixed_loss(z, v, 2.0, 0.5, 0.25, 4.0)
    s = (v @ v.T).numpy()
    c = s - s.mean(0) - s.mean(1, keepdims=True) + s.mean()
    c /= np.sqrt(np.outer(np.diag(c), np.diag(c)))
    y = z.numpy()
    h = (y @ y.T) / np.outer(np.linalg.norm(y, axis=1), np.linalg.norm(y, axis=1))
    together = y.T @ y / 7
    expected = (
        np.mean((h - c) ** 2),
        np.sum((np.sign(y) - y) ** 2) / 35,
        np.sum(y.mean(0) ** 2) / 5,
        sum(together[i, j] ** 2 for i, j in itertools.permutations(range(5), 2)) / 25,
    )
    assert [float(t) for t in terms[1:]] == pytest.approx(expected)
    total = 2 * expected[0] + 0.5 * expected[1] + 0.25 * expected[2] + 4 * expected[3]
    assert float(terms.total) == pytest.approx(total)


def test_the_target_can_be_reached():
    """Outputs whose cosines are the target's: the similarity term is 0, unlike the paper's."""
    v = torch.randn(20, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z = torch.nn.functional.normalize(v - v.mean(0), dim=1)
    assert float(mixed_loss(z, v).similarity) < 1e-12


@pytest.mark.parametrize("rows", [1, 2])
def test_a_batch_of_one_image_or_of_equal_ones_is_no_error(rows):
    z = torch.full((rows, 4), 0.5, requires_grad=True)
    terms = mixed_loss(z, torch.ones(rows, 3))
    terms.total.backward()
    assert all(math.isfinite(float(term.detach())) for term in terms)
    assert z.grad is not None
    assert bool(z.grad.isfinite().all())


# The network.


@pytest.mark.parametrize("bits", [3, 16, 64])  # fewer and more than directions
def test_a_network_starts_as_itq_of_the_mixture(bits):
    network, x, mined = made(bits=bits)
    codes = pack_codes(network.outputs(x))
    distances = torch.cdist(network.outputs(x).sign(), network.outputs(x).sign(), p=0)
    alike = mined.distribution.argmax(1)
    same = alike[:, None] == alike[None]
    assert distances[same].mean() < 0.6 * distances[~same].mean()
    assert network.feature_share == 0.02  # the concepts name all
    assert float(network.mixture.feature_share) == pytest.approx(0.02)
    random = HashNetwork.for_recipe(bits, mined, x, dataclasses.replace(QUICK, start="random"))
    assert not torch.equal(pack_codes(random.outputs(x)), codes)


def test_a_share_that_is_given_is_taken():
    for recipe, share, expected in (
        ("tuned", None, 0.2),
        ("tuned", 0.7, 0.7),
        ("adaptive", 0.0, 0.0),
    ):
        config = TrainingConfig(recipe=recipe, feature_share=share)
        assert made(config)[0].feature_share == expected
    assert made(TrainingConfig(recipe="uhscm"))[0].feature_share is None


def test_double_precision_gives_the_same_network():
    network, x, mined = made()
    other = HashNetwork.for_recipe(16, mined, x.double(), QUICK)
    assert torch.equal(network.outputs(x), other.outputs(x))


def test_one_kept_concept_leaves_the_features():
    x, _ = images()
    mined = mine_concepts(x, x[:1], min_share=-1.0)
    network = HashNetwork.for_recipe(8, mined, x, QUICK)
    assert network.feature_share == pytest.approx(1.0, abs=0.01)
    assert len(torch.unique(pack_codes(network.outputs(x)), dim=0)) > 4


@pytest.mark.parametrize("n", [1, 2, 8])
def test_few_images_train_all_the_same(n):
    network, x, mined = made(n=n, bits=32)
    steps = list(train(network, x, mined, QUICK))
    assert len(steps) == 2
    assert bool(network.outputs(x).isfinite().all())


def test_equal_images_get_one_code():
    x, concepts = images()
    x = x[:1].expand(50, -1).contiguous()
    mined = mine_concepts(x, concepts, min_share=-1.0)
    network = HashNetwork.for_recipe(8, mined, x, QUICK)
    list(train(network, x, mined, QUICK))
    assert len(torch.unique(pack_codes(network.outputs(x)), dim=0)) == 1


# Training.


def test_every_batch_has_two_images_or_more():
    network, x, mined = made(n=129)
    steps = list(train(network, x, mined, dataclasses.replace(QUICK, epochs=1)))
    assert len(steps) == 3  # of 43 each, where batches of 64 leave one image alone
    assert all(step.contrastive is None and step.balance is not None for step in steps)
    assert list(steps[0].terms) == ["similarity", "quantization", "balance", "independence"]


def test_a_run_that_was_paused_ends_as_one_that_was_not(tmp_path):
    config = dataclasses.replace(QUICK, epochs=3)
    whole, x, mined = made(config)
    list(train(whole, x, mined, config))
    first, _, _ = made(config)
    steps = train(first, x, mined, config, folder=tmp_path)
    list(itertools.islice(steps, 7))
    steps.close()
    second, _, _ = made(config)
    list(train(second, x, mined, config, folder=tmp_path))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    read = read_network(tmp_path)
    assert torch.equal(read.outputs(x), whole.outputs(x))
    assert read.feature_share == whole.feature_share


def test_a_plain_network_is_trained_as_before():
    x, concepts = images()
    mined = mine_concepts(x, concepts, min_share=-1.0)
    networks = [HashNetwork(8, in_features=D) for _ in range(2)]
    list(train(networks[0], x, mined, QUICK))
    list(train(networks[1], x, mined, dataclasses.replace(QUICK, recipe="uhscm")))
    assert torch.equal(networks[0].outputs(x), networks[1].outputs(x))
    with pytest.raises(ValueError, match=r"recipe: 'tuned' needs its own network.*for_recipe"):
        train(networks[0], x, mined, TrainingConfig(recipe="tuned"))
    mixing, _, _ = made()
    with pytest.raises(ValueError, match=r"recipe: 'uhscm' needs its own network"):
        train(mixing, x, mined, TrainingConfig(recipe="uhscm"))


def test_a_study_takes_a_recipe_and_keeps_its_network(study, tmp_path):
    trained = study.train(bits=16, recipe="adaptive", epochs=1)
    assert trained.network.feature_share == pytest.approx(0.02, abs=0.2)
    trained.save(tmp_path / "study")
    again = Study.load(tmp_path / "study")
    assert torch.equal(again.codes, trained.codes)
    found = trained.search(image_features=study.image_features[3], k=1)
    assert int(found.distances[0]) == 0
    # A network that is moved to a study of other concepts keeps its own.
    other = study.with_(concepts=["dog", "cat", "boats"], network=trained.network)
    assert torch.equal(other.codes, trained.codes)


@pytest.mark.slow
def test_a_saved_network_gives_the_same_codes_in_another_process(study, tmp_path):
    recipes = ("tuned", "uhscm")
    trained = [study.train(bits=24, recipe=recipe, epochs=1) for recipe in recipes]
    for recipe, made in zip(recipes, trained, strict=True):
        made.save(tmp_path / recipe)
    script = f"""
        from uhscm_core import Study
        folders = {[str(tmp_path / recipe) for recipe in recipes]!r}
        studies = [Study.load(folder, device="cpu") for folder in folders]
        print(*[study.codes.numpy().tobytes().hex() for study in studies])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-2:] == [made.codes.numpy().tobytes().hex() for made in trained]


# Settings.


def test_what_is_not_given_is_the_recipes_own():
    for recipe, own in RECIPES.items():
        config = TrainingConfig(recipe=recipe)
        assert all(getattr(config, name) is None for name in own)
        complete = config.complete()
        assert {name: getattr(complete, name) for name in own} == dict(own)
        assert complete.complete() == complete
    assert TrainingConfig(recipe="tuned", epochs=3).complete().epochs == 3


def test_a_setting_of_another_recipe_is_refused():
    with pytest.raises(ValueError, match=r"alpha is no setting .*'tuned', but of 'paper' and 'uhs"):
        TrainingConfig(recipe="tuned", alpha=0.2)
    with pytest.raises(ValueError, match=r"balance is no setting .* 'uhscm', but of 'tuned' and"):
        TrainingConfig(recipe="uhscm", balance=1.0)
    with pytest.raises(ValueError, match=r"feature_share must be a finite number .* got 1.5"):
        TrainingConfig(recipe="adaptive", feature_share=1.5)


def test_the_recipe_is_adaptive_unless_a_setting_is_the_papers(study):
    assert TrainingConfig(epochs=3).recipe == "adaptive"
    assert all(
        TrainingConfig(**{name: 0.5}).recipe == "uhscm" for name in ("alpha", "gamma", "lam")
    )
    assert TrainingConfig(center=False).recipe == "uhscm"
    assert study.train(bits=8, epochs=1).network.feature_share is not None
    assert study.train(bits=8, epochs=1, lam=0.5).network.mixture is None
    assert config_from({"epochs": 3}).recipe == "uhscm"  # saved before there were recipes


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    "settings", [{"recipe": "best"}, {"start": "pca"}, {"feature_share": "most"}]
)
def test_a_recipe_and_its_choices_are_refused_by_name(settings):
    with pytest.raises((TypeError, ValueError), match=f"{next(iter(settings))} must be"):
        TrainingConfig(**{"recipe": "adaptive", **settings})


def test_a_saved_configuration_without_a_recipe_is_the_papers_objective():
    saved = json.loads(json.dumps({"epochs": 3, "lam": 0.5}))
    assert config_from(saved) == TrainingConfig(recipe="uhscm", epochs=3, lam=0.5)


def test_a_backbone_on_pixels_refuses_to_mix(study):
    with pytest.raises(ValueError, match=r"'tuned' mixes features with concepts.*reads pixels"):
        study.train(bits=8, backbone="test_resnet", pretrained=False, recipe="tuned", epochs=1)
