from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
import re
import signal
import subprocess
import sys
import textwrap
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from uhscm_core import (
    HashNetwork,
    TrainingConfig,
    mine_concepts,
    pack_codes,
    semantic_similarity,
    train,
    uhscm_loss,
)
from uhscm_core import training as training_module
from uhscm_core.datasets import ArrayImages
from uhscm_core.network import network_from
from uhscm_core.runs import read_network
from uhscm_core.support import store

CONFIG = TrainingConfig(recipe="uhscm", epochs=3, batch_size=16, device="cpu")
N, D, L = 50, 12, 8


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(1)
    return torch.nn.functional.normalize(torch.randn(N, D, generator=generator), dim=1)


@pytest.fixture
def mined(features):
    generator = torch.Generator().manual_seed(2)
    texts = torch.nn.functional.normalize(torch.randn(6, D, generator=generator), dim=1)
    return mine_concepts(features, texts, min_share=0.0)


def network(**settings):
    return HashNetwork(L, in_features=D, hidden=16, **settings)


def weights(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def assert_same_weights(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_one_step_is_the_gradient_step_of_the_objective(features, mined):
    net = network()
    before = weights(net)
    config = dataclasses.replace(
        CONFIG, batch_size=N, optimizer="sgd", learning_rate=0.1, weight_decay=0.0
    )
    step = next(train(net, features, mined, config))

    expected = network()
    terms = uhscm_loss(expected(features), semantic_similarity(mined.distribution))
    terms.total.backward()
    assert step.total == pytest.approx(terms.total.item(), abs=1e-5)
    assert step.similarity == pytest.approx(terms.similarity.item(), abs=1e-5)
    for name, parameter in expected.named_parameters():
        stepped = before[name] - 0.1 * parameter.grad
        assert torch.allclose(net.state_dict()[name], stepped, atol=1e-6), name


def test_training_lowers_the_objective_and_keeps_the_likenesses(features, mined):
    net = network()
    config = dataclasses.replace(CONFIG, epochs=60, learning_rate=0.01)
    steps = list(train(net, features, mined, config))
    assert [s.step for s in steps] == list(range(1, 60 * 4 + 1))
    assert [s.epoch for s in steps[:5]] == [1, 1, 1, 1, 2]
    assert steps[-1].total < steps[0].total - 0.5
    assert all(s.images_per_second > 0 for s in steps)
    wanted = semantic_similarity(mined.distribution)

    def likeness(network):
        h = 2 * semantic_similarity(network.outputs(features))  # a cosine, whatever its scale
        return torch.corrcoef(torch.stack([h.flatten(), wanted.flatten()]))[0, 1]

    assert likeness(net) > 0.7 > 0.4 > likeness(network())


def test_every_image_is_seen_once_an_epoch(features, mined, monkeypatch):
    seen = []
    original = training_module._Training._train_on

    def spy(self, rows, inputs):
        seen.extend(rows.tolist())
        return original(self, rows, inputs)

    monkeypatch.setattr(training_module._Training, "_train_on", spy)
    list(train(network(), features, mined, CONFIG))
    assert [sorted(seen[i * N : (i + 1) * N]) for i in range(3)] == [list(range(N))] * 3
    assert seen[:N] != seen[N : 2 * N]


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(features, mined):
    runs = []
    for seed in (0, 0, 1):
        net = network()
        steps = list(train(net, features, mined, dataclasses.replace(CONFIG, seed=seed)))
        runs.append(([s.total for s in steps], weights(net)))
    assert runs[0][0] == runs[1][0]
    assert_same_weights(runs[0][1], runs[1][1])
    assert runs[0][0] != runs[2][0]


def test_the_global_random_state_is_left_alone(features, mined):
    before = torch.random.get_rng_state()
    list(islice(train(network(), features, mined, CONFIG), 3))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("stop_after", [1, 4, 6])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(
    features, mined, tmp_path, stop_after, optimizer
):
    config = dataclasses.replace(CONFIG, optimizer=optimizer, center=optimizer == "sgd")
    whole = network()
    expected = [s.total for s in train(whole, features, mined, config)]

    run = train(network(), features, mined, config, folder=tmp_path / "run")
    first = [step.total for step in islice(run, stop_after)]
    run.close()
    resumed = network(seed=99)  # its weights come from the folder
    rest = [s.total for s in train(resumed, features, mined, config, folder=tmp_path / "run")]

    assert first + rest == expected
    assert_same_weights(weights(resumed), weights(whole))
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["total"] for line in lines] == expected


def test_a_paused_run_continues_where_it_was(features, mined):
    expected = network()
    list(train(expected, features, mined, CONFIG))
    paused = network()
    run = train(paused, features, mined, CONFIG)
    next(run)
    paused.outputs(features)  # looking at the network between two steps changes nothing
    torch.rand(5)
    list(run)
    assert_same_weights(weights(paused), weights(expected))


def test_a_finished_run_yields_nothing_and_can_be_made_longer(features, mined, tmp_path):
    folder = tmp_path / "run"
    list(train(network(), features, mined, CONFIG, folder=folder))
    assert (folder / "weights.safetensors").exists()
    again = network(seed=5)
    assert list(train(again, features, mined, CONFIG, folder=folder)) == []
    longer = dataclasses.replace(CONFIG, epochs=5)
    assert [s.epoch for s in train(again, features, mined, longer, folder=folder)] == [4] * 4 + [
        5
    ] * 4
    expected = network()
    list(train(expected, features, mined, longer))
    assert_same_weights(weights(again), weights(expected))


_CHILD = """
    import dataclasses, sys, time
    import torch
    sys.path.insert(0, {tests!r})
    from uhscm_core import HashNetwork, TrainingConfig, mine_concepts, train
    from uhscm_core.runs import writer
    writer._CHECKPOINT_SECONDS = 0.0
    g = torch.Generator().manual_seed(1)
    x = torch.nn.functional.normalize(torch.randn({N}, {D}, generator=g), dim=1)
    g = torch.Generator().manual_seed(2)
    t = torch.nn.functional.normalize(torch.randn(6, {D}, generator=g), dim=1)
    net = HashNetwork({L}, in_features={D}, hidden=16)
    config = TrainingConfig(epochs=3, batch_size=16, device="cpu")
    for step in train(net, x, mine_concepts(x, t, min_share=0.0), config, folder={folder!r}):
        print(step.step, flush=True)
        if step.step == 6:
            time.sleep(600)
"""


@pytest.mark.slow
def test_a_killed_run_is_there_afterwards_and_ends_as_if_uninterrupted(features, mined, tmp_path):
    folder = tmp_path / "run"
    script = textwrap.dedent(_CHILD).format(
        tests=str(Path(__file__).parent), N=N, D=D, L=L, folder=str(folder)
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    while child.stdout.readline().strip() != "6":
        assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()

    logged = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in logged] == [1, 2, 3, 4, 5, 6]
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "st')  # a line that was cut short
    resumed = network()
    steps = list(train(resumed, features, mined, CONFIG, folder=folder))
    assert steps[0].step in (6, 7)  # the checkpoint is written after the line
    expected = network()
    totals = [s.total for s in train(expected, features, mined, CONFIG)]
    assert_same_weights(weights(resumed), weights(expected))
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["total"] for line in lines] == totals


