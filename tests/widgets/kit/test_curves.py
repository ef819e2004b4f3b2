"""The curves of a run, against means computed by hand."""

from __future__ import annotations

import numpy as np

from uhscm_core import TrainingStep
from widgets.kit.curves import Curves, curves_of, total_of_epoch


def step(number, epoch, total=1.0, **metrics):
    return TrainingStep(epoch, number, total, 0.5, 0.25, 3.0, 100.0, metrics or None)


def test_a_curve_is_the_mean_over_images_and_never_long():
    # 10 images in batches of 4, 4 and 2; totals 1, 2, 9: the mean is (4 + 8 + 18) / 10.
    history = [step(i + 1, i // 3 + 1, (1.0, 2.0, 9.0)[i % 3]) for i in range(3000)]
    curves = curves_of(history, n=10, batch_size=4, epochs=1000)
    x, y = curves["total"]
    assert len(x) <= 241
    assert (x[0], y[0]) == (0, 1)
    assert 995 < x[-1] < 1000
    np.testing.assert_allclose(y[1:].mean(), 3.0, atol=0.01)
    x, y = curves_of(history[:718], 10, 4, 240)["total"]  # after the first, three make a point
    np.testing.assert_allclose(y[1:], 3.0)
    np.testing.assert_allclose(x[1:3], [2 / 3, 5 / 3])
    assert curves_of([], 10, 4, 5)["mAP by concepts"][0].size == 0
    history[5] = step(6, 2, **{"mAP by concepts": 0.5})
    x, y = curves_of(history, 10, 4, 1000)["mAP by concepts"]
    assert (x.tolist(), y.tolist()) == ([2.0], [0.5])


def test_epoch_0_is_the_network_before_training():
    history = [step(1, 1, 4.0, **{"mAP by concepts": 0.5}), step(2, 2, 3.0)]
    curves = curves_of(history, 4, 4, 2, {"mAP by concepts": 0.25})
    assert [part.tolist() for part in curves["total"]] == [[0.0, 1.0], [4.0, 3.0]]
    assert [part.tolist() for part in curves["quantization"]] == [[0.0, 1.0], [3.0, 3.0]]
    assert [part.tolist() for part in curves["mAP by concepts"]] == [[0.0, 1.0], [0.25, 0.5]]
    assert curves["mAP by labels"][0].size == 0
    before = curves_of([], 4, 4, 2, {"mAP by labels": 0.25})
    assert [part.tolist() for part in before["mAP by labels"]] == [[0.0], [0.25]]


def test_the_loss_of_an_epoch_is_the_mean_over_its_images():
    history = [step(i + 1, i // 3 + 1, (5.0, 5.0, 5.0, 1.0, 2.0, 9.0)[i]) for i in range(6)]
    assert total_of_epoch(history, 10, 4) == 3.0
    assert total_of_epoch(history[:5], 10, 4) == 1.5  # so far


def test_the_curves_numbers_come_back_as_a_table():
    view = Curves({"total": "", "similarity": ""})
    view.show(now=curves_of([step(1, 1, 4.0)], 4, 4, 1), before={})
    frame = view.to_frame()
    assert frame[frame["curve"] == "total"]["value"].tolist() == [4.0]
    assert view._now_sizes == [1, 1]
    assert len(view._now) == 4 * 4


def test_an_axis_ends_at_the_largest_value_that_there_can_be():
    view = Curves({"total": "", "quantization": ""})
    view.set_hints({"total": "", "quantization": ""}, {"quantization": 64.0, "balance": 1.0})
    assert [panel["top"] for panel in view.panels] == [0.0, 64.0]
