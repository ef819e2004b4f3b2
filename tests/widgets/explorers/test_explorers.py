"""The explorers without a browser: what a gesture changes, and what goes wrong."""

from __future__ import annotations

import dataclasses
import io
import threading

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import widgets
from uhscm_core import Study
from uhscm_core.analysis.pairs import CODES, CONCEPTS, FEATURES
from uhscm_core.analysis.votes import counts, voters
from uhscm_core.datasets import ImageDataset
from uhscm_core.datasets.images import ArrayImages
from widgets import DenoisingExplorer, DistributionExplorer, Selection
from widgets.panels.stepper import Stepper

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def denoising(study) -> DenoisingExplorer:
    return DenoisingExplorer(study)


@pytest.fixture
def distribution(trained) -> DistributionExplorer:
    return DistributionExplorer(trained)


def done(explorer, *errors: str) -> None:
    """What was asked for has happened, with these errors."""
    explorer.wait()
    assert explorer.status.busy == ""
    assert len(explorer.status.log) == len(errors)
    for said, expected in zip(explorer.status.log, errors, strict=True):
        assert expected in said


def tick(explorer, concept: str, ticked: bool) -> None:
    """Tick or untick a concept of the pair in view."""
    message = {"type": "tick", "key": concept, "ticked": ticked}
    explorer.why.card._receive(None, message, [])


def enter(box, text: str) -> None:
    """Type a text and press Enter."""
    box._handle_custom_msg({"type": "submit", "content": text, "view": "a browser"}, [])


def only(study: Study, n: int) -> Study:
    """The study of its first n images alone, all to train on."""
    ids = np.arange(n)
    pixels = np.stack([np.asarray(study.dataset.images[i]) for i in range(n)])
    dataset = ImageDataset(
        images=ArrayImages(pixels),
        labels=None,
        label_names=(),
        splits={"train": ids, "database": ids, "query": ids[:0]},
        digest=f"the first {n}",
        names=tuple(f'{i} "quoted" <b>.jpg' for i in range(n)),
    )
    return Study(dataset, study.vlp, study.concepts, progress=False)


# -- denoising -----------------------------------------------------------------------------------


def test_three_lines_open_an_explorer_that_shows_the_study(study, denoising):
    assert denoising.status.summary == counts(study)
    assert denoising.bars.labels == denoising.to_frame()["concept"].tolist()
    assert denoising.bars.threshold == study.mined.min_votes
    first = study.concepts.names.index(denoising.bars.labels[0])
    assert denoising.gallery.ids.tolist() == voters(study, first).tolist()
    assert denoising.selection.focus == denoising.gallery.ids[0]
    assert denoising._undo.disabled
    assert denoising._redo.disabled
    assert repr(denoising) == f"DenoisingExplorer: {counts(study)}"


def test_the_dragged_threshold_denoises_anew(study, denoising):
    denoising.bars.threshold = 8.0
    done(denoising)
    assert denoising.study.min_share == round(8 * 81 / 120, 6)
    assert denoising.status.summary == counts(denoising.study) != counts(study)
    assert denoising.min_share.value == denoising.study.min_share
    frame = denoising.bars.to_frame()
    assert frame["kept"].tolist() == (frame["value"] > 8).tolist()


def test_a_threshold_above_every_bar_changes_nothing_and_says_why_there(study, denoising):
    bars = denoising.bars
    bars.threshold = 119.0
    done(denoising, error := "no concept passed the threshold")
    assert denoising.study is study
    assert error in bars.error
    assert bars.threshold == 119.0  # stays, as what is typed does
    assert denoising.status.errors == []
    denoising.tau.value = 2.0  # something else that works
    done(denoising, error)
    assert denoising.study.tau == 2.0
    assert (bars.threshold, denoising.study.min_share) == (119.0, study.min_share)
    assert error in bars.error


