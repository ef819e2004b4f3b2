"""Near-duplicates: the pairs, the group of one, and why it is one."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from uhscm_core import NearDuplicates, Study
from uhscm_core.analysis.duplicates import LONGEST_CHAIN, NOTHING_FOUND
from uhscm_core.analysis.oddities import Oddities
from uhscm_core.analysis.study_images import ImagePairs, StudyImages
from widgets.kit.gallery import Gallery
from widgets.kit.layout import columns, later
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.kit.words import counted
from widgets.panels.search_bar import SearchBar
from widgets.panels.why import WhyPanel

__all__ = ["DuplicatesPanel", "n_duplicates", "notes", "sentence"]

_MISSES = (
    "These thresholds are the defaults. On 2,295 photos they found all copies that are mirrored, "
    "99% of the recompressed, 95% of those at half the size, and 7% of the cropped."
)
"""What the defaults find, as measured in `benchmarks/results/tidy-2026-11-27.md`."""


class DuplicatesPanel(ipw.VBox):
    """A gallery of pairs, and next to it the group of one with the card of that pair.

    Args:
        selection: its focus is the image that is looked at in a group.
        pick: called with the position of the pair that was clicked.
        leave_out: called with the names of all concepts that are to be left out.
        show: called when a search has found more, and at its end.
        fail: called with the message of an error.
    """

    def __init__(
        self,
        selection: Selection,
        pick: Callable[[int], object],
        leave_out: Callable[[tuple[str, ...]], None],
        show: Callable[[], object],
        fail: Callable[[str], None],
    ) -> None:
        self.search = SearchBar(NOTHING_FOUND, show, fail)
        self.pairs = Gallery([], edge=128, height=420)
        self.group = Gallery([], selection=selection, edge=64, height=420)
        self.why = WhyPanel(leave_out)
        self.pairs.selection.on_focus(pick)
        growing(self.pairs, self.group)
        self._note = ipw.Label(_MISSES)
        self._note.add_class("uhscm-note")
        later(self._note)
        super().__init__(
            [self.search, self._note, columns([self.pairs], [self.group, self.why], (49, 49))]
        )

    def found(self, oddities: Oddities, radius: int, cosine: float, looks: bool) -> NearDuplicates:
        """Return the near-duplicates, or those that are found so far.

        Args:
            oddities: finds them.
            radius, cosine, looks: see `Oddities.pairs`.
        """
        found = oddities.known(radius, cosine, looks)
        if found is None:
            return self.search.so_far(oddities.search, radius, cosine, looks)
        self.search.hide()
        return found

    def tell_misses(self, *, default: bool) -> None:
        """Say what the default thresholds miss, where they are in view; of others it is not known.

        Args:
            default: whether they are.
        """
        self._note.layout.display = None if default else "none"

    def show_pairs(self, study: Study, found: NearDuplicates, *, so_far: bool = False) -> None:
        """List the pairs, most similar first; `so_far` there may be more."""
        names, pairs = study.dataset.names, [(i, j) for i, j in found.pairs.tolist()]
        captions = [
            f"{counted(int(bits), 'bit')}, {agree:.3f}\n{names[i]}\n{names[j]}\n"
            f"codes {counted(int(bits), 'bit')} apart, cosine of features {agree:.3f}"
            for (i, j), bits, agree in zip(pairs, found.distances, found.cosines, strict=True)
        ]
        none = (
            "No pair so far"
            if so_far
            else "No pair is so near: allow more bits, or a smaller cosine"
        )
        self.pairs.selection.focus = None
        self.pairs.show(
            range(len(pairs)),
            images=ImagePairs(study.dataset.images, pairs),
            captions=captions,
            summary=f"{counted(len(pairs), 'pair')}, most similar first; click one for its group"
            if pairs
            else none,
        )

    def show_group(self, study: Study, found: NearDuplicates, group: int) -> None:
        """Show all images of a group, by its position; none where there is no such group."""
        if group >= len(found.groups):
            self.group.show([], summary="")
            return
        ids, names = found.groups[group], study.dataset.names
        self.group.show(
            ids,
            images=study.dataset.images,
            captions=lambda image: names[image],
            summary=f"Group {group + 1} of {len(found.groups)}: {counted(len(ids), 'image')}",
        )

    def show_why(
        self, study: Study, found: NearDuplicates, pair: int | None, without: tuple[str, ...]
    ) -> None:
        """Explain a pair, by its position, without some concepts; None for no pair."""
        self.pairs.selection.focus = pair
        if pair is None:
            self.why.clear("Click a pair to see why it is near" if len(found.pairs) else "")
            return
        i, j = found.pairs[pair].tolist()
        self.why.show(StudyImages(study, from_pixels=True), i, j, without=without)


def n_duplicates(found: NearDuplicates) -> int:
    """Return how many images have a near-duplicate; one may be in two groups."""
    return len({image for group in found.groups for image in group})


def sentence(
    found: NearDuplicates, n_images: int, radius: int, cosine: float, looks: bool, *, so_far: bool
) -> str:
    """Say what was found among so many images, `so_far` or all of it, and by which thresholds."""
    return (
        f"{counted(len(found.groups), 'group')} of near-duplicates{' so far' * so_far}, "
        f"{n_duplicates(found):,} of {counted(n_images, 'image')}: codes within "
        f"{counted(radius, 'bit')}, cosine of features at least {cosine:.3f}"
        f"{', and similar to look at' * looks}"
    )


def notes(found: NearDuplicates, n_images: int) -> list[str]:
    """Return what is to be known of the groups that were found among so many images."""
    said = []
    if (share := n_duplicates(found) / n_images) > 0.5:
        said.append(
            f"{share:.0%} of all images have a near-duplicate: allow fewer bits, or ask for a "
            "larger cosine"
        )
    if found.chains:
        said.append(
            f"{counted(found.chains, 'chain')} of similar images cut, so that all images of a "
            "group are similar to each other; an image may be in two groups"
        )
    if (largest := max(map(len, found.groups), default=0)) > LONGEST_CHAIN:
        said.append(
            f"a group of {largest:,} images is too large to be cut, and its images may be similar "
            "in a chain only"
        )
    return said
