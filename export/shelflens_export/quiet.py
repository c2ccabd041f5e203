"""Silence for libraries that greet, warn and trace on both outputs from C++."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the block prints, warnings included, off the screen; show it if the block fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(saved, start=1):
                os.dup2(copy, number)
                os.close(copy)
            if failed and os.environ.get("SHELFLENS_DEBUG"):
                log.seek(0)
                sys.stderr.write(log.read().decode(errors="replace"))


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, do it quietly, then say how long it took."""
    start = time.perf_counter()
    sys.stdout.write(f"{what} ... ")
    sys.stdout.flush()
    try:
        with quiet():
            yield
    except BaseException:
        print("failed")
        raise
    print(f"{time.perf_counter() - start:.1f} s")
