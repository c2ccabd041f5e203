"""`shelflens catalog install | rollback | receive`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.enroll import size_line
from shelflens.commands.trust_option import add_trust, open_trust
from shelflens.console import printable
from shelflens.errors import UsageError


def add_arguments(acts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommands."""
    install = acts.add_parser("install", help="put a catalog file in use; keeps the one before")
    install.add_argument("new", metavar="NEW", help="the file; it is checked whole, and copied")
    add_catalog(install, "what devices use", is_last=True)

    rollback = acts.add_parser("rollback", help="put the catalog before the last install in use")
    add_catalog(rollback)
    receive = acts.add_parser(
        "receive", help="install the signed catalogs that lie in a folder, and end"
    )
    receive.add_argument(
        "folder", metavar="DIR", help="NAME.catalog and NAME.catalog.sig are taken from there"
    )
    add_catalog(receive, "what devices use", is_last=True)
    for act in (install, rollback, receive):
        add_trust(act, what="catalog file")
        act.add_argument(
            "--allow-rollback",
            action="store_true",
            help="with --trust: also if a newer one was in use here, which is then forgotten",
        )


def _install(args: argparse.Namespace) -> int:
    from shelflens.catalog.install import install, previous_path

    former = Path(args.catalog).exists()
    catalog = install(args.new, args.catalog, trust=open_trust(args))
    kept = f"; the one before is {previous_path(args.catalog).name}" if former else ""
    print(f"{args.catalog}: {size_line(catalog, Path(args.catalog))}{kept}")
    return 0


def _rollback(args: argparse.Namespace) -> int:
    from shelflens.catalog.install import rollback

    catalog = rollback(args.catalog, trust=open_trust(args))
    print(f"{args.catalog}: {size_line(catalog, Path(args.catalog))}; rollback again undoes this")
    return 0


def _receive(args: argparse.Namespace) -> int:
    trust = open_trust(args)
    if trust is None:
        raise UsageError(
            "catalog receive: --trust KEY.pub is missing; whoever may write into the "
            "folder could put any catalog in use"
        )
    from shelflens.catalog.receive import receive

    def say(line: str) -> None:
        print(printable(line), flush=True)

    _, refused = receive(args.folder, args.catalog, trust, report=say)
    return 1 if refused else 0


ACTS: dict[str, Callable[[argparse.Namespace], int]] = {
    "install": _install,
    "rollback": _rollback,
    "receive": _receive,
}
