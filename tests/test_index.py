"""Hamming search against a naive stable sort."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core import HammingIndex, pack_codes
from uhscm_core.support import store

Found = list[tuple[int, int]]  # (distance, id), in order


def loop_ranking(query: list[int], codes: list[list[int]]) -> Found:
    """All codes by distance; Python's sort is stable, so equal distances stay in order of id."""
    distances = [
        sum((a ^ b).bit_count() for a, b in zip(query, code, strict=True)) for code in codes
    ]
    return sorted(((d, i) for i, d in enumerate(distances)), key=lambda pair: pair[0])


def pairs(distances: torch.Tensor, ids: torch.Tensor) -> Found:
    return list(zip(distances.tolist(), ids.tolist(), strict=True))


def test_an_index_can_be_copied_and_pickled():
    index = HammingIndex(random_codes(0, 40, 12), 12)
    for again in (copy.deepcopy(index), pickle.loads(pickle.dumps(index))):
        assert again.bits == 12
        assert torch.equal(again.search(index.codes, 7).ids, index.search(index.codes, 7).ids)


def random_codes(seed: int, n: int, bits: int) -> torch.Tensor:
    return pack_codes(torch.randn(n, bits, generator=torch.Generator().manual_seed(seed)))


@st.composite
def code_sets(draw):
    """Codes with few distinct values, so that ties are everywhere, and queries among them."""
    width = draw(st.integers(1, 3))
    rows = st.lists(st.sampled_from([0, 1, 3, 128, 255]), min_size=width, max_size=width)

    def array(least, most):
        drawn = draw(st.lists(rows, min_size=least, max_size=most))
        return torch.tensor(drawn, dtype=torch.uint8).reshape(-1, width)

    return array(1, 40), array(1, 4)


# FAISS compares codes of 1 to 32 bytes by different routines.
@pytest.mark.parametrize("bits", [3, 8, 12, 16, 32, 64, 100, 128, 136, 256, 512])
@pytest.mark.parametrize("k", [1, 5, 90, 200])
def test_search_equals_the_stable_sort(bits, k):
    codes, queries = random_codes(bits, 200, bits), random_codes(bits + 1, 7, bits)
    distances, ids = HammingIndex(codes, bits).search(queries, k)
    assert (distances.dtype, ids.dtype) == (torch.int32, torch.int64)
    assert distances.shape == ids.shape == (7, k)
    for q, query in enumerate(queries.tolist()):
        assert pairs(distances[q], ids[q]) == loop_ranking(query, codes.tolist())[:k]


@given(code_sets(), st.integers(1, 45))
def test_where_k_cuts_a_tie_the_smallest_ids_are_returned(codes, k):
    codes, queries = codes
    distances, ids = HammingIndex(codes, codes.shape[1] * 8).search(queries, k)
    for q, query in enumerate(queries.tolist()):
        assert pairs(distances[q], ids[q]) == loop_ranking(query, codes.tolist())[:k]


@pytest.mark.parametrize("bits", [4, 16])
@pytest.mark.parametrize("q", [1, 40])
def test_a_tie_of_many_thousand_codes_is_cut_by_id(bits, q):
    codes, queries = random_codes(0, 40_000, bits), random_codes(1, q, bits)
    index = HammingIndex(codes, bits)
    distances, ids = index.search(queries, 900)
    for row in range(q):
        xor = np.unpackbits((codes ^ queries[row]).numpy(), axis=1).sum(1)
        order = np.argsort(xor, kind="stable")[:900]
        assert ids[row].tolist() == order.tolist()
        assert distances[row].tolist() == xor[order].tolist()


