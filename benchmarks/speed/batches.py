"""The float model in batches, beside a network per core and the int8 model.

    python -m benchmarks.speed.batches float32.onnx

embeds the train photos of the Grocery Store Dataset as `shelflens catalog build --model
float32.onnx` does: in batches on a GPU, where ONNX Runtime has CUDA, and here always with the same
code on the processor, whose batches run on all cores; beside it one network per core, of this file
and of its space's int8 model. All take turns in parts of 192 photos, so that a busy moment falls on
all. The cosines are those that a build on a GPU is checked by. Two minutes.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, save, stamp, table
from benchmarks.quality.measuring import photos_of
from benchmarks.speed.paired import Cost, timed
from shelflens import Embedder
from shelflens.model.batched import BATCH, Batches, device_model, on_gpu

PART = 3 * BATCH


def main() -> None:
    """Measure and write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("model", type=Path, help="float32.onnx of `shelflens export`")
    parser.add_argument("--every", type=int, default=1, help="every n-th photo (a quick look)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    embedder = Embedder.open(args.model)
    command = "python -m benchmarks.speed.batches float32.onnx"
    command += f" --every {args.every}" if args.every > 1 else ""
    libraries = ("onnxruntime", "ai-edge-litert")
    report = stamp(card=embedder.card, libraries=libraries, command=command)
    report |= measure(embedder, args.every)
    save(report, "The float model in batches", markdown(report), "batches", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    return (
        f"{report['photos']} photos, {report['cores']} cores, other work beside it. Cosine of the "
        f"float model's embeddings with the int8 model's: {report['cosine']} in the mean, "
        f"{report['cosine_min']} at the lowest; with its own, batch and single photo: "
        f"{report['difference']:.1e} is the largest difference of a number.\n"
        + rows_of_ways(report)
    )


def rows_of_ways(report: dict[str, Any]) -> str:
    """A row for each way to embed."""
    columns = ("model", "how", "photos/s", "processor ms per photo")
    return table(columns, (map(str, row.values()) for row in report["rows"]))


def measure(embedder: Embedder, every: int) -> dict[str, Any]:
    """What each way costs, and how near the vectors are."""
    paths = photos_of("train", every).paths
    device = device_model(embedder)
    ways = {
        ("float32", f"batches of {BATCH} on the processor"): embedder.spread_out(
            Batches(embedder, embedder.opened)
        ),
        ("float32", "a network per core"): embedder,
        (device.card.variant, "a network per core"): device,
    }
    if graphics := on_gpu(embedder):
        ways["float32", f"batches of {BATCH} on the GPU"] = graphics
    for way in ways.values():
        way.embed_many(paths[:BATCH])  # files read, memory taken
    costs = dict.fromkeys(ways, Cost())
    vectors: dict[tuple[str, str], list[NDArray[np.float32]]] = {key: [] for key in ways}
    for start in range(0, len(paths), PART):
        for key, way in ways.items():
            (_, found), cost = timed(way.embed_many, paths[start : start + PART])
            costs[key] = costs[key].plus(cost)
            vectors[key].append(found)
    in_batches, single, int8, *_ = (np.concatenate(parts) for parts in vectors.values())
    cosines = np.einsum("nd,nd->n", in_batches, int8)
    rows = [
        {
            "model": model,
            "how": how,
            "per_s": round(len(paths) / cost.wall, 1),
            "cpu_ms": round(cost.cpu / len(paths) * 1e3, 1),
        }
        for (model, how), cost in costs.items()
    ]
    return {
        "photos": len(paths),
        "cores": os.cpu_count(),
        "cosine": round(float(cosines.mean()), 4),
        "cosine_min": round(float(cosines.min()), 4),
        "difference": float(np.abs(in_batches - single).max()),
        "rows": rows,
    }


if __name__ == "__main__":
    main()
