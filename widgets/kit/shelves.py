"""Search results on shelves: one row for all images at the same distance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import traitlets
from PIL import Image

from widgets.kit.gallery import Gallery

__all__ = ["Shelves"]


class Shelves(Gallery):
    """A gallery whose images stand on shelves; each is a row that scrolls sideways by itself.

    Args:
        images: all images, as for `Gallery`; there is no shelf before `show_shelves`.
        traits: any argument of `Gallery`.
    """

    shelves = traitlets.List(traitlets.Dict()).tag(sync=True)
    """The ``start`` of each shelf, its first position, and ``words`` at its left; default none."""

    until = traitlets.Int(-1).tag(sync=True)
    """Number of shelves that count; those after them are dimmed. -1, the default, for all."""

    def __init__(self, images: Sequence[Image.Image], **traits: Any) -> None:
        # A shelf shows a dozen images at a time, so most of a larger page would be read in vain.
        super().__init__(images, [], **{"paged": 12, **traits})

    def show_shelves(
        self,
        ids: Sequence[int] | npt.ArrayLike,
        starts: Sequence[int],
        words: Sequence[Sequence[str]],
        **shown: Any,
    ) -> None:
        """Replace what is shown.

        Args:
            ids: all images, shelf after shelf.
            starts: position of each shelf's first image, rising from 0.
            words: lines at the left of each shelf.
            shown: captions, marks and other arguments of `Gallery.show`.

        Raises:
            ValueError: shelves that do not begin at 0, are empty, or have no words.
        """
        edges = [*starts, len(np.asarray(ids))]
        if edges[0] != 0 or any(a >= b for a, b in itertools.pairwise(edges)):
            raise ValueError(f"starts must rise from 0, one image per shelf or more, got {starts}")
        if len(words) != len(starts):
            raise ValueError(f"expected words for {len(starts)} shelves, got {len(words)}")
        shelves = [
            {"start": int(start), "words": list(lines)}
            for start, lines in zip(starts, words, strict=True)
        ]
        self.show(ids, shelves=shelves, **shown)
