r"""Hash codes: the signs of the network's outputs, packed eight to a byte.

Bit l of a code is 1 where :math:`z_l > 0`. Bits fill each byte from its highest bit on (numpy's
default order), and the last byte is padded with zeros, which add nothing to a Hamming distance.

Symbols: L code length in bits, K kept concepts, q queries, n codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Float32, Int32, UInt8
from torch import Tensor

from uhscm_core.support.checks import check_features, code_length, flag, plain_array, shown

__all__ = [
    "TooManyBitsError",
    "bit_concepts",
    "hamming_distance",
    "pack_codes",
    "unpack_codes",
]

ArrayLike = Tensor | np.ndarray
Array = npt.NDArray[Any]
Words = npt.NDArray[np.unsignedinteger[Any]]

_PAIRS_PER_BLOCK = 250_000  # so that the distances of a block stay in the processor's cache


class TooManyBitsError(ValueError):
    """Something cannot give codes of this length."""


def pack_codes(outputs: Float[Tensor, "n l"]) -> UInt8[Tensor, "n bytes"]:
    r"""Turn real outputs into hash codes.

    Args:
        outputs: (n, L), network outputs or ±1 codes; an output of exactly 0 gives bit 0.

    Returns:
        (n, ⌈L/8⌉) uint8 on the CPU.

    Raises:
        TypeError: `outputs` is no array of real numbers.
        ValueError: it is not two-dimensional, has no bits, contains NaN, or holds codes that are
            packed already.
    """
    array = plain_array("outputs", outputs)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"outputs must have shape (n, L), got {array.shape}")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"outputs must be real numbers, got {shown(outputs)}")
    if np.isnan(array).any():
        raise ValueError("outputs contain NaN: the network diverged, lower the learning rate")
    if array.dtype == np.uint8 and (array > 1).any():
        raise ValueError(f"outputs must be numbers per bit, got packed codes, {shown(outputs)}")
    return torch.from_numpy(np.packbits(array > 0, axis=1))


def unpack_codes(codes: UInt8[Tensor, "n bytes"], bits: int) -> Float32[Tensor, "n l"]:
    r"""Turn packed codes back into ±1.

    Args:
        codes: (n, ⌈L/8⌉) uint8.
        bits: L, the code length.

    Returns:
        (n, L) float32 of -1 and 1.

    Raises:
        TypeError: no array, or bits that are no whole number.
        ValueError: the codes are not packed codes of this length.
    """
    bits = code_length(bits)
    packed = as_codes(codes, bits)
    unpacked = np.unpackbits(packed, axis=1, count=bits)
    return torch.from_numpy(unpacked.astype(np.float32) * 2 - 1)


def hamming_distance(
    a: ArrayLike, b: ArrayLike, paired: bool = False
) -> Int32[Tensor, "q n"] | Int32[Tensor, " n"]:
    r"""Count the bits in which packed codes differ.

    Args:
        a: (q, ⌈L/8⌉) uint8 packed codes.
        b: (n, ⌈L/8⌉) uint8 packed codes of the same length.
        paired: compare row i of `a` with row i of `b` alone; then q = n.

    Returns:
        (q, n) int32 distances in bits, or (n,) with `paired`.

    Raises:
        TypeError: no arrays.
        ValueError: the arrays are not packed codes, or they differ in width or, with `paired`, in
            number.
    """
    a, b = as_codes(a, name="a"), as_codes(b, name="b")
    paired = flag("paired", paired)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"a and b must be codes of the same length, got {a.shape[1]} and {b.shape[1]} bytes"
        )
    if paired and len(a) != len(b):
        raise ValueError(
            f"a and b must be paired codes, equal in number, got {len(a)} and {len(b)}"
        )
    a_words, b_words = as_words(a), as_words(b)
    if paired:
        return torch.from_numpy(differing_bits(a_words, b_words).astype(np.int32))
    distances = np.empty((len(a), len(b)), np.int32)
    for rows in row_blocks(len(a), len(b)):
        distances[rows] = differing_bits(a_words[:, rows, None], b_words[:, None])
    return torch.from_numpy(distances)


def bit_concepts(
    codes: UInt8[Tensor, "n bytes"] | Float[Tensor, "n l"],
    distribution: Float[Tensor, "n k"],
    bits: int | None = None,
) -> Float[Tensor, "l k"]:
    r"""Say what each bit means: the Pearson correlation of bit l with the weight of concept c.

    Args:
        codes: (n, ⌈L/8⌉) uint8, or (n, L) outputs or ±1.
        distribution: (n, K), the same images' concept distributions.
        bits: L of packed codes; None for all the bits of the bytes.

    Returns:
        (L, K) in [-1, 1]; 0 where a bit or a concept is the same for all images.

    Raises:
        TypeError: no arrays, or bits that are no whole number.
        ValueError: the codes are not packed codes, the distribution is not finite, or their
            numbers of images differ.
    """
    distribution = torch.tensor(np.ascontiguousarray(plain_array("distribution", distribution)))
    check_features(distribution=distribution)
    given = plain_array("codes", codes)
    if given.dtype.kind == "f" and given.ndim == 2:
        bits = given.shape[1]
        given = pack_codes(torch.from_numpy(given)).numpy()
    bits = None if bits is None else code_length(bits)
    packed = as_codes(given, bits)
    if len(packed) != len(distribution):
        raise ValueError(
            f"codes and distribution must be of the same images, got {len(packed)} codes but "
            f"{len(distribution)} distributions"
        )
    length = packed.shape[1] * 8 if bits is None else bits
    signs = unpack_codes(torch.from_numpy(packed), length).double()
    weights = distribution.double()
    signs = _standardised(signs)
    weights = _standardised(weights)
    return (signs.T @ weights).clamp(-1, 1).to(distribution.dtype)  # (L, K)


# -- for this package's own modules ------------------------------------------------------------


def as_codes(
    codes: ArrayLike, bits: int | None = None, name: str = "codes"
) -> npt.NDArray[np.uint8]:
    """Check packed codes and return them as a contiguous numpy array.

    Args:
        codes: (n, ⌈L/8⌉) uint8.
        bits: L; None for any.
        name: of the argument, for messages.

    Raises:
        TypeError: no array.
        ValueError: an array of another dtype, shape or width, or with ones in its padding, which
            would count in every distance.
    """
    array = plain_array(name, codes)
    expected = "L/8" if bits is None else str((bits + 7) // 8)
    if (
        array.dtype != np.uint8
        or array.ndim != 2
        or not array.shape[1]
        or (bits is not None and array.shape[1] != (bits + 7) // 8)
    ):
        raise ValueError(
            f"{name} must be uint8 with shape (n, {expected}), got {array.dtype} {array.shape}"
        )
    if bits is not None and bits % 8 and (array[:, -1] & (255 >> bits % 8)).any():
        raise ValueError(
            f"{name} of {bits} bits must end in {-bits % 8} zeros, the padding of their last byte, "
            f"got ones there: are they codes of {8 * array.shape[1]} bits?"
        )
    return np.ascontiguousarray(array)


def as_words(codes: npt.NDArray[np.uint8]) -> Words:
    """Turn (n, bytes) into (words, n), at least one word of one to eight bytes, padded with 0."""
    size = next((size for size in (1, 2, 4) if codes.shape[1] <= size), 8)
    words = np.zeros((len(codes), max(-(-codes.shape[1] // size), 1)), f"u{size}")
    words.view(np.uint8)[:, : codes.shape[1]] = codes
    return np.ascontiguousarray(words.T)


def differing_bits(
    a: Words, b: Words, out: Array | None = None, work: Words | None = None
) -> Array:
    """Sum over the words: (words, ...) twice -> (...) in the smallest type that holds any sum.

    Args:
        a, b: words that broadcast.
        out: where the sums go.
        work: where words are combined; without both, each call takes new memory, which costs time.
    """
    return _count_bits(np.bitwise_xor, a, b, out, work)


def common_bits(a: Words, b: Words, out: Array | None = None, work: Words | None = None) -> Array:
    """Count the bits that are 1 in both, as `differing_bits`."""
    return _count_bits(np.bitwise_and, a, b, out, work)


def _count_bits(
    combine: np.ufunc, a: Words, b: Words, out: Array | None, work: Words | None
) -> Array:
    if out is None:
        shape = np.broadcast_shapes(a.shape[1:], b.shape[1:])
        out = np.empty(shape, np.min_scalar_type(8 * a.itemsize * len(a)))
    np.bitwise_count(combine(a[0], b[0], out=work), out=out)
    for a_word, b_word in zip(a[1:], b[1:], strict=True):
        out += np.bitwise_count(combine(a_word, b_word, out=work))
    return out


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slice the rows of a (rows, columns) array into blocks of `_PAIRS_PER_BLOCK` numbers."""
    step = max(1, _PAIRS_PER_BLOCK // max(columns, 1))
    return (slice(start, start + step) for start in range(0, rows, step))


def _standardised(columns: Tensor) -> Tensor:
    """Center the columns and scale them to unit length; constant columns become zeros."""
    centred = columns - columns.mean(0)
    norm = centred.norm(dim=0)
    constant = norm <= 1e-12 * max(len(columns), 1)
    return torch.where(constant, 0.0, centred / norm.masked_fill(constant, 1.0))
