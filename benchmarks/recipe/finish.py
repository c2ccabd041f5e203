"""From the weights of `benchmarks.recipe.general` to what `shelflens export` reads.

    python -m benchmarks.recipe.finish TEXTURES RUN/params.npz --synthetic STORE --run RUN

The backbone becomes a mean of start (0.15) and end (0.85) of the training, and the head is fitted
anew to give that backbone the embeddings of the end. Of the 512 numbers the first 256 are kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from shelflens_train.general.params import read_params

SHARE = 0.85
"""Groceries and single photos gain by it what look-alike packs lose (benchmarks/experiments)."""


def main() -> None:
    """Make the run folder."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("textures", type=Path)
    parser.add_argument("params", type=Path)
    parser.add_argument("--start", default="fine-tuned")
    parser.add_argument("--share", type=float, default=SHARE, help="of the end in the backbone")
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    args = parser.parse_args()
    from benchmarks.recipe.run_folder import make_run  # TensorFlow loads with it

    start, trained = read_params(args.textures / f"{args.start}.npz"), read_params(args.params)
    make_run(start, trained, args.textures, args.synthetic, args.run, share=args.share)


if __name__ == "__main__":
    main()
