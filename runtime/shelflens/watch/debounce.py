"""One answer per product shown: is an answer news, or the last one once more?"""

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
        self._looks: NDArray[np.float32] = np.empty(0, np.float32)

    def news(
        self, answer: Answer, looks: NDArray[np.float32], away: float, *, alike: float
    ) -> bool:
        """Whether to give this answer; if so, it is the last one from now on.

        Within `again` seconds the same product is still the same showing, unless it is named more
        surely than before. Things that no answer names are the same when they look alike.

        Args:
            answer: The new answer.
            looks: The mean embedding of its photos, float32 [d], not zero.
            away: Seconds since the scene of the last one was before the camera.
            alike: Cosine similarity from which two unknown things are one; the threshold at which
                the catalog takes a photo for a product.
        """
        rank = _RANK[answer.decision]
        shown = frozenset(one.id for one in [*answer.matches[:1], *answer.candidates])
        same = bool(shown & self._products)
        if not same and rank == self._rank == 0 and looks.shape == self._looks.shape:
            lengths = np.linalg.norm(looks) * np.linalg.norm(self._looks)
            same = float(looks @ self._looks) >= alike * float(lengths)
        if same and rank <= self._rank and away <= self._again:
            return False
        self._products, self._rank, self._looks = shown, rank, looks
        return True
