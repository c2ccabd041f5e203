"""`shelflens completion SHELL`: what the Tab key completes."""

from __future__ import annotations

import argparse
import re
from typing import Any

from shelflens.commands.all_commands import COMMANDS, command_module
from shelflens.commands.catalog_option import CatalogOption, add_catalog, require_catalog
from shelflens.commands.parser import Parser

HELP = "Print what a shell needs to complete commands, options, files and product ids."
EXAMPLES = (
    "completion bash > ~/.shelflens.bash",
    "completion zsh > ~/.zfunc/_shelflens",
    "completion ids --catalog store.catalog",
)

_FILES = ("DATASET", "FILE", "NEW", "PATH", "PEM", "PHOTO", "SOURCE", "ME.profile", "VECTORS.npy")
_FOLDERS = ("DIR", "RUN", "NODE_MODULES")
_NEEDS_NO_QUOTES = re.compile(r"[\w./+:@%,=][\w./+:@%,=-]*")
"""Ids that a shell takes as they stand; others are not offered: a catalog may come from anyone."""

_MAX_IDS = 5000
"""Products of a catalog whose ids are offered; more take too long at a keypress."""

_IDS = "shelflens completion ids 2>/dev/null"
_BASH_IDS = """
_shelflens_ids() {
  local word id catalog=()
  for word in "${COMP_WORDS[@]}"; do
    [[ $word == *.catalog ]] && catalog=(--catalog "$word")
  done
  while IFS= read -r id; do
    [[ $id == "$1"* ]] && printf '%s\\n' "$id"
  done < <(shelflens completion ids "${catalog[@]}" 2>/dev/null)
}
_shelflens_ids_or_files() {
  compgen -f -- "$1"
  _shelflens_ids "$1"
}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "shell",
        choices=("bash", "zsh", "fish", "tcsh", "ids"),
        help="the shell; ids prints the product ids of a catalog, for these scripts",
    )
    add_catalog(parser, "of which ids are printed", is_last=True, may_lack=True)


def run(args: argparse.Namespace) -> int:
    """Print the script, or the ids."""
    if args.shell == "ids":
        _print_ids(require_catalog(args, "name it behind ids"))
        return 0
    import shtab

    print(shtab.complete(_root_parser(shtab), args.shell))
    return 0


def _print_ids(path: str) -> None:
    from shelflens.catalog.catalog import Catalog

    catalog = Catalog.open(path)
    if len(catalog) <= _MAX_IDS:
        print("\n".join(filter(_NEEDS_NO_QUOTES.fullmatch, catalog.ids)))


def _root_parser(shtab: Any) -> Parser:
    """All commands that are installed, each word with what completes it."""
    root = Parser(prog="shelflens")
    root.add_argument("--version", action="store_true")
    commands = root.add_subparsers()
    for command in COMMANDS:
        try:
            module = command_module(command.word)
        except ModuleNotFoundError:  # an extra that is not installed
            continue
        if module is not None:
            parser = commands.add_parser(command.word, help=command.text)
            module.add_arguments(parser)
            for leaf in [parser, *parser.subcommands().values()]:
                _complete(leaf, shtab)
    return root


def _complete(parser: Parser, shtab: Any) -> None:
    catalogs = shtab.glob("*.catalog")
    ids = {
        "bash": "_shelflens_ids",
        "zsh": f"($({_IDS}))",
        "fish": f"({_IDS})",
        "tcsh": f"`{_IDS}`",
        "preamble": {"bash": _BASH_IDS},
    }
    by_name: dict[str, Any] = {
        **dict.fromkeys(_FILES, shtab.FILE),
        **dict.fromkeys(_FOLDERS, shtab.DIRECTORY),
        "ID": ids,
        "STORE.catalog": catalogs,
    }
    actions = parser._actions
    if any(isinstance(action, CatalogOption) for action in actions):
        by_name["ID"] = {**ids, "bash": "_shelflens_ids_or_files"}  # the first may be the catalog
        if not parser._get_positional_actions():
            parser.add_argument("catalog_word", nargs="?", metavar="STORE.catalog")
    by_name |= {"ID|PHOTO": by_name["ID"], "PHOTO|DATASET": shtab.FILE}
    for action in actions:
        name = action.metavar if isinstance(action.metavar, str) else ""
        if name in by_name and not action.choices:
            action.complete = by_name[name]  # type: ignore[attr-defined]
        elif action.dest in ("model", "weights", "data", "val", "held_out", "auxiliary"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
