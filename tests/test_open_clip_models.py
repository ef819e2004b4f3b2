"""Any open_clip model loads; a file that is none is rejected, and never unpickled."""

from __future__ import annotations

import copy
import json
import pickle
import socket
import urllib.request
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch
from open_clip.transformer import QuickGELU
from PIL import Image

from uhscm_core import load_vlp
from uhscm_core import open_clip_models as module

NAMES = ("cat", "dog", "sunset over the sea")


@pytest.fixture(scope="module")
def vlp(tiny_model):
    return load_vlp(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    generator = np.random.default_rng(1)
    sizes = ((9, 30, 3), (40, 20, 3))
    return [Image.fromarray(generator.integers(0, 255, size, dtype=np.uint8)) for size in sizes]


@pytest.fixture
def config(tiny_model) -> dict:
    return json.loads(tiny_model.read_text())


@pytest.fixture
def weights(tiny_model) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(tiny_model.with_suffix(".safetensors"))


@pytest.fixture
def named_model(monkeypatch, config):
    """`tiny` among open_clip's own names, with a tag `plain` and a tag `openai`."""
    tags = {
        "plain": open_clip.pretrained._pcfg(hf_hub="nobody/tiny/", mean=(0.5, 0.5, 0.5)),
        "openai": open_clip.pretrained._pcfg(url="http://nowhere.invalid/x.pt", quick_gelu=True),
    }
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", config)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny", tags)
    return "tiny"


@pytest.fixture
def no_network(monkeypatch):
    """No name can be looked up, and nothing may be fetched."""

    def unknown(*_, **__):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    def fetch(*_, **__):
        raise AssertionError("tried to fetch without a network")

    monkeypatch.setattr(urllib.request, "getproxies", dict)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(open_clip, "download_pretrained", fetch)


def assert_same_model(a, b, images):
    assert a.digest == b.digest
    assert torch.equal(a.encode_images(images), b.encode_images(images))
    assert torch.equal(a.encode_texts(NAMES), b.encode_texts(NAMES))


# Loading from a configuration


def test_the_weights_beside_a_configuration_are_the_default(vlp, tiny_model, images, monkeypatch):
    assert (vlp.name, vlp.embed_dim) == ("tiny", 16)
    assert vlp.source == {"name": str(tiny_model), "pretrained": None}
    explicit = load_vlp(tiny_model, tiny_model.with_suffix(".safetensors"), device="cpu")
    assert_same_model(vlp, explicit, images)
    monkeypatch.chdir(tiny_model.parent)
    relative = load_vlp("tiny.json", "tiny.safetensors", device="cpu")
    assert_same_model(vlp, relative, images)
    assert relative.source == explicit.source  # absolute, so that it holds in another folder


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_plain_state_dict_is_taken(vlp, tiny_model, weights, images, tmp_path, suffix, zipped):
    path = tmp_path / f"weights{suffix}"
    torch.save(weights, path, _use_new_zipfile_serialization=zipped)
    assert_same_model(vlp, load_vlp(tiny_model, path, device="cpu"), images)


def test_a_training_checkpoint_with_a_state_dict_is_taken(
    vlp, tiny_model, weights, images, tmp_path
):
    prefixed = {f"module.{name}": tensor for name, tensor in weights.items()}
    torch.save({"epoch": 3, "state_dict": prefixed}, tmp_path / "weights.pt")
    assert_same_model(vlp, load_vlp(tiny_model, tmp_path / "weights.pt", device="cpu"), images)


def test_a_configuration_may_bring_its_preprocessing(vlp, config, weights, images, tmp_path):
    whole = {"model_cfg": config, "preprocess_cfg": {"mean": [0, 0, 0], "std": [1, 1, 1]}}
    path = tmp_path / "whole.json"
    path.write_text(json.dumps(whole))
    safetensors.torch.save_file(weights, path.with_suffix(".safetensors"))
    other = load_vlp(path, device="cpu")
    assert other.digest == vlp.digest
    assert other.preprocess_digest != vlp.preprocess_digest
    assert other.preprocess(Image.new("RGB", (20, 20), "white")).unique().tolist() == [1.0]


@pytest.mark.parametrize(
    "content", ["[1]", "3", "{}", '{"embed_dim": 16}', '{"model_cfg": null}', '{"model_cfg": [1]}']
)
def test_json_that_is_no_configuration_is_named(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ValueError, match=r"x\.json: not an open_clip configuration \(embed_dim"):
        load_vlp(tmp_path / "x.json", device="cpu")


def test_text_that_is_no_json_is_named(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ValueError, match=r"x\.json: not readable JSON"):
        load_vlp(tmp_path / "x.json", device="cpu")


