"""How much of an attack is wanted, and what came of it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")


@dataclass
class Run:
    """How much of an attack is wanted."""

    folder: Path
    long: bool
    seed: int
    deadline: float
    """Monotonic time."""

    def amount(self, long: int, short: int) -> int:
        """One of two amounts."""
        return long if self.long else short

    def until_late(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items, as long as there is time."""
        for item in items:
            if time.monotonic() > self.deadline:
                return
            yield item

    def random(self) -> random.Random:
        """A generator of this run."""
        return random.Random(self.seed)


@dataclass(frozen=True)
class Outcome:
    """What came of an attack."""

    text: str
    broken: int
    """How many times a promise was broken."""
    inputs: int = 0
    """Mutated inputs."""
    kills: int = 0
