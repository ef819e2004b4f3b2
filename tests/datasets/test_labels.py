"""Labels that the user says where to find: patterns, CSV and JSON files, folders, none."""

from __future__ import annotations

import json

import pytest

from tests.datasets.files import labels_by_name, photo, text
from uhscm_core import Study, load_dataset, load_vlp
from uhscm_core.support.notices import UHSCMWarning

# Our own messages are what is tested, not those of the run-time type check.
pytestmark = pytest.mark.usefixtures("as_users_run_it")

NAMES = ("animals/cat/1.png", "animals/dog/2.png", "cars/bus/3.png")
BY_FOLDER = dict(zip(NAMES, [("cat",), ("dog",), ("bus",)], strict=True))


@pytest.fixture
def folder(tmp_path):
    for i, name in enumerate(NAMES):
        photo(tmp_path / "photos" / name, i)
    return tmp_path / "photos"


def load(folder, labels, **split):
    return load_dataset(folder, labels=labels, progress=False, **split)


def test_the_innermost_folder_or_none(folder):
    assert labels_by_name(load(folder, "folder")) == BY_FOLDER
    assert load(folder, None).labels is None


@pytest.mark.parametrize(
    ("pattern", "labels"),
    [
        ("{label}/*/*", [("animals",), ("animals",), ("cars",)]),
        ("*/{label}/*", [("cat",), ("dog",), ("bus",)]),
        ("**/{label}/*.png", [("cat",), ("dog",), ("bus",)]),
        ("{label}/{label}/*", [("animals", "cat"), ("animals", "dog"), ("bus", "cars")]),
        ("**/{label}.png", [("1",), ("2",), ("3",)]),
        ("*/{label}t/*", [("ca",), (), ()]),
    ],
)
def test_patterns_of_paths(folder, pattern, labels):
    dataset = load(folder, pattern, warn=False)
    assert list(labels_by_name(dataset).values()) == labels
    assert dataset.source["labels"] == pattern


def test_a_label_in_a_file_name_reaches_to_the_last_separator(tmp_path):
    for name in ("sea_lion_001.jpg", "cat_2.jpg"):
        photo(tmp_path / name)
    assert load(tmp_path, "{label}_*.jpg").label_names == ("cat", "sea_lion")


def test_images_that_a_pattern_does_not_match_are_counted_and_none_is_refused(folder):
    photo(folder / "loose.png")
    with pytest.warns(UHSCMWarning, match="1 of 4 images have no label"):
        load(folder, "*/{label}/*")
    with pytest.raises(ValueError, match=r"no image has such a path; the first is 'animals/cat/1"):
        load(folder, "{label}/*/*/*")


@pytest.mark.parametrize("wrong", ["{labels}/*", "*/*", "{label}/{name}"])
def test_patterns_without_a_label_or_with_other_braces_are_refused(folder, wrong):
    with pytest.raises(ValueError, match=r"a pattern of paths has \{label\} where the label is"):
        load(folder, wrong)


def test_what_labels_cannot_be_is_said(folder):
    with pytest.raises(ValueError, match=r'labels must be "auto", "folder", None, .* got \'top\''):
        load(folder, "top")
    with pytest.raises(TypeError, match=r"labels must be .*, got 3 \(int\)"):
        load(folder, 3)
    with pytest.raises(
        ValueError, match="labels is only for a folder of photos, not for postcards"
    ):
        load_dataset("postcards", labels=None)


def csv(folder, *lines: str, name: str = "labels.csv", end: str = "\n"):
    return text(folder.parent / name, *lines, end=end)


