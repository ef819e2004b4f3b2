from __future__ import annotations

import numpy as np

from uhscm_postcards.describe import LEXICON, caption, facts, truths
from uhscm_postcards.scene import LABELS, make_scene


def said(seed: int) -> tuple[str, frozenset[str], frozenset[str]]:
    scene = make_scene(seed)
    text, claims = caption(scene, np.random.default_rng(seed))
    return text, claims, facts(scene)


def test_captions_claim_only_what_is_there():
    for seed in range(200):
        text, claims, true = said(seed)
        assert claims
        assert claims <= true, text


def test_captions_use_a_word_for_each_claim():
    for seed in range(200):
        text, claims, _ = said(seed)
        for fact in claims:
            words = [word for word, (meant, _) in LEXICON.items() if meant == fact]
            assert any(word in text for word in words) or fact in text, (text, fact)


def test_captions_vary():
    assert len({said(seed)[0] for seed in range(200)}) > 170


def test_captions_say_one_to_three_things_in_words_that_fit_the_context():
    import open_clip

    tokens = open_clip.get_tokenizer("ViT-B-32", context_length=77)(
        [said(seed)[0] for seed in range(200)]
    )
    lengths = (tokens != 0).sum(1)
    assert (lengths <= 16).float().mean() > 0.9  # longer ones are cut, as open_clip does


def test_each_label_is_a_word_of_full_weight_for_itself():
    for label in LABELS:
        assert LEXICON[label] == (label, 1.0)


def test_truths_are_the_words_of_the_facts():
    scene = next(s for s in map(make_scene, range(900)) if "boats" in s.labels)
    true = truths(scene)
    assert {"boat", "boats", "sky", "water", "vehicle"} <= true.keys()
    assert not {"zebra", "wedding"} & true.keys()
    assert true["boat"] > true["vehicle"] > true["sky"]


def test_every_label_is_a_truth_of_its_picture():
    for seed in range(300):
        scene = make_scene(seed)
        assert set(scene.labels) <= truths(scene).keys()