def test_a_folder_with_another_run_is_refused_and_left_alone(features, mined, tmp_path):
    folder = tmp_path / "run"
    list(train(network(), features, mined, CONFIG, folder=folder))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = dataclasses.replace(CONFIG, lam=0.5)
    with pytest.raises(ValueError, match=r"different settings \(lam 0.8 -> 0.5\); use another"):
        list(train(network(), features, mined, other, folder=folder))
    with pytest.raises(ValueError, match=r"different settings \(data"):
        list(train(network(), features.flip(0), mined, CONFIG, folder=folder))
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_of_a_version_with_fewer_settings_continues(features, mined, tmp_path):
    folder = tmp_path / "run"
    for _ in islice(train(network(), features, mined, CONFIG, folder=folder), 4):
        pass
    config = store.load_json(folder / "config.json")
    del config["training"]["similarity_weight"]
    store.save_json(folder / "config.json", config)
    resumed, whole = network(), network()
    list(train(resumed, features, mined, CONFIG, folder=folder))
    list(train(whole, features, mined, CONFIG))
    assert_same_weights(weights(resumed), weights(whole))
    other = dataclasses.replace(CONFIG, similarity_weight=0.0)
    with pytest.raises(ValueError, match=r"\(similarity_weight 1.0 -> 0.0\)"):
        list(train(network(), features, mined, other, folder=folder))


