"""Catalogs of shortened embeddings: the first numbers of each, of length 1 again.

A model that was trained for it (Matryoshka representation learning: Kusupati et al., NeurIPS 2022)
keeps what tells products apart in the first numbers of its embedding. Rows of d of them are d bytes
each, and cannot be compared with rows of another length: they are of an embedding space of their
own, named `SPACE:d` after the model's.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.adaptation import unit
from shelflens.errors import CatalogError

MIN_DIM = 16
"""Fewest numbers of a row that a catalog is built with; fewer than 32 were not measured."""


_LENGTH = re.compile("[1-9][0-9]{0,4}")


def prefix_space(space: str, dim: int) -> str:
    """The embedding space of the first `dim` numbers of embeddings of a space."""
    return f"{space}:{dim}"


def prefix_dim(space: str, whole: str) -> int | None:
    """How many of the first numbers of a space's embeddings another space has; None for others."""
    name, _, digits = space.rpartition(":")
    return int(digits) if name == whole and _LENGTH.fullmatch(digits) else None


def prefix(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """The first `dim` numbers of embeddings float32 [..., d], of length 1; zero stays zero, and
    those that have no more stay as they are."""
    if not vectors.ndim or dim >= vectors.shape[-1]:
        return vectors
    short = vectors[..., :dim].astype(np.float64)  # so that rows do not depend on the order of sums
    made: NDArray[np.float32] = unit(short.reshape(-1, short.shape[-1])).reshape(short.shape)
    return made


def check_dim(dim: int, longest: int) -> None:
    """Refuse a length that no catalog of a model's embeddings can have.

    Args:
        dim: Numbers per row.
        longest: Length of the model's embedding.

    Raises:
        CatalogError: too few, or more than the model gives.
    """
    if dim != longest and not MIN_DIM <= dim <= longest:
        raise CatalogError(
            f"--dim: expected {min(MIN_DIM, longest)} to {longest}, the length of this model's "
            f"embedding, got {dim}"
        )
