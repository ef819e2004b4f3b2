"""The card of a pair without a browser: what it shows, and what a tick asks for."""

from __future__ import annotations

import dataclasses

import pytest

from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.analysis.why import BitGroup, why
from widgets.panels import why as panel_module
from widgets.panels.why import WhyPanel

PAIR = (3, 41)


@pytest.fixture
def asked():
    return []


@pytest.fixture
def panel(asked):
    return WhyPanel(asked.append)


def tick(panel, key, ticked):
    panel.card._receive(None, {"type": "tick", "key": key, "ticked": ticked}, [])


def values(panel):
    return {part["name"]: part["value"] for part in panel.card._card["parts"]}


def test_the_card_says_what_the_core_says(trained, panel):
    pictures = StudyImages(trained)
    found = panel.show(pictures, *PAIR)
    assert panel.card.summary == found.sentence == why(pictures, *PAIR).sentence
    card = panel.card._card
    assert card["bits"] == found.bits_sentence
    assert card["scale"]["actual"] == found.measured.distance
    assert card["scale"]["low"] <= card["scale"]["expected"] <= card["scale"]["high"]
    assert card["columns"] == ["now"]
    assert [row[0] for row in card["rows"]] == [
        *("S, by concepts", "rank by S"),
        *("differing bits", "rank by code"),
    ]
    differ, agree = (sum(group[kind] for group in card["groups"]) for kind in ("differ", "agree"))
    assert (differ, differ + agree) == (found.measured.distance, 16)


def test_the_rows_are_few_and_add_up_to_s_plus_1(trained, panel):
    found = panel.show(StudyImages(trained), *PAIR)
    assert len(values(panel)) == 7
    assert list(values(panel))[-1] == f"{len(trained.kept_names) - 6} others"
    assert sum(values(panel).values()) == pytest.approx(found.measured.similarity + 1, abs=1e-5)
    names = list(values(panel))
    found = panel.show(StudyImages(trained), *PAIR, without=names[:2])
    assert list(values(panel)) == names  # a tick moves no row
    assert sum(values(panel).values()) == pytest.approx(found.changed.similarity + 1, abs=1e-5)
    assert [part["ticked"] for part in panel.card._card["parts"]] == [False] * 2 + [True] * 5
    gone = ", ".join(found.without)
    assert panel.card._card["columns"] == ["with all", f"without {gone}"]
    assert all(len(row) == 3 for row in panel.card._card["rows"])


def test_ticks_that_are_faster_than_the_answer_all_count(trained, panel, asked):
    panel.show(StudyImages(trained), *PAIR)
    first, second = list(values(panel))[:2]
    tick(panel, first, False)
    tick(panel, second, False)
    assert [set(names) for names in asked] == [{first}, {first, second}]
    tick(panel, first, True)
    assert asked[-1] == (second,)
    tick(panel, "", False)
    assert len(asked[-1]) == len(trained.kept_names) - 5  # all others but the first six


def test_the_last_concept_stays_and_the_card_says_so(trained, panel, asked):
    names = trained.kept_names
    panel.show(StudyImages(trained), *PAIR, without=names[1:])
    told = []
    panel.card.observe(lambda change: told.append(change["new"]), "error")
    parts = panel.card._card["parts"]
    key = next((part["key"] for part in parts if part["ticked"]), None)
    if key is None:  # it is among the others
        for key in (part["key"] for part in parts if part["key"]):
            tick(panel, key, True)
        panel.show(StudyImages(trained), *PAIR, without=[n for n in names if n != key])
    asked.clear()
    tick(panel, key, False)
    tick(panel, key, False)
    assert asked == []
    assert told[-1] == panel.card.error == "One concept has to stay: S compares concepts"
    assert told.count(panel.card.error) >= 2  # again, so that the box is ticked again
    panel.show(StudyImages(trained), *PAIR)
    assert panel.card.error == ""


def test_a_tick_of_what_is_not_shown_is_ignored(trained, panel, asked):
    panel.show(StudyImages(trained), *PAIR)
    tick(panel, "unicorn", False)
    panel.card._receive(None, {"type": "tick", "key": 3, "ticked": "no"}, [])
    panel.clear("no pair")
    tick(panel, "", False)
    assert asked == []
    assert panel.card.to_frame().empty


def test_bits_of_many_concepts_are_a_few_rows(trained):
    found = why(StudyImages(trained), *PAIR)
    groups = (
        *(BitGroup(f"c{n}", (n, 20 + n), (n,)) for n in range(9)),
        BitGroup("", (9, 10), (9,)),
        BitGroup("", (11,), (), constant=True),
    )
    rows = panel_module._groups(dataclasses.replace(found, groups=groups))
    assert [row.name for row in rows] == [
        *(f"c{n}" for n in range(5)),
        *("4 others", "no single concept", "the same for the whole database"),
    ]
    assert sum(row.differ for row in rows) == 10
    assert sum(row.differ + row.agree for row in rows) == 21
    agreeing = tuple(dataclasses.replace(group, differ=()) for group in groups[:9])
    rows = panel_module._groups(dataclasses.replace(found, groups=agreeing))
    assert [(row.name, row.differ, row.agree) for row in rows] == [("9 others", 0, 18)]


def test_without_codes_there_is_no_scale(study, panel):
    panel.show(StudyImages(study), *PAIR)
    card = panel.card._card
    assert (card["scale"], card["groups"], card["bits"]) == (None, [], "")
    assert [row[0] for row in card["rows"]] == ["S, by concepts", "rank by S"]


def test_another_study_has_other_statistics(trained, panel):
    panel.show(StudyImages(trained), *PAIR)
    before = panel._statistics
    panel.show(StudyImages(trained), 5, 6)
    assert panel._statistics is before
    other = trained.with_(tau=1.0, network=trained.network)
    panel.show(StudyImages(other), *PAIR)
    assert panel._statistics.study is other
