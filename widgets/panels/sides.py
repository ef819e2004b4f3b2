"""What ranks on the left and what on the right, of all that can be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import ipywidgets as ipw

from uhscm_core import Study
from uhscm_core.analysis.rankers import CONCEPTS, FEATURES, Ranker, rankers_of
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.runs import read_runs, title_of
from uhscm_core.support.notices import listed
from widgets.kit.choice import Choice
from widgets.kit.layout import brief, row
from widgets.kit.slider import Slider
from widgets.kit.view import close_all
from widgets.states.compare import CompareState

__all__ = ["SidesPanel"]

_MOST = 200  # results a side


class SidesPanel(ipw.VBox):
    """A list for each side; below, what cannot be compared and why.

    `k`, the number of results, stands elsewhere.

    Args:
        study: whose images the others are of.
        others: trained studies of the same images by name.
        swap: called to exchange the sides.
    """

    def __init__(
        self, study: Study, others: Mapping[str, Study] | None, swap: Callable[[], object]
    ) -> None:
        # As wide as there is room, for names such as "k-means + OrthoHash, 64 bits".
        wide = {"flex": "3 1 195px", "max_width": "340px"}
        self.left, self.right = Choice("left", layout=wide), Choice("right", layout=wide)
        self.k = Slider(
            "first", min=1, label_width="28px", layout={"flex": "1 1 120px", "max_width": "220px"}
        )
        self.swap = ipw.Button(description="Swap", icon="exchange", layout={"width": "90px"})
        brief(self.swap)
        self.swap.on_click(lambda _: swap())
        self.rankers: dict[str, Ranker] = {}
        """All that can be compared, by name."""
        self.left_out: dict[str, str] = {}
        """Why each of the others cannot."""
        self._others, self._images = others, study.dataset.digest
        self._study: Study | None = None
        self._runs: list[tuple[str, str]] = []
        self._offered: set[tuple[str, str]] = set()  # what no one has chosen
        self._said = ipw.VBox([])
        super().__init__([row(self.left, self.swap, self.right), self._said])

    def adopt(self, study: Study, bench: Mapping[str, Ranker] = MappingProxyType({})) -> None:
        """Find what can be compared of another study; what was computed of this one is kept.

        Args:
            study: whose rankings these are.
            bench: the settings of its bench by name.

        Raises:
            ValueError: there is nothing to rank.
        """
        n = len(study.dataset.splits["database"])
        if n < 2:
            raise ValueError("a comparison needs at least two images in the database")
        others = self._others if study.dataset.digest == self._images else None
        known = self.rankers if study is self._study else {}
        found, self.left_out = rankers_of(study, others)
        found = {name: known.get(name, ranker) for name, ranker in found.items()}
        self.rankers = found | dict(bench)  # whose names may mean other trainings than before
        self._study, self._runs = study, _names_of_runs(study)
        self.left.options = self.right.options = list(self.rankers)
        self.k.max = min(_MOST, n - 1)
        self._say([])

    def _say(self, more: Sequence[str]) -> None:
        """Say what is left out and why, and more."""
        sentences = [f"Left out: {name}, {why}." for name, why in self.left_out.items()] + [*more]
        gone, self._said.children = self._said.children, [ipw.Label(s) for s in sentences]
        for label in gone:
            close_all(label)

    def is_old(self, study: Study) -> bool:
        """Return whether a study has other runs by now, or runs of other names."""
        return _names_of_runs(study) != self._runs

    def as_now_called(self, state: CompareState) -> CompareState | None:
        """Return the same sides by the names they have now, unless no one has chosen them.

        Where one of them is not there any more, that is said.
        """
        if (state.left, state.right) in self._offered:
            return None
        known = {_without_title(name): name for name in self.rankers}
        wanted = state.left, state.right
        if gone := [name for name in wanted if _without_title(name) not in known]:
            verb = "is" if len(gone) == 1 else "are"
            self._say([f"{listed(gone)} {verb} not among the rankings of this study."])
            return None
        left, right = (known[_without_title(name)] for name in wanted)
        return dataclasses.replace(state, left=left, right=right)

    def first_pair(self, study: Study, run: str = "") -> tuple[str, str]:
        """Return what is in view, or else the features, and the first of the others, or ITQ.

        Args:
            study: whose network is in view, if it has one.
            run: the name of the one that is in view where there is no network; without one of
                these, it is the newest.
        """
        pair = self._in_view(study, run), self._yardstick()
        self._offered.add(pair)
        return pair

    def _in_view(self, study: Study, run: str) -> str:
        names = [*self.rankers]
        if study.network is not None and not study.network.on_pixels:
            return names[0]
        runs = [name for name in names if name.startswith("run ") and not self._handed_in(name)]
        chosen = [name for name in runs if name.startswith(f"run {run},")]
        return (chosen or runs or [FEATURES])[-1]

    def _handed_in(self, name: str) -> bool:
        return name in (self._others or {})

    def _yardstick(self) -> str:
        names = [*self.rankers]
        if handed := next(filter(self._handed_in, names), ""):
            return handed
        right = next(name for name in names if name.startswith("ITQ,"))
        try:
            self.rankers[right].vectors  # noqa: B018  (computed once)
        except ValueError:  # features that are all equal
            right = CONCEPTS
        return right


def _names_of_runs(study: Study) -> list[tuple[str, str]]:
    return [(run.name, title_of(run.folder)) for run in read_runs(runs_folder(study))]


def _without_title(name: str) -> str:
    """Return the part of a run's name that a new title leaves; of others, the whole name."""
    return name.partition(":")[0] if name.startswith("run ") else name
