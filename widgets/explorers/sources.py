"""The study of what a workbench was given."""

from __future__ import annotations

import os
from os import PathLike

from uhscm_core import ImageDataset, Study, load_dataset, load_vlp
from uhscm_core.support.checks import shown

__all__ = ["study_of_source"]


def study_of_source(source: object) -> Study | None:
    """The study of what a workbench was given; None for a folder, which is still to be read.

    Raises:
        TypeError: nothing of the kind.
    """
    if isinstance(source, Study):
        return source
    if source is None or (isinstance(source, str) and source == "postcards"):
        dataset = load_dataset("postcards", progress=False)
        return Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
    if isinstance(source, ImageDataset):
        name, _, tag = os.environ.get("UHSCM_VLP", "postcards").partition(" ")
        postcards = (source.source or {}).get("source") == "postcards"
        vlp = load_vlp("postcards") if postcards else load_vlp(name, tag or None)
        return Study(source, vlp, "nuswide81" if postcards else "common", progress=False)
    if not isinstance(source, str | PathLike):
        raise TypeError(
            f"source must be a folder, an ImageDataset, a Study or None, got {shown(source)}"
        )
    return None
