"""One answer per product shown: is an answer new, or a repetition of the last one?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.answer import Answer

_RANK = {"unknown": 0, "ambiguous": 1, "match": 2}


class Debounce:
    """Remembers the last answer given."""

    def __init__(self, again: float) -> None:
        self._again = again
        self._products: frozenset[str] = frozenset()
        self._rank = -1
        self._embedding: NDArray[np.float32] = np.empty(0, np.float32)

    def is_new(
        self, answer: Answer, embedding: NDArray[np.float32], away: float, *, threshold: float
    ) -> bool:
        """Whether to give this answer; if so, it is the last one from now on.

        Within `again` seconds the same product is not answered again, unless the decision is more
        certain than before. Two unknown answers are the same when their embeddings are similar.

        Args:
            answer: The new answer.
            embedding: The mean embedding of its photos, float32 [d], not zero.
            away: Seconds since the scene of the last one was before the camera.
            threshold: Cosine similarity from which two unknown things count as the same; that from
                which the catalog answers `match`.
        """
        rank = _RANK[answer.decision]
        products = frozenset(match.id for match in [*answer.matches[:1], *answer.candidates])
        if rank == self._rank == 0:  # what both are nearest to says nothing
            same = self._looks_like(embedding, threshold)
        else:
            same = bool(products & self._products)
        if same and rank <= self._rank and away <= self._again:
            return False
        self._products, self._rank, self._embedding = products, rank, embedding
        return True

    def _looks_like(self, embedding: NDArray[np.float32], threshold: float) -> bool:
        if embedding.shape != self._embedding.shape:
            return False
        lengths = float(np.linalg.norm(embedding) * np.linalg.norm(self._embedding))
        return float(embedding @ self._embedding) >= threshold * lengths
