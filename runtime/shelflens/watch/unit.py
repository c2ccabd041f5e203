"""A systemd unit for `shelflens watch`, with no more rights than a camera needs."""

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
# No network, not even loopback.
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies={families}

# Cameras (video, media controller, the memory that they share) and no other device.
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-media rw
DeviceAllow=char-dma_heap rw

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

[Install]
WantedBy=multi-user.target
"""

_HOMES = ("/home", "/root", "/run/user")


def unit(words: Sequence[str], paths: Iterable[Path], *, picamera: bool) -> str:
    """The text of a unit.

    Args:
        words: The command line, its first word an absolute path.
        paths: What it reads, absolute.
        picamera: Whether libcamera is used, which listens to the kernel's device events.

    Raises:
        DataError: a word that cannot stand in a unit.
    """
    wanted = list(paths)
    home = any(str(one).startswith(tuple(f"{home}/" for home in _HOMES)) for one in wanted)
    # Their folders: a file that is bound itself would be the old one after a replacement.
    folders = dict.fromkeys(one if one.is_dir() else one.parent for one in wanted)
    lines = "".join(f"ReadOnlyPaths={_quoted(f'-{one}')}\n" for one in folders)
    return _UNIT.format(
        command=" ".join(_quoted(word, first=place == 0) for place, word in enumerate(words)),
        home="read-only" if home else "yes",
        paths=lines,
        families="AF_UNIX AF_NETLINK" if picamera else "AF_UNIX",
    )


def hidden(path: Path, *, private: Sequence[str] = ("/tmp", "/var/tmp")) -> str:
    """Why the unit's own user cannot read a file, or nothing.

    Args:
        path: Absolute.
        private: Folders of which the service has its own, empty.
    """
    for folder in private:
        if path.is_relative_to(folder):
            return f"{path}: the service has a {folder} of its own and does not see it; move it"
    for one in [path, *path.parents]:
        try:
            mode = one.stat().st_mode
        except OSError:
            return f"{one}: is not there yet"
        wanted = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
        if not mode & wanted:
            return f"{one}: the service's own user may not read it; chmod o+rX it, or move the file"
    return ""


def _quoted(word: str, *, first: bool = False) -> str:
    """A word as systemd.syntax(7) reads it, without specifiers (%) and variables ($).

    The path of the program itself knows no variables.
    """
    if any(ord(one) < 32 or ord(one) == 127 for one in word):
        raise DataError(f"{word!r}: a control character cannot stand in a unit; rename it")
    plain = word.replace("%", "%%")
    if not first:
        plain = plain.replace("$", "$$")
    safe = all(one.isalnum() or one in "/._-=:,@+%" for one in word) and word
    if safe:
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
