"""Exported codes give the same answers in FAISS, DuckDB and LanceDB as in our index."""

from __future__ import annotations

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet
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


def test_lancedb_answers_as_we_do(study, parquet, tmp_path):
    lancedb = pytest.importorskip(
        "lancedb", reason="lancedb (75 MB) is not in the extra dev: pip install lancedb"
    )
    table = pyarrow.parquet.read_table(parquet)
    table = table.filter(pa.compute.equal(table["split"], "database"))
    width = table.schema.field("code").type.byte_width
    codes = np.frombuffer(b"".join(table["code"].to_pylist()), np.uint8)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(codes), width)
    stored = lancedb.connect(tmp_path / "lance").create_table(
        "codes", pa.table({"id": table["id"], "vector": vectors})
    )

    def answer(query, k):
        search = stored.search(study.codes[query].numpy()).distance_type("hamming").limit(k)
        rows = search.to_arrow()
        return rows["_distance"].to_pylist(), rows["id"].to_pylist()

    same_answers(study, answer)
