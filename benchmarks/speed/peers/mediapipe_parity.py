"""Does MediaPipe's ImageEmbedder open our `.tflite`, and give the same vectors as ShelfLens?

Runs where MediaPipe is and ShelfLens need not be (`pip install mediapipe pillow`). The pixels and
the vectors come from the ShelfLens side, so that only the two engines are compared, not their
photo decoders::

    pixels = numpy.stack([embedder.load(photo) for photo in photos])
    numpy.save("pixels.npy", pixels)
    numpy.save("vectors.npy", embedder.embed_pixels(pixels))

    python -m benchmarks.speed.peers.mediapipe_parity int8.tflite \\
        --pixels pixels.npy --vectors vectors.npy

Exit status: 0 when every photo reaches the bar, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def main(argv: list[str] | None = None) -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, help="a .tflite made by shelflens export")
    parser.add_argument("--pixels", type=Path, required=True, help="uint8 [n, size, size, 3]")
    parser.add_argument("--vectors", type=Path, required=True, help="float32 [n, d] of ShelfLens")
    parser.add_argument("--bar", type=float, default=0.999, help="smallest cosine that passes")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    pixels, ours = np.load(args.pixels), np.load(args.vectors)
    if len(pixels) != len(ours) or not len(pixels):
        print(f"expected one vector for each photo, got {len(pixels)} and {len(ours)}")
        return 1
    theirs = embed(args.model, pixels)
    result = compare(ours, theirs)
    passed = result["lowest"] >= args.bar
    result = {"model": args.model.name, "bar": args.bar, "passed": passed, **result}
    if args.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<12}{value}")
    return 0 if passed else 1


def embed(model: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """MediaPipe's embeddings, float32 [n, d]; its `l2_normalize` is off: the graph does it."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageEmbedderOptions(
        base_options=BaseOptions(model_asset_path=str(model)), l2_normalize=False
    )
    vectors = []
    with vision.ImageEmbedder.create_from_options(options) as embedder:
        for photo in pixels:
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(photo))
            vectors.append(np.array(embedder.embed(image).embeddings[0].embedding, np.float32))
    return np.stack(vectors)


def compare(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> dict[str, Any]:
    """Cosines between rows, and the largest difference of MediaPipe's lengths from 1."""
    lengths = np.linalg.norm(theirs, axis=1)
    cosines = np.einsum("nd,nd->n", ours, theirs) / (lengths * np.linalg.norm(ours, axis=1))
    return {
        "photos": len(ours),
        "mean": round(float(cosines.mean()), 6),
        "lowest": round(float(cosines.min()), 6),
        "length_error": round(float(np.abs(lengths - 1).max()), 6),
    }


if __name__ == "__main__":
    sys.exit(main())
