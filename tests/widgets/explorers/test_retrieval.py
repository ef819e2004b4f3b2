"""What a person does with the retrieval explorer, without a browser."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from uhscm_core import HashNetwork, Study, load_dataset, precision_recall_curve
from uhscm_core.analysis.answers import bits_of
from widgets.explorers.compare import CompareExplorer
from widgets.explorers.distribution import DistributionExplorer
from widgets.explorers.retrieval import RetrievalExplorer
from widgets.kit.selection import Selection


@pytest.fixture
def explorer(trained):
    made = RetrievalExplorer(trained)
    made.wait()
    return made


def done(explorer):
    explorer.wait()
    return explorer.state


def words(explorer):
    return [shelf["words"] for shelf in explorer.shelves.shelves]


def unlabelled(study):
    dataset = dataclasses.replace(study.dataset, labels=None, label_names=())
    return study.with_(dataset=dataset, network=study.network)


def test_the_first_query_is_answered_at_once(trained):
    explorer = RetrievalExplorer(trained)
    first = int(trained.dataset.splits["query"][0])
    assert explorer.state.image == explorer.selection.focus == first
    found = trained.search(first, 240)
    assert explorer.shelves.ids.tolist() == found.ids.tolist()
    distances, counts = np.unique(found.distances.numpy(), return_counts=True)
    assert [line[0].split()[0] for line in words(explorer)] == [str(d) for d in distances]
    assert [int(line[1].split()[0]) for line in words(explorer)] == counts.tolist()
    assert [line[-1] == "= tied" for line in words(explorer)] == [n > 1 for n in counts]
    assert "240 images on" in explorer.status.summary
    inside = explorer.answer.within().found[explorer.state.radius]
    assert inside >= 20 > explorer.answer.within().found[explorer.state.radius - 1]
    explorer.wait()


def test_matches_share_a_label(explorer, trained):
    labels = trained.dataset.labels
    marks = explorer.shelves._shown.marks
    for image, mark in zip(explorer.shelves.ids, marks, strict=True):
        assert mark == bool((labels[image] & labels[explorer.state.image]).any())
    said = [int(line[2].split()[1]) for line in words(explorer)]
    assert sum(said) == marks.sum() > 0
    within = explorer.answer.within()
    assert within.matches[-1] == marks.sum()
    assert (within.matches <= within.found).all()


def test_a_result_is_compared_and_asked_for_more(explorer, trained):
    image, result = explorer.state.image, int(explorer.shelves.ids[5])
    explorer.shelves._receive(
        None, {"type": "choose", "generation": explorer.shelves.generation, "position": 5}, []
    )
    assert done(explorer).picked == result
    assert explorer.pair.ids.tolist() == [image, result]
    apart = int(explorer.answer.level[5])
    assert f"differ in {apart} of 16 bits" in explorer.code.summary
    assert explorer.code.to_frame()["differs"].sum() == apart
    measured = explorer.why.why.measured
    assert measured.distance == apart
    assert measured.similarity == pytest.approx(trained.explain(image, result).similarity, abs=1e-5)
    same = explorer.answer.level == apart
    before = int((explorer.answer.level < apart).sum())
    assert measured.rank_by_code == (before + 1, before + same.sum(), 240)

    explorer.shelves._receive(
        None, {"type": "act", "generation": explorer.shelves.generation, "position": 5}, []
    )
    assert done(explorer).image == result
    assert explorer.state.picked is None
    assert result not in explorer.shelves.ids
    explorer.undo()
    assert done(explorer).picked == result
    explorer.undo()
    assert done(explorer).picked is None


def test_a_concept_left_out_of_the_pair_is_undone(explorer):
    explorer.shelves.selection.focus = int(explorer.shelves.ids[5])
    done(explorer)
    gone = explorer.why.to_frame().sort_values("part")["concept"].iloc[-1]
    explorer.why.card._receive(None, {"type": "tick", "key": gone, "ticked": False}, [])
    assert done(explorer).without == (gone,)
    assert explorer.why.card._card["columns"] == ["with all", f"without {gone}"]
    explorer.undo()
    assert done(explorer).without == explorer.why.why.without == ()
    explorer.redo()
    assert done(explorer).without == (gone,)
    explorer.shelves.selection.focus = int(explorer.shelves.ids[7])
    assert done(explorer).without == ()  # of that pair alone


def test_the_card_knows_flipped_bits_and_texts(explorer, trained):
    result = int(explorer.shelves.ids[5])
    explorer.shelves.selection.focus = result
    before = done(explorer) and explorer.why.why.measured.distance
    explorer.code._receive(None, {"type": "flip", "bit": 3}, [])
    done(explorer)
    assert abs(explorer.why.why.measured.distance - before) == 1
    explorer.search("a castle by the ocean")
    done(explorer)
    assert explorer.why.layout.display == "none"
    assert explorer.parts.layout.display == ""
    explorer.shelves.selection.focus = result
    done(explorer)
    assert explorer.why.layout.display == ""
    assert explorer.why.why.bits is None
    assert explorer.why.why.measured.rank_by_concepts.among == 240
    assert any("A text has no code" in note for note in explorer.why.why.notes)


def test_the_card_says_the_rank_in_the_order_that_is_in_view(explorer):
    explorer.search("a castle by the ocean")
    for by in ("features", "concepts"):
        explorer._results.by.value = by
        done(explorer)
        explorer.shelves.selection.focus = int(explorer.answer.ids[7])
        done(explorer)
        card, said = explorer.why.card._card, explorer.why.card.summary
        ranks = {row[0]: row[1] for row in card["rows"] if row[0].startswith("rank")}
        assert list(ranks) == ["rank by S"]
        assert ("by features (cosine" in said) == (by == "features")
        shown = said.removeprefix("Rank ") if by == "features" else ranks["rank by S"]
        first, _, last = shown.partition(" of ")[0].partition(" to ")
        assert int(first) <= 8 <= int(last or first)
        assert card["heading"] == ("What the concepts would say:" if by == "features" else "")
        assert "features rank" not in explorer.pair.summary  # the card says it


def test_flipped_bits_change_the_results_and_can_be_turned_back(explorer, trained):
    before = explorer.shelves.ids.tolist()
    for bit in (3, 7, 5, 5):  # the last two cancel
        explorer.code._receive(None, {"type": "flip", "bit": bit}, [])
    assert done(explorer).flipped == (3, 7)
    code = bits_of(trained.codes[explorer.state.image], 16)
    turned = [bit ^ (i in (3, 7)) for i, bit in enumerate(code)]
    assert explorer.code.bits == turned
    others = [bits_of(trained.codes[i], 16) for i in explorer.answer.ids]
    naive = [sum(a != b for a, b in zip(turned, other, strict=True)) for other in others]
    assert explorer.answer.level.tolist() == naive
    assert explorer.shelves.ids.tolist() != before
    assert "2 bits flipped" in explorer.status.summary
    explorer.unflip.click()
    assert done(explorer).flipped == ()
    assert explorer.shelves.ids.tolist() == before


def test_a_text_is_answered_by_concepts_and_says_so(explorer, trained):
    explorer.text.value = " a castle by the ocean "
    assert done(explorer).text == ""  # not before it is sent
    submit = {"type": "submit", "content": " a castle by the ocean ", "view": "a browser"}
    explorer.text._handle_custom_msg(submit, [])
    assert done(explorer).text == "a castle by the ocean"
    assert explorer.state.image is explorer.selection.focus is None
    explorer._results.by.value = "concepts"
    done(explorer)
    found = trained.search("a castle by the ocean", 240)
    assert explorer.answer.within().found[explorer.state.steps] >= 20
    assert explorer.shelves.ids.tolist() == found.ids.tolist()
    assert "as a text has no code" in explorer.status.summary
    assert "castle" in explorer.radius.summary
    assert explorer.code.layout.display == "none"
    assert words(explorer)[0][0].startswith("S ≥")
    assert not any("tied" in line for lines in words(explorer) for line in lines)
    explorer.random.click()
    assert done(explorer).image is not None
    assert explorer.code.layout.display == ""
    assert explorer.text.value == ""
    explorer.undo()
    assert done(explorer).text == "a castle by the ocean"


def test_a_random_query_is_another_one(explorer):
    explorer._query.ids = explorer._query.ids[:2]
    first, second = explorer._query.ids.tolist()
    explorer.like(first)
    for expected in (second, first) * 5:
        explorer.random.click()
        assert done(explorer).image == expected
    explorer._query.ids = explorer._query.ids[:1]
    explorer.random.click()
    assert done(explorer).image == first


def test_a_text_that_names_no_label_has_no_marks(explorer):
    explorer.search("something blue")
    assert done(explorer).text == "something blue"
    assert explorer.shelves._shown.marks is None
    assert "No label to evaluate" in explorer.radius.summary


def test_no_text_is_refused_with_a_sentence(explorer):
    image = explorer.state.image
    explorer.search("   ")
    assert done(explorer).image == image
    assert explorer.text.error == "a text query needs some text"
    assert explorer.status.log == ["a text query needs some text"]
    assert explorer.status.errors == []
    explorer.search("a castle")
    assert done(explorer).text == "a castle"
    assert explorer.text.error == ""


def test_the_radius_moves_the_edge_of_the_shelves(explorer):
    explorer.radius.radius = 16
    assert done(explorer).radius == 16
    assert explorer.shelves.until == len(explorer.shelves.shelves)
    nearest = int(explorer.answer.level[0])
    explorer.radius.radius = nearest
    assert done(explorer).radius == nearest
    assert explorer.shelves.until == 1
    explorer.undo()
    done(explorer)
    assert explorer.radius.radius == 16


def test_each_query_has_results_within_the_radius_until_it_is_moved(explorer):
    for _ in range(6):
        explorer.random.click()
        state = done(explorer)
        inside = explorer.answer.within().found
        assert inside[state.radius] >= 20
        assert state.radius == 0 or inside[state.radius - 1] < 20
    explorer.radius.radius = 3
    asked = done(explorer).image
    explorer.like(asked + 1 if asked + 1 < 260 else asked - 1)
    assert done(explorer).radius == 3
    explorer.search("a castle")
    done(explorer)
    explorer.like(asked)  # whether it was moved is not known any more
    state = done(explorer)
    assert explorer.answer.within().found[state.radius] >= 20


def test_a_text_is_answered_by_what_fits_it_until_the_user_chooses(explorer, trained):
    by = explorer._results.by
    assert by.layout.display == "none"  # an image has a code
    explorer.search("boats by a castle")
    done(explorer)
    assert by.layout.display is None
    assert "by its features, as no kept concept says" in explorer.status.summary
    assert explorer.parts.summary.endswith("; not these, but features rank the results")
    features = trained.search("boats by a castle", 240, by="features").ids.tolist()
    assert explorer.shelves.ids.tolist() == features
    assert explorer.radius.names[0].startswith("cosine ≥ ")
    assert explorer.answer.within().found[explorer.state.steps] >= 20
    by.value = "concepts"
    assert done(explorer).by == "concepts"
    assert "answered by its concepts (" in explorer.status.summary
    assert "features" not in explorer.parts.summary
    concepts = trained.search("boats by a castle", 240).ids.tolist()
    assert explorer.shelves.ids.tolist() == concepts != features
    assert explorer.answer.within().found[explorer.state.steps] >= 20
    explorer.search("boats in the snow")
    assert done(explorer).by == "concepts"
    explorer.undo()
    explorer.undo()
    assert done(explorer).by == by.value == ""
    assert explorer.shelves.ids.tolist() == features
    explorer.search("castle")
    done(explorer)
    assert "answered by its concepts (" in explorer.status.summary


def test_a_text_has_a_radius_of_its_own(explorer):
    bits = explorer.state.radius
    explorer.search("a castle")
    done(explorer)
    explorer.radius.radius = 4
    assert done(explorer).steps == 4
    assert explorer.state.radius == bits
    assert explorer.radius.names[explorer.radius.radius] == "S ≥ 0.5"


def test_average_precision_is_told_with_its_bounds(explorer):
    low, middle, high = (
        float(number)
        for number in pd.Series([explorer.radius.summary])
        .str.extract(r"(0\.\d+) expected.*?(0\.\d+) at worst, (0\.\d+) at best")
        .iloc[0, [1, 0, 2]]
    )
    assert low < middle < high


def test_the_mean_of_all_queries_stands_behind(explorer, trained):
    assert explorer.radius.mean.shape == (2, 17)
    assert explorer.radius.mean_of == "mean of 20 queries"
    assert explorer.radius.mean[1, -1] == pytest.approx(1)


def test_an_image_of_ones_own(explorer):
    before = len(explorer.pictures)
    explorer.upload._on_image(Image.new("RGB", (300, 200), "skyblue"), "<b>sky</b>.png")
    assert done(explorer).image == before
    assert explorer.queries.ids[0] == before
    assert explorer.shelves._shown.marks is None
    assert "<b>sky</b>.png: 240 images on" in explorer.status.summary
    explorer.undo()
    assert done(explorer).image < before


def test_another_view_asks_through_the_selection(trained):
    selection = Selection()
    explorer = RetrievalExplorer(trained, selection)
    selection.focus = int(trained.dataset.splits["database"][4])
    assert done(explorer).image == selection.focus
    explorer.like(int(trained.dataset.splits["query"][2]))
    explorer.wait()
    assert selection.focus == int(trained.dataset.splits["query"][2])


def test_what_is_in_view_as_a_frame(explorer):
    frame = explorer.to_frame()
    assert list(frame) == ["rank", "image", "name", "distance", "match"]
    assert frame["rank"].tolist() == list(range(1, 241))
    assert frame["distance"].is_monotonic_increasing
    explorer.search("a castle")
    explorer.wait()
    assert list(explorer.to_frame()) == ["rank", "image", "name", "within", "match"]
    name, data = explorer._as_csv()
    assert name == "retrieval.csv"
    assert data.count(b"\n") == 241


def test_without_labels_nothing_is_judged(trained):
    explorer = RetrievalExplorer(unlabelled(trained))
    explorer.wait()
    assert explorer.shelves._shown.marks is None
    assert explorer.radius.matches == []
    assert explorer.radius.summary == ""
    assert list(explorer.to_frame()) == ["rank", "image", "name", "distance"]


def test_a_study_without_codes_is_offered_training(study):
    explorer = RetrievalExplorer(study)
    explorer.wait()
    assert explorer.status.summary == "Retrieval needs codes: train this study first"
    assert explorer.children[1].train.description == "Train 64 bits now"
    assert explorer.children[1].time.value.startswith("It takes about ")
    with pytest.raises(TypeError, match="needs a Study"):
        RetrievalExplorer("postcards")


def test_a_data_set_of_one_image_has_an_empty_answer(trained, tmp_path):
    Image.new("RGB", (40, 40), "teal").save(tmp_path / "one.png")
    dataset = load_dataset(tmp_path, progress=False)
    network = HashNetwork(16, in_features=trained.vlp.embed_dim)
    alone = Study(dataset, trained.vlp, ["ocean", "sky"], progress=False).with_(network=network)
    explorer = RetrievalExplorer(alone)
    explorer.wait()
    assert explorer.shelves.count == 0
    assert "holds nothing else" in explorer.status.summary
    explorer.random.click()
    explorer.code._receive(None, {"type": "flip", "bit": 0}, [])
    assert done(explorer).flipped == (0,)
    assert explorer.status.errors == []


def test_a_network_on_pixels_answers_uploads_too(study):
    network = HashNetwork(8, "test_resnet", pretrained=False)
    explorer = RetrievalExplorer(study.with_(network=network))
    assert explorer.pictures.codes.shape == (260, 1)
    explorer.upload._on_image(Image.new("RGB", (64, 64), "tan"), "own.png")
    assert done(explorer).image == 260
    with torch.no_grad():
        expected = network.eval().outputs([Image.new("RGB", (64, 64), "tan")]) > 0
    assert explorer.code.bits == expected[0].int().tolist()
    assert explorer.status.errors == []


def test_images_brought_quickly_are_all_there(explorer):
    before = len(explorer.pictures)
    for name in ("one.png", "two.png", "three.png"):
        explorer.upload._on_image(Image.new("RGB", (64, 64), "tan"), name)
    assert done(explorer).image == before + 2
    assert explorer.pictures.names[before:] == ("one.png", "two.png", "three.png")


def test_a_long_text_is_shortened_where_it_is_named(explorer):
    explorer.search("castle " * 5000)
    done(explorer)
    assert len(explorer.status.summary) < 500
    assert "cut: 'castle" in explorer.status.notes[0]
    assert len(explorer.parts.summary) < 300


def test_views_that_share_a_selection_leave_each_other_alone(trained):
    selection = Selection()
    asking = RetrievalExplorer(trained, selection)
    other = RetrievalExplorer(trained, selection)
    looking = DistributionExplorer(trained, selection)
    comparing = CompareExplorer(trained, selection=selection)
    views = (asking, other, looking, comparing)

    def settle():
        for view in (*views, *views):
            view.wait()

    asking.search("a castle")
    settle()
    assert selection.focus is None
    late = CompareExplorer(trained, selection=selection)  # built after the text was asked
    late.wait()
    comparing.k.value = 7
    looking.controls["order"].value = "clustering"
    settle()
    assert (asking.state.text, selection.focus) == ("a castle", None)

    asking.upload._on_image(Image.new("RGB", (64, 64), "tan"), "own.png")
    settle()
    own = asking.state.image
    assert own == len(trained.dataset)
    assert other.state.image != own  # it has no such image
    RetrievalExplorer(trained, selection).wait()
    settle()
    assert asking.state.image == own

    image = int(trained.dataset.splits["query"][3])
    looking.gallery.selection.focus = image
    settle()
    assert (
        selection.focus == asking.state.image == other.state.image == comparing.state.query == image
    )
    assert all(view.status.errors == [] for view in views)


def test_a_focus_that_is_no_image_of_the_data_set_is_passed_over(trained):
    selection = Selection(focus=len(trained.dataset) + 5)
    first = int(trained.dataset.splits["query"][0])
    assert RetrievalExplorer(trained, selection).state.image == first
    assert DistributionExplorer(trained, selection).state.image < len(trained.dataset)


def test_an_image_that_is_not_there_is_refused_by_its_number(explorer):
    image = explorer.state.image
    for wrong in (10**6, -1):
        explorer.like(wrong)
        assert done(explorer).image == image
        assert explorer.status.errors[-1] == f"no image {wrong}: there are 260"


def test_a_text_is_ranked_once(explorer, trained, monkeypatch):
    asked, rank = [], Study.rank_by_concepts

    def counted(study, distribution, k):
        asked.append(distribution.argmax().item())
        return rank(study, distribution, k)

    monkeypatch.setattr(Study, "rank_by_concepts", counted)
    explorer.search("a castle")
    done(explorer)
    explorer.radius.radius = 7
    done(explorer)
    assert len(asked) == 1
    explorer.search("a bridge")
    done(explorer)
    assert [trained.kept_names[c] for c in asked] == ["castle", "bridge"]
    assert explorer.shelves.ids.tolist() == trained.search("a bridge", 240).ids.tolist()


def test_queries_without_a_label_are_not_in_the_mean_curve(trained):
    labels, queries = trained.dataset.labels.clone(), trained.dataset.splits["query"]
    labels[queries[2:]] = 0
    dataset = dataclasses.replace(trained.dataset, labels=labels)
    explorer = RetrievalExplorer(trained.with_(dataset=dataset, network=trained.network))
    explorer.wait()
    database = trained.dataset.splits["database"]
    codes, two = trained.codes, queries[:2]
    right = precision_recall_curve(codes[two], codes[database], labels[two], labels[database])
    np.testing.assert_allclose(explorer.radius.mean[1], right.recall[:17])
    assert explorer.radius.mean_of == "mean of 2 queries"
    explorer.like(int(queries[5]))
    explorer.wait()
    assert explorer.answer.match is None
    assert "No label" in explorer.radius.summary
