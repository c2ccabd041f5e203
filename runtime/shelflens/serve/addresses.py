"""The addresses of this machine in private networks: the only module that imports `ifaddr`."""

from __future__ import annotations

import ipaddress
import re
import socket

from shelflens.errors import ServeError

PRIVATE = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # RFC 1918
        "169.254.0.0/16",  # link-local, RFC 3927
        "100.64.0.0/10",  # shared address space, RFC 6598: private overlay networks use it
        "127.0.0.0/8",
    )
)  # fmt: skip
"""What an address of a local network is, of IPv4."""

_VIRTUAL = re.compile(r"lo\d*|docker|br-|veth|virbr|vmnet|cni|flannel")
"""Adapters that no phone is behind."""


def is_private(address: str) -> bool:
    """Whether a text is an IPv4 address of a private network."""
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return any(parsed in network for network in PRIVATE)


def private_addresses(host: str) -> list[str]:
    """The IPv4 addresses under which phones reach this machine, the best guess first.

    Args:
        host: The address that the server listens on; 0.0.0.0 stands for all of the machine.

    Raises:
        ServeError: there is none, or `host` is in no private network.
    """
    if host not in ("0.0.0.0", "::", ""):
        if not is_private(host):
            raise ServeError(
                f"--phone --host {host}: expected an IPv4 address of a private network, such as "
                "192.168.1.20; for a public name, give --cert and --key of that name"
            )
        return [host]
    try:
        import ifaddr
    except ImportError as missing:
        raise ServeError("--phone needs ifaddr: pip install 'shelflens[phone]'") from missing
    found = [
        str(address.ip)
        for adapter in ifaddr.get_adapters()
        if not _VIRTUAL.match(adapter.name)
        for address in adapter.ips
        if address.is_IPv4 and is_private(str(address.ip))
    ]
    if not found:
        raise ServeError(
            "--phone: this machine has no address in a private network; connect it to the Wi-Fi "
            "that the phones use, or give --host ADDRESS"
        )
    return sorted(set(found), key=_rank)


def local_name() -> str:
    """The name by which multicast DNS finds this machine."""
    return f"{socket.gethostname().partition('.')[0].lower()}.local"


def _rank(address: str) -> tuple[int, ipaddress.IPv4Address]:
    """Home and shop networks before large ones, link-local last."""
    parsed = ipaddress.IPv4Address(address)
    order = (2, 1, 0, 4, 3, 5)
    kinds = [order[index] for index, network in enumerate(PRIVATE) if parsed in network]
    return kinds[0], parsed
