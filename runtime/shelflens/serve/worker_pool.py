"""Threads that do the lookups, behind a short queue, with the catalog and the model in use."""

from __future__ import annotations

import asyncio
import errno
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
class Resources:
    """Catalog and model of one task; they stay the same while the files change."""

    catalog: Catalog
    embedder: Embedder
    inference_lock: threading.Lock
    """Held while the embedder runs: it serves one thread at a time."""
    large_photo_lock: threading.Lock
    """Held while a large photo is decoded."""


class WorkerPool:
    """Runs tasks in threads, refuses those that would wait too long, picks up new files between."""

    def __init__(
        self,
        reloader: Reloader,
        *,
        workers: int,
        queue_size: int,
        log: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> None:
        """Start the pool.

        Args:
            reloader: Catalog and model; refreshed here from now on.
            workers: Threads.
            queue_size: Tasks that may wait for one.
            log: Gets a line about each new file.
        """
        self._reloader = reloader
        self._log = log
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="lookup")
        self._limit = workers + queue_size
        self._pending = 0
        self._refreshing = threading.Lock()
        self._large_photo_lock = threading.Lock()
        self._resources = Resources(
            reloader.catalog, reloader.embedder, threading.Lock(), self._large_photo_lock
        )

    @property
    def full(self) -> bool:
        """Whether the next task would be refused."""
        return self._pending >= self._limit

    async def run(self, task: Callable[[Resources], Result]) -> Result:
        """Run a task in a thread; called in the event loop's thread only.

        Raises:
            Problem: 503, too many wait already.
            Exception: what the task raises.
        """
        if self.full:
            raise busy(f"{self._pending} requests before this one")
        self._pending += 1
        try:
            future = asyncio.get_running_loop().run_in_executor(self._pool, self._run, task)
        except BaseException:
            self._pending -= 1
            raise
        future.add_done_callback(self._finished)
        # A task that has begun is finished, and counted, even if its client is gone.
        return await asyncio.shield(future)

    def _finished(self, future: asyncio.Future[Result]) -> None:
        self._pending -= 1
        if not future.cancelled():
            future.exception()  # retrieved, also when nobody waits for it any more

    def _run(self, task: Callable[[Resources], Result]) -> Result:
        try:
            return task(self.resources())
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            raise busy("a catalog that somebody copies over") from error  # read when complete

    def resources(self) -> Resources:
        """Catalog and model as they are now; opens new files when there are any."""
        # While another thread opens a new file, the previous one stays in use.
        if self._refreshing.acquire(blocking=False):
            try:
                new, lines = self._reloader.refresh()
                if new:
                    reloader, inference_lock = self._reloader, self._resources.inference_lock
                    if reloader.embedder is not self._resources.embedder:
                        inference_lock = threading.Lock()
                    self._resources = Resources(
                        reloader.catalog, reloader.embedder, inference_lock, self._large_photo_lock
                    )
            finally:
                self._refreshing.release()
            for line in lines:
                self._log(f"shelflens serve: {line}")
        return self._resources

    def close(self) -> None:
        """Let running tasks end, and drop those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)
