"""Each peer's objective against plain Python over pairs, bits and clusters."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uhscm_core.peers.cibhash import cibhash_loss
from uhscm_core.peers.crovca import coding_rate_penalty, crovca_loss
from uhscm_core.peers.duheg import agreement_loss, duheg_loss, external_features
from uhscm_core.peers.orthohash import orthohash_loss

sizes = pytest.mark.parametrize(("b", "l"), [(6, 5), (2, 1), (3, 9), (1, 4)])


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def cosine(a: list[float], b: list[float]) -> float:
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def naive_cibhash(p, other, gamma, beta):
    both = p + other
    codes = [[1.0 if x > 0.5 else -1.0 for x in row] for row in both]
    n, contrast, bottleneck = len(p), 0.0, 0.0
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        below = sum(math.exp(cosine(codes[i], codes[k]) / gamma) for k in range(2 * n) if k != i)
        contrast -= math.log(math.exp(cosine(codes[i], codes[partner]) / gamma) / below)
        bottleneck += sum(kl(x, y) for x, y in zip(both[i], both[partner], strict=True))
    return contrast / (2 * n) + beta * bottleneck / (2 * n)


@sizes
@pytest.mark.parametrize(("gamma", "beta"), [(0.5, 0.001), (0.3, 0.7)])
def test_cibhash_is_what_a_loop_over_pairs_gives(b, l, gamma, beta):  # noqa: E741
    p, other = drawn(b, l).sigmoid(), drawn(b, l, seed=1).sigmoid()
    expected = naive_cibhash(p.tolist(), other.tolist(), gamma, beta)
    assert float(cibhash_loss(p, other, gamma, beta)) == pytest.approx(expected)


def test_the_gradient_of_cibhash_passes_through_the_signs():
    p, other = drawn(4, 3).sigmoid().requires_grad_(), drawn(4, 3, seed=1).sigmoid()
    cibhash_loss(p, other, beta=0.0).backward()
    codes = torch.where(p > 0.5, 1.0, -1.0).detach().double().requires_grad_()
    other_codes = torch.where(other > 0.5, 1.0, -1.0).double()
    z = torch.nn.functional.normalize(torch.cat([codes, other_codes]), dim=1)
    total = torch.zeros((), dtype=torch.float64)
    for i in range(8):
        rest = torch.stack([z[i] @ z[k] / 0.5 for k in range(8) if k != i])
        total = total + rest.logsumexp(0) - z[i] @ z[(i + 4) % 8] / 0.5
    (total / 8).backward()
    assert torch.allclose(p.grad, codes.grad)


def test_cibhash_of_sure_bits_is_finite():
    sure = torch.tensor([[0.0, 1.0], [1.0, 0.0]], requires_grad=True)
    value = cibhash_loss(sure, 1 - sure.detach())
    value.backward()
    assert bool(value.isfinite())
    assert bool(sure.grad.isfinite().all())


def naive_penalty(z, epsilon):
    n, bits = len(z), len(z[0])
    rows = [[x / math.sqrt(sum(y * y for y in row)) for x in row] for row in z]
    matrix = [
        [
            (i == j) + bits / (n * epsilon) * sum(row[i] * row[j] for row in rows)
            for j in range(bits)
        ]
        for i in range(bits)
    ]
    return -(bits + n) / (bits * n) * math.log(determinant(matrix)) / 2


def determinant(matrix: list[list[float]]) -> float:
    if not matrix:
        return 1.0
    first, *rest = matrix
    return sum(
        (-1) ** j * x * determinant([row[:j] + row[j + 1 :] for row in rest])
        for j, x in enumerate(first)
    )


@pytest.mark.parametrize(("b", "l"), [(6, 5), (2, 1), (3, 7), (1, 4)])
@pytest.mark.parametrize("epsilon", [0.05, 0.5])
def test_the_coding_rate_is_what_a_determinant_by_minors_gives(b, l, epsilon):  # noqa: E741
    z = drawn(b, l)
    expected = naive_penalty(z.tolist(), epsilon)
    assert float(coding_rate_penalty(z, epsilon)) == pytest.approx(expected)


@sizes
@pytest.mark.parametrize("weight", [0.1, 2.0])
def test_crovca_is_what_a_loop_over_bits_gives(b, l, weight):  # noqa: E741
    z, other = drawn(b, l), drawn(b, l, seed=1)
    total = 0.0
    for one, two in ((z.tolist(), other.tolist()), (other.tolist(), z.tolist())):
        for row, target in zip(one, two, strict=True):
            for x, y in zip(row, target, strict=True):
                p = 1 / (1 + math.exp(-x))
                total -= math.log(p if y > 0 else 1 - p) / (b * l)
    total += weight * (float(coding_rate_penalty(z)) + float(coding_rate_penalty(other)))
    assert float(crovca_loss(z, other, weight)) == pytest.approx(total / 2)


def test_codes_that_are_all_equal_have_the_highest_penalty():
    different = torch.eye(4, dtype=torch.float64)
    assert float(coding_rate_penalty(different)) < float(coding_rate_penalty(different[[0] * 4]))


def naive_agreement(a, b, alike, gamma):
    total = 0.0
    for i, row in enumerate(a):
        scores = [math.exp(cosine(row, other) / gamma) for other in b]
        found = sum(score for score, positive in zip(scores, alike[i], strict=True) if positive)
        total -= math.log(found / sum(scores))
    return total / len(a)


@sizes
@pytest.mark.parametrize("gamma", [0.8, 0.2])
def test_duheg_is_what_a_loop_over_pairs_gives(b, l, gamma):  # noqa: E741
    z, other, text = (drawn(b, l, seed=seed) for seed in range(3))
    alike = (drawn(b, b, seed=3) > 0.5) | torch.eye(b, dtype=torch.bool)
    expected = sum(
        naive_agreement(one.tolist(), two.tolist(), alike.tolist(), gamma)
        for one, two in ((z, text), (other, text), (z, other))
    )
    assert float(duheg_loss(z, other, text, alike, gamma)) == pytest.approx(expected)


def test_where_all_pairs_are_alike_there_is_nothing_to_agree_on():
    value = agreement_loss(drawn(5, 3), drawn(5, 3, seed=1), torch.ones(5, 5, dtype=torch.bool))
    assert float(value) == pytest.approx(0)


def test_an_external_feature_is_the_mixture_of_the_centered_texts():
    x = torch.nn.functional.normalize(drawn(7, 5), dim=1)
    texts = torch.nn.functional.normalize(drawn(3, 5, seed=1), dim=1)
    found = external_features(x, texts, 0.1)
    for row, e in zip(x.tolist(), found.tolist(), strict=True):
        weights = [
            math.exp(sum(a * b for a, b in zip(row, t, strict=True)) / 0.1) for t in texts.tolist()
        ]
        center = [sum(t[d] for t in texts.tolist()) / 3 for d in range(5)]
        mixture = [
            sum(w * (t[d] - center[d]) for w, t in zip(weights, texts.tolist(), strict=True))
            for d in range(5)
        ]
        length = math.sqrt(sum(value * value for value in mixture))
        assert e == pytest.approx([value / length for value in mixture])


def test_texts_with_a_large_common_part_still_tell_images_apart():
    x = torch.nn.functional.normalize(drawn(50, 5), dim=1)
    texts = torch.nn.functional.normalize(0.1 * drawn(4, 5, seed=1) + torch.ones(5), dim=1)
    e = external_features(x, texts)
    assert float((texts @ texts.T).min()) > 0.9
    assert float((e @ e.T > 0.97).double().mean()) < 0.6


def naive_orthohash(z, centers, labels, margin, scale):
    total = 0.0
    for row, label in zip(z, labels, strict=True):
        scores = [
            math.exp(scale * (cosine(row, center) - margin * (c == label)))
            for c, center in enumerate(centers)
        ]
        total -= math.log(scores[label] / sum(scores))
    return total / len(z)


@sizes
@pytest.mark.parametrize(("margin", "scale"), [(0.2, 8.0), (0.0, 3.0)])
def test_orthohash_is_what_a_loop_over_clusters_gives(b, l, margin, scale):  # noqa: E741
    z, centers = drawn(b, l), torch.where(drawn(4, l, seed=1) > 0, 1.0, -1.0).double()
    labels = torch.arange(b) % 4
    expected = naive_orthohash(z.tolist(), centers.tolist(), labels.tolist(), margin, scale)
    assert float(orthohash_loss(z, centers, labels, margin, scale)) == pytest.approx(expected)


@given(st.integers(2, 8), st.integers(1, 9), st.integers(0, 99))
def test_no_loss_depends_on_the_order_of_images_or_bits(b, l, seed):  # noqa: E741
    z, other, text = (drawn(b, l, seed=3 * seed + k) for k in range(3))
    alike = (drawn(b, b, seed=seed) > 0) | torch.eye(b, dtype=torch.bool)
    labels, centers = torch.arange(b) % 2, torch.where(drawn(2, l, seed=seed) > 0, 1.0, -1.0)

    def losses(images, bits):
        rows = [x[images][:, bits] for x in (z, other, text)]
        return [
            float(loss)
            for loss in (
                cibhash_loss(rows[0].sigmoid(), rows[1].sigmoid()),
                crovca_loss(*rows[:2]),
                duheg_loss(*rows, alike[images][:, images]),
                orthohash_loss(rows[0], centers.double()[:, bits], labels[images]),
            )
        ]

    generator = torch.Generator().manual_seed(seed)
    shuffled = [torch.randperm(n, generator=generator) for n in (b, l)]
    assert losses(*shuffled) == pytest.approx(losses(torch.arange(b), torch.arange(l)))


@given(st.integers(2, 8), st.integers(1, 9), st.integers(0, 99))
def test_views_that_are_exchanged_give_the_same_loss(b, l, seed):  # noqa: E741
    z, other = drawn(b, l, seed=seed), drawn(b, l, seed=seed + 100)
    assert float(crovca_loss(z, other)) == pytest.approx(float(crovca_loss(other, z)))
    p, q = z.sigmoid(), other.sigmoid()
    assert float(cibhash_loss(p, q)) == pytest.approx(float(cibhash_loss(q, p)))
