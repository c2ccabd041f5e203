"""The commands of README and docs, for tests and CI: `python tests/support/readme.py test`.

A command that must run as printed stands in a fenced block whose info string names it:
```sh demo, ```sh test.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def block(name: str, *, language: str = "sh") -> str:
    """The text of the one fenced block with this name in README and docs; of the README's only one
    without a name when `name` is empty.

    Raises:
        LookupError: there is none, or more than one.
    """
    pages = [README, *sorted((ROOT / "docs").rglob("*.md"))] if name else [README]
    info = f"```{language} {re.escape(name)}".strip()
    # MkDocs wants a bare language, so a page of docs/ has the name in a comment above the fence.
    opening = rf"(?:{info}|<!-- block: {re.escape(name)} -->\n```{language})"
    found: list[str] = []
    for path in pages:
        text = path.read_text(encoding="utf-8")
        found += re.findall(rf"^{opening}\n(.*?)^```$", text, re.M | re.S)
    if len(found) != 1:
        raise LookupError(f"README and docs have {len(found)} blocks {name!r}, expected 1")
    return found[0].strip()


def commands(path: Path) -> list[str]:
    """Every `shelflens ...` line of a page's shell blocks."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|console).*?\n(.*?)^```$", text, re.M | re.S)
    return [line for body in blocks for line in commands_in(body)]


def commands_in(body: str) -> list[str]:
    """Every `shelflens ...` line of a shell block, without the word itself."""
    lines = []
    for line in body.replace("\\\n", " ").splitlines():
        found = re.match(r"(?:\$ |.* && )?(?:\S*/)?shelflens (.+)", line.strip())
        if found:
            lines.append(found[1].partition(" #")[0].partition(" | ")[0])
    return lines


def parse(line: str) -> argparse.Namespace:
    """Parse a command line with the parser of its command.

    Raises:
        SystemExit: a flag that is not there.
        ModuleNotFoundError: no such command.
    """
    # CI runs this file before anything is installed.
    from docs.generate_cli import module
    from shelflens.commands.parser import build_parser

    word, *rest = shlex.split(line)
    return build_parser(word, module(word)).parse_args(rest)


if __name__ == "__main__":
    print(block(sys.argv[1]))
