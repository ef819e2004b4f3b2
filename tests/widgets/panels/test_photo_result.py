"""What was read of a folder: the images in view, and the files that were skipped."""

from __future__ import annotations

from widgets.panels.photo_result import PhotoResult


def test_the_images_of_a_study_come_into_view_and_leave_it(study):
    result = PhotoResult()
    assert result.gallery.layout.display == "none"
    result.show_study(study)
    assert result.study is study
    assert result.gallery.layout.display == ""
    assert len(result.gallery.ids) == len(study.dataset)
    result.show_study(None)
    assert result.study is None
    assert result.gallery.layout.display == "none"


def test_skipped_files_are_listed_as_text_with_their_reason():
    result = PhotoResult()
    assert result.csv.layout.display == "none"
    result.show_skipped({"b\nc.jpg": "broken", "a.jpg": "empty"})
    assert result.to_frame()["file"].tolist() == ["a.jpg", "b\nc.jpg"]
    assert result.skipped.rows == [["a.jpg", "empty"], ["b\\nc.jpg", "broken"]]
    assert result.skipped.summary == "2 files skipped, and why"
    assert result.csv.layout.display == ""
    result.show_skipped({})
    assert result.to_frame().empty
    assert result.csv.layout.display == "none"
