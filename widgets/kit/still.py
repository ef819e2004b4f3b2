"""What an explorer shows as a page that needs no kernel: a sentence, tables, and small pictures."""

from __future__ import annotations

import base64
import functools
import html
import io
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import ipywidgets as ipw
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from widgets.kit.bars import Bars
from widgets.kit.curves import Curves
from widgets.kit.dots import Dots
from widgets.kit.gallery import Gallery
from widgets.kit.grid import Grid
from widgets.kit.map_view import MapView
from widgets.kit.pair_card import PairCard
from widgets.kit.status import Status
from widgets.kit.table import Table
from widgets.kit.view import View

__all__ = ["MOST_BYTES", "still_of"]

MOST_BYTES = 150_000  # of a picture in a saved notebook
_ROWS, _IMAGES, _EDGE = 10, 8, 96
_COLORS = ("#b07f00", "#2f8fcb", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#858585", "#444444")


@runtime_checkable
class Tabled(Protocol):
    """A box of controls, which says in a table what can be set or done with them."""

    def page_frame(self) -> pd.DataFrame:
        """Return the table."""
        ...


def still_of(root: ipw.Widget) -> str:
    """Return HTML of what a widget shows now; the views beyond `MOST_BYTES` are left out."""
    parts: list[str] = []
    size = 0
    for view in _in_sight(root):
        part = _picture(view)
        size += len(part.encode())
        if size > MOST_BYTES:
            return "".join([*parts, "<p>More was shown than a saved notebook keeps.</p>"])
        parts.append(part)
    return "".join(parts)


def _in_sight(widget: ipw.Widget) -> Iterator[View | Tabled]:
    if isinstance(widget, ipw.DOMWidget) and widget.layout.display == "none":
        return
    if isinstance(widget, View):
        yield widget
    elif isinstance(widget, ipw.Tab):
        if widget.selected_index is not None:
            yield from _in_sight(widget.children[widget.selected_index])
    elif isinstance(widget, ipw.Box):
        for child in widget.children:
            yield from _in_sight(child)
        if isinstance(widget, Tabled):
            yield widget


@functools.singledispatch
def _picture(view: View | Tabled) -> str:
    if isinstance(view, View):
        return ""  # a control shows no result
    return _table(view.page_frame())


@_picture.register
def _(view: Status) -> str:
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in view.notes)
    return f"<p><b>{html.escape(view.summary)}</b></p>" + (notes and f"<ul>{notes}</ul>")


@_picture.register(Bars)
@_picture.register(Dots)
@_picture.register(PairCard)
@_picture.register(Table)
def _(view: Bars | Dots | PairCard | Table) -> str:
    frame = view.to_frame()
    if frame.empty:
        return ""
    more = f"<p>… and {len(frame) - _ROWS:,} more rows.</p>" if len(frame) > _ROWS else ""
    return _said(view) + _table(frame.head(_ROWS)) + more


@_picture.register
def _(view: Gallery) -> str:
    shown = view._shown
    ids = shown.ids[:_IMAGES]
    figures = []
    for position, (jpeg, problem) in enumerate(shown.thumbnails.read(ids)):
        caption = html.escape(shown.caption(position))
        if jpeg:
            image = Image.open(io.BytesIO(jpeg)).resize((_EDGE, _EDGE))
            picture = f'<img src="{_url(image, "JPEG")}" alt="{caption}" width="{_EDGE}">'
        else:
            picture = html.escape(problem)
        figures.append(
            f'<figure style="margin:0;width:{_EDGE}px">{picture}<figcaption style="font-size:12px;'
            f'overflow-wrap:anywhere;white-space:pre-line">{caption}</figcaption></figure>'
        )
    if not figures:
        return ""
    row = f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(figures)}</div>'
    more = len(shown.ids) - len(ids)
    return _said(view) + row + (f"<p>… and {more:,} more images.</p>" if more else "")


@_picture.register
def _(view: Grid) -> str:
    values = view._shown.values
    if not values.size:
        return ""
    share = np.clip((np.nan_to_num(values) - view.low) / (view.high - view.low), 0, 1)[..., None]
    ground, ink = np.array([246, 246, 246]), np.array([0, 58, 112])
    image = Image.fromarray((ground + share * (ink - ground)).astype(np.uint8))
    said = html.escape(f"{view.label}, from {view.low:g} (light) to {view.high:g} (dark)")
    resized = image.resize((280, 280), Image.Resampling.BOX)
    return f'{_said(view)}<img src="{_url(resized, "PNG")}" alt="{said}"><p>{said}</p>'


@_picture.register
def _(view: MapView) -> str:
    points = view.coordinates
    if not len(points):
        return ""
    low, high = points.min(0), points.max(0)
    places = (points - low) / np.maximum(high - low, 1e-9) * [340, -240] + [10, 250]
    image = Image.new("RGB", (360, 260), "white")
    draw = ImageDraw.Draw(image)
    for (x, y), member in zip(places, np.frombuffer(view.members, np.uint8), strict=True):
        color = _COLORS[min(int(member), len(_COLORS) - 1)]
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=color)
    said = html.escape(view.summary)
    return f'{_said(view)}<img src="{_url(image, "PNG")}" alt="{said}">'


@_picture.register
def _(view: Curves) -> str:
    return _said(view) + "".join(
        f'<figure style="margin:0 8px 0 0;display:inline-block"><figcaption>'
        f"{html.escape(name)}: {y[-1]:.3f}</figcaption>{_polyline(x, y)}</figure>"
        for name, (x, y) in view.curves["now"].items()
        if len(x)
    )


def _polyline(x: np.ndarray, y: np.ndarray) -> str:
    low, high = min(float(y.min()), 0.0), max(float(y.max()), 1e-9)
    across, up = 180 * x / max(float(x[-1]), 1e-9), 78 - 76 * (y - low) / (high - low)
    points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(across, up, strict=True))
    return (
        '<svg width="180" height="80" role="img"><polyline fill="none" stroke="#0072b2" '
        f'stroke-width="2" points="{points}"/></svg>'
    )


def _said(view: View) -> str:
    return f"<p>{html.escape(view.summary)}</p>" if view.summary else ""


def _table(frame: pd.DataFrame) -> str:
    table: str = frame.to_html(index=False, border=0, float_format="{:.3f}".format, na_rep="")
    return table


def _url(image: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, kind, quality=80, optimize=True)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
