"""Command-line flags from a frozen dataclass, so that each knob is described once.

A field is made with `knob(default, help)`; its flag is its name with dashes. A bool gives
`--flag/--no-flag`, a tuple takes several values, `choices` limits a text.
"""

from __future__ import annotations

import argparse
from dataclasses import Field, asdict, field, fields
from typing import Any, TypeVar

Config = TypeVar("Config")


def option(default: Any, help: str, *, choices: tuple[str, ...] = ()) -> Any:  # noqa: A002
    """A dataclass field that is also a command-line flag."""
    return field(default=default, metadata={"help": help, "choices": choices})


def add_options(parser: argparse.ArgumentParser, config: type[Any]) -> None:
    """Add a flag for every knob of a config class; fields made otherwise are left alone."""
    for one in fields(config):
        if "help" in one.metadata:
            parser.add_argument(f"--{one.name.replace('_', '-')}", **_options(one))


def from_options(config: type[Config], args: argparse.Namespace, **others: Any) -> Config:
    """Build a config from parsed flags and the fields that are not flags.

    Raises:
        ValueError: as the config's own checks do.
    """
    given = vars(args)
    knobs = {
        one.name: tuple(given[one.name]) if isinstance(one.default, tuple) else given[one.name]
        for one in fields(config)  # type: ignore[arg-type]
        if "help" in one.metadata
    }
    return config(**knobs, **others)


def to_dict(config: Any) -> dict[str, Any]:
    """A config as JSON values, for the run folder."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(config).items()}


def _options(one: Field[Any]) -> dict[str, Any]:
    default, choices = one.default, one.metadata["choices"] or None
    text = one.metadata["help"].replace("%", "%%")
    if isinstance(default, bool):
        action = argparse.BooleanOptionalAction
        return {"action": action, "default": default, "help": text}
    shown = " ".join(default) if isinstance(default, tuple) else default
    options = {"default": default, "help": f"{text} (default: {shown})" if shown != "" else text}
    if isinstance(default, tuple):
        return {**options, "nargs": "*", "choices": choices, "type": str}
    return {**options, "type": type(default), "choices": choices}
