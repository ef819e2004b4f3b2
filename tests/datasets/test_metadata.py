"""Damaged metadata never costs a good picture, and a good orientation still turns it."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.containers import case, chunk
from uhscm_core.datasets import read_image


def read(content: bytes) -> np.ndarray:
    return np.asarray(read_image(Path("file"), content))


def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture().save(buffer, kind, **options)
    return buffer.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    return exif


def garbage(seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for size in (0, 1, 2, 3, 4, 8, 26, 60) * 3:
        yield bytes(chance.randrange(256) for _ in range(size))


@pytest.mark.parametrize("name", ["bad_exif.png", "bad_exif.webp"])
def test_bad_exif_costs_no_picture(name):
    plain = np.asarray(read_image(case("bad_metadata/plain.png")))
    assert (np.asarray(read_image(case(f"bad_metadata/{name}"))) == plain).all()


def in_png(kind: bytes, data: bytes) -> bytes:
    whole = saved("PNG")
    return whole[:33] + chunk(kind, data) + whole[33:]


PNG_CHUNKS = b"iCCP gAMA cHRM sRGB pHYs tEXt zTXt iTXt eXIf acTL fcTL fdAT tIME bKGD sBIT teSt"


@pytest.mark.parametrize("kind", PNG_CHUNKS.split(), ids=bytes.decode)
def test_no_chunk_of_a_png_costs_its_picture(kind):
    expected = np.asarray(picture())
    for data in garbage(1):
        content = in_png(kind, data)
        assert (read(content) == expected).all()
        damaged = content[:33] + chunk(kind, data)[:-4] + b"crc?" + saved("PNG")[33:]
        assert (read(damaged) == expected).all()


# Each is the name of a setting that Pillow keeps in the same dictionary as a PNG's texts.
@pytest.mark.parametrize("name", [b"interlace", b"bbox", b"transparency", b"exif", b"gamma"])
def test_no_text_of_a_png_is_taken_for_a_setting(name):
    content = in_png(b"tEXt", name + b"\0" + b"1")
    assert (read(content) == np.asarray(picture())).all()


def test_a_text_that_unpacks_to_100_megabytes_costs_no_picture():
    bomb = b"Comment\0\0" + zlib.compress(bytes(100_000_000))
    assert (read(in_png(b"zTXt", bomb)) == np.asarray(picture())).all()


def test_a_short_transparent_color_costs_no_picture():
    assert (read(in_png(b"tRNS", b"\0\5")) == np.asarray(picture())).all()


SEGMENTS = (b"", b"Exif\0\0", b"Exif\0\0II*\0", b"ICC_PROFILE\0", b"Photoshop 3.0\x008BIM")
SEGMENTS += (b"MPF\0II*\0\x08\0\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"FPXR\0", b"JFIF\0")


@pytest.mark.parametrize("marker", [*range(0xE0, 0xF0), 0xFE])
def test_no_segment_of_a_jpeg_costs_its_picture(marker):
    whole = saved("JPEG", quality=95)
    expected = read(whole)
    for start in SEGMENTS:
        for more in garbage(marker):
            data = start + more
            segment = struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
            assert (read(whole[:2] + segment + whole[2:]) == expected).all(), data


def test_no_tag_of_a_tiff_costs_its_picture():
    whole = saved("TIFF", software="x" * 20)
    place = whole.index(struct.pack("<HHI", 305, 2, 21))
    for tag in (305, 282, 296, 330, 700, 33_723, 34_377, 34_665, 34_675, 34_853, 40_965):
        for kind in (2, 3, 4, 5, 13, 99):
            for count in (1, 1000, 1 << 31):
                for value in (0, 8, (1 << 32) - 1):
                    entry = struct.pack("<HHII", tag, kind, count, value)
                    content = whole[:place] + entry + whole[place + 12 :]
                    assert (read(content) == np.asarray(picture())).all(), entry


def test_no_exif_of_an_avif_or_webp_costs_its_picture():
    webp, avif = np.asarray(picture()), read(saved("AVIF", quality=90))
    whole = saved("AVIF", quality=90, exif=turned().tobytes())
    place = whole.index(b"MM\0*")
    for data in garbage(2):
        assert (read(saved("WEBP", lossless=True, exif=data, xmp=data)) == webp).all()
        content = whole[:place] + data[:16] + whole[place + len(data[:16]) :]
        pixels = read(content)
        # Its turn stands outside the Exif block as well.
        assert any(np.array_equal(pixels, np.rot90(avif, k)) for k in (0, 3))


def test_no_extension_of_a_gif_costs_its_picture():
    buffer = io.BytesIO()
    picture().quantize(64).save(buffer, "GIF", comment=b"hello")
    whole = buffer.getvalue()
    place = whole.index(b"!\xfe")
    for data in garbage(3):
        for label in (b"\xfe", b"\xff", b"\x01", b"\xff\x0bNETSCAPE2.0"):
            size = bytes([len(data)]) if data else b""
            extension = b"!" + label + size + data + b"\0"
            assert (read(whole[:place] + extension + whole[place:]) == read(whole)).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_a_good_orientation_turns_the_picture(kind):
    content = saved(kind, exif=turned())
    assert read(content).shape == (32, 24, 3)
    assert (read(content) == np.rot90(read(saved(kind)), -1)).all()


def test_a_good_orientation_counts_next_to_other_damage():
    upright = np.rot90(np.asarray(picture()), -1)
    exif = turned().tobytes().removeprefix(b"Exif\0\0")
    bad = chunk(b"iCCP", b"name\0\7") + chunk(b"zTXt", b"?\0\7") + chunk(b"pHYs", b"1")
    whole = saved("PNG")
    assert (read(whole[:33] + bad + chunk(b"eXIf", exif) + whole[33:]) == upright).all()

    whole = saved("JPEG", quality=95)
    exif = b"Exif\0\0" + exif
    jfif = struct.pack(">BBH", 0xFF, 0xE0, 6) + b"JFIF"  # Pillow reads on behind its end
    app1 = struct.pack(">BBH", 0xFF, 0xE1, len(exif) + 2) + exif
    assert (read(whole[:2] + jfif + app1 + whole[2:]) == np.rot90(read(whole), -1)).all()


def test_an_orientation_in_xmp_or_an_old_profile_counts():
    upright = np.rot90(np.asarray(picture()), -1)
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='1' tiff:Orientation=\"6\"/>"
    assert (read(in_png(b"iTXt", xmp)) == upright).all()
    exif = turned().tobytes()
    profile = f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode()
    for kind, text in ((b"tEXt", profile), (b"zTXt", b"\0" + zlib.compress(profile))):
        assert (read(in_png(kind, b"Raw profile type exif\0" + text)) == upright).all()
    broken = b"Raw profile type exif\0\0" + b"not compressed"
    assert (read(in_png(b"zTXt", broken)) == np.asarray(picture())).all()


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_the_first_frame_of_an_animation_is_read(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), color) for color in ((255, 0, 0), (0, 255, 0))]
    path = tmp_path / f"two.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    assert (np.asarray(read_image(path)) == (255, 0, 0)).all()
