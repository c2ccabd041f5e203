"""`shelflens lookup PHOTO... --catalog STORE.catalog`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import numpy as np

from shelflens.catalog import Catalog
from shelflens.commands.options import add_model, open_model, positive
from shelflens.decide import Answer
from shelflens.embedder import Embedder
from shelflens.errors import PhotoError

HELP = "Tell which product of a catalog each photo shows."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo; - is standard input")
    parser.add_argument("--catalog", required=True, metavar="STORE.catalog")
    add_model(parser)
    parser.add_argument("-k", type=positive, default=5, help="products to show (default: 5)")
    parser.add_argument("--json", action="store_true", help="one JSON object per photo per line")


def run(args: argparse.Namespace) -> int:
    """Answer photo by photo; a photo that cannot be read is told and does not stop the rest."""
    catalog = Catalog.open(args.catalog)
    embedder = open_model(args)
    catalog.require(embedder.card.space)
    status = 0
    for name in args.photos:
        try:
            answer, spent = timed_answer(embedder, catalog, name, args.k)
        except (PhotoError, OSError) as error:
            print(f"shelflens lookup: {_line(error)}", file=sys.stderr)
            status = 1
            continue
        if args.json:
            print(json.dumps({"photo": name, **answer.to_dict(), "ms": spent}, ensure_ascii=False))
        else:
            print(_table(name, answer, spent))
    return status


def timed_answer(
    embedder: Embedder, catalog: Catalog, name: str, k: int
) -> tuple[Answer, dict[str, float]]:
    """One answer and the milliseconds of each step."""
    marks = [time.perf_counter()]
    pixels = embedder.load(sys.stdin.buffer.read() if name == "-" else name)
    marks.append(time.perf_counter())
    vector = embedder.embed_pixels(pixels[np.newaxis])[0]
    marks.append(time.perf_counter())
    answer = catalog.answer(vector, k)
    marks.append(time.perf_counter())
    steps = np.diff(marks) * 1e3
    spent: dict[str, Any] = {
        step: round(float(ms), 2)
        for step, ms in zip(("decode", "embed", "match"), steps, strict=True)
    }
    return answer, {**spent, "total": round(float(steps.sum()), 2)}


def _table(name: str, answer: Answer, spent: dict[str, float]) -> str:
    said: str = answer.decision
    if answer.best:
        said = f"match: {answer.best.name}"
    elif answer.decision == "ambiguous":
        said = "ambiguous: one of the first below"
    elif answer.matches:
        said = "unknown: not in this catalog; the nearest are"
    lines = [f"{name}  {said}  ({spent['total']:.1f} ms)"]
    width = max((len(match.name) for match in answer.matches), default=0)
    for match in answer.matches:
        attributes = "  ".join(f"{k}={v}" for k, v in match.attributes.items() if k != "name")
        lines.append(f"  {match.score:6.3f}  {match.name:<{width}}  {attributes}".rstrip())
    return "\n".join(lines)


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
