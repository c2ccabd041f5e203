"""Writers that are killed at their system calls."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.attacks.kills import CHANGES, Change, killed


@pytest.mark.skipif(sys.platform != "linux", reason="ptrace")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_kill_at_any_system_call_leaves_the_old_or_the_new(
    tmp_path: Path, change: Change
) -> None:
    wrong = list(killed(tmp_path, change, step=17, first=len(change.name) % 17))
    assert len(wrong) >= 3
    assert not any(wrong), wrong
