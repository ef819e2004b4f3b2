r"""Labels that the user says where to find: in paths by a pattern, or in a CSV or JSON file.

**Patterns** describe the whole path from the folder: ``{label}`` is a label, ``*`` is any text
within one part of the path, ``**/`` is any number of folders. ``{label}/*`` takes the top folder,
``*/{label}/*`` the second, ``images/{label}_*.jpg`` the name up to its last underscore, and
``{label}/{label}/*`` two labels per image.

**Tables** are CSV files (with commas, semicolons or tabs) with a line of column names, JSON lists
of objects, JSON lines, or a JSON object of names and labels. Names of images may lack folders and
suffixes. ``;`` and ``|`` separate several labels of one image; commas do so in columns with a
plural name, and spaces in ``tags``, where nothing else does. Instead of a column of labels, there
may be one column of 0 and 1 per label.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uhscm_core.datasets.finding import decoded, find, normalized
from uhscm_core.support.notices import listed, printable

__all__ = ["TABLES", "as_multi_hot", "by_pattern", "from_table"]

TABLES = (".csv", ".tsv", ".json", ".jsonl")
# In the order in which they are preferred.
_NAME_COLUMNS = (
    "filename file_name file image image_name img path filepath file_path image_path image_id "
    "imageid id name"
)
_LABEL_COLUMNS = (
    "labels label tags tag classes class class_name categories category label_name labelname target"
)
# They say where an image belongs, not what is on it; "train" may be what is on it.
_SPLIT_COLUMNS = (
    "split subset partition fold set usage is_train is_val is_valid is_test is_training "
    "is_training_img is_training_image"
)
_INDEX_COLUMN = re.compile(r"index|(?:unnamed:_\d+(?:\.\d+)*)?")  # without a name: of pandas
_YES, _NO = ("1", "1.0", "True"), ("", "0", "0.0", "False")
_PLURAL = ("labels", "tags", "classes", "categories")

Labels = list[tuple[str, ...]]
Row = tuple[str, dict[str, Any]]  # where it is, and what is in each column


def as_multi_hot(labels: Sequence[Sequence[str]]) -> tuple[Tensor | None, tuple[str, ...]]:
    """Return (N, C) labels of 0 and 1 and their names in order, or None if there is no label."""
    names = tuple(sorted({label for row in labels for label in row}))
    if not names:
        return None, ()
    column = {label: i for i, label in enumerate(names)}
    multi_hot = torch.zeros(len(labels), len(names), dtype=torch.uint8)
    for number, row in enumerate(labels):
        multi_hot[number, [column[label] for label in row]] = 1
    return multi_hot, names


def by_pattern(pattern: str, names: Sequence[str]) -> Labels:
    """Return the labels of images by a pattern of their paths; none where it does not match.

    Raises:
        ValueError: the pattern has no ``{label}`` or other braces, or no path matches.
    """
    tokens = re.split(r"(\{label\}|\*\*/|\*)", normalized(pattern))
    regular = {"{label}": "([^/]+)", "**/": "(?:.*/)?", "*": "[^/]*"}
    if "{label}" not in tokens or any(brace in text for text in tokens[::2] for brace in "{}"):
        raise ValueError(
            f"labels={pattern!r}: a pattern of paths has {{label}} where the label is, and no "
            f"other braces, such as '{{label}}/*'"
        )
    expression = re.compile(
        "".join(regular[t] if i % 2 else re.escape(t) for i, t in enumerate(tokens)), re.DOTALL
    )
    matches = [expression.fullmatch(normalized(name)) for name in names]
    if not any(matches):
        raise ValueError(
            f"labels={pattern!r}: no image has such a path; the first is "
            f"'{printable(names[0])}'. The pattern describes the whole path from the folder"
        )
    return [tuple(dict.fromkeys(match.groups())) if match else () for match in matches]


def from_table(path: Path, names: Sequence[str]) -> tuple[Labels, list[str]]:
    """Return the labels of images by a CSV or JSON file, and what there is to say about it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not such a table, no column of names or labels, an image with two sets of
            labels, or no image of the folder in it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"labels: there is no file {path}")
    pairs, notes = _pairs(path)
    if not pairs:
        raise ValueError(f"{path}: there is nothing in this file")
    for where, _, of_image in pairs:
        if not all(label.isascii() or _is_utf8(label) for label in of_image):
            raise ValueError(f"{where}: a label is not UTF-8 text; save the table as UTF-8")
    rows, by_file_name = find([name for _, name, _ in pairs], names, without_suffix=True)
    labels: list[tuple[str, ...] | None] = [None] * len(names)
    origin: dict[int, str] = {}
    repeated = 0
    for (where, name, of_image), row in zip(pairs, rows, strict=True):
        if row < 0:
            continue
        if row not in origin:
            labels[row], origin[row] = of_image, where
        elif set(of_image) != set(labels[row] or ()):
            raise ValueError(
                f"{where}: '{printable(name)}' has other labels here than in {origin[row]}; list "
                f"each image once, with ; between its labels"
            )
        else:
            repeated += 1
    if not origin:
        raise ValueError(
            f"{path}: none of its {len(pairs):,} names is an image of the folder; it lists "
            f"{listed((name for _, name, _ in pairs), 2)}, and the folder has {listed(names, 2)}"
        )
    unknown = [name for (_, name, _), row in zip(pairs, rows, strict=True) if row < 0]
    if unknown:
        notes.append(
            f"{len(unknown):,} of the {len(pairs):,} names in {path.name} are not in the folder "
            f"({listed(unknown, 2)})"
        )
    if repeated:
        notes.append(f"{repeated:,} lines of {path.name} list an image again")
    if by_file_name:
        notes.append(
            f"the images of {path.name} were found by their file names, because their folders "
            f"differ"
        )
    return [of_image or () for of_image in labels], notes


