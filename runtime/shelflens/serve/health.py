"""`GET /healthz`: whether lookups work, found by one."""

from __future__ import annotations

import asyncio
import io
import time

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from shelflens.serve.answers import answer_photos
from shelflens.serve.api import as_json
from shelflens.serve.problem import Problem
from shelflens.serve.uploads import Upload
from shelflens.serve.worker_pool import Resources, WorkerPool

KEPT_S = 10.0
"""How long the outcome of a lookup stands."""

LIMIT_S = 10.0
"""For the lookup, with its wait; a queue of 10 takes a Pi 4 about 1 s."""

STALLED_S = 30.0
"""No lookup takes so long: the engine hangs."""


class Health:
    """Looks a small image up, as a client's photo is, and keeps the outcome for a while."""

    def __init__(self, lookups: WorkerPool) -> None:
        self._lookups = lookups
        self._photo = _image()
        self._turn = asyncio.Lock()
        self._until = 0.0
        self.failing = ""
        """What the last lookup failed with; empty when it did not."""

    async def get(self, _: Request) -> Response:
        """200 where lookups work; 503 where not.

        A queue that is full is busy, not unhealthy, as long as it moves: the outcome before stands.
        """
        async with self._turn:  # of many that ask at once, one tries
            if self._lookups.stalled_s > STALLED_S:
                self.failing = f"none for {STALLED_S:g} s"
            elif time.monotonic() >= self._until and not self._lookups.full:
                self.failing = await self._try()
                self._until = time.monotonic() + KEPT_S
        if self.failing:
            raise Problem(
                503,
                "lookups",
                expected="an answer",
                got=self.failing,
                do="see the server's standard error; shelflens selftest tries model and engine",
            )
        return as_json({"status": "ok"})

    async def _try(self) -> str:
        def look_up(resources: Resources) -> None:
            answer_photos(resources, [Upload("trial", self._photo)], 1, False)[0].to_dict()

        try:
            await asyncio.wait_for(self._lookups.run(look_up), LIMIT_S)
        except asyncio.TimeoutError:
            return f"none within {LIMIT_S:g} s"
        except Exception as error:  # whatever a lookup ends with
            return f"a failure ({type(error).__name__})"
        return ""


def _image() -> bytes:
    """A JPEG with something in it."""
    stream = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(stream, "JPEG")
    return stream.getvalue()
