"""Where lookups are done: a few threads, a short queue, one model, and the files in use."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.reload import Reloader
from shelflens.model.embedder import Embedder
from shelflens.serve.problem import busy

Result = TypeVar("Result")


@dataclass(frozen=True)
class Hand:
    """What one piece of work is done with; it stays the same while the files change."""

    catalog: Catalog
    embedder: Embedder
    turn: threading.Lock
    """Held while the embedder runs: it serves one thread at a time."""
    large: threading.Lock
    """Held while a large photo is decoded."""


class Desk:
    """Runs work in threads, refuses what would wait too long, picks up new files between."""

    def __init__(
        self,
        stock: Reloader,
        *,
        workers: int,
        waiting: int,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> None:
        """Start with an opened stock.

        Args:
            stock: Catalog and model; looked after here from now on.
            workers: Threads.
            waiting: Pieces of work that may wait for one.
            say: Told in a line what became of a new file.
        """
        self._stock = stock
        self._say = say
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="lookup")
        self._most = workers + waiting
        self._taken = 0
        self._refreshing = threading.Lock()
        self._large = threading.Lock()
        self._hand = Hand(stock.catalog, stock.embedder, threading.Lock(), self._large)

    @property
    def full(self) -> bool:
        """Whether the next piece of work would be refused."""
        return self._taken >= self._most

    async def do(self, work: Callable[[Hand], Result]) -> Result:
        """Do a piece of work in a thread; for the event loop's thread only.

        Raises:
            Problem: 503, too many wait already.
            Exception: what the work raises.
        """
        if self.full:
            raise busy(f"{self._taken} requests before this one")
        self._taken += 1
        try:
            future = asyncio.get_running_loop().run_in_executor(self._pool, self._work, work)
        except BaseException:
            self._taken -= 1
            raise
        future.add_done_callback(self._leave)
        # Work that was begun is finished, and counted, though its client may be gone.
        return await asyncio.shield(future)

    def _leave(self, future: asyncio.Future[Result]) -> None:
        self._taken -= 1
        if not future.cancelled():
            future.exception()  # seen, also where nobody waits for it any more

    def _work(self, work: Callable[[Hand], Result]) -> Result:
        return work(self.hand())

    def hand(self) -> Hand:
        """Catalog and model as they are now; opens new files when there are any."""
        # Who comes while another opens a new file goes on with the one before.
        if self._refreshing.acquire(blocking=False):
            try:
                new, lines = self._stock.refresh()
                if new:
                    stock, turn = self._stock, self._hand.turn
                    if stock.embedder is not self._hand.embedder:
                        turn = threading.Lock()
                    self._hand = Hand(stock.catalog, stock.embedder, turn, self._large)
            finally:
                self._refreshing.release()
            for line in lines:
                self._say(f"shelflens serve: {line}")
        return self._hand

    def close(self) -> None:
        """Let work in progress end, and drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)
