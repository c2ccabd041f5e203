"""`shelflens service install [--dry-run] -- watch picamera --catalog STORE.catalog ...`."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from shelflens.errors import DataError, UsageError

HELP = "Make this device an appliance: `shelflens watch` as a service that starts by itself."
EXAMPLES = (
    "service install --dry-run -- watch picamera --catalog my.catalog",
    "service install -- watch 0 --catalog my.catalog --trust shop.pub",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="install")
    install = acts.add_parser(
        "install",
        help="write and enable the systemd unit, its user and folders; with --trust, a folder for "
        "new catalogs",
    )
    install.add_argument(
        "words",
        nargs="+",
        metavar="WATCH",
        help="-- and then the command: watch SOURCE --catalog STORE.catalog ...",
    )
    install.add_argument(
        "--dry-run", action="store_true", help="print what would be written and run, and end"
    )
    install.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="the root of another system, such as a card being made; nothing is started",
    )


def run(args: argparse.Namespace) -> int:
    """Write the files, run the commands."""
    from shelflens.watch.service_files import CATALOG, SETTINGS, service

    watch = _parsed(args.words)
    sources = {CATALOG: Path(watch.catalog)}
    keys = [SETTINGS / Path(key).name for key in watch.trust or ()]
    sources |= dict(zip(keys, map(Path, watch.trust or ()), strict=True))
    if watch.trust and (signature := Path(f"{watch.catalog}.sig")).exists():
        sources[CATALOG.with_name(f"{CATALOG.name}.sig")] = signature
    for path in sources.values():
        path.open("rb").close()
    watch.catalog, watch.trust = str(CATALOG), [str(key) for key in keys] or None
    from shelflens.commands.watch import unit_of

    program = [str(Path(sys.executable).absolute()), "-m", "shelflens"]
    made = service(unit_of(watch, planned=[CATALOG, *keys]), program, keys)
    commands = made.commands(args.root)
    root = args.root or Path("/")
    if (root / CATALOG.relative_to("/")).exists():
        kept = (CATALOG, CATALOG.with_name(f"{CATALOG.name}.sig"))
        sources = {target: source for target, source in sources.items() if target not in kept}
        print(f"# {CATALOG} is there and stays; shelflens catalog install replaces it")
    if args.dry_run:
        for path, text in made.files.items():
            print(f"# {path}\n{text}")
        for target, source in sources.items():
            print(f"# copy {source} to {target}")
        for words in commands:
            print(f"# run  {shlex.join(words)}")
        return 0
    _require_root(args.root, commands)
    for path, text in made.files.items():
        _write(root / path.relative_to("/"), text.encode())
    user, folders, *rest = commands
    _do(user)
    _do(folders)
    for target, source in sources.items():
        _copy(source, root / target.relative_to("/"))
    for words in rest:
        _do(words)
    print(f"{', '.join(made.units)}: enabled; journalctl -fu {made.units[0]} shows it")
    return 0


def _parsed(words: list[str]) -> argparse.Namespace:
    """The arguments of the watch command that is to be a service."""
    from shelflens.commands import watch
    from shelflens.commands.parser import build_parser

    if words[0] != "watch":
        raise UsageError(f"service install: expected -- watch SOURCE ..., got {words[0]!r}")
    return build_parser("watch", watch).parse_args(words[1:])


def _require_root(root: Path | None, commands: list[list[str]]) -> None:
    missing = [words[0] for words in commands if shutil.which(words[0]) is None]
    if missing:
        raise DataError(f"{missing[0]}: not here; a service needs systemd (--dry-run shows it)")
    if root is None and os.geteuid() != 0:
        raise DataError("only root may install a service; sudo, or look at it with --dry-run")


def _write(path: Path, content: bytes) -> None:
    from shelflens.files import atomic_writer

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_writer(path) as stream:
        stream.write(content)
    path.chmod(0o644)


def _copy(source: Path, target: Path) -> None:
    """Copy a file that the services read; a catalog belongs to who owns its folder."""
    _write(target, source.read_bytes())
    owner = target.parent.stat()
    if hasattr(os, "chown"):
        os.chown(target, owner.st_uid, owner.st_gid)


def _do(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise DataError(f"{shlex.join(words)}: {why[-1]}")
