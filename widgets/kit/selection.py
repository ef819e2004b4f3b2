"""The images that the user looks at, shared by all views of a notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from uhscm_core.support.checks import whole_number

__all__ = ["Selection"]


class Selection(traitlets.HasTraits):
    """A selection for views that belong together: what is chosen in one is chosen in all.

    Ids are positions in ``study.dataset``.
    """

    focus = traitlets.Int(None, allow_none=True)
    """The image whose details are shown; None before one is chosen."""

    ids = traitlets.Tuple()
    """The images picked together, such as the two of a pair; default empty."""

    def on_focus(self, act: Callable[[int], object]) -> None:
        """Act on each image that is chosen; not when none is any more."""

        def follow(change: dict[str, Any]) -> None:
            if change["new"] is not None:
                act(int(change["new"]))

        self.observe(follow, "focus")

    @traitlets.validate("ids")
    def _are_images(self, proposal: Any) -> tuple[int, ...]:
        images = tuple(proposal["value"])
        if set(map(type, images)) <= {int} and min(images, default=0) >= 0:
            return images  # at once: a lasso picks tens of thousands
        return tuple(whole_number("ids", image, 0) for image in images)
