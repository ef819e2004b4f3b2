from __future__ import annotations

import numpy as np
import open_clip
import pytest

from uhscm_core.concepts import load_concepts
from uhscm_postcards.describe import LEXICON
from uhscm_postcards.wording import HELD_OUT, NEUTRAL, PLAIN, UNKNOWN, sensible, silly

OTHERS = ("banana", "wedding", "steak")


@pytest.fixture(scope="module")
def templates() -> list[str]:
    rng = np.random.default_rng(0)
    return [sensible(rng) for _ in range(20_000)]


def test_templates_have_one_place_for_the_name_and_no_other(templates):
    rng = np.random.default_rng(0)
    for template in [*templates, *(silly(rng, OTHERS) for _ in range(2_000)), *HELD_OUT]:
        assert template.count("{}") == 1
        assert template.count("{") == 1


def test_there_are_many_and_the_papers_is_among_them(templates):
    assert "a photo of the {}" in PLAIN
    assert templates.count("a photo of the {}") > 100
    assert len(set(templates)) > 10_000


def test_what_is_held_out_is_never_generated(templates):
    generated = set(templates)
    assert not generated & HELD_OUT.keys()
    words = [set(template.replace("'", " ").split()) for template in generated]
    for a, b in (("drawing", "shows"), ("holiday", "snapshot"), ("afar", "picture")):
        assert any(a in w for w in words)
        assert any(b in w for w in words)
        assert not any({a, b} <= w for w in words)
    for word in ("etching", "greetings", "took", "quarterly", "invoice", "tuesday"):
        assert not any(word in w for w in words)


def test_sensible_templates_name_nothing_that_a_picture_may_show(templates):
    words = {word for template in templates for word in template.replace("'", " ").split()}
    shown = words & set(LEXICON)
    assert not shown
    assert max(template.count(UNKNOWN) for template in templates) == 1


def test_silly_templates_name_another_thing_or_several_unknown_ones():
    rng = np.random.default_rng(0)
    for _ in range(2_000):
        template = silly(rng, OTHERS)
        assert template.count(UNKNOWN) > 1 or any(other in template for other in OTHERS)


def test_silly_words_that_stand_for_media_too_are_few():
    names = load_concepts("nuswide81+coco80").names + load_concepts("common").names
    assert set(names) & NEUTRAL == {"drawing", "painting", "poster", "slide", "square"}


def test_templates_fit_the_models_context(templates):
    tokens = open_clip.get_tokenizer("ViT-B-32", context_length=77)(
        [template.replace("{}", "suspension bridge") for template in templates[:2_000]]
    )
    assert ((tokens != 0).sum(1) <= 16).float().mean() > 0.98
