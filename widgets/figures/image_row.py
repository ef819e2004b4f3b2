"""A static row of images with captions, for a page that needs no kernel."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

from IPython.display import HTML
from PIL import Image

from widgets.figures.theme import GREEN, RED

__all__ = ["image_row", "image_row_html"]


def image_row_html(
    images: Sequence[Image.Image],
    captions: Sequence[str],
    marks: Sequence[bool | None] | None = None,
    size: int = 84,
) -> str:
    """HTML of a row of images, each with its caption and a mark.

    Args:
        images: the images, of any size.
        captions: a line or two for each; escaped, since names come from users.
        marks: for each image True (a solid green frame and ✓), False (a dashed red one and ✗) or
            None (neither).
        size: edge of the shown square in CSS pixels.
    """
    marks = [None] * len(images) if marks is None else marks
    cells = []
    for image, caption, mark in zip(images, captions, marks, strict=True):
        frame, sign = {
            True: (f"3px solid {GREEN}", "✓ "),
            False: (f"3px dashed {RED}", "✗ "),
            None: ("3px solid transparent", ""),
        }[mark]
        text = html.escape(caption).replace("\n", "<br>")
        cells.append(
            f'<figure style="margin:0;width:{size + 6}px">'
            f'<img src="{_data_url(image, size)}" width="{size}" height="{size}" '
            f'alt="{html.escape(caption)}" style="object-fit:cover;border:{frame}">'
            f'<figcaption style="font-size:12px;line-height:1.3;overflow-wrap:anywhere">'
            f"{sign}{text}</figcaption></figure>"
        )
    return f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(cells)}</div>'


def image_row(
    images: Sequence[Image.Image],
    captions: Sequence[str],
    marks: Sequence[bool | None] | None = None,
    size: int = 84,
) -> HTML:
    """`image_row_html` for a notebook's output."""
    return HTML(image_row_html(images, captions, marks, size))  # type: ignore[no-untyped-call]


def _data_url(image: Image.Image, size: int) -> str:
    # Twice the shown size, for sharp screens; small images grow without smoothing their pixels.
    edge = 2 * size
    small = max(image.size) <= size
    scale = edge / min(image.size) if small else min(1.0, edge / min(image.size))
    shape = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    resized = image.resize(shape, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    resized.convert("RGB").save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
