"""Any open_clip model loads; a file that is none is rejected, and never unpickled."""

from __future__ import annotations

import copy
import importlib.machinery
import importlib.util
import json
import math
import os
import pickle
import socket
import sys
import types
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

from tests.conftest import write_model
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
    assert other.old_digest == vlp.old_digest
    assert other.digest != vlp.digest  # which covers the preprocessing
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
    # The same weights; the tag brings a preprocessing of its own.
    assert load_vlp(named_model, "plain", device="cpu").old_digest == vlp.old_digest


def put_weights(home: Path, stem: str, tiny_model: Path) -> None:
    (home / "weights").mkdir(parents=True, exist_ok=True)
    content = tiny_model.with_suffix(".safetensors").read_bytes()
    (home / "weights" / f"{stem}.safetensors").write_bytes(content)


def test_a_local_file_is_used_without_a_network(vlp, named_model, no_network, home, tiny_model):
    put_weights(home, "tiny.plain", tiny_model)
    local = load_vlp(named_model, "plain", device="cpu")
    assert local.name == "tiny (plain)"
    assert local.source == {"name": "tiny", "pretrained": "plain"}
    assert local.old_digest == vlp.old_digest
    # With the tag's own preprocessing, which the file alone does not know.
    white = local.preprocess(Image.new("RGB", (20, 20), "white"))
    assert white[0].unique().tolist() == pytest.approx([0.5 / open_clip.OPENAI_DATASET_STD[0]])
    assert local.digest != vlp.digest


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


# SigLIP: a scale and a bias of its own, squashed images, a tokenizer of its own


SIGLIP = {
    "embed_dim": 64,
    "init_logit_scale": 1.0,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 32,
        "timm_model_name": "test_vit",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": "none",
    },
    "text_cfg": {
        "context_length": 16,
        "vocab_size": 49408,
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 16,
        "heads": 2,
        "layers": 2,  # in a single one the last word sees all others, causal mask or not
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
    },
}
SQUASHED = {
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


@pytest.fixture(scope="module")
def siglip_model():
    """A tiny random model of SigLIP's kind, as open_clip builds it."""
    described = copy.deepcopy(SIGLIP)
    del described["custom_text"]  # open_clip's own word for the class
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CustomTextCLIP(**described).eval()
    with torch.no_grad():
        model.logit_scale.fill_(math.log(112.5))
        model.logit_bias.fill_(-16.5)
    return model


@pytest.fixture
def siglip(siglip_model, tmp_path) -> Path:
    """The same model as a configuration with its weights next to it."""
    path = tmp_path / "siglip.json"
    path.write_text(json.dumps({"model_cfg": SIGLIP, "preprocess_cfg": SQUASHED}))
    safetensors.torch.save_file(siglip_model.state_dict(), path.with_suffix(".safetensors"))
    return path


def squashed_by_hand(images) -> torch.Tensor:
    squashed = [np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC)) for image in images]
    return torch.tensor(np.stack(squashed)).permute(0, 3, 1, 2).float() / 255 * 2 - 1


def test_a_siglip_model_scores_as_open_clip_does(siglip, siglip_model, images):
    vlp = load_vlp(siglip, device="cpu")
    pixels = squashed_by_hand(images)
    tokens = open_clip.SimpleTokenizer(context_length=16, clean="canonicalize")(list(NAMES))
    with torch.no_grad():
        logits, _ = siglip_model.get_logits(pixels, tokens)
        encoded, texts, scale, bias = siglip_model(pixels, tokens)
    torch.testing.assert_close(vlp.encode_images(images), encoded, atol=1e-6, rtol=0)
    torch.testing.assert_close(vlp.encode_texts(NAMES), texts, atol=1e-6, rtol=0)
    assert (vlp.logit_scale, vlp.logit_bias) == (scale.item(), bias.item())
    assert vlp.logit_scale == pytest.approx(112.5)
    assert vlp.logit_bias == -16.5
    cosines = vlp.encode_images(images) @ vlp.encode_texts(NAMES).T
    scores = cosines * vlp.logit_scale + vlp.logit_bias
    torch.testing.assert_close(scores, logits, atol=1e-5, rtol=1e-6)
    assert torch.allclose(scores.softmax(1), (cosines * vlp.logit_scale).softmax(1))


def test_clip_has_no_bias(vlp):
    assert vlp.logit_bias == 0.0


