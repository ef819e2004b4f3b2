"""A form of folder, model and concepts: what is put in comes out, errors are at their control."""

from __future__ import annotations

import pytest

from uhscm_core import Study, load_dataset, load_vlp
from widgets.background.photo_reader import PhotoSource
from widgets.panels.photo_form import PhotoForm


@pytest.fixture
def form():
    return PhotoForm(lambda: None, lambda: None)


@pytest.mark.parametrize(
    "source",
    [
        PhotoSource("", "postcards", "common"),
        PhotoSource("~/Pictures", "ViT-B-16 openai", "nuswide81+coco80"),
        PhotoSource("/a/b", "/my/model.json", "/my/list.txt"),
        PhotoSource("C:\\Pictures", "ViT-L-14 openai", ("my aunt Ada", "boat")),
    ],
)
def test_a_source_that_is_shown_is_the_source_that_is_read(form, source):
    form.show(PhotoSource("x", "/other.json", ("y",)))
    form.show(source)
    assert form.source == source


def test_names_are_separated_by_lines_or_commas(form):
    form.concepts.value, form.names.value = "typed names", "beach, boat\n\n my aunt Ada "
    assert form.source.concepts == ("beach", "boat", "my aunt Ada")


def test_only_the_boxes_that_a_choice_needs_are_there(form):
    def there():
        return {name for name in ("other", "names") if getattr(form, name).layout.display == ""}

    form.show(PhotoSource(""))
    assert there() == set()
    form.model.value = "other model"
    assert there() == {"other"}
    form.concepts.value = "text file"
    assert there() == {"other", "names"}
    assert form.names.placeholder == "path of the text file"


def test_the_models_note_says_what_to_expect(form):
    form.show(PhotoSource("", "ViT-B-16 openai"))
    assert "fetched the first time" in form.note.value
    form.model.value = "postcards"
    assert "no download" in form.note.value


@pytest.mark.parametrize(
    ("source", "about", "where"),
    [
        (PhotoSource("x"), "folder", "folder"),
        (PhotoSource("x"), "model", "model"),
        (PhotoSource("x", "/m.json"), "model", "other"),
        (PhotoSource("x"), "concepts", "concepts"),
        (PhotoSource("x", concepts=("a",)), "concepts", "names"),
    ],
)
def test_an_error_stands_at_the_control_that_it_is_about(form, source, about, where):
    form.show(source)
    form.fail(about, "not so")
    assert {field for field in form.fields if field.error} == {getattr(form, where)}
    form.clear()
    assert not any(field.error for field in form.fields)


def test_a_locked_form_can_be_changed_again(form):
    form.lock(True)
    assert all(field.disabled for field in form.fields)
    form.lock(False)
    assert not any(field.disabled for field in form.fields)


def test_the_concepts_are_those_of_the_study_in_view(form, study):
    form.show_study(study)
    assert form.source.concepts == "nuswide81"
    form.folder.value = "/typed"
    form.show_study(study)
    assert form.source == PhotoSource("/typed", "postcards", "nuswide81")
    form.show_study(study.with_(concepts=["boat", "zebra"]))
    assert form.source == PhotoSource("/typed", "postcards", ("boat", "zebra"))


def test_a_study_of_no_folder_leaves_what_is_to_be_read_next(form, study):
    form.show(PhotoSource("~/Pictures", "/my/model.json"))
    form.show_study(study)
    assert form.source == PhotoSource("~/Pictures", "/my/model.json", "nuswide81")


def test_the_model_and_the_folder_are_those_of_a_study_that_was_made_elsewhere(
    form, study, photo_folder, tiny_model
):
    dataset = load_dataset(photo_folder)
    own = Study(dataset, load_vlp(tiny_model), ["red", "green", "blue"], progress=False)
    form.show_study(own)
    expected = PhotoSource(str(photo_folder), str(tiny_model), ("red", "green", "blue"))
    assert form.source == expected
    form.folder.value = "/typed"
    form.show_study(own.with_(tau=2.0))
    assert form.source.folder == "/typed"
    form.show_study(study)
    assert form.source.model == "postcards"
    form.show_study(Study.from_features(study.image_features, ["boat"], study.text_features[:1]))
    assert form.source.model == ""


def test_a_list_that_was_changed_after_the_reading_asks_for_no_reading(form, study):
    read = PhotoSource("/photos", "postcards", "/my/list.txt")
    form.show(read)
    form.remember(study, read)
    form.show_study(study)
    assert form.source == read
    form.show_study(study.with_(concepts=["boat", "zebra"]))
    assert form.source.concepts == ("boat", "zebra")
    assert form.unread(study.dataset) is None
    form.show_study(study)
    assert form.source == read
    assert form.unread(study.dataset) is None