@pytest.mark.parametrize(
    "lines",
    [
        ("filename,label", "animals/cat/1.png,cat", "animals/dog/2.png,dog", "cars/bus/3.png,bus"),
        ("Label;Image Name", "cat;1.png", "dog;2.png", "bus;3.png"),
        ("id\tclass\tnote", "1\tcat\tx", "2\tdog\t", "3\tbus\t"),
        ("\ufefffile,tags", "data/photos/animals/cat/1.png,cat", "2.png,dog", ".\\3.png,bus", ""),
        ("path,labels", '"animals/cat/1.png","cat"', "animals\\dog\\2.png, dog", "bus/3.png,bus"),
        ("image,cat,dog,bus", "1,1,0,0", "2,0,1.0,0", "3,,,1"),
        (",image,target", "0,1,cat", "1,2,dog", "2,3,bus"),
    ],
    ids=["paths", "semicolons", "tabs", "prefixes", "quotes", "one-hot", "pandas"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_in_many_spellings(folder, lines, end):
    path = csv(folder, *lines, end=end)
    dataset = load(folder, path)
    assert labels_by_name(dataset) == BY_FOLDER
    assert dataset.source["labels"] == str(path)


@pytest.mark.parametrize(
    "content",
    [
        {"1": "cat", "dog/2.png": ["dog"], "3.png": "bus"},
        [{"file": "1.png", "label": "cat"}, {"file": "2", "label": "dog"},
         {"file": "3", "label": ["bus"]}],
    ],
)  # fmt: skip
def test_json(folder, content):
    path = folder.parent / "labels.json"
    path.write_text(json.dumps(content))
    assert labels_by_name(load(folder, str(path))) == BY_FOLDER
    lines = [json.dumps({"file_name": f"{i}.png", "label": i}) for i in (1, 2, 3)]
    dataset = load(folder, text(folder.parent / "metadata.jsonl", *lines))
    assert list(labels_by_name(dataset).values()) == [("1",), ("2",), ("3",)]


@pytest.mark.parametrize(
    ("column", "cell", "labels"),
    [
        ("label", "cat;dog", ("cat", "dog")),
        ("label", "cat | dog", ("cat", "dog")),
        ("label", '"tench, Tinca tinca"', ("tench, Tinca tinca",)),
        ("label", "golden retriever", ("golden retriever",)),
        ("labels", '"cat, dog"', ("cat", "dog")),
        ("class", "", ()),
        ("label", "caf\u00e9;cafe\u0301", ("caf\u00e9",)),
    ],
)
def test_several_labels_in_a_cell(folder, column, cell, labels):
    path = csv(folder, f"file,{column}", f"1.png,{cell}", "2.png,x", "3.png,y")
    assert labels_by_name(load(folder, path, warn=False))[NAMES[0]] == labels


def test_spaces_separate_tags_where_nothing_else_does_and_that_is_said(folder):
    path = csv(folder, "image_name,tags", "1,haze primary", "2,clear primary", "3,clear")
    with pytest.warns(UHSCMWarning, match="labels in the column 'tags' are separated by spaces"):
        assert load(folder, path).label_names == ("clear", "haze", "primary")
    path = csv(folder, "image_name,tags", "1,blue sky;sea", "2,blue sky", "3,sea")
    assert load(folder, path).label_names == ("blue sky", "sea")


def test_unknown_names_and_photos_without_a_line_are_counted(folder):
    path = csv(folder, "file,label", "1.png,cat", "2.png,dog", "7.png,cow", "8.png,cow")
    with pytest.warns(UHSCMWarning):
        dataset = load(folder, path)
    assert dataset.notes == (
        "2 of the 4 names in labels.csv are not in the folder ('7.png' and '8.png')",
        "1 of 3 images have no label",
    )
    assert dataset.label_names == ("cat", "dog")


def test_a_table_of_other_images_is_refused(folder):
    path = csv(folder, "file,label", "7.png,cow")
    with pytest.raises(
        ValueError, match=r"none of its 1 names is an image of the folder; it lists"
    ):
        load(folder, path)


def test_one_image_with_two_sets_of_labels_is_refused_and_repeats_are_counted(folder):
    path = csv(folder, "file,label", "1.png,cat", "2.png,dog", "3.png,bus", "cat/1.png,cat")
    with pytest.warns(UHSCMWarning, match=r"1 lines of labels\.csv list an image again"):
        load(folder, path)
    path = csv(folder, "file,label", "1.png,cat", "2.png,dog", "3.png,bus", "cat/1.png,dog")
    with pytest.raises(
        ValueError, match=r"labels\.csv, line 5: 'cat/1\.png' has other labels here"
    ):
        load(folder, path)
    path = folder.parent / "labels.json"
    path.write_text('{"1.png": "cat", "1.png": "dog"}')
    with pytest.raises(ValueError, match=r"'1\.png' has other labels here than in"):
        load(folder, path)


def test_a_name_that_two_photos_have_is_refused(folder):
    photo(folder / "cars/bus/1.png")
    path = csv(folder, "file,label", "1.png,cat")
    with pytest.raises(ValueError, match=r"'1\.png' is listed and could be any of 'animals/cat/1"):
        load(folder, path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", "{}", "there is nothing in this file"),
        ("x.csv", "file,animal\n1.png,1\n2.png,0\n", "expected a column of image names"),
        ("x.csv", "", "there is nothing in this file"),
        ("x.csv", "1.png,cat\n2.png,dog\n", "expected a column of image names .* got '1.png' and"),
        ("x.csv", "file,size\n1.png,12\n", "expected a column of image names .* got 'file' and"),
        ("x.csv", "file,label\n1.png,cat,dog\n", r"x\.csv, line 2: expected 2 columns, .* got 3"),
        (
            "x.csv",
            "file,label\n,cat\n",
            r"line 2: expected the name of an image in the column 'file'",
        ),
        ("x.csv", 'file,label\n"1.png,cat\n', r"x\.csv: not a readable CSV file"),
        ("x.json", '{"1.png": ', r"x\.json: not readable JSON"),
        ("x.json", "[" * 200_000, r"x\.json: not readable JSON"),
        ("x.json", "[1, 2]", r"x\.json: expected an object such as"),
        ("x.csv", "file,label,label\n1.png,cat,x\n", "columns 'label' and 'label' have one name"),
        ("x.csv", "file,Cat,cat\n1.png,1,0\n", "columns 'Cat' and 'cat' have one name"),
        ("x.csv", "file,label\n", r"x\.csv: there is no image in this file"),
        (
            "x.csv",
            "file,label\n1.png,\"['cat', 'dog']\"\n",
            "line 2 are a list written as text",
        ),
        ("x.csv", "file,labels\n1.png,[1 0 1]\n", "line 2 are a list written as text"),
        ("x.csv", b"file,label\n1.png,caf\xe9\n", r"x\.csv, line 2: a label is not UTF-8 text"),
        ("x.csv", b"\xff\xfef\0i\0l", r"x\.csv: not readable UTF-16 text"),
        ("x.json", "[]", r"x\.json: there is no image in this file"),
        ("x.json", '[{"id": 1, "label": Infinity}]', "labels of entry 1 must be a text, a number"),
        ("x.json", '{"1.png": -1e999}', "the labels of 1.png must be a text, a number"),
        ("x.json", '{"1.png": true}', "the labels of 1.png must be a text, a number or a list"),
        ("x.json", '{"1.png": {"a": 1}}', "the labels of 1.png must be a text, a number or a list"),
    ],
)
def test_a_table_that_is_none_is_refused(folder, name, content, message):
    content = content if isinstance(content, bytes) else content.encode()
    (folder.parent / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(folder, folder.parent / name)


def test_a_table_that_is_missing_is_named(folder):
    with pytest.raises(FileNotFoundError, match=r"labels: there is no file .*gone\.csv"):
        load(folder, "gone.csv")


def test_columns_that_were_not_taken_are_said(folder):
    path = csv(folder, "file,label,class_name", "1.png,0,cat", "2.png,1,dog", "3.png,2,bus")
    with pytest.warns(UHSCMWarning, match="from the column 'label' of .*, not from 'class_name'"):
        assert load(folder, path).label_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            ["Cat", "cat", "bus"],
            "'Cat' and 'cat' are different labels, although their spelling is similar",
        ),
        (["hot dog", "hot_dog", "bus"], "'hot dog' and 'hot_dog' are different labels"),
        (["cat", "cat\u200b", "bus"], "are different labels"),
        (["1", "1.0", "01"], "'01', '1' and '1.0' are different labels"),
        (["scab", "rust", "scab rust"], "'scab rust' is taken as one label; in a table, ; stands"),
        (["cat", "dog", '"cat, dog"'], "'cat, dog' is taken as one label"),
        (["16 0", "7 1 2", "5"], "'16 0' and '7 1 2' are taken as one label each"),
        (["nan", "cat", "N/A"], "'N/A' and 'nan' are taken as one label each; .* is empty"),
    ],
)
def test_labels_that_may_not_be_what_is_meant_are_taken_and_said(folder, cells, said):
    path = csv(folder, "file,label", *(f"{i}.png,{cell}" for i, cell in enumerate(cells, 1)))
    with pytest.warns(UHSCMWarning, match=said):
        assert len(load(folder, path).label_names) == 3


