"""`shelflens verify FILE... --trust KEY.pub`."""

from __future__ import annotations

import argparse
from pathlib import Path

from shelflens.console import printable

HELP = "Tell who signed files, and end with 1 unless a trusted key did. Needs shelflens[sign]."
EXAMPLES = (
    "verify store.catalog --trust shop-2026.pub",
    "verify store.catalog --trust shop-2026.pub --trust shop-2027.pub",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="files or folders with a FILE.sig"
    )
    parser.add_argument(
        "--trust",
        action="append",
        required=True,
        metavar="KEY.pub",
        help="a key whose signature is believed; repeatable, any of them",
    )


def run(args: argparse.Namespace) -> int:
    """Verify one file after the other; nothing is remembered of them."""
    from shelflens.signing.trust import Trust

    trust = Trust.read(args.trust)
    for path in args.files:
        verified = trust.verify(path)
        statement = verified.statement
        parts = [f"signed by {verified.key.path}"]
        if statement.created is not None:
            parts.append(f"on {statement.created.date().isoformat()}")
        parts.append("no serial" if statement.serial is None else f"serial {statement.serial}")
        if statement.expires is not None:
            parts.append(f"valid until {statement.expires.date().isoformat()}")
        if path.is_dir():
            parts.append(f"{len(statement.digests)} files")
        print(printable(f"{path}: {', '.join(parts)}"))
    return 0
