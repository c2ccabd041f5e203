"""Command-line flags from a frozen dataclass, so that each option is described once.

A field is made with `option(default, help)`; its flag is its name with dashes. A bool gives
`--flag/--no-flag`, a tuple takes several values, `choices` limits a text.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import Field, asdict, field, fields
from typing import Any, TypeVar

from shelflens.errors import ShelfLensError, UsageError

Config = TypeVar("Config")


def option(
    default: Any,
    help: str,  # noqa: A002
    *,
    choices: tuple[str, ...] = (),
    group: str = "",
) -> Any:
    """A dataclass field that is also a command-line flag; `group` is its heading in the help."""
    return field(default=default, metadata={"help": help, "choices": choices, "group": group})


def add_options(
    parser: argparse.ArgumentParser, config: type[Any], *, groups: Sequence[str] = ()
) -> None:
    """Add a flag for every option of a config class; fields made otherwise are left alone.

    Args:
        parser: The parser.
        config: The class.
        groups: Headings in the order of the help; of one only, all flags stand below it.
    """
    headed = {title: parser.add_argument_group(title) for title in groups}
    for field_ in fields(config):
        if "help" in field_.metadata:
            title = field_.metadata["group"] or (groups[0] if len(groups) == 1 else "")
            below = headed[title] if title else parser
            below.add_argument(f"--{field_.name.replace('_', '-')}", **_arguments(field_))


def from_options(config: type[Config], args: argparse.Namespace, **more: Any) -> Config:
    """Build a config from parsed flags and the fields that are not flags.

    Raises:
        UsageError: what the config's own checks refuse.
    """
    given = vars(args)
    values = {}
    for field_ in fields(config):  # type: ignore[arg-type]
        if "help" in field_.metadata:
            value = given[field_.name]
            values[field_.name] = tuple(value) if isinstance(field_.default, tuple) else value
    try:
        return config(**values, **more)
    except ShelfLensError as error:
        raise UsageError(str(error)) from error


def to_dict(config: Any) -> dict[str, Any]:
    """A config as JSON values, for the run folder."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(config).items()}


def _arguments(field_: Field[Any]) -> dict[str, Any]:
    default, choices = field_.default, field_.metadata["choices"] or None
    text = field_.metadata["help"].replace("%", "%%")
    if isinstance(default, bool):
        action = argparse.BooleanOptionalAction
        return {"action": action, "default": default, "help": text}
    shown = " ".join(default) if isinstance(default, tuple) else default
    options = {"default": default, "help": f"{text} (default: {shown})" if shown != "" else text}
    if isinstance(default, tuple):
        return {**options, "nargs": "*", "choices": choices, "type": str}
    return {**options, "type": type(default), "choices": choices}
