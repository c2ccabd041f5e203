"""`--trust KEY.pub`: who has to have signed the files of a command."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from shelflens.console import printable

if TYPE_CHECKING:  # a command without --trust starts without it
    from shelflens.signing.trust import Trust


def add_trust(parser: argparse.ArgumentParser, *, what: str = "catalog (and --model)") -> None:
    """Declare --trust."""
    parser.add_argument(
        "--trust",
        action="append",
        metavar="KEY.pub",
        help=f"use the {what} only if this key signed it and nothing newer was in use here; "
        "repeatable, any of the keys (default: unsigned files are used too)",
    )


def open_trust(args: argparse.Namespace) -> Trust | None:
    """Who has to have signed the files that are opened; None without --trust.

    Raises:
        SignatureError: a key that cannot be used, or no `cryptography`.
    """
    if not args.trust:
        return None
    from shelflens.signing.trust import Trust

    return Trust.read(
        args.trust,
        allow_rollback=getattr(args, "allow_rollback", False),
        report=lambda line: print(printable(f"note: {line}"), file=sys.stderr),
    )
