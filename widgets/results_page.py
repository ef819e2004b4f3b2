"""Results as one HTML page that opens without a kernel, a script or the network.

All that comes from people (names, labels, concepts, templates) is escaped; pictures are data
addresses; a policy in the page's head forbids everything else. It follows the reader's light or
dark, can be printed, and says in words what it shows in pictures.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from uhscm_core import Study, mean_average_precision
from uhscm_core.analysis.rankers import rankers_of
from uhscm_core.analysis.rankings import label_matches
from uhscm_core.evaluation import evaluated_images
from uhscm_core.export import readable
from uhscm_core.support.checks import position, shown, text, whole_number
from widgets.explorers.arguments import checked
from widgets.kit.thumbnails import Thumbnails
from widgets.kit.words import counted

__all__ = ["results_page"]

_QUERIES = 12
_CONCEPTS = 6  # bars a query
_EDGE, _LARGE = 96, 192  # of the pictures, in pixels

_STYLE = Path(__file__).with_name("results_page.css")


def results_page(
    study: Study,
    queries: Iterable[int] | None = None,
    k: int = 24,
    title: str = "Retrieval by hash codes",
) -> str:
    """The results of some queries as one page of HTML.

    Args:
        study: with a trained network.
        queries: images of the dataset; None for twelve of its queries (or else of its database),
            spread over the concepts that weigh most in them.
        k: results a query, at least 1; the query itself is left out.
        title: of the page.

    Returns:
        The page, to be written as UTF-8; with the defaults less than 3 MB.

    Raises:
        TypeError: an argument of another kind.
        IndexError: no image of this index.
        ValueError: no network yet, no queries, or k below 1.
    """
    network = checked(study).network
    if network is None:
        raise ValueError("this study has no hash network yet: use study.train(bits=...)")
    k = whole_number("k", k, 1)
    title = text("title", title)
    asked = _spread(study) if queries is None else checked_queries(study, queries)
    pictures = _Pictures(study)
    links = "".join(
        f'<li><a href="#query-{number}" dir="auto">{number}: {pictures.name(query)}</a></li>'
        for number, query in enumerate(asked, 1)
    )
    sections = "".join(
        _section(study, pictures, number, query, k) for number, query in enumerate(asked, 1)
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        f"<header><h1>{_text(title)}</h1>{_facts(study)}{_legend(study)}</header>\n"
        f'<nav aria-label="Queries"><h2>Queries</h2><ul>{links}</ul></nav>\n'
        f"<main>\n{sections}</main>\n</body>\n</html>\n"
    )


def checked_queries(study: Study, queries: object) -> list[int]:
    """The queries of a page of results, as images of the study.

    Raises:
        TypeError: no sequence of whole numbers.
        IndexError: no image of this index.
        ValueError: there are none.
    """
    if isinstance(queries, str | bytes | Mapping) or not isinstance(queries, Iterable):
        raise TypeError(f"queries must be a sequence of images by index, got {shown(queries)}")
    n = len(study.dataset)
    asked = [position("queries", query, n, "images of the dataset") for query in queries]
    if not asked:
        raise ValueError(f"queries: a page of results needs at least one query, got {queries!r}")
    return asked


class _Pictures:
    """Pictures as data addresses, and names."""

    def __init__(self, study: Study) -> None:
        self._dataset = study.dataset
        self._small = Thumbnails(study.dataset.images, _EDGE)
        self._large = Thumbnails(study.dataset.images, _LARGE)

    def name(self, image: int) -> str:
        return _text(self._dataset.names[image])

    def described(self, image: int) -> str:
        labels = ", ".join(self._dataset.labels_of(image))
        return self.name(image) + (f": {_text(labels)}" if labels else "")

    def tag(self, image: int, alt: str, large: bool = False) -> str:
        data, reason = (self._large if large else self._small).read([image])[0]
        if not data:
            return f'<p class="note">{_text(reason)}</p>'
        address = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        return f'<img src="{address}" alt="{alt}">'


def _text(words: str) -> str:
    return html.escape(readable(words))


def _spread(study: Study) -> list[int]:
    splits = study.dataset.splits
    ids = splits["query"] if len(splits["query"]) else splits["database"]
    dominant = study.distribution[torch.from_numpy(ids)].argmax(1).numpy()
    order = ids[np.argsort(dominant, kind="stable")]
    places = np.linspace(0, len(order) - 1, min(_QUERIES, len(order))).round().astype(int)
    return [int(image) for image in order[places]]


def _facts(study: Study) -> str:
    dataset, splits = study.dataset, study.dataset.splits
    # Only the name of a folder or file: a page that is sent on must not reveal where it is.
    source = Path(dataset.source["source"]).name if dataset.source else "images of one's own"
    kept = study.kept_names
    facts = {
        "Images": f"{source}: {len(splits['database']):,} in the database, of which "
        f"{len(splits['train']):,} to train on, and {len(splits['query']):,} queries",
        "Model": study.vlp.name,
        "Prompt template": " + ".join(study.concepts.templates),
        "Concepts": f"{len(kept)} kept of {len(study.concepts.names)}: {', '.join(kept)}",
        "Codes": f"{study.index.bits} bits",
    }
    if dataset.labels is None:
        facts["Labels"] = "none, so nothing is marked or evaluated"
    elif len(splits["query"]):
        facts["Mean average precision"] = _evaluation(study)
    rows = "".join(f"<dt>{_text(k)}</dt><dd>{_text(v)}</dd>" for k, v in facts.items())
    return f"<dl>{rows}</dl>"


def _evaluation(study: Study) -> str:
    """Return the figures of all queries in words, or why there are none."""
    try:
        on = evaluated_images(study.dataset)
    except ValueError as error:
        return str(error)
    codes, labels = study.codes, on.labels
    case = (codes[on.queries], codes[on.database], labels[on.queries], labels[on.database])
    worst, expected, best = (
        mean_average_precision(*case, ties=ties) for ties in ("worst", "expected", "best")
    )
    return "; ".join(
        [
            f"{expected:.3f} over the whole database, the mean over all orders of ties",
            f"from {worst:.3f} at worst to {best:.3f} at best",
            *on.notes,
        ]
    )


def _legend(study: Study) -> str:
    words = (
        "Each query is answered by its code: the database in order of Hamming distance, the number "
        "of bits in which two codes differ. Images at one distance tie: their order means nothing. "
        "The query itself is left out."
    )
    if study.dataset.labels is not None:
        words += (
            " ✓ and a solid frame: shares a label with the query; ✗ and a dashed one: does not."
        )
    return f'<p class="note">{words}</p>'


def _section(study: Study, pictures: _Pictures, number: int, query: int, k: int) -> str:
    name = pictures.name(query)
    labels = ", ".join(study.dataset.labels_of(query))
    said = f'<p dir="auto">Labels: {_text(labels)}</p>' if labels else ""
    return (
        f'<section id="query-{number}" aria-labelledby="name-{number}">'
        f'<h2 id="name-{number}" dir="auto">{number}: {name}</h2><div class="asked">'
        f"{pictures.tag(query, f'The query, {pictures.described(query)}', large=True)}"
        f"<div>{said}{_concepts(study, query)}{_bits(study, query)}</div></div>"
        f"{_shelves(study, pictures, query, k)}</section>\n"
    )


def _concepts(study: Study, query: int) -> str:
    weights = study.distribution[query]
    largest = weights.argsort(descending=True, stable=True)[:_CONCEPTS].tolist()
    names = study.kept_names
    rows = "".join(
        f'<tr><th scope="row" dir="auto">{_text(names[c])}</th>'
        f'<td><span class="bar" style="width:{0.9 * float(weights[c]):.1%}"></span> '
        f"{float(weights[c]):.0%}</td></tr>"
        for c in largest
    )
    return f'<h3>Its concepts</h3><table aria-label="Concepts of the query">{rows}</table>'


def _bits(study: Study, query: int) -> str:
    bits = study.index.bits
    ones = np.unpackbits(study.codes[query].numpy(), count=bits)
    cells = [f"<b>{one}</b>" if one else f"{one}" for one in ones]
    groups = " ".join("".join(cells[start : start + 8]) for start in range(0, bits, 8))
    return f'<h3>Its code of {bits} bits</h3><div class="bits">{groups}</div>'


def _shelves(study: Study, pictures: _Pictures, query: int, k: int) -> str:
    own = next(iter(rankers_of(study)[0].values()))
    ranking = own.rank(query)
    rows = ranking.order[:k]
    matches = label_matches(study.dataset, query, ranking.items[rows])
    parts = []
    for distance in np.unique(ranking.distances[rows]):
        here = np.flatnonzero(ranking.distances[rows] == distance)
        n = int((ranking.distances == distance).sum())
        first, last = (int(r[rows[here[0]]]) for r in ranking.ranks)
        words = f"<h3>{counted(distance, 'bit')}</h3>"
        words += f"{counted(n, 'image')}, "
        words += f"rank {first:,}" if n == 1 else f"tied at ranks {first:,} to {last:,}"
        if len(here) < n:
            words += f"; {len(here)} of them shown"
        items = "".join(_result(pictures, int(ranking.items[rows[i]]), matches[i]) for i in here)
        parts.append(
            f'<div class="row"><div>{words}</div><ul class="shelf" role="list">{items}</ul></div>'
        )
    found: Sequence[bool] = [match for match in matches if match is not None]
    if found:
        said = f"A label in common with the query: {sum(found)} of the first {len(found)}."
        parts.insert(0, f'<p class="note">{said}</p>')
    return "".join(parts)


def _result(pictures: _Pictures, image: int, match: bool | None) -> str:
    kind, sign, said = {
        True: ("match", "✓", ", match"),
        False: ("other", "✗", ", no match"),
        None: ("", "", ""),
    }[match]
    mark = f'<span class="sign" aria-hidden="true">{sign}</span>' if sign else ""
    tag = pictures.tag(image, pictures.described(image) + said)
    return (
        f'<li class="{kind}"><span class="frame">{tag}{mark}</span>'
        f'<span class="name" dir="auto" aria-hidden="true">{pictures.name(image)}</span></li>'
    )
