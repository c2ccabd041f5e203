"""The catalog of a command: one place in all of them.

It is `--catalog STORE.catalog`, where the flag may be left out, or what the variable
SHELFLENS_CATALOG names. Without the flag it is the first word that ends in .catalog, or the first
word if that is a catalog by another name.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from shelflens.errors import UsageError

SUFFIX = ".catalog"

CATALOG_VARIABLE = "SHELFLENS_CATALOG"
"""Names the catalog of commands that are given none."""


class CatalogOption(argparse.Action):
    """`--catalog`, whose flag may be left out."""

    is_last = False
    may_lack = False

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the path."""
        setattr(namespace, self.dest, values)


def add_catalog(
    parser: argparse._ActionsContainer,
    help: str = "the catalog",  # noqa: A002
    *,
    is_last: bool = False,
    may_lack: bool = False,
) -> None:
    """Declare --catalog.

    Args:
        parser: A parser, or a group of it.
        help: What it is for.
        is_last: Without the flag it is the last word, not the first that is a catalog.
        may_lack: Whether the command goes on without one.
    """
    action = parser.add_argument(
        "--catalog",
        action=CatalogOption,
        metavar="STORE.catalog",
        help=f"{help}; the flag may be left out (default: ${CATALOG_VARIABLE})",
    )
    assert isinstance(action, CatalogOption)
    action.is_last, action.may_lack, action.required = is_last, may_lack, not may_lack


def usual_catalog() -> str | None:
    """The catalog that the environment names."""
    return os.environ.get(CATALOG_VARIABLE) or None


def is_catalog_file(word: str) -> bool:
    """Whether a word is the path of a catalog, whatever its name."""
    try:
        with Path(word).open("rb") as stream:
            return stream.read(9)[8:] == b"{" and b'"shelflens-catalog"' in stream.read(1 << 16)
    except (OSError, ValueError):
        return False


def require_catalog(args: argparse.Namespace, instead: str) -> str:
    """The catalog of a command whose parser lets it lack.

    Args:
        args: Of the command line.
        instead: What else the command takes.

    Raises:
        UsageError: there is none, here or in the environment.
    """
    catalog: str | None = args.catalog or usual_catalog()
    if catalog is None:
        raise UsageError(
            f"which catalog? give --catalog STORE.catalog, {instead}, or set {CATALOG_VARIABLE}"
        )
    return catalog