def test_a_term_without_weight_does_not_train(features, mined):
    none = dataclasses.replace(CONFIG, similarity_weight=0.0, alpha=0.0, beta=0.0, weight_decay=0.0)
    trained = network()
    list(train(trained, features, mined, none))
    assert_same_weights(weights(trained), weights(network()))


@pytest.mark.slow
def test_two_runs_in_one_folder_are_refused(features, mined, tmp_path):
    first = train(network(), features, mined, CONFIG, folder=tmp_path)
    next(first)
    script = textwrap.dedent(_CHILD).format(
        tests=str(Path(__file__).parent), N=N, D=D, L=L, folder=str(tmp_path)
    )
    second = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert f"another process is training in {tmp_path}" in second.stderr
    first.close()


def test_validation_runs_when_due_and_after_the_last_epoch(features, mined):
    calls = []

    def validate(net):
        calls.append(net.outputs(features).shape)
        return {"mAP": float(len(calls))}

    config = dataclasses.replace(CONFIG, epochs=3, validate_every=2)
    steps = list(train(network(), features, mined, config, validate=validate))
    validated = [(s.epoch, s.metrics) for s in steps if s.metrics]
    assert validated == [(2, {"mAP": 1.0}), (3, {"mAP": 2.0})]


def test_zero_epochs_train_nothing(features, mined, tmp_path):
    net = network()
    before = weights(net)
    none = dataclasses.replace(CONFIG, epochs=0)
    assert list(train(net, features, mined, none, folder=tmp_path)) == []
    assert_same_weights(weights(net), before)


@pytest.mark.parametrize("images", [1, 2])
def test_one_image_and_a_batch_of_one_train(images):
    x = torch.eye(D)[:images]
    mined = mine_concepts(x, torch.eye(D)[:2], min_share=0.0)
    config = dataclasses.replace(CONFIG, batch_size=1)
    steps = list(train(network(), x, mined, config))
    assert len(steps) == 3 * images
    assert all(torch.isfinite(torch.tensor(s.total)) for s in steps)


def test_a_diverging_run_says_so_and_keeps_the_last_good_weights(features, mined, tmp_path):
    net = network()
    run = train(net, features, mined, CONFIG, folder=tmp_path)
    list(islice(run, 4))
    run.close()
    good = (tmp_path / "checkpoint.safetensors").read_bytes()
    run = train(net, features, mined, CONFIG, folder=tmp_path)
    next(run)
    with torch.no_grad():
        next(net.parameters()).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"epoch 2, step 6.*smaller learning_rate"):
        list(run)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == good


def test_an_enormous_learning_rate_ends_in_an_error_or_in_finite_weights(features, mined):
    net = network()
    config = dataclasses.replace(CONFIG, learning_rate=1e6, epochs=20)
    try:
        list(train(net, features, mined, config))
    except FloatingPointError:
        return
    assert all(p.isfinite().all() for p in net.parameters())


def test_a_full_device_says_what_to_change(features, mined, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(training_module._Training, "_train_on", full)
    with pytest.raises(MemoryError, match="reduce batch_size"):
        next(train(network(), features, mined, CONFIG))


def test_a_full_disk_stops_the_run_with_the_earlier_checkpoint_in_place(
    features, mined, tmp_path, monkeypatch
):
    run = train(network(), features, mined, CONFIG, folder=tmp_path)
    next(run)
    run.close()
    good = (tmp_path / "checkpoint.safetensors").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    run = train(network(), features, mined, CONFIG, folder=tmp_path)
    next(run)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="could not write"):
        list(run)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == good
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": -1}, "epochs must be a whole number between 0 and 1,000,000, got -1"),
        ({"batch_size": 0}, "batch_size must be a whole number between 1 and 1,000,000,000, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be a finite number greater than 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number greater than 0"),
        ({"gamma": -1.0}, "gamma must be a finite number of at least 1e-06"),
        ({"momentum": 1.1}, "momentum must be a finite number .* got 1.1"),
        ({"optimizer": "lbfgs"}, "optimizer must be"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**settings)


