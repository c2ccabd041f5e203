"""What `service install` writes: units, their user and folders, as systemd declares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shelflens.watch.systemd_unit import RIGHTS, command_line

USER = "shelflens"
STATE = Path("/var/lib/shelflens")
SETTINGS = Path("/etc/shelflens")
CATALOG = STATE / "store.catalog"
INCOMING = STATE / "incoming"
UNITS = Path("/etc/systemd/system")
WATCH, RECEIVE = "shelflens-watch", "shelflens-receive"

_SYSUSERS = f"""\
# Who owns the catalog and puts new ones in use; the camera's service has a user of its own.
u {USER} - "ShelfLens" {STATE}
"""
_TMPFILES = f"""\
# Members of the group {USER} may drop signed catalogs.
d {SETTINGS} 0755 root root
d {STATE} 0755 {USER} {USER}
d {INCOMING} 2770 {USER} {USER}
"""
_PATH = f"""\
[Unit]
Description=ShelfLens: new catalogs in {INCOMING}

[Path]
PathExistsGlob={INCOMING}/*.catalog

[Install]
WantedBy=multi-user.target
"""
_RECEIVE = """\
[Unit]
Description=ShelfLens: put a signed catalog in use
StartLimitIntervalSec=60
StartLimitBurst=20

[Service]
Type=oneshot
ExecStart={command}
User={user}
TimeoutStartSec=300
UMask=0022
ProtectSystem=strict
ProtectHome={home}
ReadWritePaths={state}
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX

{rights}"""


@dataclass(frozen=True)
class Service:
    """Files to write, and commands to run behind them."""

    files: dict[Path, str]
    """Text by absolute path."""
    units: tuple[str, ...]
    """To be enabled and started."""

    def commands(self, root: Path | None = None) -> list[list[str]]:
        """Words of the commands, in their order.

        Args:
            root: A folder that is the root of another system, such as a card being made; nothing
                is started then.
        """
        inside = [] if root is None else [f"--root={root}"]
        words = [
            ["systemd-sysusers", *inside, "shelflens.conf"],
            ["systemd-tmpfiles", *inside, "--create", "shelflens.conf"],
            ["systemctl", *inside, "enable", *self.units],
        ]
        # Not `enable --now`: what runs already is to run as the new files say.
        return words if root else [*words, ["systemctl", "restart", *self.units]]


def service(watch_unit: str, program: Sequence[str], trust: Sequence[Path]) -> Service:
    """The files of a service.

    Args:
        watch_unit: The text of the camera's unit.
        program: The words that start shelflens, the first an absolute path.
        trust: Keys whose catalogs are put in use, absolute; without any nothing is received.

    Raises:
        DataError: a word that cannot stand in a unit.
    """
    files = {
        Path("/etc/sysusers.d/shelflens.conf"): _SYSUSERS,
        Path("/etc/tmpfiles.d/shelflens.conf"): _TMPFILES,
        UNITS / f"{WATCH}.service": watch_unit[watch_unit.index("[Unit]") :],
    }
    if not trust:
        return Service(files, (f"{WATCH}.service",))
    keys = [f"--trust={key}" for key in trust]
    words = [*program, "catalog", "receive", str(INCOMING), f"--catalog={CATALOG}", *keys]
    files[UNITS / f"{RECEIVE}.path"] = _PATH
    files[UNITS / f"{RECEIVE}.service"] = _RECEIVE.format(
        command=command_line(words),
        user=USER,
        home="read-only" if program[0].startswith(("/home", "/root")) else "yes",
        state=STATE,
        rights=RIGHTS,
    )
    return Service(files, (f"{WATCH}.service", f"{RECEIVE}.path"))