def test_ties_that_faiss_returns_out_of_order_are_put_in_order_of_id(monkeypatch):
    class Unordered:  # FAISS promises an order of distances alone
        def search(self, queries, k):
            return np.array([[0, 1, 1, 1, 4]]), np.array([[3, 2, 9, 1, 0]])

        def range_search(self, queries, radius):
            return np.array([0, 4]), np.array([1, 0, 1, 0]), np.array([7, 6, 5, 8])

    index = HammingIndex(random_codes(0, 10, 8), 8)
    monkeypatch.setattr(index, "_index", Unordered())
    found = index.search(index.codes[:1], 5)
    assert pairs(found.distances[0], found.ids[0]) == [(0, 3), (1, 1), (1, 2), (1, 9), (4, 0)]
    assert pairs(*index.within(index.codes[:1], 1)[0]) == [(0, 6), (0, 8), (1, 5), (1, 7)]


def test_the_same_search_always_gives_the_same_answer():
    index, queries = HammingIndex(random_codes(0, 5000, 8), 8), random_codes(1, 3, 8)
    first = index.search(queries, 100)
    for _ in range(3):
        again = index.search(queries, 100)
        assert torch.equal(again.ids, first.ids)
        assert torch.equal(again.distances, first.distances)


def test_more_neighbours_than_codes_gives_every_code_once():
    codes = random_codes(2, 6, 8)
    distances, ids = HammingIndex(codes, 8).search(codes[:2], 100)
    assert distances.shape == ids.shape == (2, 6)
    assert ids.sort(dim=1).values.tolist() == [list(range(6))] * 2


def test_one_code_is_an_index():
    index = HammingIndex(random_codes(0, 1, 12), 12)
    assert len(index) == 1
    found = index.search(~index.codes & torch.tensor([255, 240], dtype=torch.uint8), 1)
    assert pairs(found.distances[0], found.ids[0]) == [(12, 0)]


def test_equal_codes_come_in_order_of_id_at_distance_zero():
    found = HammingIndex(torch.full((5, 2), 7, dtype=torch.uint8), 16).search(
        torch.full((1, 2), 7, dtype=torch.uint8), 4
    )
    assert pairs(found.distances[0], found.ids[0]) == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_no_queries_find_nothing():
    index, none = HammingIndex(random_codes(0, 9, 12), 12), torch.zeros(0, 2, dtype=torch.uint8)
    found = index.search(none, 4)
    assert found.distances.shape == found.ids.shape == (0, 4)
    assert (found.distances.dtype, found.ids.dtype) == (torch.int32, torch.int64)
    assert index.within(none, 3) == []


@given(code_sets(), st.integers(0, 26))
def test_within_a_radius_equals_the_loop(codes, radius):
    codes, queries = codes
    found = HammingIndex(codes, codes.shape[1] * 8).within(queries, radius)
    assert len(found) == len(queries)
    for neighbours, query in zip(found, queries.tolist(), strict=True):
        ranking = loop_ranking(query, codes.tolist())
        assert pairs(*neighbours) == [(d, i) for d, i in ranking if d <= radius]


def test_within_counts_the_radius_itself_and_may_find_nothing():
    codes = torch.tensor([[0b0011], [0b0111], [0b1111]], dtype=torch.uint8)
    zero = torch.zeros(1, 1, dtype=torch.uint8)
    index = HammingIndex(codes, 8)
    assert [pairs(*index.within(zero, r)[0]) for r in (1, 2, 3, 8, 100)] == [
        [],
        [(2, 0)],
        [(2, 0), (3, 1)],
        [(2, 0), (3, 1), (4, 2)],
        [(2, 0), (3, 1), (4, 2)],
    ]
    (nothing,) = index.within(zero, 1)
    assert (nothing.distances.dtype, nothing.ids.dtype) == (torch.int32, torch.int64)


def test_an_index_keeps_its_codes_when_the_callers_change():
    codes = torch.zeros(3, 1, dtype=torch.uint8)
    index = HammingIndex(codes, 8)
    codes[0] = 255
    assert index.codes.tolist() == [[0], [0], [0]]
    assert index.search(codes[:1], 1).distances.tolist() == [[8]]


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    index = HammingIndex(random_codes(3, 50, 12), 12)
    index.save(tmp_path / "index.safetensors")
    loaded = HammingIndex.load(str(tmp_path / "index.safetensors"))
    assert (len(loaded), loaded.bits) == (50, 12)
    assert torch.equal(loaded.codes, index.codes)
    queries = random_codes(4, 5, 12)
    for one, other in zip(index.search(queries, 9), loaded.search(queries, 9), strict=True):
        assert torch.equal(one, other)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["index.safetensors"]


