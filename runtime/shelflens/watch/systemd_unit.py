"""A systemd unit for `shelflens watch`, with only the rights that a camera needs."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from shelflens.errors import DataError

_UNIT = """\
# Save as /etc/systemd/system/shelflens-watch.service, then:
#   sudo systemctl daemon-reload
#   sudo systemctl enable --now shelflens-watch
#   journalctl -fu shelflens-watch
[Unit]
Description=ShelfLens: which product is held before the camera
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
Restart=on-failure
RestartSec=5
WatchdogSec=60
TimeoutStartSec=120

# A user of its own that owns nothing, may see the camera, and changes no file.
DynamicUser=yes
SupplementaryGroups=video
UMask=0077
ProtectSystem=strict
ProtectHome={home}
PrivateTmp=yes
RemoveIPC=yes
PrivateMounts=yes
{paths}
{network}
RestrictAddressFamilies={families}

# Cameras (video, media controller, the memory that they share) and no other device.
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-media rw
DeviceAllow=char-dma_heap rw

{rights}
[Install]
WantedBy=multi-user.target
"""

RIGHTS = """\
# Nothing of the system.
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""
"""What no service of ours may do."""

NO_NETWORK = """\
# No network, not even loopback.
PrivateNetwork=yes
IPAddressDeny=any"""

LOCAL_NETWORK = """\
# The local network only: a broker, and whoever looks at the status page. The broker's password
# stands in the file, as SHELFLENS_MQTT_PASSWORD=...
EnvironmentFile=-/etc/shelflens/watch.env
IPAddressDeny=any
IPAddressAllow=localhost link-local 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"""

_HOMES = ("/home", "/root", "/run/user")


def systemd_unit(
    words: Sequence[str], paths: Iterable[Path], *, picamera: bool, network: bool = False
) -> str:
    """The text of a unit.

    Args:
        words: The command line, its first word an absolute path.
        paths: What it reads, absolute.
        picamera: Whether libcamera is used, which listens to the kernel's device events.
        network: Whether it publishes, or has a status page.

    Raises:
        DataError: a word that cannot stand in a unit.
    """
    all_paths = list(paths)
    home = any(str(path).startswith(tuple(f"{home}/" for home in _HOMES)) for path in all_paths)
    # Their folders: a file bound itself would stay the old one after a replacement.
    folders = dict.fromkeys(path if path.is_dir() else path.parent for path in all_paths)
    lines = "".join(f"ReadOnlyPaths={_quoted(f'-{path}')}\n" for path in folders)
    families = ["AF_UNIX"] + ["AF_INET", "AF_INET6"] * network + ["AF_NETLINK"] * picamera
    return _UNIT.format(
        command=command_line(words),
        network=LOCAL_NETWORK if network else NO_NETWORK,
        rights=RIGHTS,
        home="read-only" if home else "yes",
        paths=lines,
        families=" ".join(families),
    )


def command_line(words: Sequence[str]) -> str:
    """Words as ExecStart takes them.

    Raises:
        DataError: a word that cannot stand in a unit.
    """
    return " ".join(_quoted(word, first=index == 0) for index, word in enumerate(words))


def unreadable_reason(path: Path, *, private: Sequence[str] = ("/tmp", "/var/tmp")) -> str:
    """Why the unit's own user cannot read a file, or nothing.

    Args:
        path: Absolute.
        private: Folders that are private to the service, and empty.
    """
    for folder in private:
        if path.is_relative_to(folder):
            return f"{path}: the service has a {folder} of its own and does not see it; move it"
    for ancestor in [path, *path.parents]:
        try:
            mode = ancestor.stat().st_mode
        except OSError:
            return f"{ancestor}: is not there yet"
        wanted = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
        if not mode & wanted:
            advice = "chmod o+rX it, or move the file"
            return f"{ancestor}: the service's own user may not read it; {advice}"
    return ""


def _quoted(word: str, *, first: bool = False) -> str:
    """A word as systemd.syntax(7) reads it, without specifiers (%) and variables ($).

    In the path of the program itself variables are not expanded.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in word):
        raise DataError(f"{word!r}: a control character cannot stand in a unit; rename it")
    plain = word.replace("%", "%%")
    if not first:
        plain = plain.replace("$", "$$")
    safe = all(character.isalnum() or character in "/._-=:,@+%" for character in word) and word
    if safe:
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