WHOLE = ("epochs", "batch_size", "seed", "workers", "validate_every")
REAL = (
    *("learning_rate", "momentum", "backbone_share", "weight_decay"),
    *("alpha", "beta", "gamma", "lam", "similarity_weight"),
)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("name", [*WHOLE, *REAL])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "1", [], 1j])
def test_settings_that_are_no_numbers_are_refused_by_name(name, value):
    expected = "whole number" if name in WHOLE else "finite number"
    with pytest.raises((TypeError, ValueError), match=f"{name} must be a {expected}.*, got"):
        TrainingConfig(**{name: value})


@pytest.mark.parametrize("name", ["learning_rate", "momentum", "weight_decay", *REAL[4:7]])
def test_negative_weights_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} must be .*, got -0.5"):
        TrainingConfig(**{name: -0.5})


@pytest.mark.usefixtures("as_users_run_it")
def test_settings_become_numbers_that_can_be_saved():
    config = TrainingConfig(epochs=np.int64(3), alpha=np.float32(0.5), lam=torch.tensor(1))
    assert [type(value) for value in (config.epochs, config.alpha, config.lam)] == [
        int,
        float,
        float,
    ]
    assert json.loads(json.dumps(dataclasses.asdict(config))) == dataclasses.asdict(config)


@pytest.mark.usefixtures("as_users_run_it")
def test_a_dict_is_no_config(features, mined):
    message = r"config must be a TrainingConfig .*TrainingConfig\(epochs=10\).*, got {'epochs': 1}"
    with pytest.raises(TypeError, match=message):
        train(network(), features, mined, {"epochs": 1})


def test_data_that_does_not_fit_is_refused_before_anything_runs(features, mined):
    with pytest.raises(ValueError, match="49 training images but the concepts were mined from 50"):
        train(network(), features[1:], mined, CONFIG)
    with pytest.raises(ValueError, match=r"shape \(N, 12\), got \(50, 11\)"):
        train(network(), features[:, 1:], mined, CONFIG)
    with pytest.raises(ValueError, match="no device 'xpu' on this machine"):
        train(network(), features, mined, dataclasses.replace(CONFIG, device="xpu"))


def test_the_paper_setting():
    config = TrainingConfig.paper(seed=3)
    assert (config.optimizer, config.learning_rate, config.backbone_share) == ("sgd", 0.006, 0.05)
    assert (config.batch_size, config.epochs, config.weight_decay) == (128, 60, 1e-5)
    assert (config.momentum, config.center, config.seed) == (0.0, True, 3)
    changed = TrainingConfig.paper(momentum=0.9, center=False)  # as it was before
    assert (changed.momentum, changed.center) == (0.9, False)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_sgd_moves_by_the_momentum_of_its_config(features, mined, momentum):
    config = dataclasses.replace(
        CONFIG, epochs=3, batch_size=N, optimizer="sgd", momentum=momentum, learning_rate=0.1
    )
    net = network()
    list(train(net, features, mined, config))
    expected = network()
    optimizer = torch.optim.SGD(expected.parameters(), 0.1, momentum=momentum, weight_decay=1e-5)
    for _ in range(3):
        optimizer.zero_grad()
        uhscm_loss(expected(features), semantic_similarity(mined.distribution)).total.backward()
        optimizer.step()
    for name, value in expected.state_dict().items():
        assert torch.allclose(net.state_dict()[name], value, atol=1e-5), name


def test_a_centered_network_reads_features_minus_their_mean_at_unit_length(features, mined):
    directions = torch.nn.functional.normalize(features - features.mean(0), dim=1)
    centered, plain = network(), network()
    steps = [
        [s.total for s in train(net, rows, mined, config)]
        for net, rows, config in (
            (centered, features, dataclasses.replace(CONFIG, center=True)),
            (plain, directions, CONFIG),
        )
    ]
    assert steps[0] == pytest.approx(steps[1], abs=1e-4)
    assert torch.allclose(centered.mean, features.mean(0), atol=1e-7)
    rows = features[:7] + 1  # a new image has no mean of its own
    expected = plain.outputs(torch.nn.functional.normalize(rows - features.mean(0), dim=1))
    assert torch.allclose(centered.outputs(rows), expected, atol=1e-3)