@pytest.mark.parametrize("gesture", ["a change", "the same", "another study", "undo"])
def test_an_error_of_the_threshold_is_over_when_a_value_works(study, denoising, gesture):
    bars = denoising.bars
    bars.threshold = 8.0
    done(denoising)
    bars.threshold = 119.0
    done(denoising, error := "no concept passed the threshold")
    assert bars.error
    if gesture == "a change":
        bars.threshold = 7.0
    elif gesture == "the same":
        bars.threshold = denoising.study.mined.min_votes
    elif gesture == "another study":
        denoising.study = study.with_(min_share=1.0)
    else:
        denoising.undo()
    done(denoising, error)  # the log keeps it
    assert bars.error == ""
    assert bars.threshold == denoising.study.mined.min_votes


@pytest.mark.parametrize("gesture", ["a change", "another study", "undo"])
def test_an_error_leaves_the_status_line_when_the_next_gesture_works(study, denoising, gesture):
    denoising.bars.threshold = 8.0
    done(denoising)
    denoising.status.fail(error := "something went wrong")
    if gesture == "a change":
        denoising.bars.threshold = 7.0
    elif gesture == "another study":
        denoising.study = study.with_(tau=2.0)
    else:
        denoising.undo()
    done(denoising, error)  # the log keeps it
    assert denoising.status.errors == []


def test_a_bar_shows_its_voters_and_a_dropped_one_where_they_went(study):
    few = study.with_(min_share=4.0)
    denoising = DenoisingExplorer(few)
    frame = denoising.bars.to_frame()
    dropped = int(frame[~frame["kept"] & (frame["value"] > 0)].index[0])
    denoising.bars.chosen = dropped
    done(denoising)
    name = frame["name"][dropped]
    assert f"{name!r}, which is dropped" in denoising.gallery.summary
    assert denoising.gallery.count == frame["value"][dropped] == denoising.moved.values.sum()
    assert not denoising.moved.layout.display
    denoising.bars.chosen = 0
    done(denoising)
    assert denoising.moved.layout.display == "none"
    # The chosen concept stays chosen when the bars change their order or their fate.
    denoising.bars.chosen = dropped
    denoising.tau.value = 2.0
    done(denoising)
    assert denoising.bars.labels[denoising.bars.chosen] == name


def test_undo_and_redo_go_through_all_that_was_changed(study, denoising):
    denoising.tau.value = 5.0
    denoising.wait()
    denoising.editor.templates.value = "a painting of the {}\na view of the {}"
    denoising.editor.apply()
    denoising.wait()
    denoising.max_share.value = 0.2
    done(denoising)
    last = denoising.study
    assert (last.tau, last.max_share, len(last.concepts.templates)) == (5.0, 0.2, 2)
    denoising.undo()
    denoising.undo()
    done(denoising)
    assert (denoising.study.tau, denoising.study.max_share) == (5.0, None)
    assert denoising.study.concepts == study.concepts
    assert denoising.editor.templates.value == "a photo of the {}"
    assert denoising.max_share.value == 1.0
    denoising.undo()
    denoising.undo()  # there is nothing further
    done(denoising)
    assert denoising.study is study
    for _ in range(3):
        denoising.redo()
    done(denoising)
    assert denoising.study is last
    denoising._as_in_the_paper()
    done(denoising)
    assert denoising.status.summary == counts(study)


