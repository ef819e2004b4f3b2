"""The dot plot as SVG: what is drawn where, with names from users as text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from widgets.figures.dot_plot import dot_plot

SPACE = {"s": "http://www.w3.org/2000/svg"}
NAN = float("nan")
HOSTILE = "<script>alert(1)</script>"


def drawn(names, numbers, provenance=None):
    notes = [""] * len(names)
    svg = dot_plot(names, numbers, notes, "What it is", "mAP", provenance or {})
    return ElementTree.fromstring(svg)  # noqa: S314  (our own)


def test_dots_and_intervals_are_on_one_axis():
    svg = drawn(["a", "b"], [[0.2, 0.4], [0.1, 0.3], [0.3, 0.5]])
    first, second = (float(dot.get("cx")) for dot in svg.findall("s:circle", SPACE))
    lines = [line for line in svg.findall("s:line", SPACE) if line.get("stroke-width")]
    ends = [(float(line.get("x1")), float(line.get("x2"))) for line in lines]
    assert (ends[0][0] + ends[0][1]) / 2 == pytest.approx(first, abs=0.1)
    assert ends[0][1] == pytest.approx(ends[1][0], abs=0.1)  # 0.3 is at one place
    assert second - first == pytest.approx(ends[0][1] - ends[0][0], abs=0.2)
    texts = ["".join(text.itertext()) for text in svg.findall("s:text", SPACE)]
    assert {"0.1", "0.5", "mAP", "What it is"} <= set(texts)


def test_what_is_not_known_is_not_drawn():
    svg = drawn(["a", "b", "c"], [[0.2, 0.3, NAN], [NAN] * 3, [NAN] * 3])
    assert len(svg.findall("s:circle", SPACE)) == 2
    assert not [line for line in svg.findall("s:line", SPACE) if line.get("stroke-width")]
    assert drawn([], [[], [], []]).findall("s:circle", SPACE) == []


def test_names_are_text_and_cut_in_the_middle_where_they_are_long():
    long = f"prompt={'x' * 60}, end"
    svg = drawn([HOSTILE, long], [[0.1, 0.2]] * 3, {"images": HOSTILE})
    assert svg.findall(".//s:script", SPACE) == []
    whole = [title.text for title in svg.findall("s:text/s:title", SPACE)]
    assert whole == [HOSTILE, long]
    shown = [text.find("s:title", SPACE).tail for text in svg.findall("s:text[s:title]", SPACE)]
    assert shown[0] == HOSTILE
    assert shown[1].startswith("prompt=x")
    assert shown[1].endswith("x, end")
    assert "…" in shown[1]
    assert svg.find("s:desc", SPACE).text == f"images: {HOSTILE}"
