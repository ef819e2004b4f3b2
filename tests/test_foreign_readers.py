"""Exported codes give the same answers in FAISS, DuckDB and LanceDB as in our index."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import faiss
import pytest

from uhscm_core import Study, export_codes, export_index, load_dataset, load_vlp

K = 25


@pytest.fixture(scope="module", params=[16, 44])
def study(request, tmp_path_factory):
    """400 postcards, with whole bytes and with a padded one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UHSCM_HOME", str(tmp_path_factory.mktemp("home")))
        dataset = load_dataset("postcards", n_database=400, n_train=200, n_query=12, progress=False)
        study = Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
        yield study.train(request.param, epochs=2, device="cpu")


@pytest.fixture
def parquet(study, tmp_path):
    return export_codes(study, tmp_path / "codes.parquet")


def same_answers(study, answer):
    """Each query's answer has our distances, and our images up to the order of ties.

    Args:
        study: the study.
        answer: (id of a query, k) -> k distances and k ids of images, nearest first.
    """
    queries = study.dataset.splits["query"]
    everything = len(study.dataset.splits["database"])
    for query in queries.tolist():
        ours = study.search(query, everything)
        for k in (K, everything):
            distances, ids = answer(query, k)
            assert list(distances) == ours.distances[:k].tolist()
            # The tie that k cuts may be cut elsewhere: all nearer images are the same.
            sure = ours.distances[:k] < ours.distances[min(k, everything - 1)]
            sure = sure if k < everything else sure | True
            for distance in ours.distances[:k][sure].unique().tolist():
                found = {i for d, i in zip(distances, ids, strict=True) if d == distance}
                assert found == set(ours.ids[ours.distances == distance].tolist())


def test_faiss_answers_as_we_do(study, tmp_path):
    index = faiss.read_index_binary(str(export_index(study, tmp_path / "index.faiss")))

    def answer(query, k):
        distances, ids = index.search(study.codes[query][None].numpy(), k)
        return distances[0].tolist(), ids[0].tolist()

    same_answers(study, answer)


def test_duckdb_answers_as_we_do(study, parquet):
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed (extra dev)")
    connection = duckdb.connect()
    asked = """
        SELECT bit_count(xor(d.code::BIT, q.code::BIT)) AS distance, d.id
        FROM read_parquet($file) d, read_parquet($file) q
        WHERE d.split = 'database' AND q.id = $query
        ORDER BY distance, d.id LIMIT $k
    """

    def answer(query, k):
        given = {"file": str(parquet), "query": query, "k": k}
        rows = connection.execute(asked, given).fetchall()
        return [row[0] for row in rows], [row[1] for row in rows]

    same_answers(study, answer)
    # And with ties in the order of ids, which is our own rule.
    query = int(study.dataset.splits["query"][0])
    assert answer(query, K)[1] == study.search(query, K).ids.tolist()


# In a process of its own: the threads that LanceDB starts do not survive the forks that read images
# in the tests after this one.
_ASK_LANCEDB = """
import json, os, sys
import lancedb, numpy as np, pyarrow as pa, pyarrow.parquet
file, folder, queries, lengths = sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:])
table = pa.parquet.read_table(file)
code_of = dict(zip(table["id"].to_pylist(), table["code"].to_pylist()))
table = table.filter(pa.compute.equal(table["split"], "database"))
codes = np.frombuffer(b"".join(table["code"].to_pylist()), np.uint8)
width = table.schema.field("code").type.byte_width
vectors = pa.FixedSizeListArray.from_arrays(pa.array(codes), width)
rows = pa.table({"id": table["id"], "vector": vectors})
stored = lancedb.connect(folder).create_table("codes", rows)
for query in queries:
    for k in lengths:
        code = np.frombuffer(code_of[query], np.uint8)
        found = stored.search(code).distance_type("hamming").limit(k).to_arrow()
        print(json.dumps([found["_distance"].to_pylist(), found["id"].to_pylist()]), flush=True)
os._exit(0)  # its threads may be at work while Python ends, which is fatal in older releases
"""


def test_lancedb_answers_as_we_do(study, parquet, tmp_path):
    if importlib.util.find_spec("lancedb") is None:
        pytest.skip("lancedb is not installed (extra dev)")
    queries = study.dataset.splits["query"].tolist()
    lengths = [K, len(study.dataset.splits["database"])]
    arguments = [str(parquet), str(tmp_path / "lance"), json.dumps(queries), json.dumps(lengths)]
    command = [sys.executable, "-c", _ASK_LANCEDB, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    asked = [(query, k) for query in queries for k in lengths]
    answers = dict(zip(asked, map(json.loads, done.stdout.splitlines()), strict=True))
    same_answers(study, lambda query, k: answers[query, k])
