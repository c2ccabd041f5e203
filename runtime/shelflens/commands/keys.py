"""`shelflens keys new NAME`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "Make a pair of keys: NAME.key signs and stays, NAME.pub goes to the devices."
EXAMPLES = (
    "keys new shop-2026",
    "keys new shop-2026 --curve P-384 --passphrase-file -",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="new")
    new = acts.add_parser("new", help="make NAME.key, which only you can read, and NAME.pub")
    new.add_argument("name", type=Path, metavar="NAME", help="files there are never overwritten")
    new.add_argument("--curve", choices=("P-256", "P-384"), default="P-256", help="default: P-256")
    add_passphrase(new)


def run(args: argparse.Namespace) -> int:
    """Make the pair."""
    from shelflens.signing.ecdsa import new_key_pair

    private, public = (args.name.with_name(args.name.name + end) for end in (".key", ".pub"))
    secret = read_passphrase(args, twice=True)
    key = new_key_pair(private, public, curve=args.curve, passphrase=secret)
    plain = "" if secret else ", not encrypted"
    print(f"{private}: signs; keep it secret{plain}")
    print(f"{public}: for devices; SHA-256 {key.hint}")
    return 0


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """Declare --passphrase-file."""
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help="its first line encrypts the private key; - asks on the terminal",
    )


def read_passphrase(args: argparse.Namespace, *, twice: bool = False) -> bytes | None:
    """The passphrase that the arguments name; None without the option.

    Raises:
        SignatureError: it is empty, or was typed differently the second time.
        OSError: the file cannot be read.
    """
    from shelflens.errors import SignatureError

    if args.passphrase_file is None:
        return None
    if args.passphrase_file != "-":
        with Path(args.passphrase_file).open("rb") as stream:
            secret = stream.readline(4096).rstrip(b"\r\n")
    else:
        import getpass

        if not sys.stdin.isatty():
            raise SignatureError("--passphrase-file -: there is no terminal to ask on; give a file")
        secret = getpass.getpass("Passphrase: ").encode()
        if twice and getpass.getpass("Again: ").encode() != secret:
            raise SignatureError("the two passphrases differ; nothing was made")
    if not secret:
        raise SignatureError("--passphrase-file: the passphrase is empty")
    return secret