def test_folders_that_are_of_similar_spelling_are_said(tmp_path):
    for i, name in enumerate(("Cat/1.png", "cat/2.png", "dog/3.png")):
        photo(tmp_path / name, i)
    with pytest.warns(UHSCMWarning, match="'Cat' and 'cat' are different labels"):
        load_dataset(tmp_path, progress=False)


def test_a_column_that_says_the_split_is_no_label_and_said(folder):
    lines = [f"{i},{i % 2},{i}.png,1,{i % 2},1" for i in (1, 2, 3)]
    path = csv(folder, "index,id,file,cat,dog,is_train", *lines)
    with pytest.warns(UHSCMWarning) as said:
        assert load(folder, path).label_names == ("cat", "dog")
    assert any("the column 'is_train' of labels.csv is not read" in str(w.message) for w in said)


def test_what_is_not_a_number_is_no_label(folder):
    (folder.parent / "x.json").write_text('{"1.png": NaN, "2.png": "cat", "3.png": "dog"}')
    with pytest.warns(UHSCMWarning, match="1 of 3 images have no label"):
        assert load(folder, folder.parent / "x.json").label_names == ("cat", "dog")


def test_one_label_on_every_image_is_said(folder):
    path = csv(folder, "file,label", "1.png,a;b", "2.png,a", "3.png,a")
    with pytest.warns(UHSCMWarning, match="every image with labels has 'a', so every ranking is"):
        load(folder, path)


