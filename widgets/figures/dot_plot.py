"""A dot with its interval per row, as a file that other programs draw: SVG without any script."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from widgets.figures.theme import BLUE

__all__ = ["dot_plot"]

_WIDTH, _ROW, _NAMES, _NOTES, _EDGE = 900, 26, 330, 130, 16
_LEFT, _RIGHT = _EDGE + _NAMES, _WIDTH - _EDGE - _NOTES
_LETTER = 6.6  # px of a letter of the names, about
_TICKS = 5


def dot_plot(
    names: Sequence[str],
    numbers: npt.ArrayLike,
    notes: Sequence[str],
    title: str,
    unit: str,
    provenance: Mapping[str, str],
) -> str:
    """Return the text of an SVG file.

    Args:
        names: n, from top to bottom.
        numbers: (3, n): where the dots are, and the ends of the intervals; NaN for none.
        notes: n, at the right of the rows.
        title: a sentence above the plot.
        unit: what the axis shows.
        provenance: where the numbers come from, kept in the file's description.
    """
    rows = np.asarray(numbers, np.float64)  # (3, n)
    low, high, step = _axis(rows[np.isfinite(rows)])

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_RIGHT - _LEFT)

    top = 2 * _ROW + _EDGE
    bottom = top + len(names) * _ROW
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    parts = []
    for tick in np.arange(low, high + step / 2, step):
        at = f"{x(float(tick)):.1f}"
        parts.append(f'<line x1="{at}" x2="{at}" y1="{top}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(_text(at, top - 8, f"{tick:.{digits}f}", "middle"))
    parts.append(_text(str(_WIDTH - _EDGE), top - 8, unit, "end"))
    for i, (name, note) in enumerate(zip(names, notes, strict=True)):
        y = top + (i + 0.5) * _ROW
        value, first, last = rows[:, i]
        parts.append(_text(str(_LEFT - 12), y + 4, _cut(name), "end", whole=name))
        parts.append(_text(str(_WIDTH - _EDGE), y + 4, note, "end"))
        if np.isfinite([first, last]).all():
            parts.append(
                f'<line x1="{x(first):.1f}" x2="{x(last):.1f}" y1="{y}" y2="{y}" stroke="{BLUE}" '
                f'stroke-width="2"/>'
            )
        if np.isfinite(value):
            parts.append(f'<circle cx="{x(value):.1f}" cy="{y}" r="5" fill="{BLUE}"/>')
    said = "\n".join(f"{name}: {value}" for name, value in provenance.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + _EDGE}" '
        f'font-family="sans-serif" font-size="12" fill="#222" role="img">\n'
        f"<title>{html.escape(title)}</title>\n<desc>{html.escape(said)}</desc>\n"
        f'<rect width="100%" height="100%" fill="#fff"/>\n'
        f"{_text(str(_EDGE), _ROW, title, 'start')}\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _axis(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the ends of an axis and the step between its ticks, round numbers all."""
    if not len(values):
        return 0.0, 1.0, 0.2
    rough = max(float(np.ptp(values)), 0.004) / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= rough)
    low = math.floor(float(values.min()) / step + 1e-6) * step
    high = math.ceil(float(values.max()) / step - 1e-6) * step
    return low, max(high, low + step), step


def _cut(name: str) -> str:
    """Cut a name in its middle where there is no room for it."""
    room = int((_NAMES - 12) / _LETTER)
    half = (room - 1) // 2
    return name if len(name) <= room else f"{name[:half]}…{name[-half:]}"


def _text(x: str, y: float, text: str, anchor: str, whole: str = "") -> str:
    title = f"<title>{html.escape(whole)}</title>" if whole else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{title}{html.escape(text)}</text>'