def test_weights_of_a_centered_network_give_the_same_codes_elsewhere(features, mined, tmp_path):
    config = dataclasses.replace(CONFIG, center=True)
    net = network()
    list(train(net, features, mined, config, folder=tmp_path))
    loaded = read_network(tmp_path)
    assert loaded.settings == net.settings
    assert loaded.settings["centered"] is True
    settings, tensors = loaded.settings, loaded.state_dict()
    assert torch.equal(loaded.outputs(features), net.outputs(features))
    with pytest.raises(ValueError, match=r"mean must be float \(12,\), got absent"):
        network_from(settings, {k: v for k, v in tensors.items() if k != "mean"}, tmp_path)
    with pytest.raises(ValueError, match="mean must be absent"):
        network_from({**settings, "centered": False}, tensors, tmp_path)


def test_a_network_that_is_not_centered_has_the_settings_and_weights_of_before(features, mined):
    net = network()
    list(train(net, features, mined, CONFIG))
    assert net.settings == {"bits": L, "backbone": "features", "in_features": D, "hidden": 16}
    assert list(net.state_dict()) == [
        "head.0.weight",
        "head.0.bias",
        "head.2.weight",
        "head.2.bias",
    ]


def test_images_are_not_centered(mined):
    images = ArrayImages(np.zeros((N, 24, 24, 3), dtype=np.uint8))
    config = TrainingConfig.paper(epochs=1, batch_size=25, device="cpu", workers=0)
    net = HashNetwork(L, "test_resnet", pretrained=False)
    next(train(net, images, mined, config))
    assert net.mean is None
    assert "centered" not in net.settings


# Collapse.


def common(n=400, share=10.0):
    """Unit features with a large common part, and what is mined from them: eight concepts."""
    generator = torch.Generator().manual_seed(0)
    texts = torch.linalg.qr(torch.randn(64, 9, generator=generator)).Q.T
    rows = texts[torch.arange(n) % 8] + share * texts[8]
    rows += 0.05 * torch.randn(n, 64, generator=generator)
    rows = torch.nn.functional.normalize(rows, dim=1)
    return rows, mine_concepts(rows, texts[:8], min_share=0.0, tau=30.0)


def collapse_said(caplog, config):
    rows, mined = common()
    net = HashNetwork(32, in_features=64)
    with caplog.at_level(logging.WARNING, "uhscm_core"):
        list(train(net, rows, mined, config))
    codes = pack_codes(net.outputs(rows)).unique(dim=0)
    said = [r.getMessage() for r in caplog.records if "collapsed" in r.getMessage()]
    return len(codes), said


def test_the_released_recipe_collapses_on_features_and_says_that_centering_would_help(caplog):
    config = TrainingConfig.paper(epochs=30, device="cpu", center=False)
    codes, said = collapse_said(caplog, config)
    assert codes <= 4
    (sentence,) = said
    assert "after 120 steps: 400 images have" in sentence
    assert sentence.endswith("try centered features (center) or a smaller learning_rate than 0.006")


def test_the_released_recipe_trains_on_centered_features_and_says_nothing(caplog):
    codes, said = collapse_said(caplog, TrainingConfig.paper(epochs=30, device="cpu"))
    assert codes >= 100
    assert said == []


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"beta": 10.0}, "a smaller beta than 10"),
        ({"learning_rate": 1.0}, "a smaller learning_rate than 1"),
    ],
)
def test_near_collapse_is_said_with_what_would_help(caplog, settings, advice):
    config = TrainingConfig(**{"epochs": 10, "device": "cpu", "center": True, **settings})
    _, said = collapse_said(caplog, config)
    (sentence,) = said
    assert re.search(r"different codes, and one is that of \d+% of them; \d+ of 32 bits", sentence)
    assert sentence.endswith(f"try {advice}")


