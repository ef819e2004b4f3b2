"""What mkdocstrings loads to read our docstrings: their formulas as MathML."""

from __future__ import annotations

from typing import Any

import griffe

from scripts.docs_formulas import docstring_formulas


class Formulas(griffe.Extension):
    """Replaces the formulas of each docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Replace those of one object."""
        if obj.docstring is not None:
            obj.docstring.value = docstring_formulas(obj.docstring.value)
