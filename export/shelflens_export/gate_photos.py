"""The photos of the quality gate, and the float model's embeddings of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens import Catalog, load_image
from shelflens.dataset import LabelledImage
from shelflens.errors import DataError
from shelflens_export.quality_gate import QualityGate, recall
from shelflens_export.quiet import quiet
from shelflens_export.run_folder import VIEWS, RunFolder, read_pixels, sample

_BATCH = 32


def open_gate(run: RunFolder, network: Any, *, max_photos: int, seed: int) -> QualityGate:
    """Choose the photos, decode them, and embed them with the float model.

    Raises:
        DataError: no photos that can be read.
    """
    searched, looked_up, held_out = _split(run, max_photos, seed)
    pixels, photos, _ = read_pixels([*searched, *looked_up], run.card.size)
    in_gallery = {id(photo) for photo in searched}
    gallery = sum(id(photo) in in_gallery for photo in photos)
    labels = [photo.product for photo in photos]
    if not gallery:
        raise DataError(f"{run.path}: none of the gate's catalog photos can be read")
    protocol = "no held-out photos: a fifth of the train photos looked up"
    if held_out:
        protocol = f"{held_out} looked up among the train photos"
    if gallery == len(photos):
        pixels = np.concatenate([pixels, _closer(pixels)])
        labels, held_out = labels * 2, ""
        protocol = "no second photo of any product: its middle 80% looked up"
    vectors = _embed(network, pixels)
    catalog = Catalog(labels[:gallery], vectors[:gallery], space=run.card.space)
    protocol += (
        f"; {gallery} photos of {len(set(labels[:gallery]))} products in the catalog, "
        f"{len(labels) - gallery} looked up"
    )
    return QualityGate(
        pixels=pixels,
        photos=photos,
        labels=labels,
        gallery=gallery,
        vectors=vectors,
        catalog=catalog,
        recall=recall(catalog, vectors[gallery:], labels[gallery:]),
        protocol=protocol,
        held_out=held_out,
    )


def _embed(network: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    with quiet():
        batches = [
            network.predict_on_batch(pixels[start : start + _BATCH].astype(np.float32))
            for start in range(0, len(pixels), _BATCH)
        ]
    return np.concatenate(batches).astype(np.float32)


def _split(
    run: RunFolder, max_photos: int, seed: int
) -> tuple[list[LabelledImage], list[LabelledImage], str]:
    """What is searched, what is looked up, and what that is where it was held out."""
    if run.held_out:
        known = {photo.product for photo in run.train}
        looked_up = [photo for photo in run.held_out if photo.product in known]
        if looked_up:
            queries = sample(looked_up, max(max_photos // 4, 1), seed)
            gallery = sample(run.train, max(max_photos - len(queries), 1), seed)
            # What `train` made of images for want of photos lies in the run folder.
            views = sum(photo.path.parent == run.path / VIEWS for photo in queries)
            kinds = ["held-out photos"] * (views < len(queries)) + ["synthetic views"] * (views > 0)
            return gallery, queries, " and ".join(kinds)
    seen: dict[str, int] = {}
    searched: list[LabelledImage] = []
    held: list[LabelledImage] = []
    for photo in sample(run.train, max_photos, seed):
        # Every fifth photo of a product, beginning with its second.
        count = seen[photo.product] = seen.get(photo.product, 0) + 1
        (held if count % 5 == 2 else searched).append(photo)
    return searched, held, ""


def _closer(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Photos as if taken from nearer by."""
    size = pixels.shape[1]
    edge = size // 10
    return np.stack([load_image(photo[edge:-edge, edge:-edge], size=size) for photo in pixels])
