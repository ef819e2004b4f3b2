"""Concept lists and prompts: what is read, in which order, and what is refused."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_clip.tokenizer import get_clean_fn

from uhscm_core import ConceptSet, concepts, load_concepts
from uhscm_core.concepts import DEFAULT_TEMPLATE, VOCABULARIES

from .conftest import SHARED


@pytest.fixture
def concept_file(tmp_path):
    """A function that writes bytes or text to a concept file and gives its path."""

    def write(content: str | bytes):
        path = tmp_path / "concepts.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(("vocabulary", "size"), [("nuswide81", 81), ("coco80", 80)])
def test_the_benchmark_vocabularies_have_as_many_names_as_their_papers_say(vocabulary, size):
    assert len(load_concepts(vocabulary)) == size


def test_the_common_vocabulary_has_some_five_hundred_names():
    assert 450 <= len(load_concepts("common")) <= 600


@pytest.mark.parametrize(
    ("vocabulary", "first", "last"),
    [("nuswide81", "airport", "zebra"), ("coco80", "person", "toothbrush")],
)
def test_the_benchmark_vocabularies_keep_the_order_of_the_benchmark(vocabulary, first, last):
    names = load_concepts(vocabulary).names
    assert (names[0], names[-1]) == (first, last)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_a_vocabulary_has_no_blank_no_duplicate_and_no_stray_space(vocabulary):
    names = load_concepts(vocabulary).names
    assert len({name.casefold() for name in names}) == len(names)
    assert all(name and name == name.strip() and "  " not in name for name in names)


@pytest.mark.parametrize(
    "parts",
    [p for size in (2, 3) for p in itertools.permutations(VOCABULARIES, size)],
    ids="+".join,
)
def test_joined_lists_hold_each_name_once_where_it_stands_first(parts):
    expected: list[str] = []
    for part in parts:
        for name in load_concepts(part).names:
            if name not in expected:
                expected.append(name)
    assert list(load_concepts("+".join(parts)).names) == expected
    assert len(expected) < sum(len(load_concepts(part)) for part in parts)


def test_a_list_joined_with_itself_is_that_list():
    assert load_concepts("coco80+coco80") == load_concepts("coco80")


def test_a_sequence_of_names_keeps_its_order_and_loses_outer_spaces():
    concepts = load_concepts([" zebra", "cat ", "hot dog"])
    assert concepts.names == ("zebra", "cat", "hot dog")
    assert concepts.templates == (DEFAULT_TEMPLATE,)


def test_one_concept_is_a_concept_set():
    concepts = load_concepts(["cat"])
    assert len(concepts) == 1
    assert concepts.prompts() == ["a photo of the cat"]


def test_a_file_gives_one_name_a_line_whatever_its_line_ends(concept_file):
    assert load_concepts(concept_file("sun\r\n hot dog \r\nÉcole\n空")).names == (
        "sun",
        "hot dog",
        "École",
        "空",
    )


def test_a_path_may_be_given_as_text(concept_file):
    assert load_concepts(str(concept_file("sun\nmoon\n"))).names == ("sun", "moon")


def test_a_byte_order_mark_is_not_part_of_the_first_name(concept_file):
    assert load_concepts(concept_file(b"\xef\xbb\xbfsun\nmoon\n")).names == ("sun", "moon")


@pytest.mark.parametrize("line", ["", "   ", "\t"])
def test_a_blank_line_is_named_with_its_file(concept_file, line):
    with pytest.raises(ValueError, match=r"concepts\.txt, line 2: the name is blank"):
        load_concepts(concept_file(f"sun\n{line}\nmoon\n"))


@pytest.mark.parametrize("again", ["sun", "Sun", " SUN "])
def test_a_repeated_name_is_named_with_both_lines(concept_file, again):
    with pytest.raises(
        ValueError, match=rf"concepts\.txt, line 3: '{again.strip()}' is already listed on line 1"
    ):
        load_concepts(concept_file(f"sun\nmoon\n{again}\n"))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("hot dog", "hot  dog"),
        ("hot dog", "hot\u00a0dog"),
        ("hot dog", "hot\u3000dog"),
        ("caf\u00e9", "cafe\u0301"),
        ("caf\u00e9", "CAFE\u0301"),
        ("rock & roll", "rock &amp; roll"),
        ("rock & roll", "rock &amp;amp; roll"),
        ("cat", "\uff43\uff41\uff54"),  # full-width letters
        ("it's", "it\u2019s"),
        ("fish", "\ufb01sh"),  # a ligature
        ("caf\u00e9", "caf\u00c3\u00a9"),  # read in a wrong encoding
        ("\u1e9e", "\u00df"),
    ],
)
def test_names_that_a_model_reads_as_one_are_refused_with_both(one, two):
    with pytest.raises(ValueError, match=r"line 3: .* is already listed on line 1") as refused:
        load_concepts([one, "sun", two])
    assert {repr(one), repr(two)} <= set(re.findall(r"'[^']*'|\"[^\"]*\"", str(refused.value)))


@pytest.mark.parametrize(
    "names",
    [
        ("stra\u00dfe", "STRASSE"),
        ("hot\u00a0dog", "cat"),
        ("cat", "cat."),
        ("t-shirt", "t shirt"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "x"),  # a joiner, as Persian has them
    ],
)
def test_names_that_a_model_reads_as_two_are_taken(names):
    assert load_concepts(list(names)).names == names


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("su\u00adn", r"an invisible character in .* leave out U\+00AD"),
        ("\u200bsun", r"an invisible character in .* leave out U\+200B"),
        ("a\tb", r"control characters in .* leave out U\+0009"),
        ("&nbsp;", "the name is blank"),
    ],
)
def test_names_with_what_cannot_be_seen_are_refused(name, message):
    with pytest.raises(ValueError, match=f"line 2: {message}"):
        load_concepts(["cat", name])


@pytest.mark.parametrize(
    ("file", "right"),
    [
        ("spaces.txt", "line 2: 'hot  dog' is already listed on line 1 as 'hot dog'"),
        ("nfd.txt", "line 2: .* is already listed on line 1"),
        ("entity.txt", "line 2: 'rock &amp; roll' is already listed on line 1"),
        ("nbsp.txt", ("hot\u00a0dog", "cat")),
        ("straße.txt", ("Straße", "Strasse")),
    ],
)
def test_the_lists_of_the_cases(file, right):
    path = SHARED / "cases" / "same_concepts" / file
    if not path.is_file():
        pytest.skip("the cases are not in ../shared")
    if isinstance(right, tuple):
        assert load_concepts(path).names == right
        return
    with pytest.raises(ValueError, match=right):
        load_concepts(path)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"sun\nmoon\nt\xe9l\xe9\n", 3),  # Latin-1
        (b"\xef\xbb\xbfsun\n\xff\n", 2),  # the byte-order mark must not move the line
        ("sun\nmoon".encode("utf-16"), 1),
        (b"\xffsun", 1),
    ],
)
def test_text_that_is_not_utf8_is_refused_and_its_line_named(concept_file, content, line):
    with pytest.raises(ValueError, match=rf"concepts\.txt, line {line}: not UTF-8 text"):
        load_concepts(concept_file(content))


def test_control_characters_are_refused(concept_file):
    with pytest.raises(ValueError, match=r"line 2: control characters in 'mo\\x00on'"):
        load_concepts(concept_file("sun\nmo\x00on\n"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("names.json", '["cat", "dog"]'),
        ("names.csv", "cat,1\ndog,2\n"),
        ("names.tsv", "cat\tfeline\n"),
        ("names.txt", "# animals\ncat\ndog\n"),
    ],
)
def test_a_file_that_holds_more_than_names_is_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=rf"{name}, line 1: "):
        load_concepts(tmp_path / name)


def test_a_csv_of_one_column_and_hashtags_are_names(tmp_path):
    (tmp_path / "names.csv").write_text("cat\n#selfie\n")
    assert load_concepts(tmp_path / "names.csv").names == ("cat", "#selfie")


def test_names_without_an_order_are_refused(as_users_run_it):
    for names in ({"cat", "dog"}, frozenset(["cat"])):
        with pytest.raises(TypeError, match=r"^source must be names, .*got .*set"):
            load_concepts(names)
        with pytest.raises(TypeError, match="templates must be a sequence of texts"):
            load_concepts(["cat"], {"a {}", "the {}"})


def test_a_template_that_is_listed_again_is_refused():
    with pytest.raises(ValueError, match=r"templates: 'A \{\}' is listed again, as 'a \{\}'"):
        ConceptSet(("cat",), ("a {}", "the {}", "A {}"))


def test_an_empty_file_is_refused(concept_file):
    with pytest.raises(ValueError, match=r"concepts\.txt: the concept list is empty"):
        load_concepts(concept_file(""))


@pytest.mark.parametrize("source", ["no-such-list", "coco80+no-such-list", "coco80+"])
def test_an_unknown_list_names_the_known_ones(source):
    with pytest.raises(FileNotFoundError, match="expected one of nuswide81, coco80, common"):
        load_concepts(source)


def test_a_blank_text_names_no_list():
    with pytest.raises(ValueError, match="source must be a path, got the blank text ''"):
        load_concepts("")


def test_a_folder_is_not_a_concept_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="or a text file with one name per line"):
        load_concepts(tmp_path)


def test_no_names_are_refused():
    with pytest.raises(ValueError, match="needs at least one name, got none"):
        load_concepts([])


def test_a_blank_name_in_a_sequence_is_counted_from_one():
    with pytest.raises(ValueError, match="concepts, line 2: the name is blank"):
        load_concepts(["sun", "  ", "moon"])


def test_a_single_string_is_not_a_sequence_of_letters(as_users_run_it):
    with pytest.raises(TypeError, match="sequence of names, got the one string 'sun'"):
        ConceptSet("sun")


def test_a_name_that_is_not_text_is_refused(as_users_run_it):
    with pytest.raises(TypeError, match="line 2: a name must be text, got 7"):
        load_concepts(["sun", 7])


@pytest.mark.parametrize(
    "template", ["a photo", "", "a photo of the {name}", "a photo of the {0}", "{} and {}"]
)
def test_a_template_has_exactly_one_place_for_the_name(template):
    with pytest.raises(ValueError, match=r"exactly one \{\} where the concept goes, got"):
        load_concepts(["sun"], template)


def test_no_templates_are_refused():
    with pytest.raises(ValueError, match="at least one prompt template, got none"):
        load_concepts(["sun"], [])


def test_a_single_template_may_be_given_as_text():
    assert load_concepts(["sun", "moon"], "a sketch of {}").prompts() == [
        "a sketch of sun",
        "a sketch of moon",
    ]


def test_of_several_templates_the_first_is_the_default_and_any_can_be_asked_for():
    concepts = load_concepts(["sun", "moon"], ["one {}", "{} two"])
    assert concepts.prompts() == ["one sun", "one moon"]
    assert concepts.prompts(concepts.templates[1]) == ["sun two", "moon two"]


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>",
        "{0.__class__}",
        "{}",
        "{{}}",
        "%s",
        r"\1",
        "$name",
        "'; drop table concepts; --",
    ],
)
def test_a_hostile_name_is_put_into_the_prompt_as_it_stands(name):
    assert load_concepts([name]).prompts() == [f"a photo of the {name}"]


def test_other_braces_of_a_template_stay_as_they_stand():
    template = "{0.__class__} {} {name}"
    assert load_concepts(["sun"], template).prompts() == ["{0.__class__} sun {name}"]


def test_a_concept_set_holds_tuples_and_cannot_be_changed(as_users_run_it):
    concepts = ConceptSet(names=["sun", "moon"], templates=["{}"])
    assert concepts == ConceptSet(("sun", "moon"), ("{}",))
    assert len({concepts, ConceptSet(("sun", "moon"), ("{}",))}) == 1
    with pytest.raises(AttributeError):
        concepts.names = ("moon",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat, dog, bird\n", "expected one name per line, got one line with several, 'cat, dog"),
        ("cat;dog;bird", "expected one name per line, got one line with several"),
        ("1. cat\n2. dog\n3. bird\n", r"line 1: '1\. cat' has a number or a mark of a list"),
        ("1) cat\n2) dog\n", "leave them out"),
        ("- cat\n- dog\n", "leave them out"),
        ("* cat\n* dog\n", "leave them out"),
    ],
)
def test_a_list_written_as_a_sentence_or_with_marks_is_refused(tmp_path, text, message):
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_concepts(str(path))


def test_names_with_commas_and_numbers_among_others_are_taken(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("tench, Tinca tinca\n1. FC Union\n3D printer\nT-shirt\n")
    assert len(load_concepts(str(path)).names) == 4


@given(st.text("aZ9 '(){}.,:!?/-"))
def test_a_plain_name_is_read_as_by_open_clip(name):
    assert concepts._PLAIN.fullmatch(name)
    assert concepts._as_read(name) == get_clean_fn("lower")(name)
