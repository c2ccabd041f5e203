"""`shelflens selftest`: does this machine compute what it should?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_model, open_model

HELP = "Check that a known photo gives the known vector and the known match on this machine."
EXAMPLES = ("selftest", "selftest --engine onnxruntime --model build/onnx-int8.onnx")

DATA = Path(__file__).parents[1] / "data"

TOLERANCE = 0.99
"""Smallest cosine similarity with the known vector. Engines round int8 differently;
a wrong colour order or a wrong normalisation is much further off."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Embed the known photo, match it, compare; exit status 1 when something differs."""
    known = json.loads((DATA / "selftest.json").read_text())
    embedder = open_model(args)
    catalog = Catalog.open(DATA / "selftest.catalog")
    catalog.require(embedder.card.space)
    vector = embedder.embed(DATA / known["photo"])
    cosine = float(vector @ np.array(known["vector"], np.float32))
    match = catalog.match(vector, k=1)[0]
    good = cosine >= TOLERANCE and match.id == known["match"]
    report = {
        "ok": good,
        "engine": embedder.engine,
        "cosine": round(cosine, 5),
        "min_cosine": TOLERANCE,
        "match": match.id,
        "expected": known["match"],
    }
    if args.json:
        print(json.dumps(report))
    else:
        print(
            f"{'ok' if good else 'FAILED'}: {embedder.engine}; cosine with the known vector "
            f"{cosine:.4f} (at least {TOLERANCE}); match {match.id} (expected {known['match']})"
        )
    return 0 if good else 1
