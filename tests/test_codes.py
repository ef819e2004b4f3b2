"""Packing against loops over bits, and what a bit means against Pearson's formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from uhscm_core import (
    HammingIndex,
    bit_concepts,
    codes,
    hamming_distance,
    pack_codes,
    unpack_codes,
)

real_outputs = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 6), st.integers(1, 40)),
    elements=st.floats(-1, 1, width=32),
)


def loop_pack(rows: list[list[float]]) -> list[list[int]]:
    packed = []
    for row in rows:
        code = [0] * math.ceil(len(row) / 8)
        for place, value in enumerate(row):
            if value > 0:
                code[place // 8] += 2 ** (7 - place % 8)
        packed.append(code)
    return packed


def loop_distance(a: list[int], b: list[int]) -> int:
    return sum((x ^ y).bit_count() for x, y in zip(a, b, strict=True))


def loop_correlation(x: list[float], y: list[float]) -> float:
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    sxy = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    sxx = sum((a - mean_x) ** 2 for a in x)
    syy = sum((b - mean_y) ** 2 for b in y)
    return sxy / math.sqrt(sxx * syy)


def test_a_hand_made_code_fills_bytes_from_the_highest_bit():
    outputs = torch.tensor([[0.9, -1.0, -0.1, -0.2, -0.3, -0.4, -0.5, 0.1, 0.7]])
    packed = pack_codes(outputs)
    assert packed.dtype == torch.uint8
    assert packed.tolist() == [[0b1000_0001, 0b1000_0000]]


@given(real_outputs)
def test_packing_equals_the_loop_over_bits(outputs):
    packed = pack_codes(torch.from_numpy(outputs))
    assert packed.shape == (len(outputs), math.ceil(outputs.shape[1] / 8))
    assert packed.tolist() == loop_pack(outputs.tolist())


@given(real_outputs)
def test_unpacking_gives_back_the_signs_for_any_length(outputs):
    bits = outputs.shape[1]
    signs = np.where(outputs > 0, 1.0, -1.0).astype(np.float32)
    unpacked = unpack_codes(pack_codes(torch.from_numpy(outputs)), bits)
    assert unpacked.dtype == torch.float32
    assert np.array_equal(unpacked.numpy(), signs)
    assert torch.equal(pack_codes(unpacked), pack_codes(torch.from_numpy(outputs)))


def test_an_output_of_zero_gives_bit_zero():
    assert pack_codes(torch.tensor([[0.0, -0.0, 1e-38, -1e-38]])).tolist() == [[0b0010_0000]]


def test_outputs_that_carry_a_gradient_can_be_packed():
    assert pack_codes(torch.ones(1, 8, requires_grad=True)).tolist() == [[255]]


def test_no_images_give_no_codes_of_the_right_width():
    assert pack_codes(torch.ones(0, 12)).shape == (0, 2)
    assert unpack_codes(torch.ones(0, 2, dtype=torch.uint8), 12).shape == (0, 12)


def test_nan_is_refused():
    outputs = torch.ones(3, 8)
    outputs[1, 1] = math.nan
    with pytest.raises(ValueError, match="outputs contain NaN"):
        pack_codes(outputs)


@pytest.mark.parametrize("shape", [(8,), (2, 3, 8), (3, 0)])
def test_outputs_of_another_shape_are_refused(as_users_run_it, shape):
    with pytest.raises(ValueError, match=r"outputs must have shape \(n, L\), got \(") as error:
        pack_codes(torch.ones(shape))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize(
    ("codes", "bits", "message"),
    [
        (torch.ones(10, 64), 512, r"uint8 with shape \(n, 64\), got float32 \(10, 64\)"),
        (torch.ones(10, 2).byte(), 17, r"uint8 with shape \(n, 3\), got uint8 \(10, 2\)"),
        (torch.ones(10, 2).byte(), 8, r"uint8 with shape \(n, 1\), got uint8 \(10, 2\)"),
        (torch.ones(2).byte(), 16, r"uint8 with shape \(n, 2\), got uint8 \(2,\)"),
        (torch.ones(10, 2).int(), 16, r"uint8 with shape \(n, 2\), got int32 \(10, 2\)"),
    ],
)
def test_codes_of_another_type_shape_or_length_are_refused(as_users_run_it, codes, bits, message):
    with pytest.raises(ValueError, match=f"codes must be {message}"):
        unpack_codes(codes, bits)


def test_a_length_that_is_not_that_of_the_codes_is_refused():
    codes = torch.ones(10, 2).byte()
    with pytest.raises(ValueError, match="bits must be a whole number between 1 and 65,536, got 0"):
        unpack_codes(codes, 0)
    # A one in the padding would count in every distance.
    with pytest.raises(ValueError, match=r"codes of 9 bits must end in 7 zeros, .* got ones there"):
        HammingIndex(codes, 9)


@pytest.mark.usefixtures("as_users_run_it")
def test_packed_codes_are_not_packed_again():
    codes = pack_codes(torch.ones(3, 16))
    with pytest.raises(ValueError, match=r"outputs .* got packed codes, uint8 \(3, 2\)"):
        pack_codes(codes)
    assert torch.equal(pack_codes(torch.ones(3, 16).byte()), codes)


@pytest.mark.usefixtures("as_users_run_it")
def test_a_masked_array_is_refused():
    masked = np.ma.array(np.ones((3, 2), np.uint8), mask=True)
    for call in (unpack_codes, HammingIndex):
        with pytest.raises(TypeError, match=r"codes must be an array without a mask, .*filled"):
            call(masked, 16)


@st.composite
def two_sets_of_codes(draw):
    width = draw(st.integers(1, 18))
    return [
        draw(hnp.arrays(np.uint8, (draw(st.integers(0, 7)), width), elements=st.integers(0, 255)))
        for _ in range(2)
    ]


@given(two_sets_of_codes(), st.sampled_from([1, 4, 250_000]))
def test_hamming_distances_equal_the_loop_in_any_blocks(sets, block):
    a, b = sets
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codes, "_PAIRS_PER_BLOCK", block)
        distances = hamming_distance(a, b)
    assert distances.dtype == torch.int32
    assert distances.shape == (len(a), len(b))
    assert distances.tolist() == [[loop_distance(x, y) for y in b.tolist()] for x in a.tolist()]


@given(two_sets_of_codes())
def test_paired_hamming_distances_equal_the_loop(sets):
    n = min(map(len, sets))
    a, b = (rows[:n] for rows in sets)
    distances = hamming_distance(a, b, paired=True)
    assert distances.dtype == torch.int32
    assert distances.tolist() == [
        loop_distance(*p) for p in zip(a.tolist(), b.tolist(), strict=True)
    ]


@pytest.mark.parametrize("width", [24, 25, 31, 32, 33, 8191, 8192])
def test_the_distance_of_opposite_codes_is_their_length_however_long(width):
    none = np.zeros((1, width), np.uint8)
    assert hamming_distance(none, ~none).tolist() == [[8 * width]]
    assert hamming_distance(none, ~none, paired=True).tolist() == [8 * width]


def test_arrays_and_tensors_give_the_same_distances():
    array = np.arange(12, dtype=np.uint8).reshape(4, 3)
    expected = hamming_distance(array, array)
    array.setflags(write=False)
    turned = np.asfortranarray(array)
    for a, b in ((torch.tensor(array), array), (array, turned), (turned, torch.tensor(array))):
        assert torch.equal(hamming_distance(a, b), expected)


def test_hamming_distances_of_signs_follow_from_their_products():
    outputs = torch.randn(30, 70, generator=torch.Generator().manual_seed(0))
    signs = outputs.sign()
    expected = (70 - signs @ signs.T) / 2
    assert torch.equal(hamming_distance(*[pack_codes(outputs)] * 2), expected.int())


@pytest.mark.parametrize(
    ("a", "b", "paired", "message"),
    [
        (np.zeros((3, 2), np.uint8), np.zeros((3, 1), np.uint8), False, "2 and 1 bytes"),
        (np.zeros((3, 2), np.uint8), np.zeros((3, 1), np.uint8), True, "2 and 1 bytes"),
        (np.zeros((3, 2), np.uint8), np.zeros((4, 2), np.uint8), True, "in number, got 3 and 4"),
        (np.zeros((3, 2)), np.zeros((3, 2), np.uint8), False, r"uint8 .* got float64 \(3, 2\)"),
        (np.zeros((3, 2), np.uint8), np.zeros(2, np.uint8), False, r"uint8 .* got uint8 \(2,\)"),
    ],
)
def test_codes_that_cannot_be_compared_are_refused(a, b, paired, message):
    with pytest.raises(ValueError, match=message):
        hamming_distance(a, b, paired)
    with pytest.raises(ValueError, match=message):
        hamming_distance(*map(torch.from_numpy, (a, b)), paired)


@pytest.mark.parametrize("bits", [5, 8, 12])
def test_a_bits_meaning_is_the_correlation_with_each_concept(bits):
    generator = torch.Generator().manual_seed(bits)
    outputs = torch.randn(40, bits, generator=generator)
    distribution = torch.softmax(torch.randn(40, 3, generator=generator), dim=1)
    meaning = bit_concepts(pack_codes(outputs), distribution, bits)
    signs = torch.where(outputs > 0, 1.0, -1.0)
    expected = [
        [loop_correlation(signs[:, bit].tolist(), distribution[:, c].tolist()) for c in range(3)]
        for bit in range(bits)
    ]
    assert meaning.dtype == distribution.dtype
    torch.testing.assert_close(meaning, torch.tensor(expected), rtol=0, atol=1e-6)


def test_a_bit_that_follows_a_concept_correlates_fully():
    distribution = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    codes = pack_codes(torch.tensor([[1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]))
    meaning = bit_concepts(codes, distribution, bits=2)
    torch.testing.assert_close(meaning, torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    assert bool((meaning.abs() <= 1).all())


def test_a_bit_or_concept_that_is_the_same_for_all_means_nothing():
    distribution = torch.tensor([[0.3, 0.1, 0.6], [0.3, 0.2, 0.5], [0.3, 0.6, 0.1]])
    codes = pack_codes(torch.tensor([[1.0, 1.0], [1.0, -1.0], [1.0, -1.0]]))
    meaning = bit_concepts(codes, distribution, bits=2)
    assert meaning[0].tolist() == [0.0, 0.0, 0.0]
    assert float(meaning[1, 0]) == 0.0
    assert bool((meaning[1, 1:] != 0).all())


@pytest.mark.parametrize("n", [0, 1])
def test_without_two_images_no_bit_means_anything(n):
    meaning = bit_concepts(pack_codes(torch.ones(n, 7)), torch.ones(n, 3), bits=7)
    assert torch.equal(meaning, torch.zeros(7, 3))


def test_without_a_length_every_bit_of_the_bytes_has_a_row():
    meaning = bit_concepts(pack_codes(torch.ones(4, 12)), torch.rand(4, 2))
    assert meaning.shape == (16, 2)


def test_distributions_of_other_images_are_refused(as_users_run_it):
    with pytest.raises(ValueError, match="5 codes but 4 distributions"):
        bit_concepts(torch.ones(5, 1).byte(), torch.ones(4, 3))


def test_bits_of_signs_need_no_length():
    outputs = torch.randn(30, 12, generator=torch.Generator().manual_seed(0))
    distribution = torch.rand(30, 3, generator=torch.Generator().manual_seed(1))
    meaning = bit_concepts(outputs, distribution)
    assert meaning.shape == (12, 3)
    assert torch.equal(meaning, bit_concepts(pack_codes(outputs), distribution, bits=12))
