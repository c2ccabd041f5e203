"""The `shelflens` command: finds the subcommand, and turns errors into one clear line.

A subcommand is a module with `HELP`, `add_arguments(parser)` and `run(args) -> exit status`.
Those of the runtime are named here and imported only when typed; those of the workshop packages
are found through the entry-point group `shelflens.commands`, looked up only when the word typed
is not a runtime command, so that a device pays nothing for them.

Exit status: 0 done, 1 something could not be done (one line on standard error says what),
2 the command line itself is wrong, 130 interrupted; 3 and 4 with `lookup --status`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from shelflens.errors import ShelfLensError

RUNTIME = {
    "lookup": "which product a photo shows",
    "watch": "what is held before a camera, once per product shown",
    "similar": "products like this one",
    "recommend": "what this customer would like, and why",
    "profile": "a customer's likes, in one private file",
    "tag": "attribute values of photos, from a catalog",
    "catalog": "build, calibrate, inspect and change a catalog file",
    "page": "a page that recognises products in a phone's browser, offline",
    "evaluate": "how well a catalog does on your photos, and what to do next",
    "serve": "a small web server: photos in, answers out    [serve]",
    "embed": "photos to embeddings in a .npy file",
    "demo": "the main job on a little drawn store, no network, no arguments",
    "bench": "how fast this device is, and what to choose for it",
    "doctor": "which inference engines work here, and how to install the others",
    "selftest": "a known picture gives the known vector and the known match",
}
WORKSHOP = {
    "train": "fine-tune an embedding on photos of your products      [train]",
    "average": "fine-tunes of one start, averaged into a better one     [train]",
    "export": "quantize and convert a trained model, with a gate      [export]",
    "synthesize": "make a store of synthetic products to try things on      [train]",
}
GROUP = "shelflens.commands"
EXTRA = {
    "train": "train",
    "average": "train",
    "synthesize": "train",
    "export": "export",
    "serve": "serve",
}
"""What `pip install 'shelflens[...]'` brings a command, where the base is not enough."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        from shelflens import __version__

        print(f"shelflens {__version__}")
        return 0
    word = words[0]
    command = _command(word)
    if command is None:
        print(f"shelflens: no command {word!r}; shelflens --help lists them", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog=f"shelflens {word}", description=command.HELP)
    command.add_arguments(parser)
    args = parser.parse_args(words[1:])
    # Our own limit refuses what Pillow warns about, with a better message.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    try:
        status = command.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _say(word, "interrupted", 130)
    except BrokenPipeError:  # `shelflens ... | head`: the reader has what it wanted
        sys.stdout = None
        return 0
    except ModuleNotFoundError as error:
        if word not in EXTRA:
            raise
        return _say(word, f"needs {error.name}: pip install 'shelflens[{EXTRA[word]}]'", 1)
    except OSError as error:
        what = error.strerror or str(error)
        return _say(word, f"{error.filename}: {what}" if error.filename else what, 1)
    except ShelfLensError as error:
        return _say(word, str(error), 1)
    return int(status)


def _command(word: str) -> Any:
    if word in RUNTIME:
        return importlib.import_module(f"shelflens.commands.{word}")
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP, name=word)
    return importlib.import_module(next(iter(found)).value) if found else None


def _say(word: str, what: str, status: int) -> int:
    line = " ".join(what.split())
    print(f"shelflens {word}: {line}", file=sys.stderr)
    return status


def _overview() -> str:
    lines = ["usage: shelflens COMMAND ...    (shelflens COMMAND --help tells more)", ""]
    lines += ["on a device"]
    lines += [f"  {word:<11}{text}" for word, text in RUNTIME.items()]
    lines += ["", "on a workstation, with the extra in brackets"]
    lines += [f"  {word:<11}{text}" for word, text in WORKSHOP.items()]
    return "\n".join(lines)
