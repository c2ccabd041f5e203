"""All subcommands, in the order of the overview.

A subcommand is a module with `HELP`, `EXAMPLES`, `add_arguments(parser)` and `run(args) -> exit
status`. Those of the runtime are imported only when typed; those of the workstation packages are
found through the entry-point group `shelflens.commands`, looked up only when the word typed is not
a runtime command, so that a device pays nothing for them.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

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
    Command("shelf", "every facing on a photo of a shelf, beside a planogram"),
    Command("watch", "what is held before a camera, once per product shown"),
    Command("service", "this device as an appliance: watch as a service that starts by itself"),
    Command("similar", "products like this one"),
    Command("recommend", "what this customer would like, and why"),
    Command("profile", "a customer's likes, in one private file"),
    Command("tag", "attribute values of photos, from a catalog"),
    Command("catalog", "build, calibrate, inspect and change a catalog file"),
    Command("page", "a web app that recognises products in a phone's browser, offline"),
    Command("evaluate", "how well a catalog does on your photos, and what to do next"),
    Command("serve", "a small web server: photos in, answers out", "serve"),
    Command("embed", "photos to embeddings in a .npy file"),
    Command("keys", "keys to sign files with", "sign"),
    Command("sign", "sign a catalog, delta, model or web app, for devices that check it", "sign"),
    Command("verify", "who signed a file, until when, and whether it is the newest", "sign"),
    Command("demo", "the main job on a small synthetic store, no network, no arguments"),
    Command("bench", "how fast this device is, and what to choose for it"),
    Command("completion", "what the Tab key completes in bash, zsh, fish", "completion"),
    Command("doctor", "which inference engines work here, and how to install the others"),
    Command("selftest", "a known photo gives the known vector and the known match"),
    Command("train", "fine-tune an embedding on photos of your products", "train", ours=False),
    Command("average", "average fine-tunes of one start into a better one", "train", ours=False),
    Command("export", "quantize and convert a trained model, with a gate", "export", ours=False),
    Command("synthesize", "make a synthetic store to try things on", "train", ours=False),
)


def command_module(word: str) -> Any:
    """The module of a command, or None."""
    if any(command.ours and command.word == word for command in COMMANDS):
        return importlib.import_module(f"shelflens.commands.{word}")
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP, name=word)
    return importlib.import_module(next(iter(found)).value) if found else None