def test_a_file_that_is_not_an_index_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    store.save_tensors(path, {"weights": torch.ones(3)})
    with pytest.raises(ValueError, match=r"other\.safetensors: not a Hamming index"):
        HammingIndex.load(path)


def test_a_pickle_in_disguise_is_refused_unopened(tmp_path):
    class Tripwire:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    path = tmp_path / "index.safetensors"
    path.write_bytes(pickle.dumps(Tripwire()))
    with pytest.raises(ValueError, match=r"index\.safetensors: not a readable safetensors file"):
        HammingIndex.load(path)


def test_a_torn_file_is_refused(tmp_path):
    path = tmp_path / "index.safetensors"
    HammingIndex(random_codes(3, 50, 12), 12).save(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"index\.safetensors: not a readable safetensors file"):
        HammingIndex.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        HammingIndex.load(tmp_path / "nothing-here")


def test_a_file_whose_code_length_does_not_fit_its_codes_is_refused(tmp_path):
    path = tmp_path / "index.safetensors"
    store.save_tensors(path, {"codes": random_codes(3, 5, 12)}, {"bits": 99})
    with pytest.raises(ValueError, match=r"uint8 with shape \(n, 13\), got uint8 \(5, 2\)"):
        HammingIndex.load(path)


def test_an_index_needs_a_code():
    with pytest.raises(ValueError, match="at least one code, got none"):
        HammingIndex(torch.zeros(0, 2, dtype=torch.uint8), 16)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.ones(4, 2), r"\(n, 2\), got float32 \(4, 2\)"),
        (torch.ones(4, 2).int(), r"\(n, 2\), got int32 \(4, 2\)"),
        (torch.ones(2).byte(), r"\(n, 2\), got uint8 \(2,\)"),
        (torch.ones(4, 3).byte(), r"\(n, 2\), got uint8 \(4, 3\)"),
        (torch.ones(4, 1).byte(), r"\(n, 2\), got uint8 \(4, 1\)"),
    ],
)
def test_codes_of_another_type_shape_or_length_are_refused(as_users_run_it, codes, message):
    good = HammingIndex(random_codes(0, 5, 12), 12)
    for call in (
        lambda: HammingIndex(codes, 12),
        lambda: good.search(codes, 1),
        lambda: good.within(codes, 1),
    ):
        with pytest.raises(ValueError, match=f"codes must be uint8 with shape {message}"):
            call()


def test_a_number_of_neighbours_below_one_and_a_negative_radius_are_refused():
    index = HammingIndex(random_codes(0, 5, 12), 12)
    with pytest.raises(ValueError, match="k must be a whole number of at least 1, got 0"):
        index.search(index.codes, 0)
    with pytest.raises(ValueError, match="radius must be a whole number of at least 0, got -1"):
        index.within(index.codes, -1)


@pytest.mark.parametrize(
    ("tensors", "about"),
    [
        ({"codes": torch.zeros(3, 2, dtype=torch.uint8)}, {"bits": "16"}),
        ({"codes": torch.zeros(3, 2, dtype=torch.uint8)}, {"bits": True}),
        ({"codes": torch.zeros(3, 2, dtype=torch.uint8)}, {"bits": 10**9}),
        ({"codes": torch.zeros(3, 2)}, {"bits": 16}),
        ({"codes": torch.zeros(0, 2, dtype=torch.uint8)}, {"bits": 16}),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_a_file_of_other_content_is_refused_by_its_name(tmp_path, tensors, about):
    store.save_tensors(tmp_path / "x.safetensors", tensors, about)
    with pytest.raises(ValueError, match=r"x\.safetensors: "):
        HammingIndex.load(tmp_path / "x.safetensors")
