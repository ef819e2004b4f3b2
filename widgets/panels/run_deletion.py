"""Deleting runs, after a question: one of them, or the oldest that take too much space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import ipywidgets as ipw

from uhscm_core.runs import Run, RunLabel, delete_run, oldest_beyond, run_size
from widgets.kit.gestures import Gestures
from widgets.kit.text_box import TextBox
from widgets.kit.words import counted, file_size

__all__ = ["RunDeletion"]


class RunDeletion(ipw.VBox):
    """The space that runs take, and the question before any of them is deleted.

    Args:
        deleted: called after runs were deleted.
        fail: called with what went wrong.
    """

    def __init__(self, deleted: Callable[[], None], fail: Callable[[str], None]) -> None:
        self._deleted, self._gestures = deleted, Gestures(fail)
        self._runs: dict[str, Run] = {}
        self._labels: Mapping[str, RunLabel] = {}
        self._asked: tuple[str, ...] = ()
        self.sizes: dict[str, int] = {}
        """Bytes on disk of each run, by name."""
        button = self._gestures.button
        self.buttons = {
            "prune": button("Delete the oldest …", "trash", self.ask_to_prune),
            "yes": button("Delete", "trash", self.delete, "danger"),
            "no": button("Keep", "", self.keep),
        }
        self.space = ipw.Label("")
        self.most = TextBox("keep at most, MB", value="100", layout={"width": "190px"})
        self.question = ipw.Label("")
        self.question.add_class("uhscm-question")
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start"}
        b = self.buttons
        self._pruning = ipw.HBox([self.space, self.most, b["prune"]], layout=wrap)
        self._confirmation = ipw.HBox([self.question, b["yes"], b["no"]], layout=wrap)
        super().__init__([self._pruning, self._confirmation])
        self.keep()

    @property
    def asking(self) -> bool:
        """Whether a question waits for its answer."""
        return bool(self._asked)

    def show(self, runs: Sequence[Run], labels: Mapping[str, RunLabel]) -> None:
        """Replace the runs, oldest first, and what the user calls them."""
        self._runs, self._labels = {run.name: run for run in runs}, labels
        self.sizes = {run.name: run_size(run.folder) for run in runs}
        total = sum(self.sizes.values())
        self.space.value = f"{counted(len(runs), 'run')}, {file_size(total)} on disk"
        self._pruning.layout.display = "" if runs else "none"

    def ask(self, *names: str) -> None:
        """Ask whether these runs are to be deleted."""
        self._asked = names
        size = sum(self.sizes.get(name, 0) for name in names)
        if len(names) == 1:
            title = self._labels[names[0]].title
            what = f"run {names[0]}" + (f" ({title})" if title else "")
        else:
            what = f"{len(names)} runs, {names[0]} to {names[-1]}"
        self.question.value = f"Delete {what}, {file_size(size)}? This cannot be undone."
        self._confirmation.layout.display = ""

    def ask_to_prune(self) -> None:
        """Ask whether the oldest runs are to be deleted, so that the others fit."""
        typed = self.most.value.strip()
        if not typed:
            self.most.fail("the box is empty: type a number of MB")
            return
        try:
            most = float(typed)
            size = round(most * 1e6)
            if most < 0:
                raise ValueError
        except (ValueError, OverflowError):
            self.most.fail(f"expected a number of at least 0, got {typed!r}")
            return
        self.most.error = ""
        folder = next(iter(self._runs.values())).folder.parent
        going = oldest_beyond(folder, size)
        if going:
            self.ask(*(run.name for run in going))
        else:
            self.most.fail("nothing to delete: the runs fit already, or are in training")

    def delete(self) -> None:
        """Delete what was asked about."""
        asked = self._asked
        self.keep()
        for name in asked:
            self._gestures.do(partial(delete_run, self._runs[name].folder))
        if asked:
            self._deleted()

    def keep(self) -> None:
        """Delete nothing."""
        self._asked = ()
        self._confirmation.layout.display = "none"
