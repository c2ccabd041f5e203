"""Slowing down who tries tokens: a few wrong ones per address at once, then one a second."""

from __future__ import annotations

from collections import OrderedDict

BURST = 10
"""Wrong tokens that an address may send at once."""

PER_SECOND = 1.0
"""How many more it may send each second."""

MAX_ADDRESSES = 1024
"""Addresses that are remembered; of more, those with the oldest wrong token are forgotten."""


class WrongTokens:
    """Counts wrong tokens by address."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, at what time

    def __len__(self) -> int:
        """Addresses that are remembered."""
        return len(self._tries)

    def wait_s(self, address: str, now: float) -> float:
        """Seconds until a token of this address is looked at again; 0 for at once.

        Args:
            address: Of the client.
            now: Monotonic time, seconds.
        """
        return max(0.0, (1 - self._left(address, now)) / PER_SECOND)

    def count(self, address: str, now: float) -> None:
        """It has sent a wrong one."""
        self._tries[address] = (self._left(address, now) - 1, now)
        self._tries.move_to_end(address)
        while len(self._tries) > MAX_ADDRESSES:
            self._tries.popitem(last=False)

    def _left(self, address: str, now: float) -> float:
        left, then = self._tries.get(address, (float(BURST), now))
        return min(float(BURST), left + (now - then) * PER_SECOND)
