"""The results of two rankings, what moved, what gains, and the numbers."""

from __future__ import annotations

import re

import numpy as np

from uhscm_core.support.numbers import difference
from widgets.background.worker import Worker
from widgets.kit.selection import Selection
from widgets.panels.gains import GainsPanel
from widgets.panels.ranking_numbers import RankingNumbers
from widgets.panels.two_results import TwoResults


def test_each_side_has_its_first_results_and_what_moved_is_below(both):
    asked = []
    panel = TwoResults(both.pictures, asked.append)
    panel.show(both)
    for side in (0, 1):
        assert panel.results[side].ids.tolist() == both.first(side).tolist()
        assert panel.results[side].summary == both.summary(side)
    for change, gallery in panel.moves.items():
        listed = both.moves[both.moves["change"] == change]["image"]
        assert gallery.ids.tolist() == listed.tolist()
        assert gallery.summary.startswith(f"{len(listed)} ")
        assert gallery.summary.endswith("✓ shares a label with the query")
        arrows = {caption[0] for caption in gallery.to_frame()["caption"]} - {"="}
        assert arrows
        for arrow in arrows:  # the number next to it has a unit
            assert re.search(f"{arrow} (ranks|lost)", gallery.summary)
    assert panel.moves["came in"].to_frame()["caption"].str.match("[↑↓=] ?[0-9]").all()
    panel.results[0]._on_action(3)
    assert asked == [3]


def test_all_galleries_point_at_one_result(both):
    panel = TwoResults(both.pictures, lambda _: None)
    panel.show(both)
    shared = next(iter(panel.moves["in both"].ids.tolist()))
    panel.picked.focus = shared
    assert [gallery.ids[gallery.chosen] for gallery in panel.results] == [shared, shared]


def test_gains_are_shown_once_all_queries_are_evaluated(both, trained):
    known, plans = [], []
    said = [""]
    panel = GainsPanel(
        both.pictures,
        Selection(),
        lambda: known.append(True),
        Worker(lambda *_: None, known.append),
        plans.append,
        lambda _: said[0],
    )
    panel.adopt(both.pictures)
    panel.show(both)
    assert panel._said.value == ""
    assert "being evaluated" in panel.better[0].summary
    panel.wait()
    assert known == [True]
    panel.show(both)
    before, after = (ranker.average_precisions() for ranker in both.rankers)
    queries = trained.dataset.splits["query"]
    order = np.argsort(before - after, kind="stable")
    assert panel.better[1].ids.tolist() == [int(queries[i]) for i in order if after[i] > before[i]]
    assert panel.better[1].summary.startswith(
        f"{len(panel.better[1].ids)} of {len(queries)} queries have a higher AP with "
    )
    drawn = panel.better[1].generation
    panel.show(both)
    assert panel.better[1].generation == drawn
    size = difference(float(after.mean()), float(before.mean()), 3).lstrip("+\N{MINUS SIGN}")
    assert f"the mAP of R is {size} " in panel._said.value
    assert "with one seed" in panel._said.value
    panel.bench.click()
    assert plans == []  # how the study's own network was trained is not known
    said[0] = "By three seeds, no."
    panel.show(both)
    assert panel._said.value == said[0]
    assert "several seeds" in panel.bench.tooltip
    panel.close()


def test_the_numbers_say_where_the_picked_image_stands(both):
    table = RankingNumbers()
    image = int(both.first(0)[0])
    table.show_numbers(both, None, "nothing is known", None)
    assert table.columns == ["", "AP of this query", "worst", "best"]
    assert table.summary.startswith("Nothing is known. Average precision (AP)")
    table.show_numbers(both, None, "", image)
    assert table.columns[-1] == f"picked: {both.pictures.names[image]}"
    assert [row[-1] for row in table.rows] == [both.place(side, image) for side in (0, 1)]
    table.show_numbers(both, None, "", both.query)  # which is no result
    assert len(table.columns) == 4
