"""Tables as CSV: no cell is a formula, and pandas has back what was written."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from widgets.kit.csv_file import csv_bytes

HOSTILE = [
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\n=1",
    "＝1",
    "'quoted",
]


def undone(frame: pd.DataFrame) -> pd.DataFrame:
    texts = frame.select_dtypes(exclude=["number", "bool"])
    return frame.assign(**{name: texts[name].str.removeprefix("'") for name in texts})


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_begins_as_a_formula_is_text_to_a_spreadsheet(text):
    content = csv_bytes(pd.DataFrame({"name": [text], text: [1]})).decode()
    header, row = csv.reader(io.StringIO(content, newline=""))
    assert (header, row) == (["name", f"'{text}"], [f"'{text}", "1"])


def test_numbers_stay_numbers_and_pandas_has_all_of_it_back():
    names = [*HOSTILE, "a-b=c", 'ü, "x"']
    frame = pd.DataFrame(
        {
            "name": names,
            "value": [-1.5, 2.0, float("nan"), *[1e-300] * (len(names) - 3)],
            "count": pd.array([-3, None, *range(len(names) - 2)], dtype="Int64"),
            "kept": [True, False] * (len(names) // 2),
        }
    )
    back = undone(pd.read_csv(io.BytesIO(csv_bytes(frame)), dtype={"count": "Int64"}))
    pd.testing.assert_frame_equal(back, frame)


@pytest.mark.parametrize("text", ["\r=1", "a\r=1", "a\r\n=1"])
def test_a_carriage_return_begins_no_cell(text):
    content = csv_bytes(pd.DataFrame({"name": [text]})).decode()
    assert [*csv.reader(io.StringIO(content, newline=""))] == [
        ["name"],
        [text.replace("\r", "\\r")],
    ]


def test_bytes_that_are_not_utf8_and_an_empty_table_can_be_written():
    assert csv_bytes(pd.DataFrame({"name": ["\udcff"]}, dtype=object)) == b"name\n\\udcff\n"
    assert csv_bytes(pd.DataFrame(columns=["name"])) == b"name\n"