@pytest.mark.parametrize(
    ("templates", "names", "message"),
    [
        ("a photo", "cat", "a prompt template needs exactly one {}"),
        ("", "cat", "at least one prompt template"),
        ("a {}", "", "at least one name"),
        ("a {}", "cat\ndog\nCat", "'Cat' is already listed on line 1"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_words_that_make_no_sense_change_nothing(study, denoising, templates, names, message):
    denoising.editor.templates.value, denoising.editor.names.value = templates, names
    denoising.editor.apply()
    done(denoising, message)
    assert denoising.study is study
    assert denoising.editor.templates.value == templates  # to be corrected, not typed again
    assert not denoising.editor._apply.disabled


def test_what_is_typed_while_prompts_are_encoded_stays(study, denoising):
    go_on, editor = threading.Event(), denoising.editor
    denoising._worker.submit("waiting", go_on.wait)
    editor.names.value = "boat, tree, snow"
    editor.apply()
    editor.names.value = "boat, tree, snow, cat"
    go_on.set()
    done(denoising)
    assert denoising.study.concepts.names == ("boat", "tree", "snow")
    assert editor.names.value == "boat, tree, snow, cat"
    assert not editor._apply.disabled
    denoising.undo()
    done(denoising)
    assert editor.names.value == "\n".join(study.concepts.names)
    denoising.redo()
    done(denoising)
    assert editor.names.value == "boat\ntree\nsnow"


def test_what_is_typed_stays_until_it_is_applied(study, denoising):
    denoising.editor.templates.value = "a sketch of the {}"
    denoising.tau.value = 2.0
    done(denoising)
    assert denoising.editor.templates.value == "a sketch of the {}"
    for _ in range(2):  # a double click
        denoising.editor.apply()
    done(denoising)
    assert denoising.editor._apply.disabled
    denoising.undo()
    done(denoising)
    assert denoising.study.concepts == study.concepts
    denoising.editor.names.value = "boat, tree, snow"
    denoising.editor.apply()
    done(denoising)
    assert denoising.study.concepts.names == ("boat", "tree", "snow")


def test_a_list_by_name_is_taken_at_once(denoising):
    denoising.editor.list.value = "coco80"
    done(denoising)
    assert len(denoising.study.concepts) == 80
    denoising.undo()
    done(denoising)
    assert denoising.editor.list.value == "nuswide81"


def test_two_thousand_concepts_and_a_hostile_name(denoising):
    names = [HOSTILE, "tree", *(f"thing {i}" for i in range(1998))]
    denoising.editor.names.value = "\n".join(names)
    denoising.editor.apply()
    done(denoising, "longer than the 16 tokens that postcards reads")
    assert denoising.status.summary.startswith("2,000 concepts, ")
    assert HOSTILE in denoising.bars.labels
    assert denoising.editor.list.value == "a list of your own"


@pytest.mark.usefixtures("as_users_run_it")
def test_settings_out_of_range_change_nothing(study, denoising):
    denoising.min_share.value = -2.0
    done(denoising, "Minimum votes must be a finite number of at least -1")
    denoising.max_share.value = 3.0
    most = "Maximum votes must be a finite number greater than 0 and at most 1"
    done(denoising, "Minimum votes", most)
    assert (denoising.min_share.value, denoising.max_share.value) == (-2.0, 3.0)  # to be fixed
    assert "at least -1" in denoising.min_share.error
    assert "at most 1" in denoising.max_share.error
    assert denoising.study is study
    denoising.min_share.value = 0.4
    done(denoising, "Minimum votes", "Maximum votes")
    assert denoising.study.min_share == 0.4
    assert (denoising.min_share.error, denoising.max_share.value) == ("", 3.0)


def test_errors_have_the_names_of_controls_and_plain_numbers(denoising):
    scale = denoising._settings._scale.value
    assert scale == "Scores are multiplied by τK = 78, by 100 in the model's training"
    denoising.min_share.value = 1e9
    done(denoising, "no concept passed the threshold")
    assert "each needs more than 1,481,481,481 of 120 votes" in denoising.min_share.error
    assert denoising.min_share.error.endswith("; Minimum votes is 1,000,000,000")


def test_the_steps_are_of_a_voter_of_the_concept_that_is_chosen(denoising):
    focus = denoising.selection.focus
    frame = denoising.to_frame()
    voted = frame[frame["votes"] > 0]["concept"].tolist()
    for name in voted[1:4]:
        denoising.bars.chosen = denoising.bars.labels.index(name)
        done(denoising)
        assert denoising.stepper.image.ids[0] in denoising.gallery.ids
    assert denoising.selection.focus == focus  # other views stay
    second = int(denoising.gallery.ids[-1])
    denoising.selection.focus = second
    done(denoising)
    denoising.tau.value = 2.0
    done(denoising)
    assert denoising.stepper.image.ids.tolist() == [second]
    none = frame[frame["votes"] == 0]["concept"].iloc[0]
    denoising.bars.chosen = denoising.bars.labels.index(none)
    done(denoising)
    assert denoising.stepper.image.ids.tolist() == [second]


def test_an_image_of_another_view_changes_nothing(study, denoising):
    shown = denoising.stepper.image.ids.tolist()
    denoising.selection.focus = 10**9
    done(denoising)
    denoising.stepper.show(study)  # as what was already being drawn does
    assert denoising.stepper.image.ids.tolist() == shown


def test_what_is_no_selection_is_refused(study):
    for made in (DenoisingExplorer, DistributionExplorer):
        with pytest.raises(TypeError, match="selection must be a Selection or None, got 'all'"):
            made(study, "all")
    with pytest.raises(TypeError, match="ids must be a whole number of at least 0, got 'a'"):
        Selection(ids=("a", 1))


def test_what_is_wrong_with_the_mining_is_said_where_it_is_seen(study):
    explorer = DenoisingExplorer(only(study, 12))
    done(explorer)
    assert "The vote of a single image is enough" in explorer._settings._findings.value
    explorer.tau.value = 0.01
    done(explorer)
    assert "weigh all concepts almost equally" in explorer._settings._findings.value


def test_one_image(study):
    denoising = DenoisingExplorer(only(study, 1))
    done(denoising)
    assert denoising.status.summary == "81 concepts, 1 kept, 80 dropped"
    assert denoising.gallery.summary.startswith("1 image voted for ")


def test_the_image_it_begins_with_is_stepped_through_once(study, monkeypatch):
    shown, show = [], Stepper.show
    monkeypatch.setattr(Stepper, "show", lambda *of: (shown.append(of), show(*of)))
    explorer = DenoisingExplorer(study)
    done(explorer)
    assert len(shown) == 1  # a second time would be in another thread
    explorer.selection.focus = int(explorer.gallery.ids[1])
    done(explorer)
    assert len(shown) == 2


def test_a_step_may_be_predicted_before_it_is_seen(denoising):
    stepper = denoising.stepper
    denoising._tabs.selected_index = 1
    stepper._predict.value, stepper._pick.value = True, 1
    assert stepper.bars.labels == sorted(stepper.bars.labels)
    assert stepper.bars.values.size == 0  # no number gives it away
    assert denoising.bars.layout.visibility == "hidden"  # nor do the votes
    for other in (0, 2):  # where the question is not in sight, the votes are
        denoising._tabs.selected_index = other
        assert denoising.bars.layout.visibility == "visible"
    denoising._tabs.selected_index = 1
    assert denoising.bars.layout.visibility == "hidden"
    best = stepper._steps[1].names[0]
    wrong = next(i for i, name in enumerate(stepper.bars.labels) if name != best)
    guess = stepper.bars.labels[wrong]
    stepper.bars.chosen = wrong
    assert stepper.bars.summary.startswith(f"You said {guess!r}: not so. The best of 81 scores is")
    assert stepper.bars.labels[0] == best
    assert denoising.bars.layout.visibility == "visible"
    stepper._pick.value = 2
    stepper._reveal.click()
    assert stepper.bars.summary.startswith("With τM = 243")
    stepper._predict.value = False
    assert stepper.bars.summary.startswith("With τM = 243")


def test_a_template_in_use_is_not_compared_with_itself(denoising):
    templates = denoising.templates
    enter(templates.template, "a sketch of the {}")
    done(denoising)
    assert templates._found.layout.display == ""
    templates.use.click()
    done(denoising)
    assert denoising.study.concepts.templates == ("a sketch of the {}",)
    assert templates._found.layout.display == "none"
    templates.compare.click()
    done(denoising, "'a sketch of the {}' is the template in use: type another one")


def test_two_templates_and_the_images_that_flipped(study, denoising):
    compare = denoising.templates
    enter(compare.template, "banana {} tax return")
    done(denoising)
    flipped = compare.gallery.count
    assert f"{flipped} of 120 images changed their top concept" in compare.gallery.summary
    assert all(" → " in caption for caption in compare.gallery.to_frame()["caption"])
    assert f"Now: {counts(study)}. Then: " in compare.bars.summary
    assert compare.bars.to_frame()["a photo of the {}"].sum() == 120
    compare.use.click()
    done(denoising)
    assert denoising.study.concepts.templates == ("banana {} tax return",)
    assert compare._found.layout.display == "none"  # not compared with itself
    compare.template.value = "a sketch of the {}"
    enter(compare.template, "a view of the {}")
    compare.use.click()  # what stands in the box, whatever was compared last
    done(denoising)
    assert denoising.study.concepts.templates == ("a view of the {}",)
    enter(compare.template, "no place for a name")
    done(denoising, "needs exactly one {}")
    compare.template.value = ""
    compare.compare.click()
    done(denoising, "needs exactly one {}", "type one")
    assert "type one" in compare.template.error
    enter(compare.template, "a sketch of the {}")
    done(denoising, "needs exactly one {}", "type one")
    assert compare.template.error == ""


def test_the_comparison_follows_the_study_whatever_stands_in_the_box(denoising):
    compare = denoising.templates
    enter(compare.template, "a view of the {}")
    done(denoising)
    compare.template.value = ""
    denoising.bars.threshold = 1.0
    done(denoising)
    assert f"Now: {counts(denoising.study)}. Then: " in compare.bars.summary
    denoising.editor.names.value = "tree\nsnow\nlake"
    denoising.editor.apply()
    done(denoising)
    assert denoising.status.summary.startswith("3 concepts")
    assert sorted(compare.bars.labels) == ["lake", "snow", "tree"]
    assert compare.bars.series == ["a photo of the {}", "a view of the {}"]


def test_the_csv_is_the_table(denoising):
    name, content = denoising._as_csv()
    assert name == "denoising.csv"
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(content)), denoising.to_frame())


@pytest.mark.parametrize("kind", [DenoisingExplorer, DistributionExplorer])
def test_an_explorer_of_no_study_says_so(kind):
    with pytest.raises(TypeError, match="needs a Study, got str 'postcards'"):
        kind("postcards")


# -- distributions and similarity ----------------------------------------------------------------


def test_an_image_is_there_with_its_concepts_before_and_after(trained, distribution):
    image = distribution.selection.focus
    bars = distribution.concepts.to_frame().set_index("name")
    q = dict(zip(trained.kept_names, trained.distribution[image].tolist(), strict=True))
    before, after = bars.columns[:2]
    for name in trained.concepts.names:
        assert bars[after][name] == pytest.approx(q.get(name, 0), abs=1e-6)
        assert bars["kept"][name] == (name in q)
    assert bars[before].sum() == pytest.approx(1, abs=1e-5)
    distribution.selection.focus = 200
    done(distribution)
    assert distribution.concepts.summary.startswith("postcard 200: ")
    assert distribution.state.pair[0] == 200


def test_a_cells_parts_add_up_and_can_be_unticked_and_undone(trained, distribution):
    distribution.grid.cell = (3, 9)
    done(distribution)
    i, j = (distribution.grid.ids[position] for position in (3, 9))
    exact = trained.explain(i, j)
    frame = distribution.to_frame()
    assert frame["part"].sum() - 1 == pytest.approx(exact.similarity, abs=1e-5)
    assert distribution.grid.to_frame().iloc[3, 9] == pytest.approx(exact.similarity, abs=1e-5)
    assert f"S = {exact.similarity:.2f}".replace("-", "−") in distribution.why.card.summary
    assert ": S by concepts = " in distribution.grid.reading  # a number has its name
    gone = frame["concept"][0]
    tick(distribution, gone, False)
    done(distribution)
    assert distribution.state.without == distribution.why.why.without == (gone,)
    changed = distribution.why.why.changed
    assert float(changed.parts.sum()) == pytest.approx(changed.similarity + 1, abs=1e-5)
    distribution.undo()
    done(distribution)
    assert distribution.why.why.without == ()
    assert distribution.grid.cell == (3, 9)
    distribution.undo()
    done(distribution)
    assert distribution.state.pair != (i, j)


def test_sources_orders_and_differences(trained, distribution):
    everything = distribution.controls
    assert everything["source"].options == (FEATURES, CONCEPTS, CODES)
    distribution.grid.cell = (0, 5)
    done(distribution)
    pair = distribution.state.pair
    for order in everything["order"].options:
        for source in everything["source"].options:
            everything["order"].value, everything["source"].value = order, source
            done(distribution)
            assert source in distribution.grid.summary
            row, column = distribution.grid.cell  # the pair stays marked wherever it goes
            assert (distribution.grid.ids[row], distribution.grid.ids[column]) == pair
    everything["source"].value, everything["minus"].value = CONCEPTS, FEATURES
    done(distribution)
    assert distribution.grid.diverging
    assert distribution.grid.summary.endswith("rank by concepts minus rank by features")
    everything["minus"].value = CONCEPTS
    done(distribution, "concepts compared with itself shows no difference")
    assert everything["minus"].value == CONCEPTS
    assert distribution.state.minus == FEATURES
    assert "choose two of them" in everything["minus"].error
    table = distribution._disagreements._pairs.set_index(["i", "j"])
    shown = distribution.grid.to_frame()
    for (i, j), difference in table["difference"].items():
        assert shown.loc[i, j] == pytest.approx(difference)
        assert shown.loc[j, i] == pytest.approx(difference)


def test_the_old_name_of_the_state_warns(distribution):
    with pytest.warns(DeprecationWarning, match="`now` is deprecated, use `state`"):
        assert distribution.now is distribution.state


def test_what_did_not_change_stays_where_one_scrolled_to(distribution):
    galleries = [distribution.alike, distribution.apart, distribution.gallery]
    before = [gallery.generation for gallery in galleries]
    pair = distribution.pair.generation
    tick(distribution, distribution.to_frame()["concept"][0], False)
    done(distribution)
    assert distribution.pair.generation == pair
    distribution.alike.selection.focus = int(distribution.alike.ids[3])
    done(distribution)
    assert distribution.pair.generation > pair
    assert [gallery.generation for gallery in galleries] == before
    distribution.selection.focus = 99
    done(distribution)
    assert distribution.alike.generation > before[0]


def test_without_a_network_there_are_no_codes(study):
    distribution = DistributionExplorer(study)
    assert distribution.controls["source"].options == (FEATURES, CONCEPTS)


def test_a_disagreement_and_a_likeness_become_the_pair(distribution):
    distribution.apart.selection.focus = 3
    done(distribution)
    row = distribution._disagreements._pairs.iloc[3]
    assert distribution.state.pair == (row["i"], row["j"])
    image = distribution.state.image
    distribution.alike.selection.focus = int(distribution.alike.ids[2])
    done(distribution)
    assert distribution.state.pair == (image, distribution.alike.ids[2])


def test_an_image_of_ones_own_is_read_and_explained(trained, distribution):
    distribution._on_upload(Image.new("RGB", (300, 200), "navy"), HOSTILE)
    done(distribution)
    assert distribution.state.image == 260
    assert distribution.gallery.ids[0] == 260
    assert distribution.concepts.summary.startswith(f"{HOSTILE}: after denoising")
    assert distribution.to_frame()["part"].sum() > 0
    distribution.controls["sample"].value = "similar"
    done(distribution)
    assert 260 in distribution.grid.ids
    distribution.undo()
    distribution.undo()
    done(distribution)
    assert distribution.state.image != 260


@pytest.mark.parametrize("n", [1, 2, 3])
def test_so_few_images_without_labels(study, n):
    distribution = DistributionExplorer(only(study, n))
    assert "first label" not in distribution.controls["order"].options
    changes = (
        ("sample", "random"),
        ("sample", "similar"),
        ("order", "clustering"),
        ("minus", FEATURES),
    )
    for control, value in changes:
        distribution.controls[control].value = value
        done(distribution)
    assert len(distribution.grid.ids) == n


def test_one_kept_concept_explains_everything(study):
    one = study.with_(concepts=["tree"])
    distribution = DistributionExplorer(one)
    assert distribution.to_frame().to_dict("list") == {"concept": ["tree"], "part": [2.0]}


def test_explorers_share_a_selection(study):
    selection = Selection()
    first = DenoisingExplorer(study, selection)
    second = DistributionExplorer(study, selection)
    first.wait()
    second.wait()
    second.selection.focus = 33
    first.wait()
    second.wait()
    assert second.state.image == 33
    assert first.stepper.image.ids.tolist() == [33]


def test_what_is_public_is_there():
    for name in widgets.__all__:
        assert getattr(widgets, name).__doc__


def test_labels_are_not_needed(study):
    bare = study.with_(dataset=dataclasses.replace(study.dataset, labels=None))
    assert "labels" not in DenoisingExplorer(bare).gallery.to_frame()["caption"].iloc[0]
