"""Images that are costly to have, and permissions that hold for root."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import pytest


@pytest.fixture
def png_of_size():
    """A valid 1-bit PNG of any size in a few kilobytes, written without holding its pixels."""

    def make(width: int, height: int) -> bytes:
        deflate = zlib.compressobj(9)
        row = bytes(1 + (width + 7) // 8)
        pixels = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
        header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )

    return make


@pytest.fixture
def permissions_bite():
    """A block in which we are nobody, if we are root, whom no permission stops."""

    @contextlib.contextmanager
    def as_nobody():
        if os.geteuid() != 0:
            yield
            return
        try:
            os.seteuid(65534)
        except OSError as error:
            pytest.skip(f"root here may not become nobody: {error}")
        try:
            yield
        finally:
            os.seteuid(0)

    return as_nobody()


@pytest.fixture
def public_folder(monkeypatch):
    """A folder that everybody may enter and write to, with the cache inside it."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    monkeypatch.setenv("UHSCM_HOME", str(folder / "home"))
    yield folder
    shutil.rmtree(folder)
