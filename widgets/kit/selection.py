"""The images that a person looks at, shared by all views of a notebook."""

from __future__ import annotations

import traitlets

__all__ = ["Selection"]


class Selection(traitlets.HasTraits):
    """One selection for views that belong together: what is chosen in one is chosen in all.

    Ids are positions in ``study.dataset``.
    """

    focus = traitlets.Int(None, allow_none=True)
    """The one image whose details are shown; None before anything is chosen."""

    ids = traitlets.Tuple()
    """The images picked together, such as the two of a pair; empty by default."""
