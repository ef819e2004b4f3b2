"""The category of warnings that say how an input was understood."""

from __future__ import annotations

__all__ = ["UHSCMWarning"]


class UHSCMWarning(UserWarning):
    """Say in one sentence how an input was understood or changed.

    The same sentence is kept in ``dataset.notes`` where it concerns a dataset. To refuse such
    inputs, turn the category into an error: ``warnings.simplefilter("error", UHSCMWarning)``.
    """
