"""Very long pictures take little memory on their way into a model, others pass untouched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from uhscm_core.network import HashNetwork
from uhscm_core.preprocessing import LONGEST, preprocessed


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def transform(**settings: object):
    return image_transform_v2(PreprocessCfg(**settings), is_train=False)


@pytest.fixture
def largest(monkeypatch) -> list[int]:
    """The pixels of the largest picture that was resized to, in a list of one number."""
    most, resize = [0], Image.Image.resize

    def watched(image, size, *args, **kwargs):
        most[0] = max(most[0], size[0] * size[1])
        assert most[0] < 100_000_000, "stopped before it takes gigabytes"
        return resize(image, size, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "resize", watched)
    return most


@pytest.mark.parametrize("size", [(10_000, 1), (1, 10_000), (60_000, 2)])
def test_10000_by_1_pixels_take_little_memory(largest, size):
    assert preprocessed(noise(*size), transform()).shape == (3, 224, 224)
    assert 0 < largest[0] <= (LONGEST + 1) * 224 * 224


def test_a_network_on_pixels_takes_little_memory_too(largest):
    network = HashNetwork(8, backbone="test_resnet", pretrained=False)
    for augment in (False, True):
        preprocessed(noise(10_000, 1), network.transform(augment=augment))
    assert 0 < largest[0] < 10_000_000


@pytest.mark.parametrize("size", [(200, 1), (1, 301), (1001, 7), (3, 4000)])
def test_what_is_cut_is_what_the_crop_throws_away(size):
    # Odd sizes round half a pixel to either side.
    image = noise(*size)
    difference = (preprocessed(image, transform()) - transform()(image)).abs()
    assert difference.mean() < 0.05
    narrow = image.resize((size[0] * 2, size[1] * 2), Image.Resampling.BICUBIC)
    difference = (preprocessed(narrow, transform()) - transform()(narrow)).abs()
    assert difference.mean() < 0.05


@pytest.mark.parametrize("size", [(64, 1), (1, 64), (640, 10), (300, 200), (5, 5)])
def test_ordinary_proportions_pass_bit_for_bit(size):
    image = noise(*size)
    assert torch.equal(preprocessed(image, transform()), transform()(image))


@pytest.mark.parametrize("mode", ["squash", "longest"])
def test_nothing_is_cut_where_the_model_sees_all_of_the_picture(mode):
    image = noise(1000, 3)
    prepare = transform(resize_mode=mode)
    assert torch.equal(preprocessed(image, prepare), prepare(image))


def test_a_preprocessing_of_ones_own_gets_the_whole_picture():
    assert preprocessed(noise(1000, 3), lambda image: torch.tensor(image.size)).tolist() == [
        1000,
        3,
    ]
