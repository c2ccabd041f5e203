"""Where a command runs: this machine, or a userland of another architecture under emulation."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.device.needs import NeedError

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

ENTER = """set -e
for folder in /proc /dev $SEEN
do mount --rbind "$folder" "$0$folder"
done
exec chroot "$0" "$@"
"""
"""In a mount namespace of its own: nothing stays mounted, however the command ends."""


@dataclass(frozen=True)
class Machine:
    """A machine and the home folder on it that everything of ours lies in."""

    name: str
    """amd64, arm64 or armhf."""
    root: Path
    """Of its file system, as seen from here; `/` is this machine."""
    home: str
    """Absolute, as seen from the machine."""
    cpu: str = ""
    """The processor that QEMU plays; empty on this machine."""
    settings: dict[str, str] = field(default_factory=dict)
    """Further environment variables."""
    binds: tuple[str, ...] = ()
    """Folders of this machine that commands see too, at the same place."""

    def outside(self, path: str = "") -> Path:
        """A path below the home folder, as seen from here."""
        return self.root / self.home.lstrip("/") / path

    def run(self, *words: object) -> str:
        """Run a command in the home folder, as root; what it prints.

        Raises:
            NeedError: it failed; the message has its last line.
        """
        command = [str(word) for word in words]
        done = subprocess.run(
            self.entered(command), env=self.environment(), capture_output=True, text=True,
            check=False, cwd=self.outside(),
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
            raise NeedError(
                f"{self.name}: {' '.join(command)[:200]} ended with {done.returncode}: {said[-1]}"
            )
        return done.stdout

    def entered(self, command: list[str]) -> list[str]:
        """The command as it is typed here."""
        if self.root == Path("/"):
            return command
        # chroot has no option for the folder to start in; env(1) has.
        inside = ["/usr/bin/env", f"--chdir={self.home}", *command]
        for folder in self.binds:
            (self.root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        namespace = ["unshare", "--mount", "--propagation", "private"]
        enter = ENTER.replace("$SEEN", " ".join(self.binds))
        return [*namespace, "sh", "-c", enter, str(self.root), *inside]

    def environment(self) -> dict[str, str]:
        """A newcomer's, and how this machine reaches its package index."""
        index = {
            key: value
            for key, value in os.environ.items()
            if key.startswith("PIP_") or key.lower().endswith("_proxy") or key == "SSL_CERT_FILE"
        }
        cpu = {"QEMU_CPU": self.cpu} if self.cpu else {}
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": self.home,
            "LANG": "C.UTF-8",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **index,
            **cpu,
            **self.settings,
        }


def connect(root: Path) -> None:
    """Let pip in a userland reach its index: this machine's name server and certificates."""
    copied = {Path("/etc/resolv.conf"), CERTIFICATES}
    copied |= {
        Path(os.environ[key]) for key in ("PIP_CERT", "SSL_CERT_FILE") if os.environ.get(key)
    }
    for path in copied:
        if path.is_file():
            target = root / str(path).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.write_bytes(path.read_bytes())
