"""Engines without what they print: LiteRT announces its delegate at every start."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_greeting() -> Iterator[None]:
    """Drop what C++ prints on standard error; what fails inside still raises.

    For commands only: a library must not touch its host's files.
    """
    sys.stderr.flush()
    kept, void = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(void, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(void)
