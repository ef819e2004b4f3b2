"""The figures, read by their traces."""

from __future__ import annotations

import base64
import html
import io
import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import widgets
from uhscm_core import TrainingStep, mine_concepts, pack_codes, semantic_similarity

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def mined():
    images = torch.eye(4)[[0, 0, 0, 1, 1, 2]]
    return mine_concepts(images, torch.eye(4), min_share=0.7)  # more than 1.05 votes


def array(values):
    """A trace's numbers, also where plotly holds them as base64."""
    if isinstance(values, dict):
        raw = np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])
        shape = values.get("shape")
        return raw.reshape([int(n) for n in shape.split(",")]) if shape else raw
    return np.asarray(values)


def test_votes_are_sorted_counted_and_split_at_the_threshold(mined):
    made = widgets.votes_figure(["sun", "sea", HOSTILE, "elk"], mined)
    assert made.layout.title.text == "4 concepts, 2 kept, 2 dropped"
    kept, dropped = made.data
    assert (list(kept.x), list(array(kept.y))) == (["sun", "sea"], [3, 2])
    assert (list(dropped.x), list(array(dropped.y))) == ([html.escape(HOSTILE), "elk"], [1, 0])
    assert made.layout.shapes[0].y0 == pytest.approx(1.05)
    assert kept.marker.pattern.shape != dropped.marker.pattern.shape  # not by color alone


def test_votes_of_many_concepts_show_the_first_and_count_all(mined):
    made = widgets.votes_figure(["sun", "sea", "ice", "elk"], mined, most=1)
    assert "4 concepts, 2 kept, 2 dropped, the 1 with most votes shown" in made.layout.title.text
    assert [list(trace.x) for trace in made.data] == [["sun"], []]


def test_concept_bars_show_both_distributions_and_name_the_dropped():
    before = torch.tensor([0.5, 0.3, 0.2])
    kept = torch.tensor([True, False, True])
    made = widgets.concept_bars_figure(
        ["sun", "sea", "elk"], before, kept, torch.tensor([0.9, 0.1])
    )
    first, second = made.data
    assert list(first.x) == ["sun", "sea (dropped)", "elk"]
    assert array(first.y) == pytest.approx([0.5, 0.3, 0.2])
    assert array(second.y) == pytest.approx([0.9, 0.0, 0.1])
    assert made.layout.title.text == "After denoising, 90% of this image is sun"


def test_a_heatmap_says_the_means_and_draws_lines_between_groups():
    q = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    made = widgets.similarity_figure(semantic_similarity(q), ["a", "a", "b"])
    assert made.layout.title.text == "Mean similarity within a group +1.00, across groups −1.00"
    assert array(made.data[0].z).tolist() == [[255, 255, 0], [255, 255, 0], [0, 0, 255]]
    assert array(made.data[0].z).dtype == np.uint8  # small on the wire
    assert {shape.x0 for shape in made.layout.shapes} >= {1.5}
    assert list(made.layout.xaxis.ticktext) == ["a", "b"]
    # Nothing in common is next to the ground, whichever it is, and the same stands out.
    alphas = [color.partition("(")[2].count(",") for _, color in made.data[0].colorscale]
    assert alphas == [3, 3, 2]
    assert made.data[0].colorscale[0][1].endswith(",0.1)")
    alone = widgets.similarity_figure(torch.ones(1, 1), ["a"])
    assert alone.layout.title.text == "Mean similarity within a group +1.00"


def test_loss_curves_are_means_of_epochs():
    history = [
        TrainingStep(epoch, step, total, 0.0, 1.0, 2.0, 100.0)
        for epoch, step, total in ((1, 1, 4.0), (1, 2, 2.0), (2, 3, 1.0))
    ]
    made = widgets.loss_figure(history)
    assert made.layout.title.text == "The objective went from 3.00 to 1.00 in 2 epochs"
    assert list(made.data[0].y) == [3.0, 1.0]
    assert len(made.data) == 4
    short = widgets.loss_figure(history[:1])
    assert short.data[0].mode == "markers"
    assert short.layout.title.text.endswith(" in 1 epoch")


def test_code_bars_show_every_bit_and_count_differences():
    codes = pack_codes(torch.tensor([[1.0, -1, 1], [1, 1, 1], [-1, -1, -1]]))
    made = widgets.code_bars_figure(codes, 3, ["a", "a", "b"])
    assert array(made.data[0].z).tolist() == [[1, 0, 1], [1, 1, 1], [0, 0, 0]]
    assert made.layout.title.text == "Neighbours in a group differ in 1.0 of 3 bits"


def test_the_comparison_names_the_best_code_and_hatches_what_does_not_hash():
    table = pd.DataFrame(
        {"method": ["UHSCM", "ITQ", "cosine"], "bits": [8, 8, 0], "mAP": [0.5, 0.4, 0.9]}
    )
    made = widgets.comparison_figure(table)
    assert made.layout.title.text == "Among codes of 8 bits, UHSCM is ahead with 0.500"
    assert list(made.data[0].y) == ["ITQ", "UHSCM", "cosine"]
    assert list(made.data[0].marker.pattern.shape) == ["", "", "/"]


def test_a_row_of_images_escapes_captions_and_marks_by_shape_too():
    images = [Image.new("RGB", size, "red") for size in ((10, 20), (500, 300), (1, 1))]
    text = widgets.image_row_html(images, [HOSTILE, 'a"b', "two\nlines"], [True, False, None])
    assert HOSTILE not in text
    assert html.escape(HOSTILE) in text
    assert "two<br>lines" in text
    assert text.count("<img ") == 3
    assert ("✓ " in text, "✗ " in text) == (True, True)
    assert ("solid #" in text, "dashed" in text) == (True, True)
    for data in re.findall(r'base64,([^"]+)"', text):
        assert max(Image.open(io.BytesIO(base64.b64decode(data))).size) <= 400


def test_figures_are_legible_on_light_and_dark_ground(mined):
    def contrast(colour, ground):
        def luminance(value):
            parts = [int(value[i : i + 2], 16) / 255 for i in (1, 3, 5)]
            linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
            return np.dot(linear, (0.2126, 0.7152, 0.0722))

        low, high = sorted((luminance(colour), luminance(ground)))
        return (high + 0.05) / (low + 0.05)

    made = widgets.votes_figure(["a", "b", "c", "d"], mined)
    layout = made.layout.template.layout
    # The mode bar has a margin of its own, and does not lie over the title.
    assert (layout.modebar.orientation, layout.margin.r) == ("v", 36)
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert contrast(layout.font.color, "#ffffff") >= 3.9
    assert contrast(layout.font.color, "#111111") >= 3.9
