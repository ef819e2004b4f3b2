"""An image that the user chooses, drops or pastes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from uhscm_core.datasets.opening import open_image
from uhscm_core.datasets.reading import as_rgb
from widgets.kit.view import View, static

__all__ = ["Upload"]

EDGE = 512  # pixels; upload.js shrinks larger images, because messages over 10 MB are dropped
_LONGEST_NAME = 200


class Upload(View):
    """A button and a place to drop or paste an image.

    The browser decodes the image and shrinks it to 512 px; what it sends is decoded again here.

    Args:
        on_image: called with the image and its file's name.
        on_error: called with a sentence for the user when there is no image, or when `on_image`
            raised an error.
    """

    _esm, _css = static("canvas", "upload")

    def __init__(
        self,
        on_image: Callable[[Image.Image, str], None],
        on_error: Callable[[str], None],
        **unknown: Any,
    ) -> None:
        self._on_image, self._on_error = on_image, on_error
        super().__init__(**unknown)

    def _receive(self, _: Any, content: dict[str, Any], buffers: list[memoryview]) -> None:
        name = str(content.get("name", ""))[:_LONGEST_NAME] or "image"
        match content.get("type"):
            case "image":
                self._take(name, bytes(buffers[0]) if buffers else b"")
            case "error":
                self._fail(f"{name}: {str(content.get('reason', ''))[:_LONGEST_NAME]}")

    def _take(self, name: str, data: bytes) -> None:
        try:
            image = _decoded(data)
        except Exception as error:  # Pillow's readers fail on damaged bytes each in its own manner
            self._fail(f"{name}: not an image that can be read ({error})")
            return
        try:
            self._on_image(image, name)
        except Exception as error:  # what a callback raises is lost
            self._fail(f"{name}: {str(error) or type(error).__name__}")
        else:
            self.summary = f"{name}, {image.width} × {image.height} pixels"

    def _fail(self, reason: str) -> None:
        self.summary = reason
        self._on_error(reason)


def _decoded(data: bytes) -> Image.Image:
    with open_image(io.BytesIO(data), ("PNG", "JPEG")) as image:
        if max(image.size) > EDGE:  # known before a pixel is decoded
            raise ValueError(f"{image.width} x {image.height} pixels, at most {EDGE} are sent")
        image.load()
        return as_rgb(image)