@pytest.mark.parametrize(
    "change",
    [
        {"embed_dim": 8},
        {"embed_dim": "many"},
        {"vision_cfg": "wide"},
        {"vision_cfg": {"bogus": 1}},
        {"text_cfg": {"width": 16, "heads": 3}},
        {"bogus": 1},
    ],
)
def test_a_configuration_that_the_weights_do_not_fit_is_named(tiny_model, config, tmp_path, change):
    (tmp_path / "other.json").write_text(json.dumps({**config, **change}))
    message = r"tiny\.safetensors: these weights do not match the model described .*other\.json \("
    with pytest.raises(ValueError, match=message):
        load_vlp(tmp_path / "other.json", tiny_model.with_suffix(".safetensors"), device="cpu")


def test_a_missing_file_is_named(tiny_model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file: .*gone\.json"):
        load_vlp(tmp_path / "gone.json")
    alone = tmp_path / "alone.json"
    alone.write_text(tiny_model.read_text())
    with pytest.raises(FileNotFoundError, match=r"no weights file .*alone\.safetensors"):
        load_vlp(alone)
    with pytest.raises(FileNotFoundError, match=r"no weights file .*gone\.pt"):
        load_vlp(tiny_model, tmp_path / "gone.pt")
    with pytest.raises(ValueError, match=r"tiny\.json: a weights file must end in \.safetensors, "):
        load_vlp(tiny_model, tiny_model)


# Files that are not weights of this model


OTHERS = {
    "nothing": {},
    "another model": {"visual.conv1.weight": torch.zeros(3), "logit_scale": torch.zeros(())},
    "a tensor": torch.zeros(3),
    "a list": [torch.zeros(3)],
    "numbered": {0: torch.zeros(3)},
    "no state": {"state_dict": None},
}


@pytest.mark.parametrize("content", OTHERS)
def test_the_weights_of_another_model_are_rejected(tiny_model, tmp_path, content):
    paths = [tmp_path / "x.pt"]
    torch.save(OTHERS[content], paths[0])
    if content in ("nothing", "another model"):
        paths.append(tmp_path / "x.safetensors")
        safetensors.torch.save_file(OTHERS[content], paths[1])
    for path in paths:
        message = rf"{path.name}: these weights do not match the model described by .*tiny\.json "
        with pytest.raises(ValueError, match=message):
            load_vlp(tiny_model, path, device="cpu")


class Spy:
    """An object whose unpickling writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("protocol", [0, 2, 4, "torch", "torch, old"])
@pytest.mark.parametrize("suffix", [".pt", ".bin", ".safetensors"])
def test_a_pickle_in_disguise_is_rejected_and_never_loaded(
    tiny_model, named_model, tmp_path, weights, protocol, suffix
):
    path, trap = tmp_path / f"disguised{suffix}", tmp_path / "trap"
    content = {**weights, "logit_scale": Spy(trap)}
    if isinstance(protocol, int):
        path.write_bytes(pickle.dumps(Spy(trap), protocol))
        pickle.loads(path.read_bytes())
        assert trap.exists()  # so it would work
        trap.unlink()
    else:
        torch.save(content, path, _use_new_zipfile_serialization=protocol == "torch")
    expected = (
        "not a safetensors file" if suffix == ".safetensors" else "rejected: contains pickled"
    )
    for model in (tiny_model, named_model):
        with pytest.raises(ValueError, match=rf"disguised{suffix}: {expected}") as caught:
            load_vlp(model, path, device="cpu")
        assert "weights_only" not in str(caught.value)  # torch's own text says how to load it
    assert not trap.exists()


@pytest.mark.parametrize(
    "content", [b"", b"some text\n", b"\x80\x02", b"PK\x03\x04torn", b"\x80\x04K\x01.", b"0" * 99]
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_bytes_of_another_kind_are_rejected(tiny_model, tmp_path, content, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    message = rf"x{suffix}: (not a safetensors|rejected: .* is not a weights file; use a \.safet)"
    with pytest.raises(ValueError, match=message):
        load_vlp(tiny_model, path, device="cpu")


def test_torn_weights_are_rejected(tiny_model, weights, tmp_path):
    torch.save(weights, tmp_path / "x.pt")
    safetensors.torch.save_file(weights, tmp_path / "x.safetensors")
    for path in (tmp_path / "x.pt", tmp_path / "x.safetensors"):
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(ValueError, match=rf"{path.name}: (not a safetensors|rejected)"):
            load_vlp(tiny_model, path, device="cpu")


# Loading by name


def test_a_name_takes_a_weights_file(vlp, named_model, tiny_model, images):
    path = tiny_model.with_suffix(".safetensors")
    named = load_vlp(named_model, path, device="cpu")
    assert_same_model(named, vlp, images)
    assert named.source == {"name": "tiny", "pretrained": str(path)}
    with pytest.raises(FileNotFoundError, match=r"no weights file gone\.pt"):
        load_vlp(named_model, "gone.pt")


def test_an_unknown_name_tag_or_none_says_what_there_is(named_model):
    with pytest.raises(ValueError, match=r"knows no model 'ViT-Z'; use one of open_clip\.list"):
        load_vlp("ViT-Z", "openai")
    with pytest.raises(ValueError, match="tiny needs pretrained weights: a file, or one of plain"):
        load_vlp(named_model)
    message = r"tiny has no pretrained tag 'gold', .* \.safetensors, .*; its tags are plain, openai"
    with pytest.raises(ValueError, match=message):
        load_vlp(named_model, "gold")


def test_without_a_network_the_error_names_the_file_and_its_place(named_model, no_network, home):
    message = (
        rf"the weights of tiny \(plain\) could not be fetched \(no network\).* fetch 'nobody/tiny' "
        rf"from Hugging Face, and put the file here as {home}/weights/tiny\.plain\.safetensors"
    )
    with pytest.raises(ConnectionError, match=message):
        load_vlp(named_model, "plain")
    with pytest.raises(ConnectionError, match=r"fetch http://nowhere\.invalid/x\.pt"):
        load_vlp(named_model, "openai")


def test_a_fetch_that_fails_is_a_connection_error_with_its_reason(named_model, monkeypatch):
    def fail(entry):
        raise RuntimeError("404: no such repository")

    monkeypatch.setattr(module, "network_is_down", lambda: False)
    monkeypatch.setattr(open_clip, "download_pretrained", fail)
    with pytest.raises(ConnectionError, match=r"could not be fetched \(404: no such repository\)"):
        load_vlp(named_model, "plain")


def test_weights_fetched_before_are_used_without_a_network(
    vlp, named_model, no_network, tiny_model, images, tmp_path, monkeypatch
):
    path = tiny_model.with_suffix(".safetensors")
    (tmp_path / "hub/models--nobody--tiny/snapshots").mkdir(parents=True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(open_clip, "download_pretrained", lambda _: str(path))
    assert load_vlp(named_model, "plain", device="cpu").digest == vlp.digest


def put_weights(home: Path, stem: str, tiny_model: Path) -> None:
    (home / "weights").mkdir(parents=True, exist_ok=True)
    content = tiny_model.with_suffix(".safetensors").read_bytes()
    (home / "weights" / f"{stem}.safetensors").write_bytes(content)


def test_a_local_file_is_used_without_a_network(vlp, named_model, no_network, home, tiny_model):
    put_weights(home, "tiny.plain", tiny_model)
    local = load_vlp(named_model, "plain", device="cpu")
    assert local.name == "tiny (plain)"
    assert local.source == {"name": "tiny", "pretrained": "plain"}
    assert local.digest == vlp.digest
    # With the tag's own preprocessing, which the file alone does not know.
    white = local.preprocess(Image.new("RGB", (20, 20), "white"))
    assert white[0].unique().tolist() == pytest.approx([0.5 / open_clip.OPENAI_DATASET_STD[0]])
    assert local.preprocess_digest != vlp.preprocess_digest


def test_a_local_file_of_another_model_is_named(named_model, no_network, home):
    (home / "weights").mkdir(parents=True)
    other = home / "weights/tiny.plain.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(2)}, other)
    with pytest.raises(ValueError, match=rf"{other}: these weights do not match .* by tiny "):
        load_vlp(named_model, "plain", device="cpu")


def test_the_tags_of_openai_switch_quick_gelu_on(named_model, no_network, home, tiny_model, images):
    for tag in ("plain", "openai"):
        put_weights(home, f"tiny.{tag}", tiny_model)
    plain, openai = (load_vlp(named_model, tag, device="cpu") for tag in ("plain", "openai"))
    quick = [any(isinstance(m, QuickGELU) for m in vlp._model.modules()) for vlp in (plain, openai)]
    assert quick == [False, True]
    assert plain.digest != openai.digest  # the weights are the same and what they compute is not
    assert not torch.allclose(plain.encode_texts(NAMES), openai.encode_texts(NAMES))


def test_a_model_keeps_its_configuration_for_the_next(named_model, no_network, home, tiny_model):
    before = copy.deepcopy(open_clip.get_model_config(named_model))
    put_weights(home, "tiny.openai", tiny_model)
    load_vlp(named_model, "openai", device="cpu")
    assert open_clip.get_model_config(named_model) == before
