"""Thousands of images as points on a plane, to look at, circle and choose from."""

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

__all__ = ["MapView", "most_frequent"]

EDGE = 128  # pixels of the thumbnails, as large as the card shows them
PER_MESSAGE = 6  # thumbnails, so that no gesture waits for many
GROUPS = 8  # with a color and a shape of their own, as many as in map_drawing.js
OTHER = "other"


def most_frequent(
    names: Sequence[str], most: int = GROUPS
) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Return each name's rank among the most frequent names, and those names in that order.

    Args:
        names: n names.
        most: how many names have a group of their own; all others share the last, ``"other"``.

    Returns:
        (n,) positions in the list, and the list.
    """
    found, place, counts = np.unique(
        np.asarray(names, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(found), np.int64)
    rank[order] = np.arange(len(found))
    kept = [str(name) for name in found[order[:most]]]
    legend = kept + [OTHER] * (len(found) > most)
    return np.minimum(rank[place], most).astype(np.uint8), legend


@dataclasses.dataclass(frozen=True)
class _Shown(Shown):
    thumbnails: Thumbnails
    points: npt.NDArray[np.float32]
    groups: tuple[str, ...] = ()
    captions: Callable[[int], str] | None = None

    def positions(self, images: Sequence[int]) -> npt.NDArray[np.int32]:
        """Return the positions of these images among the points, leaving out those not shown."""
        if not len(images):
            return np.zeros(0, np.int32)
        order = np.argsort(self.ids, kind="stable")
        wanted = np.asarray(images, np.int64)
        place = np.searchsorted(self.ids[order], wanted)
        inside = place < len(order)
        place, wanted = place[inside], wanted[inside]
        found = order[place]
        positions: npt.NDArray[np.int32] = found[self.ids[found] == wanted].astype(np.int32)
        return positions

    def caption(self, position: int) -> str:
        image = int(self.ids[position])
        if self.captions is None:
            return f"image {image}"
        try:
            return str(self.captions(image))
        except Exception as error:  # the caller's function; what a callback raises is lost
            return f"no caption: {str(error) or type(error).__name__}"

    def describe(self, position: int, problem: str) -> dict[str, Any]:
        return {
            "captions": problem or self.caption(position),
            "groups": self.groups[position] if self.groups else "",
        }


class MapView(PictureView):
    """A scatter plot of images: hover to see one, click to choose it, draw a lasso to pick many.

    A click, or Enter on the point that the arrow keys reached, makes an image `selection.focus`;
    what a lasso or a name in the legend picks becomes `selection.ids`.

    Args:
        images: all images; an image's id is its position here.
        on_offer: called with `offer` when its button is pressed.
        selection: shared with other views; None for a new one.
        height: height of the map in CSS pixels.
    """

    _esm, _css = static(
        "canvas", "pictures", "map_points", "map_drawing", "map_gestures", "map_view"
    )

    _shown: _Shown

    version = traitlets.Int(0).tag(sync=True)
    """Counts the calls of `show`. Within a generation, points move to new places; default 0."""

    points = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    """x and y of each image as float32, y upwards; default none."""

    members = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    """The position of each image's group in `legend`, as uint8; default none."""

    legend: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The groups, the most frequent first, at most nine; empty for none."""

    picked = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    """Positions of the picked images as int32; default none."""

    chosen = traitlets.Int(-1).tag(sync=True)
    """Position of the image that is the selection's focus; -1, the default, if not shown."""

    progress = traitlets.Unicode("").tag(sync=True)
    """A sentence about what is still running, or what went wrong; default empty."""

    offer = traitlets.Unicode("").tag(sync=True)
    """What the button next to that sentence does; empty, the default, for no button."""

    shown = traitlets.Bool(False).tag(sync=True)
    """Whether a browser has put the map on a screen; default False."""

    height = traitlets.Int(540, min=120).tag(sync=True)
    """Height of the map in CSS pixels; default 540."""

    def __init__(
        self,
        images: Sequence[Image.Image],
        on_offer: Callable[[str], object] = lambda _: None,
        *,
        selection: Selection | None = None,
        height: int = 540,
        **unknown: Any,
    ) -> None:
        super().__init__(height=height, **{"paged": PER_MESSAGE, **unknown})
        self.selection = Selection() if selection is None else selection
        self._on_offer = on_offer
        nothing = np.zeros((0, 2), np.float32)
        thumbnails = Thumbnails(images, EDGE)
        self._shown = _Shown(0, checked_ids([], 0), thumbnails, self.paged, nothing)
        self.selection.observe(self._follow, ["focus", "ids"])

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Ids of the images shown, in their order."""
        return self._shown.ids

    @property
    def coordinates(self) -> npt.NDArray[np.float32]:
        """Coordinates of the images shown, (n, 2)."""
        return self._shown.points

    def show(
        self,
        points: npt.ArrayLike,
        ids: Sequence[int] | npt.ArrayLike,
        *,
        groups: Sequence[str] | None = None,
        captions: Callable[[int], str] | None = None,
        summary: str = "",
        images: Sequence[Image.Image] | None = None,
    ) -> None:
        """Replace what is shown; if the images are the same, they move to their new places.

        Args:
            points: (n, 2), y upwards.
            ids: the n images, each once.
            groups: a name per image; the eight most frequent have a color and a shape of their own.
            captions: a function of an image's id, called for images that are looked at only.
            summary: one sentence about what is shown.
            images: the images to choose from, from now on; None to keep those given before.

        Raises:
            ValueError: shapes that do not match, NaN, or an id that no image has or that is
                listed twice.
        """
        before = self._shown
        pictured = before.thumbnails
        if images is not None and images is not pictured.images:
            pictured = Thumbnails(images, EDGE)
        wanted = checked_ids(ids, len(pictured))
        places = np.array(points, np.float32)
        if places.shape != (len(wanted), 2):
            raise ValueError(f"points must have shape ({len(wanted)}, 2), got {places.shape}")
        if not np.isfinite(places).all():
            raise ValueError("points must be finite, got NaN or infinity")
        if len(np.unique(wanted)) < len(wanted):
            raise ValueError("ids must be different: one is listed twice")
        names = () if groups is None else tuple(str(name) for name in groups)
        if groups is not None and len(names) != len(wanted):
            raise ValueError(f"expected {len(wanted)} groups, got {len(names)}")
        same = np.array_equal(wanted, before.ids) and pictured is before.thumbnails
        generation = before.generation + (not same)
        place, legend = most_frequent(names) if names else (np.zeros(len(wanted), np.uint8), [])
        shown = _Shown(generation, wanted, pictured, self.paged, places, names, captions)
        self._shown = shown
        with self.hold_sync():  # one message: the browser never sees half of a change
            self.points = places.astype("<f4").tobytes()
            self.members, self.legend = place.tobytes(), legend
            self.summary = summary
            self.generation = generation
            self._mark()
            self.version += 1

    def to_frame(self) -> pd.DataFrame:
        """Return a row per image shown: image, x, y, group, and whether it is picked."""
        shown = self._shown
        picked = np.zeros(len(shown.ids), bool)
        picked[np.frombuffer(self.picked, "<i4")] = True
        return pd.DataFrame(
            {
                "image": shown.ids,
                "x": shown.points[:, 0],
                "y": shown.points[:, 1],
                "group": shown.groups or [""] * len(shown.ids),
                "picked": picked,
            }
        )

    def close(self) -> None:
        """Close the map, and follow the selection no more."""
        if self.comm is not None:  # Python may clean up what was closed, or never made
            self.selection.unobserve(self._follow, ["focus", "ids"])
        super().close()

    def _follow(self, _: Any) -> None:
        with self.hold_sync():
            self._mark()

    def _mark(self) -> None:
        """Mark what the selection holds."""
        shown, focus = self._shown, self.selection.focus
        place = shown.positions([] if focus is None else [focus])
        self.chosen = int(place[0]) if len(place) else -1
        self.picked = shown.positions(self.selection.ids).astype("<i4").tobytes()

    def _on_gesture(
        self, shown: _Shown, content: dict[str, Any], buffers: list[memoryview]
    ) -> None:
        n = len(shown)
        match content:
            case {"type": "choose", "position": int(position)} if 0 <= position < n:
                self.selection.focus = int(shown.ids[position])
            case {"type": "take", "offer": str(offer)} if offer == self.offer:
                self._on_offer(offer)
            case {"type": "pick"} if len(buffers) == 1 and memoryview(buffers[0]).nbytes % 4 == 0:
                places = np.unique(np.frombuffer(buffers[0], "<i4"))
                if not len(places) or (places[0] >= 0 and places[-1] < n):
                    self.selection.ids = tuple(shown.ids[places].tolist())