@pytest.mark.parametrize(
    ("key", "value"),
    [("no_causal_mask", False), ("pool_type", "argmax"), ("norm_kwargs", {"eps": 0.1})],
)
def test_what_a_configuration_says_of_texts_is_heeded(siglip, key, value):
    before = load_vlp(siglip, device="cpu")
    whole = json.loads(siglip.read_text())
    whole["model_cfg"]["text_cfg"][key] = value
    siglip.write_text(json.dumps(whole))
    after = load_vlp(siglip, device="cpu")
    assert after.digest != before.digest
    assert not torch.allclose(after.encode_texts(NAMES), before.encode_texts(NAMES), atol=1e-4)


def test_a_bias_in_the_weights_alone_is_no_match(siglip):
    whole = json.loads(siglip.read_text())
    del whole["model_cfg"]["init_logit_bias"]
    siglip.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=r"these weights do not match .* by .*siglip\.json "):
        load_vlp(siglip, device="cpu")


@pytest.mark.parametrize("by", ["tag", "file"])
def test_a_named_siglip_model_has_its_preprocessing(
    siglip, images, monkeypatch, no_network, home, by
):
    tags = {"webli": open_clip.pretrained._slpcfg(hf_hub="nobody/tiny/")}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-sig", SIGLIP)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-sig", tags)
    weights = siglip.with_suffix(".safetensors")
    (home / "weights").mkdir(parents=True)
    (home / "weights/tiny-sig.webli.safetensors").write_bytes(weights.read_bytes())
    named = load_vlp("tiny-sig", "webli" if by == "tag" else weights, device="cpu")
    described = load_vlp(siglip, device="cpu")
    assert_same_model(named, described, images)
    assert named.digest == described.digest
    assert named.logit_bias == -16.5


def settings_of(name: str, pretrained, monkeypatch) -> dict:
    """What open_clip is asked to build, with no model built."""
    asked = {}

    def create(name, **settings):
        asked.update(settings)
        return torch.nn.Identity(), None, None

    monkeypatch.setattr(open_clip, "create_model_and_transforms", create)
    monkeypatch.setattr(module, "_tokenizer_of", lambda *_: None)
    module.from_name(name, pretrained)
    return asked


@pytest.mark.parametrize(
    "name", ["ViT-B-16-SigLIP", "ViT-B-16-SigLIP2", "ViT-SO400M-14-SigLIP-384"]
)
def test_open_clips_siglip_models_are_built_with_their_settings(
    name, home, tmp_path, no_network, monkeypatch
):
    (home / "weights").mkdir(parents=True)
    for path in (home / f"weights/{name}.webli.safetensors", tmp_path / "own.safetensors"):
        safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    expected = {f"image_{key}": value for key, value in SQUASHED.items()} | {"weights_only": True}
    for pretrained in ("webli", tmp_path / "own.safetensors"):
        settings = settings_of(name, pretrained, monkeypatch)
        assert Path(settings.pop("pretrained")).suffix == ".safetensors"
        assert settings == expected  # and no quick_gelu


@pytest.mark.parametrize("name", ["ViT-B-32", "MobileCLIP-B"])
def test_a_file_of_other_weights_keeps_the_default_preprocessing(name, tmp_path, monkeypatch):
    path = tmp_path / "own.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    settings = settings_of(name, path, monkeypatch)
    assert settings == {"weights_only": True, "pretrained": str(path)}


@pytest.fixture
def transformers(monkeypatch):
    """The package transformers, of which only what open_clip asks for is there.

    Its tokenizer gives each text's words the numbers that the folder's tokenizer.json has for them.
    """

    class Tokenizer:
        @classmethod
        def from_pretrained(cls, source, **_):
            tokenizer = cls()
            try:
                tokenizer.numbers = json.loads(Path(source, "tokenizer.json").read_text())
            except OSError as error:
                raise OSError(f"We couldn't connect to the hub to load {source}") from error
            return tokenizer

        def __call__(self, texts, max_length, **_):
            rows = [[self.numbers[word] for word in text.split()] for text in texts]
            padded = torch.tensor([row + [1] * (max_length - len(row)) for row in rows])
            return types.SimpleNamespace(input_ids=padded)

    stub = types.ModuleType("transformers")
    stub.__spec__ = importlib.machinery.ModuleSpec("transformers", None)
    stub.AutoTokenizer = Tokenizer
    monkeypatch.setitem(sys.modules, "transformers", stub)


