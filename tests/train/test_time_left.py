"""How long a training says that it will still take."""

from __future__ import annotations

import pytest

from shelflens.dataset import LabelledImage
from shelflens_train.config import TrainConfig
from shelflens_train.split import Split
from shelflens_train.time_left import TimeLeft, time_left


def test_time_to_the_end_is_work_left_at_the_speed_so_far() -> None:
    left = TimeLeft([100.0, 100.0, 400.0], validation=10.0, finish=50.0)
    assert left.seconds(0, 0.1) is None
    left.took(0, 0.5, 5.0)  # ten a second
    assert left.seconds(0, 0.5) == pytest.approx((50 + 500 + 3 * 10 + 50) / 10)
    assert left.seconds(0, 1.0) == pytest.approx((500 + 3 * 10 + 50) / 10)
    assert left.seconds(0, 1.0, validated=True) == pytest.approx((500 + 2 * 10 + 50) / 10)
    assert left.seconds(2, 1.0, validated=True) == pytest.approx(5.0)


def test_a_step_that_is_compiled_anew_is_counted() -> None:
    left = TimeLeft([10.0] * 4, validation=0.0, finish=0.0, compiled=[0, 2])
    left.was_compiled(7.0)
    left.took(0, 1.0, 10.0)
    assert left.seconds(0, 1.0) == pytest.approx(30 + 7)
    assert left.seconds(2, 0.5) == pytest.approx(15)


def test_it_only_falls_at_a_steady_speed() -> None:
    left = TimeLeft([60.0, 90.0], validation=5.0, finish=20.0)
    seen = []
    for epoch in range(2):
        for step in range(10):
            left.took(epoch, 0.1, 0.1 * (60, 90)[epoch] / 7)
            seen.append(left.seconds(epoch, (step + 1) / 10))
    assert seen == sorted(seen, key=lambda value: -(value or 0))
    assert seen[-1] == pytest.approx(25 / 7)


def test_larger_images_are_taken_to_cost_by_their_area() -> None:
    config = TrainConfig(data=("x",), size=192, epochs=4)  # 128 pixels, then 160
    items = [LabelledImage(None, f"p{n}") for n in range(8)]  # type: ignore[arg-type]
    left = time_left(config, Split(items, items[:2], [], []), steps=100, gallery=4)
    left.took(0, 1.0, 64.0)
    assert left.seconds(2, 0.0) == pytest.approx(2 * 100, rel=0.01)
    left.was_compiled(30.0)
    assert left.seconds(1, 1.0) == pytest.approx(2 * 100 + 30, rel=0.01)