def test_a_table_in_the_folder_of_photos_is_found_by_its_name(folder):
    text(folder / "labels.csv", "file,label", "1.png,cat", "2.png,dog", "3.png,bus")
    dataset = load(folder, "labels.csv")
    assert dataset.source["labels"] == str(folder / "labels.csv")


def test_labels_of_queries_in_a_split_come_from_the_table(tmp_path):
    for name in ("train/1.png", "train/2.png", "test/3.png"):
        photo(tmp_path / name)
    path = text(tmp_path / "labels.csv", "file,label", "1.png,cat", "2.png,dog", "3.png,dog")
    dataset = load(tmp_path, path)
    assert dataset.labels_of(int(dataset.splits["query"][0])) == ("dog",)


@pytest.mark.parametrize("labels", [None, "folder", "*/{label}/*", "labels.csv"])
def test_a_study_is_loaded_with_the_labels_it_was_saved_with(folder, tiny_model, labels, tmp_path):
    text(folder / "labels.csv", "file,label", "1.png,x", "2.png,y", "3.png,z")
    dataset = load(folder, labels, n_query=1)
    study = Study(dataset, load_vlp(str(tiny_model)), ["cat", "dog"], progress=False)
    study.save(tmp_path / "saved")
    again = Study.load(tmp_path / "saved").dataset
    assert labels_by_name(again) == labels_by_name(dataset)
    assert (again.labels is None) == (labels is None)
