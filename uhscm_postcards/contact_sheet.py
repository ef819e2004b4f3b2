"""Write a contact sheet: ``python -m uhscm_postcards.contact_sheet SHEET.webp --colours 0``."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from uhscm_postcards.brush import SIZE
from uhscm_postcards.paint import paint
from uhscm_postcards.scene import make_scene

__all__ = ["contact_sheet"]

GAP = 4


def contact_sheet(seed: int = 0, rows: int = 8, columns: int = 8) -> Image.Image:
    """Return the pictures of scenes `seed`, `seed` + 1, ... in a grid on a white sheet."""
    sheet = Image.new(
        "RGB", (GAP + columns * (SIZE + GAP), GAP + rows * (SIZE + GAP)), (250, 249, 246)
    )
    for i in range(rows * columns):
        y, x = divmod(i, columns)
        tile = Image.fromarray(paint(make_scene(seed + i)))
        sheet.paste(tile, (GAP + x * (SIZE + GAP), GAP + y * (SIZE + GAP)))
    return sheet


def main() -> None:
    """Write a contact sheet to the path given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="image file to write")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--zoom", type=int, default=1, help="enlarge by this factor")
    parser.add_argument(
        "--colours", type=int, default=192, help="size of the palette; 0 keeps all colours"
    )
    options = parser.parse_args()
    sheet = contact_sheet(options.seed, options.rows, options.columns)
    if options.zoom > 1:
        size = (sheet.width * options.zoom, sheet.height * options.zoom)
        sheet = sheet.resize(size, Image.Resampling.BICUBIC)
    if options.colours:
        # Twice, because Pillow dithers only towards a palette that it is given.
        palette = sheet.quantize(options.colours, Image.Quantize.MAXCOVERAGE)
        sheet = sheet.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    options.path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.path, optimize=True)
    print(f"{options.path}: {options.path.stat().st_size / 1000:.0f} kB")  # noqa: T201


if __name__ == "__main__":
    main()
