"""Small square pictures of images, as bytes that a browser shows."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from uhscm_core.datasets.images import as_rgb

__all__ = ["Thumbnails", "checked_ids", "thumbnail"]


def thumbnail(image: Image.Image, edge: int) -> bytes:
    """JPEG bytes of an image's middle square, shrunk or enlarged to `edge` pixels.

    Photos of 32 px are enlarged here and not by the browser, whose bilinear filter smears them.

    Args:
        image: of any size and mode.
        edge: edge of the square in pixels, at least 1.

    Raises:
        ValueError: an image without pixels, or an edge below 1.
    """
    if edge < 1:
        raise ValueError(f"edge must be at least 1 pixel, got {edge}")
    width, height = image.size
    if min(width, height) < 1:
        raise ValueError(f"the image has no pixels: {width} x {height}")
    rgb = image if image.mode == "RGB" else as_rgb(image)
    side = min(rgb.size)
    left, top = (rgb.width - side) / 2, (rgb.height - side) / 2
    square = rgb.resize(
        (edge, edge),
        Image.Resampling.LANCZOS,
        box=(left, top, left + side, top + side),
        reducing_gap=3.0,  # large photos are halved first: several times as fast, looks the same
    )
    buffer = io.BytesIO()
    square.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


class Thumbnails:
    """Thumbnails of a sequence of images, made when asked for; the latest ones are kept.

    Args:
        images: the images; whatever reading one raises is raised here too.
        edge: edge of the squares in pixels.
        most: thumbnails that are kept; of 168 px each takes about 8 kB.
    """

    def __init__(self, images: Sequence[Image.Image], edge: int, most: int = 2000) -> None:
        self.images = images
        self.edge = edge
        self._kept = functools.lru_cache(maxsize=most)(self._make)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, id: int) -> bytes:  # noqa: A002 (an image's id, as everywhere)
        return self._kept(int(id))

    def read(self, ids: Iterable[int]) -> list[tuple[bytes, str]]:
        """For each image its thumbnail and "", or b"" and the reason why it can't be read."""
        made = []
        for image in ids:
            try:
                made.append((self[image], ""))
            except Exception as error:  # one damaged file is shown as such, and all others too
                made.append((b"", f"image {image}: {str(error) or type(error).__name__}"))
        return made

    def _make(self, position: int) -> bytes:
        return thumbnail(self.images[position], self.edge)


def checked_ids(ids: Sequence[int] | npt.ArrayLike, n: int) -> npt.NDArray[np.int64]:
    """Ids of images as an array of its own that can't be written.

    Raises:
        ValueError: not a list of whole numbers from 0 to n - 1.
    """
    given = np.asarray(ids)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise ValueError(f"ids must be a list of whole numbers, got {given.dtype} {given.shape}")
    # Compared before the cast, which would turn a huge unsigned number into a negative one.
    if given.size and (given.min() < 0 or given.max() >= n):
        raise ValueError(f"ids must lie between 0 and {n - 1}, got {given.min()} to {given.max()}")
    wanted = np.array(given, dtype=np.int64)
    wanted.flags.writeable = False
    return wanted
