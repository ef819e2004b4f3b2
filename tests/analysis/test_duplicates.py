"""Near-duplicates against a loop over all pairs, and what must not depend on how they are found."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from scipy.sparse import csgraph

from tests.conftest import unit_rows
from uhscm_core import near_duplicates, pack_codes, sketch
from uhscm_core.analysis import duplicates as module
from uhscm_core.analysis import sketches as sketches_module
from uhscm_core.analysis.duplicates import near_duplicates_so_far
from uhscm_core.analysis.sketches import likenesses
from uhscm_core.support.progress import report_progress_to


def naive(bits_of, features, radius, cosine):
    """All pairs by two loops, and their groups by merging sets and cutting what is a chain."""
    n = len(bits_of)
    pairs = {}
    groups = [{i} for i in range(n)]
    for i in range(n):
        for j in range(i + 1, n):
            bits = sum(a != b for a, b in zip(bits_of[i], bits_of[j], strict=True))
            agree = float(features[i] @ features[j])
            if bits <= radius and agree >= cosine - 1e-6:
                pairs[i, j] = (bits, agree)
                first = next(g for g in groups if i in g)
                second = next(g for g in groups if j in g)
                if first is not second:
                    groups.remove(second)
                    first |= second
    return pairs, {part for group in groups if len(group) > 1 for part in cut(pairs, group)}


def cut(pairs, chain):
    """Complete linkage: merge the two sets whose least similar images are most similar."""
    agree = {ends: value for (i, j), (_, value) in pairs.items() for ends in ((i, j), (j, i))}
    sets = [{i} for i in sorted(chain)]
    while True:
        least = {
            (a, b): min(agree.get((i, j), -9.0) for i in sets[a] for j in sets[b])
            for a in range(len(sets))
            for b in range(a)
        }
        if not least or max(least.values()) == -9.0:
            break
        a, b = max(least, key=least.get)
        sets[b] |= sets.pop(a)
    for one in sets:
        if len(one) > 1:
            yield frozenset(one)
        else:
            (i,) = one
            near = [j for j in chain if (i, j) in agree]
            best = max(agree[i, j] for j in near)
            yield frozenset({i, min(j for j in near if agree[i, j] >= best - 1e-6)})


def components(pairs):
    """How many sets the pairs connect, and how many of these are no chain."""
    sets = []
    for pair in pairs:
        touched = [s for s in sets if s & {*pair}]
        sets = [s for s in sets if s not in touched] + [{*pair}.union(*touched)]
    whole = [s for s in sets if all((i, j) in pairs for i in s for j in s if i < j)]
    return len(sets), len(whole)


def example(seed, n, bits, directions):
    """Codes and features of images that come in a few kinds, some of them equal."""
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randn(directions, 6, generator=generator)
    kind = torch.randint(directions, (n,), generator=generator)
    noise = torch.randn(n, 6, generator=generator) * torch.rand(n, 1, generator=generator) * 0.6
    noise[torch.rand(n, generator=generator) < 0.3] = 0
    features = torch.nn.functional.normalize(kinds[kind] + noise, dim=1)
    signs = features @ torch.randn(6, bits, generator=generator)
    return signs, features


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 40),
    bits=st.integers(1, 20),
    radius=st.integers(0, 6),
    cosine=st.sampled_from([-1.0, 0.3, 0.8, 0.97, 1.0]),
    block=st.sampled_from([1, 3, 256]),
    again=st.booleans(),
)
def test_groups_and_numbers_are_those_of_a_loop_over_all_pairs(
    seed, n, bits, radius, cosine, block, again
):
    signs, features = example(seed, n, bits, 4)
    # No pair so near the threshold that rounding decides.
    assume(bool(((features @ features.T - cosine + 1e-6).abs() > 5e-7).all()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ROWS", block)
        patch.setattr(module, "_COLUMNS", 2 * block)
        found = near_duplicates(pack_codes(signs), bits, features, min(radius, bits), cosine)
        if again:  # among the pairs of a search that asked for less
            wider = near_duplicates(pack_codes(signs), bits, features, bits, -1.0)
            assert len(wider.all_pairs) == n * (n - 1) // 2
            found = near_duplicates(
                pack_codes(signs), bits, features, min(radius, bits), cosine, among=wider.all_pairs
            )
    pairs, groups = naive((signs > 0).tolist(), features, min(radius, bits), cosine)
    assert {frozenset(group) for group in found.groups} == groups
    assert len(found.pairs) == sum(len(group) - 1 for group in found.groups)  # trees
    for (i, j), group, distance, agree in zip(
        found.pairs.tolist(), found.group_of, found.distances, found.cosines, strict=True
    ):
        assert i < j
        assert {i, j} <= set(found.groups[group])
        assert pairs[i, j] == (distance, pytest.approx(agree, abs=1e-5))
    assert {i for group in groups for i in group} == {i for pair in pairs for i in pair}
    assert all((i, j) in pairs for group in found.groups for i in group for j in group if i < j)
    assert {(min(pair), max(pair)) for pair in found.all_pairs.tolist()} == pairs.keys()
    assert len(found.all_pairs) == len(pairs)
    together, whole = components(pairs)
    assert found.chains == together - whole
    strongest = [max(found.cosines[found.group_of == g]) for g in range(len(groups))]
    assert strongest == sorted(strongest, reverse=True)


def test_the_graph_algorithms_get_the_32_bit_indices_that_every_scipy_takes(monkeypatch):
    taken = []

    def noting(algorithm):
        return lambda graph, *a, **k: (
            taken.extend((graph.indices.dtype, graph.indptr.dtype)) or (algorithm(graph, *a, **k))
        )

    for name in ("minimum_spanning_tree", "connected_components"):
        monkeypatch.setattr(csgraph, name, noting(getattr(csgraph, name)))
    rows = unit_rows(torch.Generator().manual_seed(0), 6, 4)
    near_duplicates(pack_codes(torch.ones(6, 8)), 8, rows, 8, -1.0)
    assert len(taken) >= 4
    assert set(taken) == {np.dtype(np.int32)}


def test_by_hand():
    signs = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, -1], [1, 1, 1, 1], [-1, -1, -1, -1]])
    features = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [1, 0]]))
    found = near_duplicates(pack_codes(signs), 4, features, radius=1, cosine=0.9)
    assert found.groups == ((0, 1),)  # 2 has the code of 0 and is another image; 3 the reverse
    frame = found.to_frame()
    assert frame.columns.tolist() == ["group", "i", "j", "bits", "cosine"]
    assert frame.iloc[0].tolist() == [0, 0, 1, 1, pytest.approx(1 / 1.01**0.5)]
    assert near_duplicates(pack_codes(signs), 4, features, radius=0, cosine=0.9).groups == ()


def test_a_chain_is_cut_where_its_ends_are_not_near():
    angles = np.deg2rad([0, 10, 21, 90])
    features = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], axis=1), dtype=torch.float32)
    codes = torch.zeros(4, 1, dtype=torch.uint8)
    found = near_duplicates(codes, 8, features, cosine=float(np.cos(np.deg2rad(12))))
    assert found.groups == ((0, 1), (1, 2))  # 2 is near 1 alone, which 0 is nearer to
    assert found.pairs.tolist() == [[0, 1], [1, 2]]
    assert found.chains == 1
    wider = near_duplicates(codes, 8, features, cosine=float(np.cos(np.deg2rad(22))))
    assert (wider.groups, wider.chains) == (((0, 1, 2),), 0)


def test_a_chain_that_is_too_long_is_left_whole(monkeypatch):
    angles = np.deg2rad([0, 10, 21])
    features = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], axis=1), dtype=torch.float32)
    monkeypatch.setattr(module, "LONGEST_CHAIN", 2)
    codes = torch.zeros(3, 1, dtype=torch.uint8)
    found = near_duplicates(codes, 8, features, cosine=float(np.cos(np.deg2rad(12))))
    assert (found.groups, found.chains) == (((0, 1, 2),), 0)


def test_no_image_one_image_and_no_pair():
    for n in (0, 1, 2):
        features = torch.eye(4)[:n]
        codes = torch.arange(n, dtype=torch.uint8)[:, None]
        found = near_duplicates(codes, 8, features, radius=0)
        assert found.groups == ()
        assert found.to_frame().empty


def test_thousands_of_equal_images_take_memory_for_a_few_blocks_alone():
    n = 5000
    features = torch.zeros(n, 8)
    features[:, 0] = 1
    codes = torch.zeros(n, 2, dtype=torch.uint8)
    tracemalloc.start()
    found = near_duplicates(codes, 16, features)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.groups == (tuple(range(n)),)
    assert len(found.pairs) == n - 1
    assert peak < 8 * n * n  # far below one number a pair, 200 MB


def test_it_is_told_what_is_found_so_far(monkeypatch):
    monkeypatch.setattr(module, "_ROWS", 4)
    signs, features = example(0, 64, 12, 4)
    heard = []
    with report_progress_to(lambda *told: heard.append(told)):
        found = list(near_duplicates_so_far(pack_codes(signs), 12, features, 4, 0.9))
    assert heard == [("comparing images", done, 64) for done in range(4, 65, 4)]
    counts = [len(part.all_pairs) for part in found]
    assert counts == sorted(counts)
    assert len(counts) == 4  # after 8, 20, 44 and all 64 images
    whole = near_duplicates(pack_codes(signs), 12, features, 4, 0.9)
    assert found[-1].groups == whole.groups


def test_pairs_are_held_only_if_they_are_few(monkeypatch):
    signs, features = example(0, 64, 12, 4)
    whole = near_duplicates(pack_codes(signs), 12, features, 4, 0.9)
    monkeypatch.setattr(module, "_HELD", len(whole.all_pairs) - 1)
    found = near_duplicates(pack_codes(signs), 12, features, 4, 0.9)
    assert found.all_pairs is None
    assert found.groups == whole.groups


def test_bad_input_is_named(as_users_run_it):
    codes, features = torch.zeros(3, 1, dtype=torch.uint8), torch.eye(3)
    with pytest.raises(ValueError, match="3 codes but 2 features"):
        near_duplicates(codes, 8, features[:2])
    with pytest.raises(ValueError, match="radius must be a whole number between 0 and 8, got 9"):
        near_duplicates(codes, 8, features, radius=9)
    with pytest.raises(ValueError, match="radius must be a whole number between 0 and 8, got -1"):
        near_duplicates(codes, 8, features, radius=-1)
    with pytest.raises(ValueError, match=r"cosine must be a finite number .*, got 1\.5"):
        near_duplicates(codes, 8, features, cosine=1.5)
    with pytest.raises(ValueError, match=r"sketches must have shape \(3, 65\), got \(2, 65\)"):
        near_duplicates(codes, 8, features, sketches=torch.eye(65)[:2])
    with pytest.raises(ValueError, match=r"likeness must be .* between -1 and 1, got 2"):
        near_duplicates(codes, 8, features, likeness=2)
    with pytest.raises(ValueError, match="features: 3 of 3 rows hold NaN"):
        near_duplicates(codes, 8, features * np.nan)
    with pytest.raises(ValueError, match="codes must"):
        near_duplicates(codes, 16, features)


def test_shuffled_images_give_the_same_groups():
    signs, features = example(3, 60, 12, 5)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    here = near_duplicates(pack_codes(signs), 12, features, 2, 0.9)
    there = near_duplicates(pack_codes(signs[order]), 12, features[order], 2, 0.9)
    assert {frozenset(group) for group in here.groups} == {
        frozenset(order[list(group)].tolist()) for group in there.groups
    }
    assert len(here.groups) > 1


def test_far_features_are_none_at_any_radius():
    features = unit_rows(torch.Generator().manual_seed(0), 30, 200)
    codes = torch.zeros(30, 1, dtype=torch.uint8)
    assert near_duplicates(codes, 8, features, radius=8).groups == ()


def picture(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC)


def test_a_sketch_is_the_same_at_another_size_brightness_and_side():
    image = picture(0)
    changed = {
        "smaller": image.resize((48, 32)),
        "darker": image.point(lambda v: v * 0.6),
        "mirrored": ImageOps.mirror(image),
        "gray": image.convert("L"),
    }
    original = torch.from_numpy(sketch(image))[None]
    assert float(original.norm()) == pytest.approx(1)
    for variant in changed.values():
        assert likenesses(original, torch.from_numpy(sketch(variant))[None])[0, 0] > 0.98
    for different in (ImageOps.flip(image), picture(1), Image.new("RGB", (9, 9))):
        assert likenesses(original, torch.from_numpy(sketch(different))[None])[0, 0] < 0.8


def test_plain_images_are_like_each_other_and_a_pixel_is_an_image():
    sketches = [
        torch.from_numpy(sketch(Image.new("RGB", size, colour)))[None]
        for size, colour in (((1, 1), "black"), ((50, 20), "white"))
    ]
    assert likenesses(*sketches)[0, 0] == pytest.approx(1)


def test_what_looks_another_way_is_no_duplicate():
    images = [picture(0), picture(0).resize((30, 20)), picture(1), picture(2)]
    sketches = torch.from_numpy(np.stack([sketch(image) for image in images]))
    codes = torch.zeros(4, 1, dtype=torch.uint8)
    features = torch.nn.functional.normalize(torch.ones(4, 3))
    assert near_duplicates(codes, 8, features).groups == ((0, 1, 2, 3),)
    assert near_duplicates(codes, 8, features, sketches=sketches).groups == ((0, 1),)


def test_features_may_differ_more_where_images_look_similar():
    angles = np.deg2rad([0.0, 33.0, 120.0, 160.0])  # cosines of 0.84 and 0.77
    features = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], 1), dtype=torch.float32)
    codes, same = pack_codes(torch.ones(4, 8)), torch.zeros(4, 65)
    same[:, 0] = 1
    assert near_duplicates(codes, 8, features, sketches=same).groups == ((0, 1),)
    assert near_duplicates(codes, 8, features).groups == ()
    assert [f.groups for f in near_duplicates_so_far(codes, 8, features, sketches=same)][-1] == (
        (0, 1),
    )


def test_looks_are_asked_of_every_pair(monkeypatch):
    pictures = [picture(seed % 4) for seed in range(12)]
    pictures[5] = ImageOps.mirror(pictures[5])
    sketches = torch.from_numpy(np.stack([sketch(image) for image in pictures]))
    features = torch.nn.functional.normalize(torch.ones(12, 3))
    codes = torch.arange(12, dtype=torch.uint8)[:, None]
    found = near_duplicates(codes, 8, features, 8, sketches=sketches)
    kinds = {frozenset(range(kind, 12, 4)) for kind in range(4)}
    assert {frozenset(group) for group in found.groups} == kinds
    monkeypatch.setattr(sketches_module, "_MOST", 3)  # too many similar ones to hold
    found = near_duplicates(codes, 8, features, 8, sketches=sketches)
    assert {frozenset(group) for group in found.groups} == kinds


def test_looks_are_asked_of_given_pairs_too():
    looks = torch.from_numpy(np.stack([sketch(picture(seed)) for seed in (0, 0, 1)]))
    codes, features = pack_codes(torch.ones(3, 8)), torch.nn.functional.normalize(torch.ones(3, 4))
    every = near_duplicates(codes, 8, features).all_pairs
    assert len(every) == 3
    found = near_duplicates(codes, 8, features, sketches=looks, among=every)
    assert found.groups == ((0, 1),)
    assert found.all_pairs.tolist() == [[0, 1]]


def test_a_pair_that_is_given_twice_counts_once():
    codes, features = pack_codes(torch.ones(3, 8)), torch.nn.functional.normalize(torch.ones(3, 4))
    found = near_duplicates(codes, 8, features, among=np.array([[2, 0], [0, 2]]))
    assert found.groups == ((0, 2),)
    assert found.all_pairs.tolist() == [[0, 2]]


@pytest.mark.parametrize(
    ("among", "error"),
    [
        ([[0, 0]], ValueError),
        ([[0, 3]], ValueError),
        ([[-1, 0]], ValueError),
        ([0, 1], ValueError),
        ([[0.0, 1.0]], ValueError),
        ("0 1", TypeError),
    ],
)
def test_given_pairs_that_are_none_are_refused(as_users_run_it, among, error):
    codes, features = pack_codes(torch.ones(3, 8)), torch.nn.functional.normalize(torch.ones(3, 4))
    with pytest.raises(error, match="among must"):
        near_duplicates(codes, 8, features, among=among)
