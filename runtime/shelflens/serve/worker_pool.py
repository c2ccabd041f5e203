"""Threads that do the lookups, behind a short queue, with the catalog and the model in use."""

from __future__ import annotations

import asyncio
import errno
import sys
import threading
import time
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


class CurrentFiles:
    """The catalog and the model in use; new files are picked up when they are asked for."""

    def __init__(
        self,
        reloader: Reloader,
        log: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> None:
        """Start with what is open.

        Args:
            reloader: Catalog and model; refreshed here from now on.
            log: Gets a line about each new file.
        """
        self._reloader = reloader
        self._log = log
        self._refreshing = threading.Lock()
        self._resources = Resources(
            reloader.catalog, reloader.embedder, threading.Lock(), threading.Lock()
        )
        self.taken = self.refused = 0
        """How many new files were put to use, and how many lines said why one was not."""
        self.written_at = _written_at(reloader)
        """When the catalog's file was written, seconds since 1970; None where nobody knows."""

    @property
    def latest(self) -> Resources:
        """Those in use, without looking for new ones."""
        return self._resources

    def refreshed(self) -> Resources:
        """Catalog and model as they are now; opens new files when there are any."""
        # While another thread opens a new file, the previous one stays in use.
        if self._refreshing.acquire(blocking=False):
            try:
                new, lines = self._reloader.refresh()
                if new:
                    reloader, former = self._reloader, self._resources
                    inference_lock = former.inference_lock
                    if reloader.embedder is not former.embedder:
                        inference_lock = threading.Lock()
                    self._resources = Resources(
                        reloader.catalog,
                        reloader.embedder,
                        inference_lock,
                        former.large_photo_lock,
                    )
                    self.taken += 1
                    if reloader.catalog is not former.catalog:
                        self.written_at = _written_at(reloader)
                else:
                    self.refused += len(lines)
            finally:
                self._refreshing.release()
            for line in lines:
                self._log(f"shelflens serve: {line}")
        return self._resources


def _written_at(reloader: Reloader) -> float | None:
    path = reloader.catalog.path
    try:
        return None if path is None else path.stat().st_mtime
    except OSError:
        return None


class WorkerPool:
    """Runs tasks in threads, and refuses those that would wait too long."""

    def __init__(
        self, files: CurrentFiles, *, workers: int, queue_size: int, limit_s: float | None = None
    ) -> None:
        """Start the pool.

        Args:
            files: What the tasks work with.
            workers: Threads.
            queue_size: Tasks that may wait for one.
            limit_s: Seconds after which a client is told to come again; a task that has begun goes
                on in its thread, and counts until it ends.
        """
        self._files = files
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="shelflens")
        self._limit = workers + queue_size
        self._limit_s = limit_s
        self.pending = 0
        """Tasks that run or wait."""
        self._moved = time.monotonic()

    @property
    def stalled_s(self) -> float:
        """Seconds for which tasks have been there and none was finished."""
        return time.monotonic() - self._moved if self.pending else 0.0

    @property
    def full(self) -> bool:
        """Whether the next task would be refused."""
        return self.pending >= self._limit

    async def run(self, task: Callable[[Resources], Result]) -> Result:
        """Run a task in a thread; called in the event loop's thread only.

        Raises:
            Problem: 503, too many wait already, or it takes too long.
            Exception: what the task raises.
        """
        if self.full:
            raise busy(f"{self.pending} requests before this one")
        if not self.pending:
            self._moved = time.monotonic()
        self.pending += 1
        try:
            job = self._pool.submit(self._run, task)
        except BaseException:
            self.pending -= 1
            raise
        future = asyncio.wrap_future(job)
        future.add_done_callback(self._finished)
        # A task that has begun is finished, and counted, even if its client is gone.
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._limit_s)
        except asyncio.TimeoutError:
            if future.done():  # the task's own
                raise
            job.cancel()  # where it has not begun
            raise busy(f"work that takes more than {self._limit_s:g} s") from None

    def _finished(self, future: asyncio.Future[Result]) -> None:
        self.pending -= 1
        self._moved = time.monotonic()
        if not future.cancelled():
            future.exception()  # retrieved, also when nobody waits for it any more

    def _run(self, task: Callable[[Resources], Result]) -> Result:
        try:
            return task(self._files.refreshed())
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            raise busy("a catalog that somebody copies over") from error  # read when complete

    def close(self) -> None:
        """Let running tasks end, and drop those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)
