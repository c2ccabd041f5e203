"""`shelflens sign FILE... --key NAME.key`."""

from __future__ import annotations

import argparse
import stat
import sys
from pathlib import Path

from shelflens.commands.arguments import positive
from shelflens.commands.keys import add_passphrase, read_passphrase
from shelflens.console import printable

HELP = "Sign files; devices that get --trust NAME.pub use no others. Needs shelflens[sign]."
EXAMPLES = (
    "sign store.catalog --key shop-2026.key",
    "sign store.catalog web-app --key shop-2026.key --valid-days 90",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a catalog, delta or model, or the folder of a web app; FILE.sig is written beside it",
    )
    parser.add_argument("--key", required=True, type=Path, metavar="NAME.key", help="signs")
    add_passphrase(parser)
    parser.add_argument(
        "--serial",
        type=positive,
        metavar="N",
        help="has to rise from one version to the next: an older one is refused where a newer was "
        "in use (default: the time, in seconds)",
    )
    parser.add_argument(
        "--valid-days",
        type=positive,
        metavar="N",
        help="after so many days devices refuse to start with it (default: for ever)",
    )


def run(args: argparse.Namespace) -> int:
    """Sign one file after the other."""
    from shelflens.signing.ecdsa import read_private_key
    from shelflens.signing.sign import sign

    key = read_private_key(args.key, read_passphrase(args))
    if args.key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) and sys.platform != "win32":
        line = f"note: {args.key}: others on this machine may read it; chmod 600 it"
        print(printable(line), file=sys.stderr)
    for path in args.files:
        statement = sign(path, key, serial=args.serial, valid_days=args.valid_days)
        expires = "for ever"
        if statement.expires is not None:
            expires = f"until {statement.expires.date().isoformat()}"
        line = f"{statement.name}.sig: serial {statement.serial}, valid {expires}"
        print(printable(f"{path}: {line}"))
    return 0
