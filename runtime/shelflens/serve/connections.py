"""Who may hold connections: a share for every address, and idle ones make room for new ones."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Client:
    """A connection that is open."""

    address: str
    """From `address_key`."""
    is_idle: Callable[[], bool]
    """Whether no request of it is being received or answered; a head not yet complete is none."""
    end: Callable[[], None]
    """Closes it at once; `Connections.remove` follows."""


class Connections:
    """The open connections of a server; used in the event loop's thread only."""

    def __init__(self, limit: int, share: int) -> None:
        """Start with none.

        Args:
            limit: Connections in all.
            share: Connections of one address.
        """
        self._limit, self._share = limit, share
        self._open: dict[Client, None] = {}
        self._counts: Counter[str] = Counter()
        self.ended = self.refused = self.malformed = 0
        """Idle ones that made room, new ones that found none, and those that were not HTTP."""

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def add(self, client: Client) -> bool:
        """Take a new connection, in place of an idle one where there are too many.

        Beyond its share, an address loses its longest idle connection; beyond the limit, the
        address with the most does.

        Returns:
            Whether it may stay; not when all of those are busy.
        """
        address = client.address
        if self._counts[address] < self._share:
            if len(self._open) < self._limit:
                return self._insert(client)
            address = self._counts.most_common(1)[0][0]
        for former in self._open:
            if former.address == address and former.is_idle():
                self.remove(former)
                former.end()
                self.ended += 1
                return self._insert(client)
        self.refused += 1
        return False

    def _insert(self, client: Client) -> bool:
        self._open[client] = None
        self._counts[client.address] += 1
        return True

    def touch(self, client: Client) -> None:
        """It has been answered: of the idle ones, it is the newest now."""
        if client in self._open:
            del self._open[client]
            self._open[client] = None

    def remove(self, client: Client) -> None:
        """It is closed."""
        if client in self._open:
            del self._open[client]
            self._counts[client.address] -= 1
            if not self._counts[client.address]:
                del self._counts[client.address]


def address_key(transport: asyncio.BaseTransport) -> str:
    """The address of a connection; of IPv6 its network (/64), for a client has all of that."""
    name = transport.get_extra_info("peername")
    return network(name[0]) if name else "-"


def network(host: str) -> str:
    """An address, or of IPv6 its network of 64 bits."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False).network_address)
