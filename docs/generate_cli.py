"""Writes docs/cli.md from the `--help` of every subcommand: `python docs/generate_cli.py`."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shelflens.commands.all_commands import COMMANDS
from shelflens.commands.parser import Parser, build_parser

PAGE = Path(__file__).with_name("cli.md")
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
HEAD = """# Command line

<!-- Written by docs/generate_cli.py; do not edit. -->

`shelflens COMMAND --help` prints what stands here. Exit status: 0 done; 1 something could not be
done, and one line on standard error says what; 2 the command line itself is wrong; 130
interrupted. `lookup --status` ends with 0 for `match`, 3 for `ambiguous`, 4 for `unknown`.
`train` and `average` end with 1, and a complete run folder, also when the bundled model finds as
many held-out photos.

| command | what it does | needs |
| --- | --- | --- |
"""


def parsers() -> Iterator[Parser]:
    """The parser of every command, and of the subcommands below it, as `shelflens` makes them."""
    for command in COMMANDS:
        parser = build_parser(command.word, module(command.word))
        yield parser
        yield from parser.subcommands().values()


def module(word: str) -> Any:
    """The module of a command, as cli.py or pyproject.toml has it.

    Raises:
        LookupError: no such command.
    """
    if any(command.ours and command.word == word for command in COMMANDS):
        return importlib.import_module(f"shelflens.commands.{word}")
    section = PYPROJECT.read_text(encoding="utf-8").partition('entry-points."shelflens.commands"]')
    found = dict(re.findall(r'^(\w+) = "([\w.]+)"$', section[2].partition("\n[")[0], re.M))
    return importlib.import_module(found[word])


def page() -> str:
    """The text of the page, with lines of 80 characters."""
    os.environ["COLUMNS"] = "80"
    table = []
    for command in COMMANDS:
        needs = f"`pip install 'shelflens[{command.extra}]'`" if command.extra else "-"
        link = f"[`{command.word}`](#shelflens-{command.word})"
        table.append(f"| {link} | {command.text} | {needs} |")
    parts = [HEAD + "\n".join(table)]
    for parser in parsers():
        level = "##" if parser.prog.count(" ") == 1 else "###"
        parts.append(f"{level} {parser.prog}\n\n```text\n{parser.format_help().rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
