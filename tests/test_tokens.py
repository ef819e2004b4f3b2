"""What a tokenizer cuts off and what it makes equal, for every kind of tokenizer of open_clip."""

from __future__ import annotations

import dataclasses

import open_clip
import pytest
import torch

from uhscm_core import ConceptSet, Study, UHSCMWarning, load_vlp
from uhscm_core.tokens import TokenReader

from .conftest import unit_rows

LONG = "a photo of one two three four five six seven eight nine ten {}"
FULL = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen {}"


class WordTokenizer:
    """As a tokenizer of Hugging Face: padded with 7, no start, an end that is kept when cut."""

    context_length = 16

    def __init__(self):
        self.ids = {}

    def __call__(self, texts, context_length=None):
        length = context_length or self.context_length
        rows = []
        for text in texts:
            ids = [self.ids.setdefault(word, 10 + len(self.ids)) for word in text.split()]
            ids = [*ids[: length - 1], 2]
            rows.append(ids + [7] * (length - len(ids)))
        return torch.tensor(rows)


def readers():
    for clean in ("lower", "whitespace", "canonicalize"):
        yield TokenReader(clean, open_clip.SimpleTokenizer(context_length=16, clean=clean))
    yield TokenReader("of words", WordTokenizer())


@pytest.fixture(params=list(readers()), ids=lambda reader: reader.name)
def reader(request):
    return request.param


def test_a_text_that_is_too_long_is_said_with_what_is_cut(reader):
    (note,) = reader.notes([LONG.replace("{}", "hill with castle rainbow")])
    assert "longer than the 16 tokens" in note
    assert note.endswith(("castle' | cut: 'rainbow'", "castle rainbow'"))
    assert reader.notes(["a castle", "a rainbow"]) == ()
    assert reader.notes([]) == ()


def test_texts_that_become_equal_by_the_cut_are_named(reader):
    frame = "a b c d e f g h i j k l m n o {}"
    (note,) = reader.notes([frame.replace("{}", w) for w in ("castle", "rainbow")] + ["sun"])
    assert note.startswith("2 of 3 texts are longer")
    assert "castle' and '" in note
    assert note.endswith("are one text to it")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a b c d e f g h i j k l m rainbow beach", "beach"),
        ("a b c d e f g h i j k l m n rainbow!", "rainbow!"),
        ("dog " * 20, " ".join(["dog"] * 6)),
        ("長" * 30, None),
        ("  a b c d e f g h i j k l m n  o  ", "o"),
    ],
)
def test_what_is_cut_begins_with_the_first_word_not_read_whole(text, rest):
    reader = TokenReader("clip", open_clip.SimpleTokenizer(context_length=16))
    (note,) = reader.notes([text])
    shown = note.rpartition("| cut: ")[2]
    if rest is None:
        assert 0 < len(shown.strip("'")) < 30
    else:
        assert shown == repr(rest)


def test_a_text_that_just_fits_is_not_cut():
    reader = TokenReader("clip", open_clip.SimpleTokenizer(context_length=16))
    assert reader.notes(["a b c d e f g h i j k l m n"]) == ()
    assert len(reader.notes(["a b c d e f g h i j k l m n o"])) == 1


def test_a_template_without_room_for_the_name_is_refused_by_name(reader):
    for templates in ((FULL + " a b",), ("{}", f"so many words {FULL}")):
        longer = tuple(t.replace("one", "zero one one") if t != "{}" else t for t in templates)
        with pytest.raises(ValueError, match=r"the template '.*one two .*' leaves no room"):
            reader.check(ConceptSet(("cat", "dog"), longer))


