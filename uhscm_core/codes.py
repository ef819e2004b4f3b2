r"""Hash codes: the signs of the network's outputs, packed eight to a byte.

Bit l of a code is 1 where :math:`z_l > 0`. Bits fill each byte from its highest bit on (numpy's
default order), and the last byte is padded with zeros, which add nothing to a Hamming distance.

Symbols: L code length in bits, K kept concepts.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

__all__ = ["bit_concepts", "pack_codes", "unpack_codes"]


def pack_codes(outputs: Float[Tensor, "n l"]) -> UInt8[Tensor, "n bytes"]:
    r"""Turn real outputs into hash codes.

    Args:
        outputs: (n, L), network outputs or ±1 codes; an output of exactly 0 gives bit 0.

    Returns:
        (n, ⌈L/8⌉) uint8 on the CPU.

    Raises:
        ValueError: not two-dimensional, no bits, or NaN.
    """
    outputs = torch.as_tensor(outputs)
    if outputs.ndim != 2 or outputs.shape[1] == 0:
        raise ValueError(f"outputs must have shape (n, L), got {tuple(outputs.shape)}")
    if outputs.isnan().any():
        raise ValueError("outputs hold NaN: the network diverged, lower the learning rate")
    return torch.from_numpy(np.packbits((outputs > 0).cpu().numpy(), axis=1))


def unpack_codes(codes: UInt8[Tensor, "n bytes"], bits: int) -> Float32[Tensor, "n l"]:
    r"""Turn packed codes back into ±1.

    Args:
        codes: (n, ⌈L/8⌉) uint8.
        bits: L, the code length.

    Returns:
        (n, L) float32 of -1 and 1.

    Raises:
        ValueError: codes that are not packed codes of this length.
    """
    packed = as_codes(codes, bits)
    unpacked = np.unpackbits(packed, axis=1, count=bits)
    return torch.from_numpy(unpacked.astype(np.float32) * 2 - 1)


def bit_concepts(
    codes: UInt8[Tensor, "n bytes"] | Float[Tensor, "n l"],
    distribution: Float[Tensor, "n k"],
    bits: int | None = None,
) -> Float[Tensor, "l k"]:
    r"""What each bit means: Pearson correlation of bit l with the weight of concept c.

    Args:
        codes: (n, ⌈L/8⌉) uint8, or (n, L) outputs or ±1.
        distribution: (n, K), the same images' concept distributions.
        bits: L of packed codes; None for all the bits of the bytes.

    Returns:
        (L, K) in [-1, 1]; 0 where a bit or a concept is the same for all images.

    Raises:
        ValueError: codes that are not packed codes, or another number of images.
    """
    codes, distribution = torch.as_tensor(codes), torch.as_tensor(distribution)
    if codes.is_floating_point():
        codes, bits = pack_codes(codes), codes.shape[-1]
    packed = as_codes(codes, bits)
    if len(packed) != len(distribution):
        raise ValueError(f"{len(packed)} codes but {len(distribution)} distributions")
    length = packed.shape[1] * 8 if bits is None else bits
    signs = unpack_codes(codes, length).double()
    weights = distribution.cpu().double()
    signs = _standardised(signs)
    weights = _standardised(weights)
    return (signs.T @ weights).clamp(-1, 1).to(distribution.dtype)  # (L, K)


def as_codes(codes: Tensor | np.ndarray, bits: int | None = None) -> np.ndarray:
    """Packed codes as a contiguous numpy array, checked; for this package's own modules."""
    # numpy arrays do not pass through torch, which warns at those that are read-only.
    array = codes.cpu().numpy() if isinstance(codes, Tensor) else np.asarray(codes)
    array = np.ascontiguousarray(array)
    expected = "L/8" if bits is None else str((bits + 7) // 8)
    if (
        array.dtype != np.uint8
        or array.ndim != 2
        or (bits is not None and (bits < 1 or array.shape[1] != (bits + 7) // 8))
    ):
        raise ValueError(
            f"codes must be uint8 with shape (n, {expected}), got {array.dtype} {array.shape}"
        )
    return array


def _standardised(columns: Tensor) -> Tensor:
    """Columns centred and of unit length; constant columns become zeros."""
    centred = columns - columns.mean(0)
    norm = centred.norm(dim=0)
    constant = norm <= 1e-12 * max(len(columns), 1)
    return torch.where(constant, 0.0, centred / norm.masked_fill(constant, 1.0))
