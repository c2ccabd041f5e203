"""The `shelflens` command: finds the subcommand, and turns errors into one clear line.

A subcommand is a module with `HELP`, `EXAMPLES`, `add_arguments(parser)` and `run(args) -> exit
status`.
Those of the runtime are imported only when typed; those of the workshop packages are found through
the entry-point group `shelflens.commands`, looked up only when the word typed is not a runtime
command, so that a device pays nothing for them.

Exit status: 0 done, 1 something could not be done (one line on standard error says what),
2 the command line itself is wrong, 130 interrupted; 3 and 4 with `lookup --status`.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelflens.commands.parser import build_parser, usage_line
from shelflens.console import printable, show_everything
from shelflens.errors import ShelfLensError, UsageError
from shelflens.spelling import did_you_mean

GROUP = "shelflens.commands"
"""Entry points of the commands that other packages bring."""


@dataclass(frozen=True)
class Command:
    """A subcommand, as the overview lists it."""

    word: str
    text: str
    extra: str = ""
    """What `pip install 'shelflens[...]'` brings it, where the base is not enough."""
    ours: bool = True
    """Whether it is a module of `shelflens.commands`; the workshop's come by `GROUP`."""


COMMANDS = (
    Command("lookup", "which product a photo shows"),
    Command("watch", "what is held before a camera, once per product shown"),
    Command("similar", "products like this one"),
    Command("recommend", "what this customer would like, and why"),
    Command("profile", "a customer's likes, in one private file"),
    Command("tag", "attribute values of photos, from a catalog"),
    Command("catalog", "build, calibrate, inspect and change a catalog file"),
    Command("page", "a web app that recognises products in a phone's browser, offline"),
    Command("evaluate", "how well a catalog does on your photos, and what to do next"),
    Command("serve", "a small web server: photos in, answers out", "serve"),
    Command("embed", "photos to embeddings in a .npy file"),
    Command("demo", "the main job on a small synthetic store, no network, no arguments"),
    Command("bench", "how fast this device is, and what to choose for it"),
    Command("doctor", "which inference engines work here, and how to install the others"),
    Command("selftest", "a known photo gives the known vector and the known match"),
    Command("train", "fine-tune an embedding on photos of your products", "train", ours=False),
    Command("average", "average fine-tunes of one start into a better one", "train", ours=False),
    Command("export", "quantize and convert a trained model, with a gate", "export", ours=False),
    Command("synthesize", "make a synthetic store to try things on", "train", ours=False),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status."""
    show_everything()
    words = list(sys.argv[1:] if argv is None else argv)
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
    module = _module(word)
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
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _say(word, "interrupted", 130)
    except BrokenPipeError:  # `shelflens ... | head`: the reader has what it wanted
        sys.stdout = None
        return 0
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


def _module(word: str) -> Any:
    """The module of a command, or None."""
    if any(command.ours and command.word == word for command in COMMANDS):
        return importlib.import_module(f"shelflens.commands.{word}")
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP, name=word)
    return importlib.import_module(next(iter(found)).value) if found else None


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
    return "\n".join(lines)
