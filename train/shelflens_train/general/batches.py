"""Batches in which every domain has its share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens_train.general.bank import Bank
from shelflens_train.general.views import training_view


@dataclass(frozen=True)
class Mixture:
    """What a batch is made of, and how images are varied."""

    shares: Mapping[str, float]
    """Domain -> share of each batch; they need not sum to 1."""
    batch: int
    side: int
    strength: float
    colour: float
    seed: int


class DomainBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of one span of training; all chance follows from seed, span and batch.

    In a domain identities take turns, whatever number of images they have.
    """

    def __init__(
        self, bank: Bank, taught: NDArray[np.float32], mixture: Mixture, *, steps: int, span: int
    ) -> None:
        workers = os.cpu_count() or 1
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=4 * workers)
        self._bank, self._taught, self._mixture = bank, taught, mixture
        self._steps, self._span = steps, span
        self._identities = _images_by_identity(bank, mixture.shares)

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Pixels uint8 [b, side, side, 3]; float32 [b, 1 + d], identity and the teachers' view."""
        mixture, bank = self._mixture, self._bank
        generator = np.random.default_rng([mixture.seed, self._span, index])
        chosen = self._chosen(generator)
        pixels = np.stack(
            [
                training_view(
                    bank.pixels[image],
                    bank.pixels[int(generator.integers(len(bank.pixels)))],
                    generator,
                    side=mixture.side,
                    strength=mixture.strength,
                    colour=mixture.colour,
                    alpha=bool(bank.alpha[image]),
                )
                for image in chosen
            ]
        )
        labels = bank.identities[chosen].astype(np.float32)[:, np.newaxis]
        return pixels, np.concatenate([labels, self._taught[chosen]], axis=1)

    def _chosen(self, generator: np.random.Generator) -> NDArray[np.int64]:
        domains = list(self._identities)
        shares = np.array([self._mixture.shares[domain] for domain in domains])
        counts = generator.multinomial(self._mixture.batch, shares / shares.sum())
        chosen = []
        for domain, count in zip(domains, counts, strict=True):
            images = self._identities[domain]
            for identity in generator.choice(len(images), count, replace=count > len(images)):
                chosen.append(int(generator.choice(images[identity])))
        return np.array(chosen, np.int64)


def _images_by_identity(
    bank: Bank, shares: Mapping[str, float]
) -> dict[str, list[NDArray[np.int64]]]:
    found = {}
    for domain, share in shares.items():
        images = np.flatnonzero(bank.domains == domain)
        if share > 0 and len(images):
            order = images[np.argsort(bank.identities[images], kind="stable")]
            cuts = np.flatnonzero(np.diff(bank.identities[order])) + 1
            found[domain] = np.split(order, cuts)
    return found
