"""Findings with the button that applies their change."""

from __future__ import annotations

from uhscm_core.health import HealthFinding
from widgets import TrainingExplorer
from widgets.panels.health import HealthPanel


def buttons(panel):
    return [part for row in panel.children for part in row.children[1:]]


def test_a_finding_has_a_button_only_where_a_change_would_help():
    applied = []
    panel = HealthPanel(applied.append)
    panel.show(
        [
            HealthFinding("threshold below one vote", "one vote keeps", {}, {"min_share": 0.51234}),
            HealthFinding("equal images", "<b>all equal</b>", {}, None),
        ]
    )
    assert [row.children[0].value for row in panel.children] == [
        "⚠ One vote keeps.",
        "⚠ <b>all equal</b>.",
    ]
    (button,) = buttons(panel)
    assert button.description == "Use minimum votes 0.512"
    button.click()
    assert applied == [{"min_share": 0.51234}]
    panel.show([])
    assert panel.children == ()


def test_a_change_of_the_study_is_made_in_the_explorer(study):
    explorer = TrainingExplorer(study.with_(tau=0.1))
    explorer.wait()
    found = {finding.kind: finding.change for finding in explorer.health.findings}
    assert "tau" in found["flat distributions"]
    button = next(b for b in buttons(explorer.health) if b.description.startswith("Use τ "))
    button.click()
    explorer.wait()
    assert explorer.study.tau == found["flat distributions"]["tau"]
    assert "flat distributions" not in [f.kind for f in explorer.health.findings]
    explorer.undo()
    explorer.wait()
    assert explorer.study.tau == 0.1
    explorer.close()


def test_a_change_of_the_training_is_put_into_the_form(study):
    explorer = TrainingExplorer(study)
    explorer.start(bits=64, epochs=1)
    explorer.wait()
    found = {finding.kind: finding.change for finding in explorer.health.findings}
    fewer = found["too few images"]["bits"]
    next(b for b in buttons(explorer.health) if f"bits {fewer}" in b.description).click()
    explorer.wait()
    assert explorer.settings.values["bits"] == fewer
    assert explorer.note.value == f"The next run differs from run 001 in color: bits 64 → {fewer}"
    explorer.close()
