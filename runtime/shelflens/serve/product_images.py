"""`GET /pictures/{id}`: the first image of a product, small."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from shelflens.errors import DataError, PhotoError
from shelflens.model.photo_file import file_of
from shelflens.render.product_images import ImageFinder, own_picture
from shelflens.render.thumbnail import thumbnail
from shelflens.serve.api import require
from shelflens.serve.problem import Problem, quoted
from shelflens.serve.worker_pool import Resources, WorkerPool

SIDE = 320
"""Pixels of the longer side."""


class ProductImages:
    """Small images of products; the last 128, of about 20 KB each, are kept in memory."""

    def __init__(
        self, lookups: WorkerPool, find_image: ImageFinder | None, *, own: bool = False
    ) -> None:
        """Take where images are.

        Args:
            lookups: Decodes them.
            find_image: Product id -> file.
            own: First look for the file that the catalog itself names, as those who edit add it.
        """
        self.lookups = lookups
        self.find_image = find_image
        self.own = own

    async def get(self, request: Request) -> Response:
        """Answer with a JPEG."""
        product = request.path_params["id"]

        def work(resources: Resources) -> bytes:
            require(resources.catalog, product)
            try:
                path = own_picture(resources.catalog, product) if self.own else None
                if path is None and self.find_image is not None:
                    path = self.find_image(product)
                if path is None:
                    raise FileNotFoundError
                return _thumbnail(str(path), file_of(path).stat().st_mtime_ns)
            except (DataError, PhotoError, OSError) as error:
                raise Problem(
                    404,
                    "image",
                    expected="a product with an image",
                    got=quoted(product),
                    do="add one to the DATASET of --images",
                ) from error

        headers = {"cache-control": "no-cache" if self.own else "private, max-age=3600"}
        return Response(await self.lookups.run(work), headers=headers, media_type="image/jpeg")


@lru_cache(maxsize=128)
def _thumbnail(path: str, changed: int) -> bytes:
    """An image as JPEG; `changed`, the time of its file, is part of its key in the cache."""
    return thumbnail(Path(path), SIDE, "JPEG", quality=85)
