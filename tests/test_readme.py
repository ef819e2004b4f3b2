"""What the README shows and points at is there."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from scripts import screenshots

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = set(re.findall(r'(?:src|srcset)="([^"]+)"|!\[[^]]*\]\(([^)]+)\)', README))
SHOWN = {ROOT / (one or other) for one, other in PICTURES}
LIMIT = 200_000  # bytes of one picture; all of them are loaded with the page


def test_every_picture_is_there_and_every_file_in_docs_is_shown():
    assert {path for path in (ROOT / "docs").iterdir() if path.is_file()} == SHOWN
    sizes = [path.stat().st_size for path in SHOWN]
    assert max(sizes) < LIMIT
    assert sum(sizes) < 8 * LIMIT
    for path in SHOWN:
        with Image.open(path) as picture:
            assert min(picture.size) > 300


def test_what_is_taken_is_shown_in_light_and_dark_and_described():
    taken = {
        ROOT / "docs" / f"{s.name}_{t}.webp" for s in screenshots.SHOTS for t in ("light", "dark")
    }
    assert taken <= SHOWN
    blocks = re.findall(r"<picture>(.+?)</picture>", README, re.DOTALL)
    assert len(blocks) == len(screenshots.SHOTS)
    for block in blocks:
        dark, light = re.findall(r'(?:src|srcset)="([^"]+)"', block)
        assert dark == light.replace("_light.", "_dark.")
        assert 'media="(prefers-color-scheme: dark)"' in block
        assert len(re.search(r'alt="([^"]+)"', block)[1]) > 40


def test_every_link_into_the_repository_leads_somewhere():
    links = set(re.findall(r"\]\(([^)#]+)\)", README))
    inside = {link for link in links if not link.startswith("https://")}
    assert inside
    assert {link for link in inside if not (ROOT / link).exists()} == set()


def test_it_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 160


def test_every_notebook_stands_in_the_table():
    stems = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {stem for stem in stems if f"`{stem}`" not in README} == set()
