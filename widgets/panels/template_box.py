"""The prompt templates of a study, in a box of one line."""

from __future__ import annotations

from collections.abc import Callable

from uhscm_core import Study
from widgets.kit.text_box import TextBox

__all__ = ["TemplateBox"]

_BETWEEN = " | "  # as in the names of settings and in the bench


class TemplateBox(TextBox):
    """Several templates, which are averaged, have a | between them.

    Args:
        enter: called with the templates that were entered, if they are others than the study's.
    """

    def __init__(self, enter: Callable[[tuple[str, ...]], None]) -> None:
        self._enter = enter
        self._templates: tuple[str, ...] = ()
        super().__init__("template", leaving=True, layout={"width": "330px"})
        self.on_submit(lambda _: self.take())

    def show_study(self, study: Study) -> None:
        """Show the templates of a study."""
        self._templates = study.concepts.templates
        self.show(_BETWEEN.join(self._templates))

    def take(self) -> bool:
        """Enter what is typed, also without Enter; return whether these are other templates."""
        self.error = ""
        if (wanted := self._typed()) == self._templates:
            return False
        self._enter(wanted)
        return True

    def insist(self, wait: Callable[[], object]) -> None:
        """Enter what is typed without Enter, and wait until it is taken over.

        Raises:
            ValueError: it does not work.
        """
        if self.take():
            wait()
        if self.error:
            raise ValueError(self.error)

    def _typed(self) -> tuple[str, ...]:
        if self.value == _BETWEEN.join(self._templates):
            return self._templates
        parts = tuple(part.strip() for part in self.value.split("|"))
        return parts if all("{}" in part for part in parts) else (self.value.strip(),)
