"""What this machine needs for the emulation: Debian packages, root, QEMU in the kernel's list."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "qemu-aarch64-static": "qemu-user-static",
    "update-binfmts": "binfmt-support",
    "arch-test": "arch-test",
    "unshare": "util-linux",
}
"""Program -> the Debian package that brings it."""

FORMATS = Path("/proc/sys/fs/binfmt_misc")


class NeedError(Exception):
    """Something is missing or failed; the message is one line that says what to do."""


def prepare(qemu: str) -> None:
    """Install and switch on what is missing.

    Args:
        qemu: aarch64 or arm, as QEMU names the architecture.

    Raises:
        NeedError: it cannot be had.
    """
    if os.geteuid():
        raise NeedError("tests/device/run needs root, for chroot and mount: run it with sudo")
    install(PROGRAMS)
    if not (FORMATS / "register").exists():
        call("mount", "-t", "binfmt_misc", "binfmt_misc", FORMATS)
    if not (FORMATS / f"qemu-{qemu}").exists():
        call("update-binfmts", "--enable", f"qemu-{qemu}")
    if not (FORMATS / f"qemu-{qemu}").exists():
        raise NeedError(
            f"the kernel does not start qemu-{qemu}: expected {FORMATS}/qemu-{qemu}; "
            "try: apt-get install --reinstall qemu-user-static"
        )


def install(programs: dict[str, str]) -> None:
    """Install the packages of the programs that are not here.

    Raises:
        NeedError: a package cannot be installed.
    """
    packages = sorted({programs[name] for name in programs if not shutil.which(name)})
    if not packages:
        return
    if os.geteuid() or not shutil.which("apt-get"):
        raise NeedError(f"not installed: {', '.join(packages)}; type: {apt(packages)}")
    call("apt-get", "update", "-q")
    call("apt-get", "install", "-y", "-q", "--no-install-recommends", *packages)


def apt(packages: Iterable[str]) -> str:
    """The line to type."""
    return f"sudo apt-get install {' '.join(packages)}"


def call(*words: object) -> str:
    """Run a program of this machine; what it prints.

    Raises:
        NeedError: it failed.
    """
    command = [str(word) for word in words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise NeedError(f"{' '.join(command)[:200]} ended with {done.returncode}: {said[-1]}")
    return done.stdout