def test_names_that_the_template_cuts_to_one_are_refused():
    reader = TokenReader("clip", open_clip.SimpleTokenizer(context_length=16))
    concepts = ConceptSet(("palm tree", "cat", "palm oil"), (FULL.replace("fourteen ", ""),))
    with pytest.raises(ValueError, match="'palm tree' and 'palm oil' are one text to clip"):
        reader.check(concepts)
    # Another template tells them apart, so that only the cut is said.
    both = dataclasses.replace(concepts, templates=(*concepts.templates, "a {}"))
    (note,) = reader.check(both)
    assert "cut: 'tree'" in note


def test_names_that_one_model_alone_reads_as_one_are_refused_there():
    concepts = ConceptSet(("t-shirt", "tshirt"))
    TokenReader("clip", open_clip.SimpleTokenizer(context_length=16)).check(concepts)
    siglip = open_clip.SimpleTokenizer(context_length=16, clean="canonicalize")
    with pytest.raises(ValueError, match="'t-shirt' and 'tshirt' are one text to siglip"):
        TokenReader("siglip", siglip).check(concepts)
    with pytest.raises(ValueError, match=r"'\+\+' has no character that siglip reads"):
        TokenReader("siglip", siglip).check(ConceptSet(("cat", "++")))


def test_of_a_tokenizer_without_a_context_of_its_own_nothing_is_said():
    tokenizer = WordTokenizer()
    reader = TokenReader("own", lambda texts: tokenizer(texts))
    assert reader.notes(["word " * 40]) == ()


# Through the model and the study.


def test_a_long_text_warns_wherever_it_comes_from(study):
    long = LONG.replace("{}", "by the valley with a castle and a rainbow")
    with pytest.warns(UHSCMWarning, match="cut: .*rainbow'"):
        study.vlp.encode_texts([long])
    with pytest.warns(UHSCMWarning, match="cut: .*rainbow'"):
        study.search("castle " * 12 + "rainbow")
    with pytest.warns(UHSCMWarning, match="81 texts are longer .* cut: '"):
        study.with_(
            template="a photo of the {} with very many other words and things around it there"
        )
    with pytest.warns(UHSCMWarning, match="1 of 2 texts are .* cut: .*rainbow'"):
        study.with_(concepts=["castle", long])


def test_a_template_without_room_is_refused_by_the_study(study):
    with pytest.raises(ValueError, match=r"the template '.*\{\}' leaves no room"):
        study.with_(template=FULL)
    with pytest.raises(ValueError, match="leaves no room"):
        Study(study.dataset, study.vlp, ConceptSet(("a", "b"), (FULL,)))
    with pytest.raises(ValueError, match="leaves no room"):
        study.vlp.encode_texts(ConceptSet(("a", "b"), (FULL,)))


def test_what_was_said_of_the_concepts_is_not_said_again(study):
    with pytest.warns(UHSCMWarning, match="cut"):
        once = study.with_(
            template="a photo of the {} with very many other words all around it there"
        )
    once.with_(tau=2.0)  # a warning would be an error here
    assert len(once.mined.wins) == 81


def test_concepts_with_one_vector_are_refused(study):
    class Blind:
        name, digest, embed_dim, logit_scale = "blind", "blind", 4, 100.0

        def encode_images(self, images):
            return torch.eye(4)[[0] * len(images)]

        def encode_texts(self, texts):
            return torch.eye(4)[[min(i, 2) for i in range(len(texts))]]

    blind = Study(study.dataset, Blind(), ["a", "b", "c", "d"], progress=False)
    with pytest.raises(ValueError, match="'c' and 'd' have the same text features"):
        _ = blind.text_features
    rows = torch.tensor([[1.0, 0], [0, 1], [2, 0]])
    with (
        pytest.warns(UHSCMWarning, match="normalized"),
        pytest.raises(ValueError, match="'a' and 'c' have the same text features"),
    ):
        Study.from_features(unit_rows(torch.Generator(), 10, 2), ["a", "b", "c"], rows)


def test_the_models_of_the_package_tell_all_shipped_names_apart():
    load_vlp("postcards").text_notes(ConceptSet(("cat", "dog"), ("a {}", "the {}")))
