"""`GET /pictures/{id}`: the first picture of a product, small."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from shelflens.errors import PhotoError
from shelflens.render.thumbnail import thumbnail
from shelflens.serve.api import require
from shelflens.serve.desk import Desk, Hand
from shelflens.serve.problem import Problem, shown

SIDE = 320
"""Pixels of the longer side."""


class Pictures:
    """Pictures of the products, drawn small and kept for a while: 128 of about 20 KB."""

    def __init__(self, desk: Desk, find: Callable[[str], Path | None]) -> None:
        self.desk = desk
        self.find = find

    async def get(self, request: Request) -> Response:
        """Answer with a JPEG."""
        product = request.path_params["id"]

        def work(hand: Hand) -> bytes:
            require(hand.catalog, product)
            path = self.find(product)
            try:
                if path is None:
                    raise FileNotFoundError
                return _small(str(path), path.stat().st_mtime_ns)
            except (PhotoError, OSError) as error:
                raise Problem(
                    404,
                    "picture",
                    expected="a product with a picture",
                    got=shown(product),
                    do="add one to the DATA of --pictures",
                ) from error

        headers = {"cache-control": "private, max-age=3600"}
        return Response(await self.desk.do(work), headers=headers, media_type="image/jpeg")


@lru_cache(maxsize=128)
def _small(path: str, changed: int) -> bytes:
    """A picture as JPEG; `changed`, when the file was, is part of its name in the cache."""
    return thumbnail(Path(path), SIDE, "JPEG", quality=85)
