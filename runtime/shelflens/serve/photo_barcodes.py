"""The barcodes of a photo, for whoever adds a product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shelflens.barcode.gtin import printed
from shelflens.barcode.reader import can_read_barcodes, grey_of, read_barcodes
from shelflens.catalog.answer import Match
from shelflens.catalog.barcodes import products_with
from shelflens.serve.answers import decoding
from shelflens.serve.uploads import Upload
from shelflens.serve.worker_pool import Resources


@dataclass(frozen=True)
class PhotoBarcodes:
    """What was read."""

    reads: bool
    """Whether there is a reader."""
    codes: list[tuple[str, Match | None]]
    """Numbers as they are printed, and the first product that has each."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "reads": self.reads,
            "barcodes": [
                {"number": number, "known": known and known.to_dict()}
                for number, known in self.codes
            ],
        }


def photo_barcodes(resources: Resources, photo: Upload) -> PhotoBarcodes:
    """Read the barcodes of a photo.

    Raises:
        Problem: 422, not a photo.
    """
    if not can_read_barcodes():
        return PhotoBarcodes(False, [])
    with decoding(resources, photo):
        numbers = read_barcodes(grey_of(photo.content))
    catalog = resources.catalog
    owners = [products_with(catalog, number) for number in numbers]
    known = [catalog.at(found[0]) if found else None for found in owners]
    return PhotoBarcodes(True, list(zip(map(printed, numbers), known, strict=True)))
