"""A messy folder: 200 photos of all sorts, and every way a file can be bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SKIPPED = {
    "bomb.png": "20,000 x 20,000 = 400,000,000 pixels, the limit is 89,478,485",
    "cut.jpg": "truncated",
    "empty.png": "the file is empty",
    "phone.heic": "Pillow does not read HEIC, save it as JPEG",
    "private.png": "permission denied",
    "raw.CR2": "raw files of cameras are not read, save it as JPEG",
    "self.png": "too many levels of symbolic links",
    "text.jpg": "not an image of a known format",
}
_MODES = ("RGB", "L", "RGBA", "P", "CMYK", "LA", "1", "I;16")
_FORMATS = {
    "RGB": ("jpg", "png", "webp", "bmp", "tiff", "ppm", "avif"),
    "L": ("jpg", "png", "tiff"),
    "RGBA": ("png", "webp", "tiff"),
    "P": ("gif", "png", "bmp"),
    "CMYK": ("jpg", "tiff"),
    "LA": ("png",),
    "1": ("png", "bmp"),
    "I;16": ("png", "tiff"),
}


def make_messy_folder(folder: Path, bomb: bytes) -> Path:
    """200 photos that can be read, and `SKIPPED`.

    Args:
        folder: to make.
        bomb: a PNG of 20,000 x 20,000 pixels.
    """
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for i in range(197):
        coarse = generator.integers(0, 255, (5, 5, 3), dtype=np.uint8)
        size = tuple(int(edge) for edge in generator.integers(1, 400, 2))
        mode = _MODES[i % len(_MODES)]
        suffix = _FORMATS[mode][i % len(_FORMATS[mode])]
        photo = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
        if mode == "I;16":
            photo = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) << 8)
        place = folder / ("trips/2019" if i % 5 == 0 else ".")
        place.mkdir(parents=True, exist_ok=True)
        converted = photo if mode == "I;16" else photo.convert(mode)
        converted.save(place / f"photo {i:03d}.{suffix}")
    whole = Image.fromarray(generator.integers(0, 255, (300, 400, 3), dtype=np.uint8))
    whole.save(folder / "صورة الشاطئ.jpg")
    whole.save(folder / 'say "hi" <img src=x onerror=alert(1)>.png')
    exif = Image.Exif()
    exif[0x0112] = 6
    whole.save(folder / "turned.jpg", exif=exif)
    (folder / "cut.jpg").write_bytes((folder / "turned.jpg").read_bytes()[:9000])
    (folder / "text.jpg").write_text("no photo")
    (folder / "empty.png").touch()
    (folder / "bomb.png").write_bytes(bomb)
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (folder / "raw.CR2").write_bytes(b"II*\0")
    (folder / "private.png").write_bytes((folder / "turned.jpg").read_bytes())
    (folder / "private.png").chmod(0)
    (folder / ".hidden.png").touch()
    (folder / "notes.txt").write_text("not a photo, and not named like one")
    return folder
