"""The objective against double loops written from the formulas, and at its edges."""

from __future__ import annotations

import math

import pytest
import torch

from uhscm_core import LossTerms, TrainingConfig, uhscm_loss


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def loop_loss(z, s, alpha=0.2, beta=0.001, gamma=0.2, lam=0.8, similarity_weight=1.0) -> LossTerms:
    """The three terms by loops over pairs, from the formulas, in double precision."""
    z, s, b = z.tolist(), s.tolist(), len(z)
    h = [[cosine(z[i], z[j]) for j in range(b)] for i in range(b)]
    similarity = sum((h[i][j] - s[i][j]) ** 2 for i in range(b) for j in range(b)) / b**2
    contrastive, positives = 0.0, 0
    for i in range(b):
        negatives = [k for k in range(b) if s[i][k] < lam and k != i]
        below = sum(math.exp(h[i][k] / gamma) for k in negatives) + 1e-5
        for j in range(b):
            if j not in negatives:
                contrastive -= math.log(math.exp(h[i][j] / gamma) / below)
                positives += 1
    contrastive /= positives
    quantization = sum(sum((math.copysign(1, x) - x) ** 2 for x in row if x) for row in z) / b
    total = similarity_weight * similarity + beta * quantization + alpha * contrastive
    return LossTerms(total, similarity, contrastive, quantization)


