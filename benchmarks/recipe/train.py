"""Trains a general embedding on the cache of images: `images.py` first.

    shelflens synthesize --out STORE --products 600 --photos 3 --seed 20261128
    python -m benchmarks.recipe.train --cache CACHE --synthetic STORE --run RUN --spans 60

The same command with more `--spans` goes on where the run stands. `--leave-out DOMAIN` trains
without a domain, to be judged on it (`benchmarks.quality.domains`). Never trained on: the brands of
packs, and the 300 garments and 300 objects, that the domains ask for; Grocery's test photos.

RUN then has `bank/` (decoded images), `teachers/`, `state/`, and after `--finish` what
`shelflens export` reads.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from shelflens_train.general.config import GeneralConfig

SHARES = {
    "groceries": 0.2,
    "garments": 0.15,
    "objects": 0.3,
    "catalogue": 0.05,
    "synthetic": 0.12,
    "packs": 0.1,
    "ycb": 0.08,
}
START_SHARE = 0.0
"""Of ImageNet's weights in the backbone that training starts from; the rest is the bundled one."""
WHOLE = ("side", "frozen", "batch", "span", "seed")
REAL = ("rate", "share", "scale", "taught_scale", "strength", "colour")
"""Options of the command, by the names of `GeneralConfig`."""


def main() -> None:
    """Train up to a number of spans."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--bank", type=Path, help="folder of the bank; default: RUN/bank")
    parser.add_argument("--leave-out", nargs="*", default=[], choices=list(SHARES))
    parser.add_argument("--spans", type=int, required=True)
    parser.add_argument("--cool", type=int, default=0)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--start-share", type=float, default=START_SHARE)
    for name in WHOLE:
        parser.add_argument(f"--{name}", type=int, default=getattr(GeneralConfig, name))
    for name in REAL:
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=float, default=getattr(GeneralConfig, name))
    parser.add_argument("--finish", action="store_true")
    args = parser.parse_args()
    kept = {name: share for name, share in SHARES.items() if name not in args.leave_out}
    config = GeneralConfig(shares=kept, **{name: getattr(args, name) for name in (*WHOLE, *REAL)})
    from benchmarks.recipe.general import train  # TensorFlow loads with it

    train(config, args)


if __name__ == "__main__":
    main()
