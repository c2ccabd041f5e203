"""`shelflens doctor`: which engines work here."""

from __future__ import annotations

import argparse
import json
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import features

from shelflens import __version__
from shelflens.catalog.simd import kernel
from shelflens.errors import ModelError
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.model.engines import ENGINE_TYPES, IS_64_BIT, open_engine
from shelflens.model.quiet import without_greeting

PROBES = {".tflite": BUNDLED_MODEL, ".onnx": BUNDLED_MODEL.with_name("probe.onnx")}
"""A model of each format for engines to construct an interpreter for."""

HELP = "Tell which inference engines work on this machine, and how to install the others."
EXAMPLES = ("doctor", "doctor --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Construct an interpreter with every engine; exit status 1 when none works."""
    report = examine()
    if args.json:
        print(json.dumps(report))
    else:
        _print(report)
    return 0 if any(engine["works"] for engine in report["engines"]) else 1


def examine() -> dict[str, Any]:
    """This machine and every engine, as JSON values."""
    return {
        "shelflens": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "numpy": np.__version__,
        "pillow": _version("pillow"),
        "formats": {
            name: bool(features.check(feature))
            for name, feature in (("JPEG", "jpg"), ("PNG", "zlib"), ("WebP", "webp"))
        },
        "scan": (kernel(False) or ("NumPy",))[0],
        "engines": [_try(each.name, each.suffix, each.how_to_install) for each in ENGINE_TYPES],
    }


def _try(name: str, suffix: str, install: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "runs": suffix, "works": False, "install": install}
    try:
        with without_greeting():
            engine = open_engine(PROBES[suffix], engine=name)
        grey = np.full((1, engine.card.size, engine.card.size, 3), 128, np.uint8)
        engine.run(grey)
        start = time.perf_counter()
        engine.run(grey)
    except ModelError as error:
        reason = str(error).partition(" here runs it (")[2].partition("); try:")[0] or str(error)
        return {**found, "why": reason.removeprefix(f"{name}: ")}
    spent = round((time.perf_counter() - start) * 1e3, 1)
    found |= {"works": True, "version": engine.version}
    return found | ({"ms": spent} if PROBES[suffix] == BUNDLED_MODEL else {})


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"


def _print(report: dict[str, Any]) -> None:
    formats = ", ".join(name for name, readable in report["formats"].items() if readable)
    print(f"shelflens {report['shelflens']}, Python {report['python']}, {report['machine']}")
    print(f"numpy {report['numpy']}, Pillow {report['pillow']} reads {formats}")
    print(f"bundled model {Path(BUNDLED_MODEL).name}: {BUNDLED_MODEL.stat().st_size:,} bytes")
    slow = report["scan"] == "NumPy" and IS_64_BIT  # the kernels have no 32-bit wheels
    hint = "; pip install 'shelflens[fast]' is faster" if slow else ""
    print(f"catalogs are scanned with {report['scan']}{hint}\n")
    for engine in report["engines"]:
        name = f"{engine['name']:<16}"
        if engine["works"]:
            spent = f"{engine['ms']} ms per photo" if "ms" in engine else "give it an .onnx model"
            print(f"  works   {name}{engine['version']:<10}{engine['runs']:<9}{spent}")
        else:
            print(f"  no      {name}{engine['why']}\n{'':10}to install: {engine['install']}")
