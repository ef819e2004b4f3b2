"""Image files written byte by byte from their formats' specifications, without Pillow."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


def case(name: str) -> Path:
    """A file of the shared cases; the test is skipped where they are absent."""
    if not CASES.is_dir():
        pytest.skip("the cases are not in ../shared")
    return CASES / name


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    size: tuple[int, int], depth: int, color: int, rows: Sequence[bytes], *extra: bytes
) -> bytes:
    """A PNG; `color` 0 is grey, 2 RGB, 3 palette; `extra` are chunks before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = (chunk(b"IHDR", header), *extra, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff(samples: np.ndarray, order: str = "<", **tags: int | bytes | Sequence[int]) -> bytes:
    """A TIFF of one strip; tags by name: photometric, format, extra, colors, no_data, ..."""
    height, width = samples.shape[:2]
    count = 1 if samples.ndim == 2 else samples.shape[2]
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    numbers = {
        "photometric": 262, "orientation": 274, "colors": 320, "extra": 338, "no_data": 42113,
    }  # fmt: skip
    sample_format = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    entries: dict[int, bytes | list[int]] = {
        256: [width], 257: [height], 258: [samples.itemsize * 8] * count, 259: [1], 262: [1],
        273: [0], 277: [count], 278: [height], 279: [len(data)], 339: [sample_format] * count,
    }  # fmt: skip
    for name, value in tags.items():
        entries[numbers[name]] = (
            value if isinstance(value, bytes) else np.atleast_1d(value).tolist()
        )
    place = 8 + 2 + 12 * len(entries) + 4

    def packed(value: bytes | list[int]) -> bytes:
        return value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}I", *value)

    def short(value: bytes | list[int], tag: int) -> bytes:
        """Most tags are shorts; offsets and sizes are longs."""
        if tag in (256, 257, 273, 278, 279) or isinstance(value, bytes):
            return packed(value)
        return struct.pack(f"{order}{len(value)}H", *value)

    blobs = {tag: short(value, tag) for tag, value in entries.items()}
    entries[273] = [place + sum(len(blob) for blob in blobs.values() if len(blob) > 4)]
    blobs[273] = packed(entries[273])
    directory, outside = b"", b""
    for tag, value in sorted(entries.items()):
        kind = 2 if isinstance(value, bytes) else 4 if tag in (256, 257, 273, 278, 279) else 3
        blob = blobs[tag]
        where = struct.pack(order + "I", place + len(outside)) if len(blob) > 4 else blob
        directory += struct.pack(order + "HHI", tag, kind, len(value)) + where.ljust(4, b"\0")
        outside += blob if len(blob) > 4 else b""
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return start + struct.pack(order + "H", len(entries)) + directory + bytes(4) + outside + data
