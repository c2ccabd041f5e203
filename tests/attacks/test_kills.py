"""Writers that are killed at their system calls."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.kills import CHANGES


@pytest.mark.skipif(sys.platform != "linux", reason="ptrace")
def test_a_kill_at_any_system_call_leaves_the_old_or_the_new() -> None:
    # It forks: not in this process, where another file's tests may have started JAX.
    command = [sys.executable, "-m", "tests.attacks", "--only", "kills"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills = re.search(r" (\d+) kills, 0 files not whole", done.stdout)
    assert kills, done.stdout
    assert int(kills[1]) >= 3 * len(CHANGES), done.stdout
