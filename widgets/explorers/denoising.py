"""Which concepts stay, which go, and why: denoising as something to touch."""

from __future__ import annotations

import math
from typing import Any, cast

import ipywidgets as ipw
import pandas as pd

from uhscm_core import Study
from uhscm_core.analysis.votes import counts, vote_frame
from uhscm_core.concepts import DEFAULT_TEMPLATE
from widgets.explorers.arguments import focus_of
from widgets.explorers.desk import Desk, Moment
from widgets.explorers.explorer import Explorer
from widgets.kit.bars import Bars
from widgets.kit.field import Field
from widgets.kit.layout import columns, row
from widgets.kit.pages import Pages, open_pages, pages_of
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.panels.concept_editor import ConceptEditor
from widgets.panels.mining_settings import MiningSettings, called_on_screen, told_to_people
from widgets.panels.stepper import Stepper
from widgets.panels.template_comparison import TemplateComparison
from widgets.panels.voters import VotersPanel

__all__ = ["DenoisingExplorer"]


class DenoisingExplorer(Explorer[Study]):
    """Explore the denoising of a study.

        from widgets import DenoisingExplorer
        DenoisingExplorer(study)

    A bar for each concept, by votes, with the threshold to drag; the images that voted for a bar,
    and where the voters of a dropped one went; templates, concepts, τ and bounds to change; one
    image step by step; two templates side by side. `study` is the study in view.
    """

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self.bars = Bars(root=True, height=430, unit="votes", draggable=True)
        self._voters = VotersPanel(self.study.dataset.images, self.selection)
        self.gallery, self.moved = self._voters.gallery, self._voters.moved
        growing(self.bars)
        self.editor = ConceptEditor(self._edited)
        self.stepper = Stepper(self.selection)
        self.templates = TemplateComparison(self.study, self.selection, self._attempt, self._use)
        self._settings = settings = MiningSettings()
        self.tau, self.min_share = settings.tau, settings.min_share
        self.max_share = settings.max_share
        self._bind(tau=self.tau, min_share=self.min_share, max_share=self.max_share)
        self._reset = ipw.Button(
            description="Paper's template and bounds",
            tooltip="The paper's template, τ and bounds; the list of names stays",
            layout={"width": "auto"},
        )
        self._train = self._way_to("Train", "Train with these concepts")
        self._concept = ""
        self._told: int | None = None  # the image that this explorer itself told the others of
        self.bars.observe(self._dragged, "threshold")
        self.bars.observe(self._chosen, "chosen")
        self._reset.on_click(lambda _: self._as_in_the_paper())
        self._watch(self.selection, self._focused, "focus")
        self.stepper.observe(self._hide_answers, "asking")

        self._tabs = tabs = ipw.Tab(
            [self._voters, self.stepper, self.templates],
            titles=["Voters", "Step by step", "Two templates"],
        )
        tabs.observe(self._hide_answers, "selected_index")
        self._lay_out(
            row(self._undo, self._redo, self._reset, self._csv, self._train),
            columns([self.bars], [tabs], below_right=[self.editor, settings]),
        )
        self._refresh()

    def to_frame(self) -> pd.DataFrame:
        """A row per concept: its votes and whether it is kept, most votes first."""
        return vote_frame(self.study).drop(columns="index")

    @property
    def pages(self) -> Pages:
        """The pages that are open in it, and the concept that is chosen; others can be opened."""
        return (*pages_of(self), self._concept)

    @pages.setter
    def pages(self, pages: Pages) -> None:
        open_pages(self, pages)
        self.bars.choose(pages[-1] if pages else "")

    # -- what is shown ---------------------------------------------------------------------------

    def _show(self) -> None:
        study = self.study
        frame = vote_frame(study)
        names = frame["concept"].tolist()
        if self._concept not in names:
            self._concept = names[0]
        self.bars.show(
            names,
            frame["votes"],
            summary="Votes of the training images, lengths by square root",
            threshold=study.mined.min_votes,
            ceiling=study.mined.max_votes,
            chosen=names.index(self._concept),
        )
        self.editor.show(study.concepts)
        self._voters.show(study, self._concept)
        if self.selection.focus is None:
            self._told = first = int(self.gallery.ids[0])
            self.selection.focus = first
        self.stepper.show(study)
        self.templates.show(study)
        self._settings.show(study)
        self.status.summary = counts(study)  # last: what it says is on the screen

    def _show_bound(self) -> None:
        self._settings.show_bounds(self.study)

    # -- what a person does ----------------------------------------------------------------------

    def _state_in(self, moment: Moment) -> Study:
        return moment.study

    def _with_state(self, moment: Moment, state: Study) -> Moment:
        return moment.with_study(state)

    def _begin(self, before: Study | None) -> Study:  # noqa: ARG002  # the study says it all
        return self.study

    def _equivalent(self, before: Study, after: Study) -> bool:
        names = ("concepts", "tau", "min_share", "max_share")
        return all(getattr(before, name) == getattr(after, name) for name in names)

    def _check(self, state: Study) -> None:
        with told_to_people():
            _ = state.mined, state.votes

    def _chosen(self, change: dict[str, Any]) -> None:
        if change["new"] is not None and self.bars.labels[change["new"]] != self._concept:
            self._concept = self.bars.labels[change["new"]]
            self._worker.submit("finding voters", self._show_voters)

    def _show_voters(self) -> None:
        self._voters.show(self.study, self._concept)
        self.stepper.show_one_of(self.study, self.gallery.ids.tolist())

    def _hide_answers(self, _: object) -> None:
        # The votes would give them away next to the question, and there alone.
        in_sight = self._tabs.children[self._tabs.selected_index or 0] is self.stepper
        hidden = in_sight and self.stepper.asking
        self.bars.layout.visibility = "hidden" if hidden else "visible"

    def _focused(self, _: object) -> None:
        told, self._told = self._told, None
        image = focus_of(self.selection, self.study)
        if self.live and image not in (None, told):  # what it told is shown already
            self._worker.submit("stepping", lambda: self.stepper.show(self.study, image))

    def _dragged(self, change: dict[str, Any]) -> None:
        study, votes = self.study, change["new"]
        same = votes is not None and math.isclose(votes, study.mined.min_votes)
        if votes is None or (same and not self.bars.error):
            return
        n = len(study.dataset.splits["train"])
        share = round(votes * len(study.concepts) / n, 6)
        self._change_bound("min_share", share, self.bars)

    def _set_bound(self, name: str, value: Any) -> None:
        if name == "max_share" and value == 1.0:
            value = None  # a bound that no concept can pass is none
        if value != getattr(self.study, name):
            self._change_bound(name, value, cast(Field, self._bound[name]))

    def _change_bound(self, name: str, value: Any, at: Field | Bars) -> None:
        def change(study: Study) -> Study:
            with told_to_people():
                return study.with_(**{name: value})

        self._change(f"changing {called_on_screen(name)}", change, at=at)

    def _edited(self, names: list[str], templates: list[str], at: Field) -> None:
        now = self.study.concepts
        if (tuple(names), tuple(templates)) != (now.names, now.templates):
            self._change(
                "encoding prompts", lambda s: s.with_(concepts=names, template=templates), at=at
            )

    def _use(self, other: Study) -> None:
        self._change("mining", lambda _: other)

    def _as_in_the_paper(self) -> None:
        self._change(
            "mining",
            lambda s: s.with_(tau=3.0, min_share=0.5, max_share=None, template=DEFAULT_TEMPLATE),
        )
