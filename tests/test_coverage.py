"""A text that no kept concept covers is answered with that sentence and the raw scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from uhscm_core import Study, UHSCMWarning
from uhscm_core.coverage import Coverage
from uhscm_core.mining import MinedConcepts
from widgets.explorers.retrieval import RetrievalExplorer

from .conftest import unit_rows


@pytest.mark.parametrize("word", ["zebra", "wedding", "laptop", "a tax return on tuesday"])
def test_a_word_that_the_images_lack_is_said_with_the_raw_cosines(study, word):
    with pytest.warns(UHSCMWarning, match=f"no kept concept covers '{word}'.* raw cosines") as said:
        found = study.search(word, 5)
    assert len(found.ids) == 5  # answered all the same
    reading = study.read_text(word)
    cosines = study.text_features @ reading.features
    best = float(cosines[study.mined.kept].max())
    assert f" {best:.2f}" in str(said[0].message)
    assert str(said[0].message) == reading.notes[0]


@pytest.mark.parametrize("word", ["castle", "a boat", "ship", "the ocean at night", "locomotive"])
def test_a_word_that_a_kept_concept_covers_says_nothing(study, word):
    assert len(study.search(word, 5).ids) == 5  # a warning would be an error here
    assert study.read_text(word).notes == ()


def test_vectors_of_a_text_are_held_to_the_same_rule():
    generator = torch.Generator().manual_seed(0)
    texts = unit_rows(generator, 6, 512)
    rows = texts[torch.arange(60) % 6] + 0.1 * unit_rows(generator, 60, 512)
    images = torch.nn.functional.normalize(rows, dim=1)
    study = Study.from_features(images, list("abcdef"), texts)
    study.search(text_features=texts[2])
    with pytest.warns(UHSCMWarning, match="no kept concept covers these text features"):
        study.search(text_features=unit_rows(generator, 1, 512)[0])


def over(texts, kept, images, temperature=100.0):
    """A coverage of images by the concepts that are kept."""
    k = int(kept.sum())
    mined = MinedConcepts(
        torch.ones(len(texts), dtype=torch.int64), kept, torch.full((1, k), 1 / k), temperature,
        temperature / k, 0.0, None, texts[kept],
    )  # fmt: skip
    names = [f"c{i}" for i in range(len(texts))]
    return Coverage(names, texts, mined, images, mined.apply(images), np.arange(len(images)))


def test_the_rule_does_not_move_with_a_direction_that_all_texts_share():
    generator = torch.Generator().manual_seed(1)
    kept = torch.arange(20) < 8
    texts, other = unit_rows(generator, 20, 512), unit_rows(generator, 1, 512)[0]
    common = torch.zeros(512)
    common[0] = 3.0
    for shift in (0 * common, common):
        moved = torch.nn.functional.normalize(texts + shift, dim=1)
        found = over(moved, kept, moved.repeat(3, 1))
        assert found.covers(moved[3])
        assert not found.covers(torch.nn.functional.normalize(other + shift, dim=0))


def test_one_candidate_alone_gives_no_verdict():
    row = torch.eye(4)[:1]
    assert over(row, torch.tensor([True]), row).covers(torch.eye(4)[1])


@pytest.mark.parametrize("gone", ["castle", "birds", "moon"])
def test_a_word_that_the_images_show_and_the_list_lacks_is_said(study, gone):
    study.read_text(gone)  # covered: a warning would be an error here
    without = study.with_(concepts=[n for n in study.concepts.names if n != gone])
    (note,) = without.read_text(gone).notes
    assert f"no kept concept covers '{gone}'" in note
    assert without.read_text("boats").notes == ()


def test_the_images_decide_where_a_kept_concept_lies_near():
    """A text near concept 0 whose images are those of concept 1, or of concept 0."""
    texts = torch.eye(64)[:8]
    text = torch.nn.functional.normalize(texts[0] + 1.2 * torch.eye(64)[20], dim=0)
    for of_images, covered in ((0, True), (1, False)):
        images = texts[torch.arange(160) % 8].clone()
        images[torch.arange(160) % 8 == of_images] += 2 * torch.eye(64)[20]
        images = torch.nn.functional.normalize(images + 0.01 * torch.eye(64)[30], dim=1)
        found = over(texts, torch.ones(8, dtype=torch.bool), images)
        assert 0.4 < found.cosine(text) < 0.9
        assert found.covers(text) == covered
        assert over(texts, torch.ones(8, dtype=torch.bool), images[:39]).covers(text)  # too few


def test_the_explorer_says_it_with_the_answer(trained):
    explorer = RetrievalExplorer(trained)
    for text, said in (
        ("zebra", "No kept concept covers 'zebra'"),
        ("a photo of a b c d e f g h i j k l castle", "cut: "),
        ("holiday.jpg", "there is no such file"),
    ):
        explorer.search(text)
        explorer.wait()
        assert any(said in note for note in explorer.status.notes)
    explorer.search("a castle")
    explorer.wait()
    assert not any("covers" in note for note in explorer.status.notes)


# Which order of the images answers a text.


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("castle", True),
        ("a castle", True),
        ("boat", True),
        ("boats by a castle", False),
        ("the ocean at night", False),
        ("zebra", False),
    ],
)
def test_the_better_order_is_by_concepts_where_one_says_the_same(study, text, same):
    assert study.read_text(text).order == ("concepts" if same else "features")


@pytest.mark.filterwarnings("ignore:no kept concept covers")
@pytest.mark.parametrize("text", ["castle", "boats by a castle", "zebra"])
def test_a_text_is_answered_by_concepts_by_features_or_by_the_better(study, text):
    reading = study.read_text(text)
    cosines = {int(i): float(study.image_features[i] @ reading.features) for i in database(study)}
    naive = sorted(cosines, key=lambda i: (-cosines[i], i))
    found = study.search(text, 40, by="features")
    assert found.kind == "features"
    assert found.ids.tolist() == naive[:40]
    assert found.distances.tolist() == pytest.approx([1 - cosines[i] for i in naive[:40]], abs=1e-6)
    assert study.search(text, 5).kind == study.search(text, 5, by="concepts").kind == "concepts"
    better = study.search(text, 40, by="better")
    assert better.kind == reading.order
    assert torch.equal(better.ids, study.search(text, 40, by=reading.order).ids)


def database(study):
    return study.dataset.splits["database"]


def test_other_orders_are_refused_and_images_have_their_codes(trained, as_users_run_it):
    with pytest.raises(ValueError, match="by must be one of 'concepts', 'features', 'better'"):
        trained.search("castle", by="codes")
    assert trained.search(3, by="features").kind == "hamming"


def test_a_text_that_names_a_kept_concept_is_not_said_to_have_none():
    texts = torch.eye(64)[:8]
    text = torch.nn.functional.normalize(texts[0] + 1.2 * torch.eye(64)[20], dim=0)
    images = texts[torch.arange(160) % 8].clone()
    images[torch.arange(160) % 8 == 1] += 2 * torch.eye(64)[20]
    images = torch.nn.functional.normalize(images + 0.01 * torch.eye(64)[30], dim=1)
    found = over(texts, torch.arange(8) != 5, images)
    for shown, said in (
        ("'a c0 in snow'", "'a c0 in snow' names 'c0', which is kept, but the orders by concepts"),
        ("'c0 and c1s'", "'c0 and c1s' names 'c0' and 'c1', which are kept, but the orders by"),
        ("'a c5'", "no kept concept covers 'a c5', so an order by concepts says little about it"),
        ("'c01'", "no kept concept covers 'c01', so"),
    ):
        (note,) = found.notes(shown, text)
        assert note.startswith(said)
    few = over(texts, torch.ones(8, dtype=torch.bool), images[:39])  # say nothing of the order
    (note,) = few.notes("'a c0'", torch.eye(64)[40])
    assert note.startswith("'a c0' names 'c0', which is kept, but as a whole it is far from all")


# Files given as text.


def test_the_path_of_an_image_as_text_is_that_image(trained, tmp_path):
    file = tmp_path / "exists.png"
    trained.dataset.images[3].save(file)
    for found in (trained.search(str(file), 7), trained.search(f" {file} ", 7)):
        assert found.kind == "hamming"
        assert torch.equal(found.ids, trained.search(file, 7).ids)


@pytest.mark.parametrize("text", ["photo.jpg", "/no/such/castle.png", "~/castle.JPG", "C:\\a.bmp"])
def test_a_path_to_nothing_is_said(trained, text):
    with pytest.warns(UHSCMWarning) as said:
        assert trained.search(text, 3).kind == "concepts"
    assert "looks like a path but is read as words: there is no such file" in str(said[0].message)


def test_a_file_that_is_no_image_is_named(trained, tmp_path):
    (tmp_path / "notes.txt").write_text("castle")
    with pytest.raises(OSError, match=r"notes\.txt"):
        trained.search(str(tmp_path / "notes.txt"))


@pytest.mark.parametrize("text", ["castle", "castle / tower", "a castle.", "st. tree", "~ 3 boats"])
def test_words_are_no_paths_even_where_a_file_has_that_name(trained, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "castle").write_text("a file")
    assert not any("path" in note for note in trained.read_text(text).notes)
