"""A model embeds images and texts in unit rows, whatever the batch, the workers or the memory."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from uhscm_core import ConceptSet, load_vlp
from uhscm_core import vlp as vlp_module
from uhscm_core.datasets import ImageFiles
from uhscm_core.support.progress import report_progress_to

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


def test_texts_are_counted_while_they_are_encoded(vlp):
    reports = []
    concepts = ConceptSet(tuple(f"thing {n}" for n in range(300)), ("a {}", "the {}"))
    with report_progress_to(lambda *report: reports.append(report)):
        vlp.encode_texts(concepts)
        vlp.encode_texts(["a cat"])
    done = [("encoding texts", n, 600) for n in (256, 300, 556, 600)]
    assert reports == [*done, ("encoding texts", 1, 1)]


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
    with pytest.raises(TypeError, match="a sequence of strings, got the single string 'cat'"):
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
    message = r"cpu has too little memory for one image of tiny: free some or .*device='cpu'"
    with pytest.raises(MemoryError, match=message):
        vlp.encode_images(images)
    assert sizes == [7, 3, 1]


# What a model says of itself


def test_the_digest_is_of_the_tokenizer_too_and_the_old_one_is_not(tiny_model):
    class Other:
        """A tokenizer as those of Hugging Face are wrapped; its rules are a text."""

        def __init__(self, tokenize, rules: str) -> None:
            self.tokenize, self.tokenizer, self.backend_tokenizer = tokenize, self, self
            self.to_str = lambda: rules

        def __call__(self, texts):
            return self.tokenize(texts)

    def digests(wrapped) -> tuple[str, str]:
        model = load_vlp(tiny_model, device="cpu")
        model._tokenizer = wrapped(model._tokenizer)
        return model.digest, model.old_digest

    own, old = digests(lambda tokenizer: tokenizer)
    others = [
        digests(lambda tokenizer: Other(tokenizer, "rules")),
        digests(lambda tokenizer: Other(tokenizer, "other rules")),
        digests(lambda tokenizer: lambda texts: tokenizer([text.title() for text in texts])),
        digests(lambda tokenizer: lambda texts: tokenizer(texts)[:, :8]),
    ]
    assert len({own, *(digest for digest, _ in others)}) == 5
    assert {digest for _, digest in others} == {old}


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


def test_a_device_that_is_not_there_is_said_before_anything_is_read():
    with pytest.raises(ValueError, match="no device 'gpu' on this machine"):
        load_vlp("gone.json", device="gpu")


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
