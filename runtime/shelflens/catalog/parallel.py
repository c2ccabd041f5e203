"""Work shared out to a few threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator


def share_out(parts: Iterator[slice] | range, work: Callable[..., None], threads: int) -> None:
    """Call `work` with every part, on so many threads; the first error is raised."""
    if threads == 1:
        for part in parts:
            work(part)
        return
    waiting = list(parts)[::-1]  # from the first on: disks read ahead
    errors: list[BaseException] = []

    def take() -> None:
        while waiting and not errors:
            try:
                part = waiting.pop()
            except IndexError:  # another thread was quicker
                return
            try:
                work(part)
            except BaseException as error:
                errors.append(error)

    helpers = [threading.Thread(target=take) for _ in range(min(threads, len(waiting)) - 1)]
    for thread in helpers:
        thread.start()
    take()
    for thread in helpers:
        thread.join()
    if errors:
        raise errors[0]
