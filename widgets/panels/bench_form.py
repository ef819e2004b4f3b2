"""The plan of a bench as a form, which is filled in when it is first looked at."""

from __future__ import annotations

from collections.abc import Callable

from uhscm_core import Study
from widgets.panels.bench_choices import BenchChoices
from widgets.states.bench import Plan

__all__ = ["BenchForm"]


class BenchForm(BenchChoices):
    """The choices of a bench, of which there is a plan also before they have been looked at.

    Args:
        study: whose bench this is.
        changed: called when a choice changes, by each key of a text.
        taken: called when another plan is in view that `show_plan` did not put there, with whether
            a person chose it; `taken` then returns it.
    """

    def __init__(
        self, study: Study, changed: Callable[[], None], taken: Callable[[bool], object]
    ) -> None:
        self._study, self._plan_taken = study, taken
        self.opened = False
        """Whether the choices are in use."""
        self._plan: Plan | None = None  # of the state in view; None for what a study begins with
        self._pending = False  # whether a later choice is on its way to the state
        super().__init__(changed, self._take)

    @property
    def plan_in_view(self) -> Plan:
        """The plan in view, or the one that will be."""
        return self.plan if self.opened else self._plan_of(self._plan)

    def taken(self) -> Plan:
        """Return the plan in view, which a state then has."""
        self._plan, self._pending = self.plan, False
        return self._plan

    def fill(self, running: Plan | None) -> None:
        """Fill the form in: with what is running, or with the plan that is in view."""
        kept = self.plan if self._pending else self._plan
        self.opened = True
        self.adopt(self._study)
        if running is not None:
            self.show(running)
            self._take(chosen=False)
        elif kept is not None:
            self.show(kept)

    def begin(self, study: Study) -> None:
        """Be the form of another study, to be filled in again; its plan stays."""
        self._study, self.opened = study, False

    def show_plan(self, plan: Plan | None) -> None:
        """Put a plan in view, unless it was: what was chosen since then stays.

        Args:
            plan: None for what a study begins with.
        """
        if plan != self._plan and not self._pending:
            self._plan = plan
            if self.opened:
                self.offer(self._plan_of(plan))

    def _take(self, *, chosen: bool = True) -> None:
        if self.plan != self._plan_of(self._plan):
            self._pending = chosen
            self._plan_taken(chosen)

    def _plan_of(self, plan: Plan | None) -> Plan:
        return Plan.of(self._study) if plan is None else plan