def batch(seed: int, b: int = 7, bits: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs in (-1, 1) and a symmetric similarity with a unit diagonal, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.tanh(torch.randn(b, bits, generator=generator, dtype=torch.float64))
    upper = torch.rand(b, b, generator=generator, dtype=torch.float64) * 2 - 1
    similarity = upper.triu(1) + upper.triu(1).T + torch.eye(b, dtype=torch.float64)
    return outputs, similarity


@pytest.mark.parametrize("lam", [2.0, 1.01, -1.01, -5.0, 1e300])
def test_lambda_is_a_similarity(lam):
    outputs, similarity = batch(0)
    with pytest.raises(ValueError, match=r"^lam must be a finite number between -1 and 1, got "):
        uhscm_loss(outputs, similarity, lam=lam)
    with pytest.raises(ValueError, match=r"^lam must be a finite number between -1 and 1, got "):
        TrainingConfig(lam=lam)


def numbers(terms: LossTerms) -> list[float]:
    return [float(term) for term in terms]


SETTINGS = [
    {},
    {"alpha": 1.5, "beta": 0.3, "gamma": 0.7, "lam": 0.1},
    {"lam": -1.0},  # every pair is positive
    {"lam": 1.0},  # equal images alone
    {"alpha": 0.0, "beta": 0.0},
    {"similarity_weight": 0.0},
    {"similarity_weight": 2.5, "alpha": 0.1},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_every_term_equals_the_loops(seed, settings):
    outputs, similarity = batch(seed)
    expected = pytest.approx(list(loop_loss(outputs, similarity, **settings)), abs=1e-12)
    assert numbers(uhscm_loss(outputs, similarity, **settings)) == expected


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_float32_differs_from_the_loops_by_rounding_alone(settings):
    outputs, similarity = batch(0)
    terms = uhscm_loss(outputs.float(), similarity.float(), **settings)
    assert all(term.dtype == torch.float32 for term in terms)
    assert numbers(terms) == pytest.approx(
        list(loop_loss(outputs, similarity, **settings)), abs=1e-5
    )


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_gradient_equals_finite_differences_of_the_loops(settings):
    outputs, similarity = batch(1, b=5, bits=3)
    outputs.requires_grad_()
    uhscm_loss(outputs, similarity, **settings).total.backward()
    step = 1e-6
    expected = torch.zeros(5, 3, dtype=torch.float64)
    for i in range(5):
        for bit in range(3):
            shift = torch.zeros(5, 3, dtype=torch.float64)
            shift[i, bit] = step
            above, below = (
                loop_loss(outputs.detach() + sign * shift, similarity, **settings).total
                for sign in (1, -1)
            )
            expected[i, bit] = (above - below) / (2 * step)
    torch.testing.assert_close(outputs.grad, expected, rtol=0, atol=1e-7)


def test_a_hand_table_of_two_images():
    # h = S = the identity: nothing to align; one negative each, at cosine 0.
    outputs = torch.tensor([[0.5, 0.5], [0.5, -0.5]])
    terms = uhscm_loss(outputs, torch.eye(2))
    assert float(terms.similarity) == pytest.approx(0.0, abs=1e-6)
    assert float(terms.contrastive) == pytest.approx(-(5 - math.log(1 + 1e-5)), rel=1e-5)
    assert float(terms.quantization) == pytest.approx(0.5)  # two bits, each 0.5 from its sign
    assert float(terms.total) == pytest.approx(0.001 * 0.5 - 0.2 * 5, abs=1e-4)


def test_codes_that_are_signs_already_lose_nothing_by_quantization():
    outputs = batch(2)[0].sign()
    assert float(uhscm_loss(outputs, torch.eye(7).double()).quantization) == 0.0


def test_the_similarity_term_vanishes_where_cosines_equal_similarities():
    outputs, _ = batch(2)
    unit = torch.nn.functional.normalize(outputs, dim=1)
    assert float(uhscm_loss(outputs, unit @ unit.T).similarity) == pytest.approx(0.0, abs=1e-15)


def test_the_total_weighs_the_terms():
    outputs, similarity = batch(3)
    terms = uhscm_loss(outputs, similarity, alpha=0.7, beta=0.05)
    assert float(terms.total) == pytest.approx(
        float(terms.similarity + 0.05 * terms.quantization + 0.7 * terms.contrastive)
    )


def test_the_defaults_are_the_papers():
    outputs, similarity = batch(3)
    spelled = uhscm_loss(outputs, similarity, alpha=0.2, beta=0.001, gamma=0.2, lam=0.8)
    assert numbers(uhscm_loss(outputs, similarity)) == numbers(spelled)


def test_a_pair_exactly_at_lambda_is_positive():
    outputs, _ = batch(0, b=2)
    similarity = torch.tensor([[1.0, 0.5], [0.5, 1.0]]).double()
    at, above = (uhscm_loss(outputs, similarity, lam=lam).contrastive for lam in (0.5, 0.51))
    h = cosine(*outputs.tolist())
    assert float(at) == pytest.approx(-((2 + 2 * h) / 4) / 0.2 + math.log(1e-5))
    assert float(above) == pytest.approx(-1 / 0.2 + math.log(math.exp(h / 0.2) + 1e-5))


def test_an_image_is_its_own_positive_even_where_rounding_says_otherwise():
    outputs, similarity = batch(4)
    rounded = similarity - 1e-7 * torch.eye(7).double()
    assert float(uhscm_loss(outputs, rounded, lam=1.0).contrastive) == pytest.approx(
        float(uhscm_loss(outputs, similarity, lam=1.0).contrastive), abs=1e-12
    )


def test_the_order_of_the_batch_moves_no_term():
    outputs, similarity = batch(5)
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    shuffled = uhscm_loss(outputs[order], similarity[order][:, order])
    assert numbers(shuffled) == pytest.approx(numbers(uhscm_loss(outputs, similarity)), abs=1e-13)


def test_a_batch_of_one_has_no_negatives():
    outputs = torch.tensor([[0.5, -0.25]], requires_grad=True)
    terms = uhscm_loss(outputs, torch.ones(1, 1))
    terms.total.backward()
    assert float(terms.similarity.detach()) == pytest.approx(0.0, abs=1e-12)
    assert float(terms.contrastive.detach()) == pytest.approx(-1 / 0.2 + math.log(1e-5), rel=1e-6)
    assert float(terms.quantization.detach()) == pytest.approx(0.5**2 + 0.75**2)
    assert bool(outputs.grad.isfinite().all())


def test_images_all_alike_are_all_positive_and_stay_finite():
    outputs = torch.full((6, 4), 0.3, requires_grad=True)
    terms = uhscm_loss(outputs, torch.ones(6, 6))
    terms.total.backward()
    assert float(terms.contrastive.detach()) == pytest.approx(-1 / 0.2 + math.log(1e-5), rel=1e-6)
    # Only quantization moves equal outputs: 2 (z - 1) beta / B.
    torch.testing.assert_close(outputs.grad, torch.full((6, 4), 2 * -0.7 * 0.001 / 6))


def test_a_tiny_gamma_neither_overflows_nor_breaks_the_gradient():
    outputs, similarity = batch(6)
    outputs[1] = outputs[0] + 0.01  # nearly equal outputs of images that are unlike
    similarity[0, 1] = similarity[1, 0] = -0.5
    expected = loop_loss(outputs, similarity, gamma=0.01)  # e^100 fits a double, not a float32
    single = outputs.float().requires_grad_()
    terms = uhscm_loss(single, similarity.float(), gamma=0.01)
    terms.total.backward()
    double = outputs.clone().requires_grad_()
    uhscm_loss(double, similarity, gamma=0.01).total.backward()
    assert float(terms.contrastive.detach()) == pytest.approx(expected.contrastive, rel=1e-5)
    torch.testing.assert_close(single.grad, double.grad.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lam", [-1.0, 0.8, 1.0])
def test_gamma_a_thousandth_is_finite_for_codes_that_agree_or_oppose(lam):
    outputs = torch.tensor([[0.9, 0.9], [0.9, 0.9], [-0.9, -0.9]], requires_grad=True)
    similarity = torch.tensor([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, 1.0]])
    terms = uhscm_loss(outputs, similarity, gamma=0.001, lam=lam)
    terms.total.backward()
    assert all(math.isfinite(term) for term in numbers(LossTerms(*(t.detach() for t in terms))))
    assert bool(outputs.grad.isfinite().all())


def test_an_output_of_exactly_zero_keeps_loss_and_gradient_finite():
    outputs = torch.zeros(3, 4, requires_grad=True)
    terms = uhscm_loss(outputs, torch.eye(3))
    terms.total.backward()
    assert math.isfinite(float(terms.total.detach()))
    assert bool(outputs.grad.isfinite().all())


def test_nan_outputs_give_a_nan_total_which_training_can_see():
    outputs, similarity = batch(0)
    outputs[2, 1] = math.nan
    assert math.isnan(float(uhscm_loss(outputs, similarity).total))


@pytest.mark.parametrize(
    ("outputs", "similarity"),
    [
        (torch.ones(4), torch.ones(4, 4)),
        (torch.ones(()), torch.ones(1, 1)),
        (torch.ones(4, 3), torch.ones(4)),
        (torch.ones(4, 3), torch.ones(4, 3)),
        (torch.ones(4, 3), torch.ones(3, 3)),
        (torch.ones(0, 3), torch.ones(0, 0)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(as_users_run_it, outputs, similarity):
    came = f"got {tuple(outputs.shape)} and {tuple(similarity.shape)}"
    with pytest.raises(ValueError, match=r"outputs must be \(B, L\) and similarity \(B, B\)") as e:
        uhscm_loss(outputs, similarity)
    assert came in str(e.value)


@pytest.mark.parametrize("gamma", [0.0, -0.2, math.nan])
def test_gamma_must_be_positive(gamma):
    with pytest.raises(
        ValueError, match=f"gamma must be a finite number of at least 1e-06, got {gamma}"
    ):
        uhscm_loss(*batch(0), gamma=gamma)
