"""Formulas as MathML, which browsers draw without a script: of pages, and of docstrings."""

from __future__ import annotations

import re
import textwrap

import latex2mathml.converter

# Code first, so that a dollar sign in it begins no formula.
_IN_PAGE = re.compile(r"```.*?```|`[^`\n]+`|\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)
_INLINE = re.compile(r":math:`(.+?)`|(?<![\\$\w])\$([^$\n]+?)\$", re.DOTALL)
_BLOCK = re.compile(
    r"^\.\. math::[ \t]*(.*(?:\n(?:[ \t]+\S.*|[ \t]*(?=\n[ \t]+\S)))*)", re.MULTILINE
)
_DISPLAYED = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)


def mathml(formula: str, display: str = "inline") -> str:
    """Return one LaTeX formula as MathML on one line."""
    converted = latex2mathml.converter.convert(" ".join(formula.split()), display=display)
    return converted.replace("|", "&#124;")  # in a table it would end a cell


def page_formulas(text: str) -> str:
    """Replace ``$...$`` and ``$$...$$`` of a Markdown page."""

    def replaced(match: re.Match[str]) -> str:
        if match[1]:
            return mathml(match[1], "block")
        return mathml(match[2]) if match[2] else match[0]

    return _IN_PAGE.sub(replaced, text)


def docstring_formulas(text: str) -> str:
    """Replace ``:math:``, ``.. math::`` and dollars of a docstring."""

    def block(match: re.Match[str]) -> str:
        formula = textwrap.dedent(match[1]).strip()
        return f"\n{mathml(formula, 'block')}\n"

    text = _DISPLAYED.sub(block, _BLOCK.sub(block, text))
    return _INLINE.sub(lambda match: mathml(match[1] or match[2]), text)
