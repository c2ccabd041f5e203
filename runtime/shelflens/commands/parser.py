"""How command lines are read: words in any order, examples, one line for what is wrong."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections import deque
from collections.abc import Sequence
from typing import Any, NoReturn

from shelflens.commands.catalog_option import (
    CATALOG_VARIABLE,
    SUFFIX,
    CatalogOption,
    is_catalog_file,
    usual_catalog,
)
from shelflens.console import printable
from shelflens.spelling import did_you_mean

_MAX_EXAMPLES = 3

_MAX_IN_USAGE = 12
"""Options up to which the usage line names them all."""


def build_parser(word: str, module: Any) -> Parser:
    """The parser of a command.

    Args:
        word: Its name.
        module: Its module: `HELP`, `add_arguments`, and `EXAMPLES`, command lines without the word
            `shelflens`; commands that other packages bring may have none.
    """
    parser = Parser(prog=f"shelflens {word}", description=module.HELP)
    module.add_arguments(parser)
    parser.describe_subcommands()
    parser.shorten_usage()
    examples = getattr(module, "EXAMPLES", ())
    parser.add_examples([f"shelflens {example}" for example in examples])
    return parser


class _Help(argparse.HelpFormatter):
    """Wraps texts of one line, and keeps the lines of others."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return textwrap.indent(text, indent)
        return super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """Reads words and options in any order, and says in one line what is wrong."""

    def __init__(self, **options: Any) -> None:
        """As `argparse.ArgumentParser`."""
        super().__init__(**{"formatter_class": _Help, **options})

    def add_examples(self, examples: Sequence[str]) -> None:
        """Show examples at the end of the help, and those of a subcommand in its own help."""
        chosen = [line for line in examples if f"{line} ".startswith(f"{self.prog} ")]
        if chosen:
            shown = [f"  {line}" for line in chosen[:_MAX_EXAMPLES]]
            self.epilog = "\n".join(["examples:", *shown])
        for parser in self.subcommands().values():
            parser.add_examples(examples)

    def shorten_usage(self) -> None:
        """Of many options, name in the usage only those that are required."""
        options = self._get_optional_actions()
        if len(options) > _MAX_IN_USAGE:
            formatter = self._get_formatter()
            required = [action for action in options if action.required]
            formatter.add_usage(None, [*required, *self._get_positional_actions()], [], "")
            self.usage = f"{formatter.format_help().strip()} [options]".replace("%", "%%")
        for parser in self.subcommands().values():
            parser.shorten_usage()

    def describe_subcommands(self) -> None:
        """Give each subcommand the description that the list of them has."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for choice in action._choices_actions:
                    action.choices[choice.dest].description = _sentence(choice.help or "")

    def subcommands(self) -> dict[str, Parser]:
        """The parsers of the subcommands, if there are any."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return dict(action.choices)
        return {}

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's, with the words behind the options."""
        words = list(args or [])
        if self.subcommands():
            return super().parse_known_args(words, namespace)
        found, rest = super().parse_known_args(self._arranged(words), namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest).removeprefix('-- ')}")
        return found, rest

    def _arranged(self, words: list[str]) -> list[str]:
        """Options first, then the other words; the catalog as an option."""
        options, plain = self._separated(words)
        unknown = [word for word in options if _is_option(word) and not self._known(word)]
        if unknown:  # before what is required is missed
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        self._refuse_catalog_in_place_of_out(options, plain)
        catalog = next(
            (action for action in self._actions if isinstance(action, CatalogOption)), None
        )
        if catalog is not None:
            given = any(self._action_of(word) is catalog for word in options)
            at = None if given else self._catalog_among(plain, catalog)
            if at is not None:
                options.append(f"--catalog={plain.pop(at)}")
            elif not given and (usual := usual_catalog()) and not catalog.may_lack:
                options.append(f"--catalog={usual}")
        return [*options, "--", *plain] if plain else options

    def _separated(self, words: list[str]) -> tuple[list[str], list[str]]:
        """Options with their values, and the other words, each in their order."""
        options: list[str] = []
        plain: list[str] = []
        queue = deque(words)
        while queue:
            word = queue.popleft()
            if word == "--":
                return options, [*plain, *queue]
            if not _is_option(word):
                plain.append(word)
                continue
            options.append(word)
            count = self._values_after(word)
            while count and queue and not _is_option(queue[0]):
                options.append(queue.popleft())
                count -= 1
        return options, plain

    def _values_after(self, word: str) -> float:
        """How many words belong to an option at most."""
        action = self._action_of(word)
        if action is None or "=" in word or (word[1] != "-" and len(word) > 2):
            return 0
        if isinstance(action.nargs, int):
            return action.nargs
        return {None: 1, "?": 1}.get(action.nargs, float("inf"))

    def _action_of(self, word: str) -> argparse.Action | None:
        """The option that a word names, or begins to name."""
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        known = self._option_string_actions
        if name in known:
            return known[name]
        begun = {id(action): action for flag, action in known.items() if flag.startswith(name)}
        return next(iter(begun.values())) if word.startswith("--") and len(begun) == 1 else None

    def _refuse_catalog_in_place_of_out(self, options: list[str], plain: list[str]) -> None:
        out = self._option_string_actions.get("--out")
        if out is None or out.metavar != "STORE.catalog" or not plain[1:]:
            return
        word = plain[-1]
        if word.endswith(SUFFIX) and not any(self._action_of(option) is out for option in options):
            self.error(f"unrecognized arguments: {word}; did you mean --out {word}?")

    def _known(self, word: str) -> bool:
        """Whether a word is an option, or begins some: argparse says which."""
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        return any(flag.startswith(name) for flag in self._option_string_actions)

    def _catalog_among(self, plain: list[str], catalog: CatalogOption) -> int | None:
        """Where the catalog stands among the words, if it does."""
        counts = [_counts(action) for action in self._get_positional_actions()]
        fewest, limit = sum(low for low, _ in counts), sum(high for _, high in counts)
        if catalog.is_last:
            return len(plain) - 1 if len(plain) > fewest else None
        if plain and is_catalog_file(plain[0]):
            return 0
        named = (index for index, word in enumerate(plain) if word.endswith(SUFFIX))
        return next(named, 0 if len(plain) > limit else None)

    def error(self, message: str) -> NoReturn:
        """Print the line and end with status 2."""
        hint = ""
        if found := re.search(r"unrecognized arguments: (--?[\w-]+)", message):
            hint = did_you_mean(found[1], self._all_options())
        if found := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            hint = did_you_mean(found[1], re.findall(r"[\w.-]+", found[2]))
        if found := re.search(r"argument (\S+): expected one argument", message):
            action = self._action_of(found[1].partition("/")[0])
            value = action.metavar or action.dest.upper() if action else "a value"
            message = f"{found[1]}: expected {value} behind it"
        for kind, name in (("int", "a whole number"), ("float", "a number")):
            message = message.replace(f"invalid {kind} value:", f"expected {name}, got")
        if message.endswith("required: --catalog"):
            message = (
                f"which catalog? give --catalog STORE.catalog, or set {CATALOG_VARIABLE}; "
                "shelflens catalog build makes one"
            )
        self.exit(2, usage_line(self.prog, message + hint) + "\n")

    def _all_options(self) -> list[str]:
        options = list(self._option_string_actions)
        for parser in self.subcommands().values():
            options += parser._option_string_actions
        return options


def usage_line(prog: str, message: str) -> str:
    """What is wrong with a command line, and where to read what it takes."""
    text = f"{prog}: {message}; {prog} --help lists what it takes"
    return printable(" ".join(text.split()))


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not re.fullmatch(r"-\d+(\.\d*)?|-\.\d+", word)


def _counts(action: argparse.Action) -> tuple[float, float]:
    """The fewest and the largest number of words of a positional argument."""
    if action.nargs is None:
        return 1, 1
    if isinstance(action.nargs, int):
        return action.nargs, action.nargs
    return {"?": (0, 1), "*": (0, float("inf"))}.get(action.nargs, (1, float("inf")))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