def _is_utf8(text: str) -> bool:
    """Whether a text has none of the characters that `decoded` puts for other bytes."""
    return not any("\udc80" <= character <= "\udcff" for character in text)


def _pairs(path: Path) -> tuple[list[tuple[str, str, tuple[str, ...]]], list[str]]:
    """Return where each image is listed, its name and its labels; and what there is to say."""
    text = decoded(path)
    if path.suffix.lower() in (".csv", ".tsv"):
        return _pairs_of_rows(path, *_csv_rows(path, text))
    try:
        if path.suffix.lower() == ".jsonl":
            content: Any = [json.loads(line) for line in text.split("\n") if line.strip()]
        else:
            content = json.loads(text, object_pairs_hook=_Pairs)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not readable JSON ({error})") from error
    if isinstance(content, _Pairs):
        return [
            (f"{path}, '{printable(name)}'", name, _as_labels(path, printable(name), value))
            for name, value in content
        ], []
    if not isinstance(content, list) or not all(isinstance(row, dict | _Pairs) for row in content):
        raise ValueError(
            f'{path}: expected an object such as {{"1.jpg": "cat"}} or a list of objects such as '
            f'{{"file": "1.jpg", "label": "cat"}}'
        )
    rows = [(f"{path}, entry {i}", dict(row)) for i, row in enumerate(content, start=1)]
    columns = list(dict.fromkeys(column for _, row in rows for column in row))
    return _pairs_of_rows(path, rows, columns)


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of a JSON object, of which a dict would drop repeated keys."""


def _csv_rows(path: Path, text: str) -> tuple[list[Row], list[str]]:
    first = text.partition("\n")[0]
    delimiter = max("\t;,", key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        table = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{path}: not a readable CSV file ({error})") from error
    table = [(number, row) for number, row in table if any(row)]
    if not table:
        raise ValueError(f"{path}: there is nothing in this file")
    (_, columns), *lines = table
    for number, row in lines:
        if len(row) != len(columns):
            raise ValueError(
                f"{path}, line {number}: expected {len(columns)} columns, as in the first line, "
                f"got {len(row)}"
            )
    return [
        (f"{path}, line {number}", dict(zip(columns, row, strict=True))) for number, row in lines
    ], columns


def _pairs_of_rows(
    path: Path, rows: Sequence[Row], columns: Sequence[str]
) -> tuple[list[tuple[str, str, tuple[str, ...]]], list[str]]:
    if not rows:
        raise ValueError(f"{path}: there is no image in this file")
    called: dict[str, str] = {}
    for column in columns:
        key = re.sub(r"[\s-]+", "_", column.strip().casefold())
        if key and key in called:
            raise ValueError(
                f"{path}: the columns {called[key]!r} and {column!r} have one name; rename one"
            )
        called[key] = column
    name_column = next((called[name] for name in _NAME_COLUMNS.split() if name in called), None)
    split_columns = [called[name] for name in _SPLIT_COLUMNS.split() if name in called]
    others = [
        column
        for key, column in called.items()
        if column not in (name_column, *split_columns) and not _INDEX_COLUMN.fullmatch(key)
    ]
    label_columns = [
        called[name] for name in _LABEL_COLUMNS.split() if name in called and called[name] in others
    ]
    flags = [column for column in others if column not in map(called.get, _NAME_COLUMNS.split())]
    one_hot = (
        not label_columns
        and len(flags) > 1
        and all(
            str(row.get(column, "")).strip() in _YES + _NO for _, row in rows for column in flags
        )
    )
    if name_column is None or not (label_columns or one_hot):
        raise ValueError(
            f"{path}: expected a column of image names (file, image, id, ...) and one of labels "
            f"(label, class, tags, ...) or one of 0 and 1 per label, got {listed(columns, 8)}"
        )
    notes = []
    if split_columns:
        notes.append(
            f"the column {listed(split_columns)} of {path.name} is not read: folders such as "
            f"train/ and test/ are splits"
        )
    if len(label_columns) > 1:
        notes.append(
            f"the labels are from the column {listed(label_columns[:1])} of {path.name}, not from "
            f"{listed(label_columns[1:])}"
        )
    column = "" if one_hot else label_columns[0]
    separators = _separators(column, [row.get(column) for _, row in rows])
    if " " in separators:
        notes.append(f"the labels in the column {listed([column])} are separated by spaces")
    pairs = []
    for where, row in rows:
        name = row.get(name_column)
        if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
            raise ValueError(
                f"{where}: expected the name of an image in the column {name_column!r}"
            )
        if one_hot:
            flagged = (flag for flag in flags if str(row.get(flag)).strip() in _YES)
            labels = tuple(map(normalized, flagged))
        else:
            of = where.removeprefix(f"{path}, ")
            labels = _as_labels(path, of, row.get(column), separators)
        pairs.append((where, str(name), labels))
    return pairs, notes


def _separators(column: str, cells: Iterable[Any]) -> str:
    """Return the characters that stand between several labels of one image."""
    plain = column.strip().casefold()
    separators = ";|," if plain in _PLURAL else ";|"
    text = "".join(cell for cell in cells if isinstance(cell, str))
    if plain == "tags" and " " in text and not any(mark in text for mark in separators):
        return " "
    return separators


def _as_labels(path: Path, of: str, value: Any, separators: str = ";|") -> tuple[str, ...]:
    """Return the labels in one cell: a text, a number, a list of them, or nothing."""
    values = value if isinstance(value, list) and not isinstance(value, _Pairs) else [value]
    labels = []
    for one in values:
        if one is None or one != one:  # NaN
            continue
        known = isinstance(one, str | int | float) and not isinstance(one, bool)
        if not known or one in (math.inf, -math.inf):
            raise ValueError(
                f"{path}: the labels of {of} must be a text, a number or a list of them, got "
                f"{printable(repr(one)[:80])}"
            )
        if isinstance(one, str) and re.fullmatch(r"\s*(?:\[.*\]|\{.*\})\s*", one, re.DOTALL):
            raise ValueError(
                f"{path}: the labels of {of} are a list written as text, "
                f"'{printable(one[:80])}'; write them with ; between them"
            )
        split = re.split(f"[{re.escape(separators)}]", one) if isinstance(one, str) else [str(one)]
        labels += [normalized(label.strip()) for label in split]
    return tuple(dict.fromkeys(label for label in labels if label))
