"""The README's commands, for tests and CI: `python tests/readme.py test` prints one.

A command that must run as printed stands in a fenced block whose info string names it:
```sh demo, ```sh test.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def block(name: str, *, language: str = "sh") -> str:
    """The text of the one fenced block with this name.

    Raises:
        LookupError: there is none, or more than one.
    """
    fence = f"{language} {re.escape(name)}".strip()
    pattern = rf"^```{fence}\n(.*?)^```$"
    found: list[str] = re.findall(pattern, README.read_text(encoding="utf-8"), re.M | re.S)
    if len(found) != 1:
        raise LookupError(f"README.md has {len(found)} blocks ```{language} {name}, expected 1")
    return found[0].strip()


if __name__ == "__main__":
    print(block(sys.argv[1]))
