"""What the benchmark of texts says of its figures: intervals, and bounds chosen on halves."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from benchmarks import texts


def frame_of(*rows):
    """A table of rows (named, list, cosine, concepts, features)."""
    names = ("named", "list", "cosine", "concepts", "features")
    return pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])


def test_the_interval_is_the_bootstrap_of_a_loop_over_words(monkeypatch):
    monkeypatch.setattr(texts, "DRAWS", 200)
    gains = {"a": 0.5, "b": 0.1, "c": -0.2, "d": 0.3, "e": 0.0}
    rows = [([word], "common", 0.5, 0.2, 0.2 + gain) for word, gain in gains.items()]
    rows += [(["a", "b"], "common", 0.5, 0.1, 0.9), (["a", "b"], "coco80", 0.5, 0.1, 0.3)]
    rng, means = np.random.default_rng(0), []
    for _ in range(200):
        drawn = list(rng.integers(5, size=5))
        found = [gain for at in drawn for gain in (list(gains.values())[at],)]
        both = drawn.count(0) * drawn.count(1)
        means.append(np.mean(found + [0.8, 0.2] * both))
    expected = np.quantile(means, [0.025, 0.975])
    assert texts.interval(frame_of(*rows)) == pytest.approx(tuple(expected))


def test_few_words_have_no_interval_and_equal_gains_have_no_width():
    rows = [([word], "common", 0.5, 0.25, 0.75) for word in "abcde"]
    assert texts.interval(frame_of(*rows[:4])) is None
    assert texts.interval(frame_of(*rows)) == (0.5, 0.5)


def test_with_each_bound_concepts_answer_from_there_on():
    frame = frame_of((["a"], "common", 0.5, 0.0, 1.0), (["b"], "common", texts.BOUND, 0.6, 0.2))
    found = dict(zip(texts.BOUNDS, texts.by_bound(frame), strict=True))
    assert found[-1.0] == pytest.approx(0.3)  # both by concepts
    assert found[texts.BOUND] == found[0.7] == pytest.approx(0.8)
    assert found[0.98] == found[1.01] == pytest.approx(0.6)


def test_no_word_is_on_both_halves():
    words = [[a] for a in "abcdefgh"] + [["a", "b"], ["c", "d"], ["e", "h"]]
    frame = frame_of(*((found, "common", 0.5, 0.1, 0.2) for found in words))
    for seed in range(5):
        (on,), (test,) = texts.halves([frame], seed)
        first, second = ({word for found in half["named"] for word in found} for half in (on, test))
        assert first.isdisjoint(second)
        assert len(first) == len(second) == 4
    halves = [texts.halves([frame], seed)[0][0]["named"].tolist() for seed in range(5)]
    assert any(half != halves[0] for half in halves)


def test_each_two_of_the_lists_are_chosen_on_once():
    frame = frame_of(*((["a"], name, 0.5, 0.1, 0.2) for name in texts.LISTS))
    splits = [
        (on["list"].tolist(), rest["list"].tolist())
        for (on,), (rest,) in texts.halves_of_lists([frame])
    ]
    assert len(splits) == 6
    assert all(sorted(on + rest) == sorted(texts.LISTS) for on, rest in splits)


def test_what_another_bound_costs_is_printed(capsys):
    # Concepts are better from .95 on for all words, so that a lower bound than .97 is chosen.
    frame = frame_of(
        *(([word], name, 0.955, 0.9, 0.4) for word in "abcdefgh" for name in texts.LISTS)
    )
    texts.print_bounds("hand-made", [frame])
    by_words, by_lists = capsys.readouterr().out.splitlines()
    assert "always 100%" in by_words
    assert by_words.endswith("| +0.5000 (+0.5000 to +0.5000) | -0.5000 |")
    assert "all 6 ways | always 100%" in by_lists
    frame["cosine"], frame["concepts"] = 0.5, 0.3
    texts.print_bounds("hand-made", [frame])
    assert (
        capsys.readouterr().out.count("| 0.97 100% | +0.0000 (+0.0000 to +0.0000) | +0.0000 |") == 2
    )


def test_every_sentence_names_two_labels_of_the_photos():
    sentences = texts.COREL.split("; ")
    assert len(set(sentences)) == 34
    assert all(len(re.findall(r"\{\w+\}", sentence)) == 2 for sentence in sentences)
    assert all(form.count("{%s}") == 2 for form in texts.FORMS)
