"""Images of a dataset made from features: those that came with them, or placeholder tiles."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import SupportsIndex, overload

from PIL import Image, ImageDraw

from uhscm_core.datasets.content import content_key, file_key
from uhscm_core.datasets.images import read_unchanged
from uhscm_core.datasets.reading import as_rgb, read_image

__all__ = ["GivenImages"]

_TILE = 96  # pixels
_GROUND, _INK = "#8c8c8c", "#ffffff"  # legible next to JupyterLab's light and dark themes


class GivenImages(Sequence[Image.Image]):
    """Images by their position, read when asked for; each item is an RGB image.

    Args:
        items: for each image a PIL image, the path of a file, or None for a tile with its name.
        names: a name for each.
    """

    def __init__(self, items: Iterable[Image.Image | Path | None], names: Iterable[str]) -> None:
        self.items, self.names = tuple(items), tuple(names)

    @property
    def has_pixels(self) -> bool:
        """Whether every image can be looked at."""
        return all(item is not None for item in self.items)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> GivenImages: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Image.Image | GivenImages:
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        item = self.items[index]
        if item is None:
            return _tile(self.names[index])
        return read_image(item) if isinstance(item, Path) else as_rgb(item)

    def take(self, ids: Iterable[int]) -> GivenImages:
        """Return the images of these indices alone."""
        ids = list(ids)
        return GivenImages((self.items[i] for i in ids), (self.names[i] for i in ids))

    def path(self, index: SupportsIndex) -> Path | None:
        """Return the path of one image, if it is a file."""
        item = self.items[index]
        return item if isinstance(item, Path) else None

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """The content keys of the images as they were when first asked for.

        Raises:
            OSError: a file cannot be read.
        """
        return tuple(map(self._key, range(len(self))))

    def unchanged(self, index: SupportsIndex) -> Image.Image:
        """Read one image, if it is still the one of its key.

        Raises:
            OSError: it is not, or it cannot be read.
        """
        path, key = self.path(index), self.keys[index]
        if path is not None:
            return read_unchanged(path, key)
        if self._key(index) != key:
            raise ValueError(f"images[{index}] changed since the study was made")
        return self[index]

    def _key(self, index: SupportsIndex) -> str:
        path = self.path(index)
        if path is not None:
            return file_key(path)
        image = self[index]
        return content_key(f"{image.size}".encode() + image.tobytes())

    @property
    def digest(self) -> str:
        """A digest of the names: what these images are known by are the features."""
        return hashlib.sha256("\0".join(self.names).encode("utf-8", "replace")).hexdigest()[:20]


def _tile(name: str) -> Image.Image:
    """Return a gray tile with a name, a long one cut in its middle."""
    tile = Image.new("RGB", (_TILE, _TILE), _GROUND)
    text = name.encode("ascii", "replace").decode()  # Pillow's own font may know no more
    if len(text) > 14:
        text = f"{text[:4]}...{text[-7:]}"
    ImageDraw.Draw(tile).text((_TILE // 2, _TILE // 2), text, fill=_INK, anchor="mm")
    return tile
