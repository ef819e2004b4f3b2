"""A file's bytes without its metadata, so that bad metadata costs no picture.

Pillow reads profiles, texts and Exif while it opens a file, and gives up where they are damaged. In
PNG, a text can even be named like one of Pillow's own settings and change the pixels. What may say
how the camera was held is kept aside.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

__all__ = ["PNG_SIGNATURE", "without_metadata"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# What the pixels of a TIFF depend on, orientation and GDAL's value for "no data" among it.
_TIFF_TAGS = {*range(254, 260), 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317}
_TIFF_TAGS |= {*range(320, 326), 332, 338, 339, 347, *range(512, 522), *range(529, 533)}
_TIFF_TAGS |= {42_113, 50_674}
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_TEXT_LIMIT = 1 << 20


def without_metadata(content: bytes) -> tuple[bytes, dict[str, Any]]:
    """Leave out of an image file what its pixels do not depend on.

    Args:
        content: the bytes of a file.

    Returns:
        The bytes of a file with the same pixels, and what was left out that may hold an
        orientation, under the names that Pillow gives it in ``Image.info``.
    """
    if content.startswith(PNG_SIGNATURE):
        return _plain_png(content)
    if content.startswith(b"\xff\xd8"):
        return _plain_jpeg(content)
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return _plain_gif(content), {}
    if content[4:8] == b"ftyp":  # an item of another type is passed over
        return re.sub(rb"(infe.{8})Exif", rb"\1skip", content, flags=re.DOTALL), {}
    if content[:4] in (b"II*\0", b"MM\0*"):
        return _plain_tiff(content), {}
    return content, {}


def _plain_png(content: bytes) -> tuple[bytes, dict[str, Any]]:
    kept: list[bytes | memoryview] = [PNG_SIGNATURE]
    notes: dict[str, Any] = {}
    view, place = memoryview(content), len(PNG_SIGNATURE)
    while place < len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8].ljust(8, b"\0"))
        end = place + 12 + length
        data = view[place + 8 : max(end - 4, place + 8)]
        if kind == b"tRNS" and content[25] in (0, 2):
            if len(data) == (2 if content[25] == 0 else 6):
                kept.append(_transparent_color(bytes(data), content[24]))
        elif kind == b"tRNS" or not kind[0] & 0x20:  # a small first letter: not needed to decode
            kept.append(view[place:end])
        elif kind == b"eXIf":
            notes["exif"] = b"Exif\0\0" + data
        elif kind in (b"iTXt", b"zTXt", b"tEXt"):
            notes |= _png_text(bytes(data))
        place = end
    return b"".join(kept), notes


def _transparent_color(samples: bytes, depth: int) -> bytes:
    """Return a chunk tRNS whose samples have the depth of Pillow's pixels, 1, 8 or 16 bits."""
    top = 2**depth - 1
    scale = 255 // top if 1 < depth < 8 else 1
    values = [(v & top) * scale for v in struct.unpack(f">{len(samples) // 2}H", samples)]
    data = b"tRNS" + struct.pack(f">{len(values)}H", *values)
    return struct.pack(">I", len(samples)) + data + struct.pack(">I", zlib.crc32(data))


def _png_text(data: bytes) -> dict[str, Any]:
    key, _, text = data.partition(b"\0")
    if key == b"XML:com.adobe.xmp":
        return {"xmp": text}
    if key != b"Raw profile type exif":
        return {}
    if text.startswith(b"\0"):  # compressed
        try:
            text = zlib.decompressobj().decompress(text[1:], _TEXT_LIMIT)
        except zlib.error:
            return {}
    return {"Raw profile type exif": text.decode("latin-1")}


def _plain_jpeg(content: bytes) -> tuple[bytes, dict[str, Any]]:
    kept, place = [content[:2]], 2
    notes: dict[str, Any] = {}
    while content[place : place + 1] == b"\xff" and place + 4 <= len(content):
        marker, length = struct.unpack(">BH", content[place + 1 : place + 4])
        if marker == 0xFF:  # a byte to fill up
            place += 1
            continue
        if length < 2 or marker == 0xDA or marker < 0xC0:  # the pixels, or no segment
            break
        data, end = content[place + 4 : place + 2 + length], place + 2 + length
        # The decoder chooses the colors by the two that stay.
        needed = (marker == 0xE0 and len(data) >= 14) or (marker == 0xEE and len(data) >= 12)
        if needed or not (marker == 0xFE or 0xE0 <= marker <= 0xEF):
            kept.append(content[place:end])
        elif marker == 0xE1 and data.startswith(b"Exif\0\0"):
            notes.setdefault("exif", data)
        elif marker == 0xE1 and data.startswith(_XMP):
            notes["xmp"] = data.removeprefix(_XMP)
        place = end
    kept.append(content[place:])
    return b"".join(kept), notes


def _plain_gif(content: bytes) -> bytes:
    """Leave out the extensions before the first frame, except its transparency."""
    flags = content[10]
    place = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    kept = [content[:place]]
    while content[place : place + 1] == b"!":
        end = place + 2
        while end < len(content) and content[end]:
            end += 1 + content[end]
        if content[place + 1] == 0xF9:
            kept.append(content[place : end + 1])
        place = end + 1
    return b"".join([*kept, content[place:]])


def _plain_tiff(content: bytes) -> bytes:
    """Take all other tags out of the first directory; what they point to stays and is not read."""
    order = "<" if content.startswith(b"II") else ">"
    start = struct.unpack(order + "I", content[4:8].ljust(4, b"\0"))[0]
    count = struct.unpack(order + "H", content[start : start + 2].ljust(2, b"\0"))[0]
    entries = [content[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    entries = [e for e in entries if e and struct.unpack(order + "H", e[:2])[0] in _TIFF_TAGS]
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    return content[:start] + directory + content[start + len(directory) :]
