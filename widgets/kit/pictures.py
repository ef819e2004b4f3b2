"""Thumbnails for a browser that asks for those it needs, a few at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import traitlets

from widgets.kit.thumbnails import Thumbnails
from widgets.kit.view import View

__all__ = ["PictureView", "Shown"]


@dataclasses.dataclass(frozen=True)
class Shown:
    """What one call of `show` shows: never changed, as a thread may call `show` meanwhile.

    Args:
        generation: number of this set of images.
        ids: the images shown, by position.
        thumbnails: of all images; None for a view without pictures.
        paged: the most pictures per message.
    """

    generation: int
    ids: npt.NDArray[np.int64]
    thumbnails: Thumbnails | None
    paged: int

    def __len__(self) -> int:
        return len(self.ids)

    def describe(self, position: int, problem: str) -> dict[str, Any]:  # noqa: ARG002
        """Return what the message says about a picture, by the name of its list there.

        Args:
            position: of its image.
            problem: why the image cannot be read; empty where it can.
        """
        return {}

    def answer(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]] | None:
        """Return the message that answers ``{"type": "want", ...}``, and its one buffer.

        The browser asks for a ``page`` or for single ``positions``. The buffer holds the JPEG
        bytes of all pictures, of the lengths in ``sizes``; 0 stands for an image that cannot be
        read. Without such images the answer is None.
        """
        match request:
            case {"page": int(page)} if 0 <= page * self.paged < len(self):
                asked: dict[str, Any] = {"page": page}
                first = page * self.paged
                positions = list(range(first, min(first + self.paged, len(self))))
            case {"positions": [*given]}:
                inside = [p for p in given if isinstance(p, int) and 0 <= p < len(self)]
                positions = inside[: self.paged]
                asked = {"positions": positions}
            case _:
                return None
        if self.thumbnails is None or not positions:
            return None
        pictures = self.thumbnails.read(int(self.ids[position]) for position in positions)
        described = [
            self.describe(position, problem)
            for position, (_, problem) in zip(positions, pictures, strict=True)
        ]
        message = {
            "type": "pictures",
            "generation": self.generation,
            **asked,
            "sizes": [len(data) for data, _ in pictures],
            **{name: [each[name] for each in described] for name in described[0]},
        }
        return message, [b"".join(data for data, _ in pictures)]


class PictureView(View):
    """A view of images whose pictures the browser asks for; see pictures.js."""

    generation = traitlets.Int(0).tag(sync=True)
    """Counts the sets of images, so that answers to an earlier one are dropped; default 0."""

    paged = traitlets.Int(60, min=1).tag(sync=True)
    """The most pictures per message; default 60."""

    _shown: Shown

    def _receive(self, _: Any, content: dict[str, Any], buffers: list[memoryview]) -> None:
        shown = self._shown
        if content.get("generation") != shown.generation:
            return  # sent before the last `show`; the browser asks again
        if content.get("type") != "want":
            self._on_gesture(shown, content, buffers)
        elif answer := shown.answer(content):
            self.send(*answer)

    def _on_gesture(self, shown: Any, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """Handle any other message from the browser about what is shown."""
        raise NotImplementedError
