"""The page of results, read as a browser reads it."""

from __future__ import annotations

import base64
import dataclasses
import io
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from uhscm_core import Study, UHSCMWarning
from uhscm_core.datasets import ImageDataset
from uhscm_core.datasets.images import ArrayImages
from widgets import results_page

HOSTILE = "<img src=x onerror=alert(1)>"
ODD = (HOSTILE, 'it\'s "quoted" & <b>bold', "صورة بحر", os.fsdecode(b"not utf-8 \xff.jpg"), "a\nb")
VOID = {"img", "meta"}


class Page(HTMLParser):
    """Elements with their attributes, the texts of the page, and whether all that opened closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def of(self, tag, **wanted):
        return [a for t, a in self.elements if t == tag and wanted.items() <= a.items()]

    @property
    def words(self):
        return " ".join("".join(self.texts).split())


@pytest.fixture(scope="module")
def text(trained):
    return results_page(trained)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def odd(trained, n=60):
    """A study of images with odd names, labels and concepts."""
    ids = np.arange(n)
    pixels = np.stack([np.asarray(trained.dataset.images[i]) for i in range(n)])
    labels = trained.dataset.labels[:n].clone()
    labels[2] = 0
    dataset = ImageDataset(
        images=ArrayImages(pixels),
        labels=labels,
        label_names=(HOSTILE, *trained.dataset.label_names[1:]),
        splits={"train": ids, "database": ids, "query": ids[:0]},
        digest=f"the first {n}, oddly named",
        names=(*ODD, *(f"{i}" for i in range(len(ODD), n))),
    )
    concepts = [HOSTILE, 'it\'s "quoted" & <b>bold', *trained.concepts.names[2:]]
    with pytest.warns(UHSCMWarning, match="longer than the 16 tokens that postcards reads"):
        study = Study(dataset, trained.vlp, concepts, min_share=0.0, progress=False)
    return study.train(bits=12, epochs=1)


def test_the_page_is_whole_and_asks_for_nothing(text, page):
    assert page.open == []
    assert not page.of("script") + page.of("link") + page.of("iframe")
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.of("img"))
    assert (
        "default-src 'none'"
        in page.of("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    )
    assert not re.search(r"https?:|url\(|@import", text)
    assert len(text.encode()) < 3_000_000
    assert page.of("html", lang="en")


def test_it_says_what_the_study_is(trained, page):
    words = page.words
    for said in (
        "240 in the database, of which 120 to train on, and 20 queries",
        "a photo of the {}",
        f"{len(trained.kept_names)} kept of 81",
        "16 bits",
        f"{trained.evaluate():.3f} over the whole database",
        f"from {trained.evaluate(ties='worst'):.3f} at worst to "
        f"{trained.evaluate(ties='best'):.3f} at best",
    ):
        assert said in words


def test_twelve_queries_and_their_results(trained, page):
    sections = page.of("section")
    assert len(sections) == 12
    links = [link["href"] for link in page.of("a")]
    assert links == [f"#{section['id']}" for section in sections]
    assert len(page.of("img")) == 12 * 25
    assert all(image["alt"] for image in page.of("img"))
    queries = {image["alt"].split(",")[1].split(":")[0].strip() for image in page.of("img")[::25]}
    names = {trained.dataset.names[i] for i in trained.dataset.splits["query"]}
    assert len(queries) == 12
    assert queries <= names


def test_shelves_hold_the_nearest_and_say_how_many_tie(trained):
    query, k = int(trained.dataset.splits["database"][4]), 20
    page = Page(results_page(trained, [query], k))
    codes = np.unpackbits(trained.codes.numpy(), axis=1)
    others = [int(i) for i in trained.dataset.splits["database"] if i != query]
    distances = {i: int((codes[i] != codes[query]).sum()) for i in others}
    nearest = sorted(others, key=lambda i: (distances[i], i))[:k]
    shown = [image["alt"] for image in page.of("img")[1:]]
    labels = set(trained.dataset.labels_of(query))
    for alt, image in zip(shown, nearest, strict=True):
        match = bool(labels & set(trained.dataset.labels_of(image)))
        assert alt.startswith(trained.dataset.names[image])
        assert alt.endswith(", match" if match else ", no match")
    matched = sum(alt.endswith(", match") for alt in shown)
    assert f"A label in common with the query: {matched} of the first {k}." in page.words
    assert len(page.of("li", **{"class": "match"})) == matched
    assert len(page.of("li", **{"class": "other"})) == k - matched
    rank = 1
    for distance in sorted({distances[i] for i in nearest}):
        n = sum(d == distance for d in distances.values())
        said = f"{distance} bit{'' if distance == 1 else 's'}{n} image{'' if n == 1 else 's'}, "
        said += f"rank {rank}" if n == 1 else f"tied at ranks {rank} to {rank + n - 1}"
        if rank + n - 1 > k:
            said += f"; {k - rank + 1} of them shown"
        assert said in page.words
        rank += n
    bits = "".join(map(str, codes[query]))
    assert f"{bits[:8]} {bits[8:]}" in page.words


def test_what_people_wrote_is_shown_and_does_nothing(trained):
    study = odd(trained)
    text = results_page(study, range(5), k=59, title=HOSTILE)
    text.encode()  # names that are not UTF-8 too
    page = Page(text)
    assert page.open == []
    assert not [a for t, a in page.elements if any(name.startswith("on") for name in a)]
    assert len(page.of("img")) == 5 * 60
    for said in (HOSTILE, ODD[1], ODD[2], r"not utf-8 \xff.jpg"):
        assert said in page.words
    assert page.texts.count(HOSTILE) > 2
    assert "Mean average precision" not in page.words  # there is no query to take it over
    # An image without a label is no match and no mistake.
    start = [i for i, (t, _) in enumerate(page.elements) if t == "section"][2]
    stop = [i for i, (t, _) in enumerate(page.elements) if t == "section"][3]
    kinds = {a["class"] for t, a in page.elements[start:stop] if t == "li"}
    assert kinds == {""}


def test_without_labels_nothing_is_marked(trained):
    bare = dataclasses.replace(trained.dataset, labels=None, label_names=())
    page = Page(results_page(trained.with_(dataset=bare, network=trained.network), [3, 4], 5))
    assert "none, so nothing is marked or evaluated" in page.words
    assert "✓" not in page.words
    assert {item["class"] for item in page.of("li") if "class" in item} == {""}


def test_the_pictures_are_the_images(trained):
    query = int(trained.dataset.splits["query"][0])
    page = Page(results_page(trained, [query], 1))
    data = page.of("img")[0]["src"].partition(",")[2]
    with Image.open(io.BytesIO(base64.b64decode(data)), formats=("JPEG",)) as shown:
        assert shown.size == (192, 192)
        small = np.asarray(shown.resize((96, 96)), dtype=float)
    assert np.abs(small - np.asarray(trained.dataset.images[query], dtype=float)).mean() < 8


def test_where_images_and_model_lie_is_told_to_nobody(trained):
    moved = dataclasses.replace(trained.dataset, source={"source": "/home/jane doe/photos <b>"})
    study = trained.with_(dataset=moved, network=trained.network)
    page = Page(results_page(study, [3], 2))
    assert "photos <b>: 240 in the database" in page.words
    assert "jane" not in results_page(study, [3], 2)


def test_an_image_that_can_not_be_read_is_told(trained, monkeypatch):
    query = int(trained.dataset.splits["query"][0])
    read = type(trained.dataset.images).__getitem__

    def torn(images, index):
        if index == query:
            raise OSError("<b>torn</b>")
        return read(images, index)

    monkeypatch.setattr(type(trained.dataset.images), "__getitem__", torn)
    page = Page(results_page(trained, [query], 3))
    assert f"image {query}: <b>torn</b>" in page.words
    assert len(page.of("img")) == 3


def test_what_can_not_be_shown_is_refused(study, trained):
    with pytest.raises(ValueError, match="no hash network yet"):
        results_page(study)
    with pytest.raises(ValueError, match="k must be a whole number of at least 1, got 0"):
        results_page(trained, k=0)
    with pytest.raises(ValueError, match="at least one query"):
        results_page(trained, [])
    for query in (260, -1):
        with pytest.raises(IndexError, match=f"queries must be one of the 260 images.*got {query}"):
            results_page(trained, [query])
    with pytest.raises(TypeError, match="needs a Study"):
        results_page("study")
