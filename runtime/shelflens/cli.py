"""The `shelflens` command: finds the subcommand, and turns errors into one clear line.

Exit status: 0 done, 1 something could not be done (one line on standard error says what),
2 the command line itself is wrong, 130 interrupted; 3 and 4 with `lookup --status`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from shelflens.commands.all_commands import COMMANDS, command_module
from shelflens.commands.parser import build_parser, usage_line
from shelflens.console import printable, show_everything
from shelflens.errors import ShelfLensError, UsageError
from shelflens.spelling import did_you_mean

EXAMPLES = (
    "demo",
    "catalog build products.csv --out store.catalog",
    "lookup photo.jpg --catalog store.catalog",
)
"""At the end of the overview."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status."""
    show_everything()
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:  # `shelflens ... | head`: the reader has what it wanted
        sys.stdout = None
        return 0


def _run(words: list[str]) -> int:
    if words[:1] == ["help"] and len(words) > 1:
        words = [*words[1:], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        from shelflens import __version__

        print(f"shelflens {__version__}")
        return 0
    word = words[0]
    module = command_module(word)
    if module is None:
        text = f"shelflens: no command {word!r}{_hint(word)}; shelflens --help lists them"
        print(printable(text), file=sys.stderr)
        return 2
    parser = build_parser(word, module)
    args = parser.parse_args(words[1:])
    # Our own limit refuses what Pillow warns about, with a better message.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    try:
        status = module.run(args)
        sys.stdout.flush()  # a full disk is an error of this command
    except KeyboardInterrupt:
        return _say(word, "interrupted", 130)
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        extra = next((command.extra for command in COMMANDS if command.word == word), "")
        if not extra:
            raise
        return _say(word, f"needs {error.name}: pip install 'shelflens[{extra}]'", 1)
    except OSError as error:
        text = error.strerror or str(error)
        return _say(word, f"{error.filename}: {text}" if error.filename else text, 1)
    except UsageError as error:
        act = getattr(args, "act", None)
        prog = f"{parser.prog} {act}" if act else parser.prog
        print(usage_line(prog, str(error)), file=sys.stderr)
        return 2
    except ShelfLensError as error:
        return _say(word, str(error), 1)
    except (MemoryError, RecursionError) as error:
        what = "memory" if isinstance(error, MemoryError) else "room for its depth"
        return _say(word, f"this input needs more {what} than there is", 1)
    return int(status)


def _hint(word: str) -> str:
    """What was meant by a word that is no command."""
    if Path(word).exists():
        return f"; did you mean shelflens lookup {word} --catalog STORE.catalog?"
    return did_you_mean(word, [command.word for command in COMMANDS])


def _say(word: str, text: str, status: int) -> int:
    line = printable(" ".join(text.split()))
    print(f"shelflens {word}: {line}", file=sys.stderr)
    return status


def _overview() -> str:
    lines = ["usage: shelflens COMMAND ...    (shelflens COMMAND --help tells more)"]
    titles = {True: "on a device", False: "on a workstation, with the extra in brackets"}
    for ours, title in titles.items():
        lines += ["", title]
        for command in COMMANDS:
            if command.ours is ours:
                extra = f"  [{command.extra}]" if command.extra else ""
                lines.append(f"  {command.word:<11}{command.text}{extra}")
    lines += ["", "examples:", *(f"  shelflens {example}" for example in EXAMPLES)]
    return "\n".join(lines)
