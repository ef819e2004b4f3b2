"""Thousands of images to scroll through, choose from and look at closely."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets
from PIL import Image

from widgets.kit.pictures import PictureView, Shown
from widgets.kit.selection import Selection
from widgets.kit.thumbnails import Thumbnails, checked_ids
from widgets.kit.view import static

__all__ = ["Gallery"]

Captions = Callable[[int], str] | Sequence[str] | None
Marks = Sequence[bool | None] | npt.NDArray[np.bool_] | None


@dataclasses.dataclass(frozen=True)
class _Shown(Shown):
    thumbnails: Thumbnails
    captions: Captions = None
    marks: Marks = None

    def caption(self, position: int) -> str:
        if self.captions is None:
            return ""
        if callable(self.captions):
            return str(self.captions(int(self.ids[position])))
        return str(self.captions[position])

    def position(self, image: int | None) -> int:
        if image is None:
            return -1
        found = np.flatnonzero(self.ids == image)
        return int(found[0]) if found.size else -1

    def describe(self, position: int, problem: str) -> dict[str, Any]:
        try:
            caption = problem or self.caption(position)
        except Exception as error:  # the caller's function; what a callback raises is lost
            caption = f"no caption: {str(error) or type(error).__name__}"
        mark = None if self.marks is None else self.marks[position]
        return {
            "ids": int(self.ids[position]),
            "captions": caption,
            "marks": None if mark is None else bool(mark),
        }


class Gallery(PictureView):
    """Show images in rows; the browser asks for those that come into sight, a page at a time.

    A click, or Enter on the image that the arrow keys reached, makes it `selection.focus`.

    Args:
        images: all images; an image's id is its position here.
        ids: the images to show first; None for all.
        selection: shared with other views; None for a new one.
        edge: edge of the shown squares in CSS pixels.
        height: height of the part that scrolls, in CSS pixels.
        on_action: called with an image's id when its button was pressed, see `action`.
        traits: any other trait of the gallery.
    """

    _esm, _css = static("pictures", "gallery_places", "gallery")

    _shown: _Shown

    count = traitlets.Int(0).tag(sync=True)
    """Number of images shown; default 0."""

    captioned = traitlets.Bool(False).tag(sync=True)
    """Whether each image has a line below it for its caption; default False."""

    chosen = traitlets.Int(-1).tag(sync=True)
    """Position of the image that is the selection's focus; -1, the default, if not shown."""

    edge = traitlets.Int(84, min=16).tag(sync=True)
    """Edge of the shown squares in CSS pixels; default 84."""

    mark_words = traitlets.List(traitlets.Unicode(), ["match", "no match"]).tag(sync=True)
    """What the marks True and False say; default ["match", "no match"]."""

    action = traitlets.Unicode("").tag(sync=True)
    """What an image's small button, or Shift and Enter, does; empty, the default, for none."""

    height = traitlets.Int(300, min=60).tag(sync=True)
    """Height of the part that scrolls in CSS pixels; default 300."""

    def __init__(
        self,
        images: Sequence[Image.Image],
        ids: Sequence[int] | npt.ArrayLike | None = None,
        *,
        selection: Selection | None = None,
        edge: int = 84,
        height: int = 300,
        on_action: Callable[[int], None] | None = None,
        **traits: Any,
    ) -> None:
        super().__init__(edge=edge, height=height, **traits)
        self._on_action = on_action
        self.selection = Selection() if selection is None else selection
        # Twice the shown size: sharp on dense screens, and large enough for the detail.
        self._shown = _Shown(0, checked_ids([], 0), Thumbnails(images, 2 * edge), self.paged)
        self.show(range(len(images)) if ids is None else ids)
        self.selection.observe(self._follow, "focus")

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Ids of the images shown, in their order."""
        return self._shown.ids

    def show(
        self,
        ids: Sequence[int] | npt.ArrayLike,
        *,
        captions: Captions = None,
        marks: Marks = None,
        summary: str = "",
        images: Sequence[Image.Image] | None = None,
        **traits: Any,
    ) -> None:
        """Replace what is shown, from its top.

        Args:
            ids: the images, as positions in `images`.
            captions: a text per image, or a function of an image's id that is called for images in
                sight only.
            marks: True (✓ and a solid green frame), False (✗ and a dashed red frame) or None per
                image.
            summary: one sentence about what is shown.
            images: the images to choose from, from now on; None to keep those given before.
            traits: any trait of the gallery to change in the same message.

        Raises:
            ValueError: an id that no image has, or captions or marks that do not match the ids.
        """
        before = self._shown
        pictured = before.thumbnails
        if images is not None and images is not pictured.images:
            pictured = Thumbnails(images, 2 * self.edge)
        wanted = checked_ids(ids, len(pictured))
        for name, values in (("captions", captions), ("marks", marks)):
            if values is not None and not callable(values) and len(values) != len(wanted):
                raise ValueError(f"expected {len(wanted)} {name}, got {len(values)}")
        shown = _Shown(before.generation + 1, wanted, pictured, self.paged, captions, marks)
        self._shown = shown
        with self.hold_sync():  # one message: the browser never sees half of a change
            self.count = len(wanted)
            self.captioned = captions is not None
            self.summary = summary
            self.chosen = shown.position(self.selection.focus)
            for name, value in traits.items():
                self.set_trait(name, value)
            self.generation = shown.generation

    def to_frame(self) -> pd.DataFrame:
        """Return a row per image shown: position, image and caption."""
        shown = self._shown
        return pd.DataFrame(
            {
                "position": np.arange(len(shown.ids)),
                "image": shown.ids,
                "caption": [shown.caption(position) for position in range(len(shown.ids))],
            }
        )

    def close(self) -> None:
        """Close the gallery, and follow the selection no more."""
        if self.comm is not None:  # Python may clean up what was closed, or never made
            self.selection.unobserve(self._follow, "focus")
        super().close()

    def _follow(self, change: Any) -> None:
        self.chosen = self._shown.position(change["new"])

    def _on_gesture(
        self, shown: _Shown, content: dict[str, Any], _buffers: list[memoryview]
    ) -> None:
        match content:
            case {"type": "choose", "position": int(position)} if 0 <= position < len(shown):
                self._choose(position, int(shown.ids[position]))
            case {"type": "act", "position": int(position)} if 0 <= position < len(shown):
                if self._on_action is not None:
                    self._on_action(int(shown.ids[position]))

    def _choose(self, position: int, image: int) -> None:
        self.chosen = position
        self.selection.unobserve(self._follow, "focus")
        try:
            self.selection.focus = image
        finally:
            self.selection.observe(self._follow, "focus")
        if self.selection.focus != image:  # another view answered by choosing something else
            self.chosen = self._shown.position(self.selection.focus)