def test_a_backbone_on_pixels_trains_and_resumes_exactly(mined, tmp_path):
    pixels = torch.randint(
        0, 256, (N, 24, 24, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3)
    )
    images = ArrayImages(pixels.numpy())
    config = TrainingConfig.paper(epochs=1, batch_size=25, device="cpu", workers=0)

    def fresh(seed=0):
        return HashNetwork(L, "test_resnet", pretrained=False, seed=seed)

    whole = fresh()
    expected = [s.total for s in train(whole, images, mined, config)]
    run = train(fresh(), images, mined, config, folder=tmp_path)
    first = next(run).total
    run.close()
    resumed = fresh(7)
    rest = [s.total for s in train(resumed, images, mined, config, folder=tmp_path)]
    assert [first, *rest] == expected
    assert_same_weights(weights(resumed), weights(whole))


@pytest.mark.slow
def test_two_gathered_processes_equal_one(features, mined, tmp_path):
    # In float64, so that a difference would be one of the objective and not of rounding.
    configs = {
        recipe: dataclasses.replace(
            CONFIG, recipe=recipe, batch_size=10, optimizer="sgd", learning_rate=0.1
        )
        for recipe in ("uhscm", "adaptive")
    }

    def fresh(config):
        made = HashNetwork.for_recipe(L, mined, features, config) if config.mixes else network()
        return made.double()

    features = features.double()
    mined = dataclasses.replace(mined, distribution=mined.distribution.double())
    settings = {recipe: dataclasses.asdict(config) for recipe, config in configs.items()}
    torch.save({"features": features, "mined": dataclasses.asdict(mined)}, tmp_path / "data.pt")
    script = tmp_path / "two.py"
    script.write_text(
        textwrap.dedent(f"""
            import json
            from pathlib import Path
            import torch
            from lightning_fabric import Fabric
            from uhscm_core import HashNetwork, MinedConcepts, TrainingConfig, train

            def work(fabric):
                folder = Path({str(tmp_path)!r})
                data = torch.load(folder / "data.pt", weights_only=True)
                x, mined = data["features"], MinedConcepts(**data["mined"])
                for recipe, settings in {settings!r}.items():
                    config = TrainingConfig(**settings)
                    if config.mixes:
                        net = HashNetwork.for_recipe({L}, mined, x, config)
                    else:
                        net = HashNetwork({L}, in_features={D}, hidden=16)
                    run = folder / recipe
                    steps = train(net.double(), x, mined, config, fabric=fabric, folder=run)
                    totals = [s.total for s in steps]
                    if fabric.global_rank == 0:
                        (folder / f"{{recipe}}.json").write_text(json.dumps(totals))

            if __name__ == "__main__":
                fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn")
                fabric.launch(work)
        """)
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for recipe, config in configs.items():
        one, two = fresh(config), fresh(config)
        expected = [s.total for s in train(one, features, mined, config)]
        totals = json.loads((tmp_path / f"{recipe}.json").read_text())
        assert totals == pytest.approx(expected, abs=1e-12), recipe
        list(train(two, features, mined, config, folder=tmp_path / recipe))  # loads the run
        for name, value in one.state_dict().items():
            assert torch.allclose(value, two.state_dict()[name], atol=1e-12), (recipe, name)


def test_looking_at_the_network_between_steps_changes_nothing(mined):
    pixels = torch.randint(
        0, 256, (N, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3)
    )
    images = ArrayImages(pixels.numpy())
    config = TrainingConfig.paper(epochs=1, batch_size=25, device="cpu", workers=0)
    ended = []
    for looks in (False, True):
        net = HashNetwork(L, "test_resnet", pretrained=False)
        for _ in train(net, images, mined, config):
            if looks:
                net.eval()
        ended.append(weights(net))
    assert_same_weights(*ended)


def test_features_that_are_not_finite_are_refused(features, mined):
    features[3, 2] = float("nan")
    with pytest.raises(ValueError, match="data: 1 of 50 rows hold NaN or inf: 3"):
        train(network(), features, mined, CONFIG)


def test_features_of_another_precision_train(features, mined):
    step = next(train(network(), features.double(), mined, CONFIG))
    assert step.total == pytest.approx(next(train(network(), features, mined, CONFIG)).total)