@pytest.fixture
def own_tokenizer(siglip) -> Path:
    """The tiny model, whose configuration names a tokenizer of its own."""
    whole = json.loads(siglip.read_text())
    whole["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "nobody/tiny"
    siglip.write_text(json.dumps(whole))
    return siglip


@pytest.mark.usefixtures("transformers")
def test_a_tokenizer_of_its_own_is_read_from_beside_the_configuration(own_tokenizer, siglip_model):
    numbers = {"a": 5, "cat": 7, "dog": 9}
    (own_tokenizer.parent / "tokenizer.json").write_text(json.dumps(numbers))
    vlp = load_vlp(own_tokenizer, device="cpu")
    tokens = torch.tensor([[5, 7] + [1] * 14, [9] + [1] * 15])
    with torch.no_grad():
        expected = siglip_model.encode_text(tokens, normalize=True)
    torch.testing.assert_close(vlp.encode_texts(["A cat.", "dog"]), expected)


@pytest.mark.usefixtures("transformers")
def test_a_tokenizer_that_is_not_there_is_named(own_tokenizer):
    message = r"no tokenizer next to .*siglip\.json, which names that of 'nobody/tiny': put its tok"
    with pytest.raises(FileNotFoundError, match=message):
        load_vlp(own_tokenizer, device="cpu")


@pytest.mark.usefixtures("transformers")
def test_a_tokenizer_that_cannot_be_fetched_is_named(no_network, monkeypatch):
    message = (
        r"the tokenizer of ViT-B-16-SigLIP could not be fetched \({}.*fetch "
        r"'timm/ViT-B-16-SigLIP' from Hugging Face, and load its open_clip_config\.json"
    )
    with pytest.raises(ConnectionError, match=message.format(r"no network\)")):
        load_vlp("ViT-B-16-SigLIP", "webli", device="cpu")
    monkeypatch.setattr(module, "network_is_down", lambda: False)
    with pytest.raises(ConnectionError, match=message.format("We couldn't connect")):
        load_vlp("ViT-B-16-SigLIP", "webli", device="cpu")


def test_a_tokenizer_that_needs_another_package_says_so(own_tokenizer, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    message = r"the tokenizer of {} needs the package transformers: pip install transformers"
    with pytest.raises(ModuleNotFoundError, match=message.format(".*siglip.json")):
        load_vlp(own_tokenizer, device="cpu")
    with pytest.raises(ModuleNotFoundError, match=message.format("ViT-B-16-SigLIP")):
        load_vlp("ViT-B-16-SigLIP", "webli", device="cpu")


@pytest.fixture
def no_links(monkeypatch):
    """As on Windows without its developer mode."""

    def refused(*_, **__):
        raise OSError(1314, "A required privilege is not held by the client")

    for name in ("symlink", "link"):
        monkeypatch.setattr(os, name, refused)


def test_the_shipped_model_loads_where_links_cannot_be_made(no_links):
    assert load_vlp("postcards", device="cpu").embed_dim > 0


def test_weights_and_tokenizer_files_load_where_links_cannot_be_made(no_links, tmp_path):
    model = write_model(tmp_path, embed_dim=16)
    (tmp_path / "tokenizer.json").write_text("{}")
    assert load_vlp(model, device="cpu").embed_dim == 16


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("text_cfg", "hf_model_name", "roberta-base"),
        ("vision_cfg", "timm_model_name", "hf-hub:somebody/model"),
        ("vision_cfg", "timm_model_name", "hf_hub:somebody/model"),
        ("vision_cfg", "timm_model_name", "somebody/model"),
        ("text_cfg", "tokenizer_kwargs", {"tokenizer_name": "hf-hub:somebody/model"}),
        ("multimodal_cfg", "layers", ["https://somebody.example/weights.bin"]),
    ],
)
def test_a_name_that_would_be_fetched_is_refused(tiny_model, tmp_path, part, key, value):
    config = json.loads(tiny_model.read_text())
    config.setdefault(part, {})[key] = value
    path = tmp_path / "stranger.json"
    path.write_text(json.dumps(config))
    weights = tiny_model.with_suffix(".safetensors")
    with pytest.raises(ValueError, match=r"stranger\.json: .* would be fetched from the network"):
        load_vlp(path, weights, device="cpu")


@pytest.mark.parametrize("name", ["hf-hub:somebody/model", "local-dir:/tmp", "https://x.example/a"])
def test_a_model_that_would_be_fetched_is_refused_before_that(name, monkeypatch):
    def fail(*_):
        raise AssertionError("open_clip was asked")

    monkeypatch.setattr(open_clip, "get_model_config", fail)
    with pytest.raises(ValueError, match=f"^'{name}' would be fetched from the network; download"):
        load_vlp(name, device="cpu")


@pytest.mark.usefixtures("transformers")
def test_a_tokenizer_that_brings_code_is_refused(own_tokenizer):
    settings = {"auto_map": {"AutoTokenizer": ["somebody/code--t.T", None]}}
    (own_tokenizer.parent / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"tokenizer_config\.json: auto_map names code"):
        load_vlp(own_tokenizer, device="cpu")
