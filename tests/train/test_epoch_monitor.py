"""Which epoch is kept."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.train


def test_a_later_epoch_is_kept_unless_it_is_worse_by_more_than_a_standard_error() -> None:
    from shelflens_train.epoch_monitor import standard_error

    # Of 147 photos one more or less is chance, three are not.
    assert 146 / 147 - standard_error(146 / 147, 147) < 145 / 147
    assert 146 / 147 - standard_error(146 / 147, 147) > 143 / 147
    # The binomial's own figure where there are enough of both kinds; none is ever certain.
    assert standard_error(0.8, 10_000) == pytest.approx(0.004, rel=1e-3)
    assert 0 < standard_error(1.0, 147) < 0.01
    assert standard_error(-1.0, 147) > 0
