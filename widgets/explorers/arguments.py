"""What an explorer was given: a study, a selection, and what the two have to do with each other."""

from __future__ import annotations

from uhscm_core import Study
from uhscm_core.support.checks import shown
from widgets.kit.selection import Selection

__all__ = ["checked", "checked_selection", "focus_of", "same_images"]


def checked(study: object) -> Study:
    """The study that an explorer was given.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(study, Study):
        raise TypeError(
            f"study: an explorer needs a Study, got {type(study).__name__} {repr(study)[:200]}"
        )
    return study


def checked_selection(selection: object) -> Selection | None:
    """The selection that an explorer was given, or None.

    Raises:
        TypeError: it is neither.
    """
    if selection is not None and not isinstance(selection, Selection):
        raise TypeError(f"selection must be a Selection or None, got {shown(selection)}")
    return selection


def focus_of(selection: Selection | None, study: Study) -> int | None:
    """The image that other views look at; None where it is not in the dataset.

    Explorers number the images that people bring along each by itself.
    """
    given = checked_selection(selection)
    focus = None if given is None else given.focus
    return focus if focus is not None and 0 <= focus < len(study.dataset) else None


def same_images(one: Study, other: Study) -> bool:
    """Return whether ids of images mean the same in two studies."""
    return one.dataset.digest == other.dataset.digest
