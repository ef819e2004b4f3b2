"""Any open_clip model embeds images and texts; what is none is refused, and never unpickled."""

from __future__ import annotations

import copy
import json
import math
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

from uhscm_core import ConceptSet, load_vlp
from uhscm_core import vlp as vlp_module
from uhscm_core.datasets import ImageFiles

NAMES = ("cat", "dog", "sunset over the sea")


@pytest.fixture(scope="module")
def vlp(tiny_model):
    return load_vlp(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    generator = np.random.default_rng(0)
    sizes = ((16, 16, 3), (9, 30, 3), (40, 20, 3), (1, 1, 3), (16, 17, 3), (64, 64, 3), (5, 5, 3))
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
    """No name can be looked up, and nobody tries to fetch anything."""

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


# Embeddings


def test_embeddings_have_unit_length(vlp, images):
    encoded = vlp.encode_images(images)
    texts = vlp.encode_texts(NAMES)
    assert (encoded.shape, texts.shape) == ((7, 16), (3, 16))
    for features in (encoded, texts):
        assert features.dtype == torch.float32
        assert features.device.type == "cpu"
        assert not features.requires_grad
        assert not features.is_inference()  # so that people may train on them
        torch.testing.assert_close(features.norm(dim=1), torch.ones(len(features)))


def test_an_image_goes_through_the_models_own_preprocessing(vlp, images):
    pixels = torch.stack([vlp.preprocess(image) for image in images])
    assert pixels.shape == (7, 3, 16, 16)
    expected = vlp._model.encode_image(pixels)
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(vlp.encode_images(images), expected)


def test_nothing_gives_nothing(vlp):
    assert vlp.encode_images([]).shape == (0, 16)
    assert vlp.encode_texts([]).shape == (0, 16)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_batches_do_not_change_the_embeddings(vlp, images, monkeypatch, batch):
    together = vlp.encode_images(images)
    monkeypatch.setattr(vlp_module, "BATCH", batch)
    torch.testing.assert_close(vlp.encode_images(images), together)


def test_more_texts_than_a_batch_are_embedded_in_order(vlp):
    texts = [f"photo number {i}" for i in range(300)]
    encoded = vlp.encode_texts(texts)
    assert encoded.shape == (300, 16)
    for i in (0, 255, 256, 299):
        torch.testing.assert_close(encoded[i : i + 1], vlp.encode_texts([texts[i]]))


def test_batches_of_any_indices_come_in_their_order(vlp, images):
    together = vlp.encode_images(images)
    batches = vlp.encode_batches(images, iter([[6, 0], [3]]))
    torch.testing.assert_close(next(batches), together[[6, 0]])
    torch.testing.assert_close(next(batches), together[[3]])
    assert next(batches, None) is None


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_worker_processes_give_the_same_and_name_what_they_cannot_read(
    vlp, photo_folder, as_users_run_it
):  # because the run-time shape check opens an image of its own choice
    names = sorted(
        path.relative_to(photo_folder).as_posix() for path in photo_folder.rglob("*.png")
    )
    files = ImageFiles(photo_folder, names[:40])
    torch.testing.assert_close(vlp.encode_images(files, workers=1), vlp.encode_images(files))
    files.path(39).write_bytes(b"")
    for workers in (0, 1):
        with pytest.raises(OSError, match=rf"{files.names[39]}: the file is empty"):
            vlp.encode_images(files, workers=workers)


def test_templates_are_averaged_and_the_average_has_unit_length(vlp):
    templates = ("a photo of the {}", "a drawing of a {}", "{}")
    averaged = vlp.encode_texts(ConceptSet(NAMES, templates))
    for name, row in zip(NAMES, averaged, strict=True):
        prompts = [vlp.encode_texts([template.replace("{}", name)])[0] for template in templates]
        by_hand = sum(prompts) / 3
        torch.testing.assert_close(row, by_hand / by_hand.norm())
    one = vlp.encode_texts(ConceptSet(NAMES, templates[:1]))
    torch.testing.assert_close(one, vlp.encode_texts([f"a photo of the {n}" for n in NAMES]))


def test_one_string_is_not_taken_for_a_sequence_of_letters(vlp):
    with pytest.raises(TypeError, match="a sequence of texts, got the one string 'cat'"):
        vlp.encode_texts("cat")


def test_loading_and_encoding_leave_the_global_random_state_alone(tiny_model, images):
    before = torch.get_rng_state()
    load_vlp(tiny_model, device="cpu").encode_images(images)
    assert torch.equal(torch.get_rng_state(), before)


# A GPU that is too small


def with_room_for(vlp, monkeypatch, most: int) -> list[int]:
    """Let the model run out of memory on more than `most` images; the sizes it was given."""
    sizes = []
    encode_image = vlp._model.encode_image

    def limited(pixels, normalize):
        sizes.append(len(pixels))
        if len(pixels) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode_image(pixels, normalize=normalize)

    monkeypatch.setattr(vlp._model, "encode_image", limited)
    return sizes


@pytest.mark.parametrize("most", [1, 2, 3])
def test_out_of_memory_halves_the_batch(vlp, images, monkeypatch, most):
    expected = vlp.encode_images(images)
    sizes = with_room_for(vlp, monkeypatch, most)
    torch.testing.assert_close(vlp.encode_images(images), expected)
    assert sizes[:2] == [7, 3]
    assert sum(size for size in sizes if size <= most) == 7


def test_no_memory_for_one_image_is_an_error_that_says_so(vlp, images, monkeypatch):
    sizes = with_room_for(vlp, monkeypatch, 0)
    message = r"cpu has no memory for one image of tiny: free the device or .*device='cpu'"
    with pytest.raises(MemoryError, match=message):
        vlp.encode_images(images)
    assert sizes == [7, 3, 1]


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


def test_the_digest_is_of_the_weights_and_the_configuration(vlp, config, weights, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(json.dumps(config))

    def digest_with(**changes) -> str:
        safetensors.torch.save_file({**weights, **changes}, path.with_suffix(".safetensors"))
        return load_vlp(path, device="cpu").digest

    assert digest_with() == vlp.digest
    changed = weights["text_projection"].clone()
    changed[-1, -1] += 1e-6
    assert digest_with(text_projection=changed) != vlp.digest
    path.write_text(json.dumps({**config, "quick_gelu": True}))
    assert digest_with() != vlp.digest


def test_the_logit_scale_is_the_factor_itself(tiny_model, weights, tmp_path):
    weights["logit_scale"] = torch.tensor(math.log(100))
    safetensors.torch.save_file(weights, tmp_path / "clip.safetensors")
    vlp = load_vlp(tiny_model, tmp_path / "clip.safetensors", device="cpu")
    assert vlp.logit_scale == pytest.approx(100, rel=1e-5)


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
    message = r"tiny\.safetensors: the weights of another model than .*other\.json describes \("
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
    with pytest.raises(ValueError, match=r"tiny\.json: a weights file ends in \.safetensors, "):
        load_vlp(tiny_model, tiny_model)


def test_a_device_that_is_not_there_is_said_before_anything_is_read():
    with pytest.raises(ValueError, match="no device 'gpu' on this machine"):
        load_vlp("gone.json", device="gpu")


# Files that are no weights of this model


OTHERS = {
    "nothing": {},
    "another model": {"visual.conv1.weight": torch.zeros(3), "logit_scale": torch.zeros(())},
    "a tensor": torch.zeros(3),
    "a list": [torch.zeros(3)],
    "numbered": {0: torch.zeros(3)},
    "no state": {"state_dict": None},
}


@pytest.mark.parametrize("content", OTHERS)
def test_the_weights_of_another_model_are_refused(tiny_model, tmp_path, content):
    paths = [tmp_path / "x.pt"]
    torch.save(OTHERS[content], paths[0])
    if content in ("nothing", "another model"):
        paths.append(tmp_path / "x.safetensors")
        safetensors.torch.save_file(OTHERS[content], paths[1])
    for path in paths:
        message = rf"{path.name}: the weights of another model than .*tiny\.json describes"
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
def test_a_pickle_in_disguise_is_refused_and_never_loaded(
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
    refused = "not a safetensors file" if suffix == ".safetensors" else "refused, it holds pickled"
    for model in (tiny_model, named_model):
        with pytest.raises(ValueError, match=rf"disguised{suffix}: {refused}") as caught:
            load_vlp(model, path, device="cpu")
        assert "weights_only" not in str(caught.value)  # torch's own text says how to load it
    assert not trap.exists()


@pytest.mark.parametrize(
    "content", [b"", b"some text\n", b"\x80\x02", b"PK\x03\x04torn", b"\x80\x04K\x01.", b"0" * 99]
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_bytes_of_another_kind_are_refused(tiny_model, tmp_path, content, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    message = rf"x{suffix}: (not a safetensors file|refused, .* is no weights file; ask for safet)"
    with pytest.raises(ValueError, match=message):
        load_vlp(tiny_model, path, device="cpu")


def test_torn_weights_are_refused(tiny_model, weights, tmp_path):
    torch.save(weights, tmp_path / "x.pt")
    safetensors.torch.save_file(weights, tmp_path / "x.safetensors")
    for path in (tmp_path / "x.pt", tmp_path / "x.safetensors"):
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(ValueError, match=rf"{path.name}: (not a safetensors|refused)"):
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
    with pytest.raises(ValueError, match=r"knows no model 'ViT-Z'; open_clip\.list_models\(\) lis"):
        load_vlp("ViT-Z", "openai")
    with pytest.raises(ValueError, match="tiny needs pretrained weights: a file, or one of plain"):
        load_vlp(named_model)
    message = (
        r"tiny has no pretrained tag 'gold' .* \(\.safetensors.*\): the tags are plain, openai"
    )
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

    monkeypatch.setattr(vlp_module, "network_is_down", lambda: False)
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


def bring(home: Path, stem: str, tiny_model: Path) -> None:
    (home / "weights").mkdir(parents=True, exist_ok=True)
    content = tiny_model.with_suffix(".safetensors").read_bytes()
    (home / "weights" / f"{stem}.safetensors").write_bytes(content)


def test_a_brought_file_is_used_without_a_network(vlp, named_model, no_network, home, tiny_model):
    bring(home, "tiny.plain", tiny_model)
    brought = load_vlp(named_model, "plain", device="cpu")
    assert brought.name == "tiny (plain)"
    assert brought.source == {"name": "tiny", "pretrained": "plain"}
    assert brought.digest == vlp.digest
    # With the tag's own preprocessing, which the file alone does not know.
    white = brought.preprocess(Image.new("RGB", (20, 20), "white"))
    assert white[0].unique().tolist() == pytest.approx([0.5 / open_clip.OPENAI_DATASET_STD[0]])
    assert brought.preprocess_digest != vlp.preprocess_digest


def test_a_brought_file_of_another_model_is_named(named_model, no_network, home):
    (home / "weights").mkdir(parents=True)
    other = home / "weights/tiny.plain.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(2)}, other)
    with pytest.raises(ValueError, match=rf"{other}: the weights of another model than tiny descr"):
        load_vlp(named_model, "plain", device="cpu")


def test_the_tags_of_openai_switch_quick_gelu_on(named_model, no_network, home, tiny_model, images):
    for tag in ("plain", "openai"):
        bring(home, f"tiny.{tag}", tiny_model)
    plain, openai = (load_vlp(named_model, tag, device="cpu") for tag in ("plain", "openai"))
    quick = [any(isinstance(m, QuickGELU) for m in vlp._model.modules()) for vlp in (plain, openai)]
    assert quick == [False, True]
    assert plain.digest != openai.digest  # the weights are the same and what they compute is not
    assert not torch.allclose(plain.encode_texts(NAMES), openai.encode_texts(NAMES))


def test_a_model_keeps_its_configuration_for_the_next(named_model, no_network, home, tiny_model):
    before = copy.deepcopy(open_clip.get_model_config(named_model))
    bring(home, "tiny.openai", tiny_model)
    load_vlp(named_model, "openai", device="cpu")
    assert open_clip.get_model_config(named_model) == before


# A trained model


@pytest.mark.photos
def test_a_trained_model_names_most_photos(photos, photos_model):
    vlp = load_vlp(photos_model, device="cpu")
    classes = sorted(folder.name for folder in (photos / "test").iterdir())
    names = [
        path.relative_to(photos).as_posix()
        for label in classes
        for path in sorted((photos / "test" / label).glob("*.jpg"))[:20]
    ]
    images = vlp.encode_images(ImageFiles(photos, names))
    texts = vlp.encode_texts(ConceptSet(tuple(classes)))
    guesses = (images @ texts.T).argmax(dim=1)  # (500,)
    accuracy = (guesses == torch.arange(10).repeat_interleave(20)).float().mean().item()
    assert accuracy >= 0.6
