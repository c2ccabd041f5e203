"""The small model: the general one pruned to two fifths of its weights, and distilled.

    python -m benchmarks.recipe.small TEXTURES RUN --synthetic STORE --out SMALL

`RUN` is the run folder of the general model, the teacher; `SMALL` becomes that of the small one.
Needs JAX and TensorFlow, and is made for two processor cores. Only the last ten blocks and the head
are thinned out, where four fifths of the weights lie; the first seven stay the teacher's
(`shelflens_train.general.pruning`, `.distilling`). What the teacher says of a view is the label, so
the views need no second one: a few are drawn as for the general training, and the textures
themselves are shown, cropped, mirrored, lighter or darker.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.recipe.general import SHARES, Table, read_textures
from shelflens_train.general.batches import Batches
from shelflens_train.general.distilling import DistilConfig, distilled
from shelflens_train.general.params import Params
from shelflens_train.general.pruning import pruned
from shelflens_train.general.scene import render
from shelflens_train.general.textures import decoded, packed
from shelflens_train.general.views import Pool

NAME, BACKBONE = "shelflens-products-small", "mobilenet_v2_pruned"
SIDE = 160
BATCH = 64
FITTED_ON = 2048
HELD_OUT = 256
LIMIT = 21_000
"""Textures that are decoded, for memory."""
Pixels = NDArray[np.uint8]


def main() -> None:
    """Prune, distil, write the run folder."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("textures", type=Path)
    parser.add_argument("run", type=Path, help="run folder of the teacher")
    parser.add_argument("--synthetic", type=Path, required=True, help="the store trained on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="run folder of a small network to go on with")
    parser.add_argument("--views", type=int, default=8192, help="how many are drawn")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    teacher = params_of_run(args.run)
    files, table = read_textures(args.textures)
    rows = chosen(table, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    scratch = args.out / "textures.npy"
    pixels = decoded([files[row] for row in rows], scratch, workers=2)
    views = drawn_views(pixels, table, rows, args.views, args.seed)
    if args.start:
        start = params_of_run(args.start)
    else:
        from shelflens_train.backbones import PRUNED  # TensorFlow loads with it

        start = pruned(teacher, views[:FITTED_ON], PRUNED)
    rest = chain(
        (views[at : at + BATCH] for at in range(HELD_OUT, len(views), BATCH)),
        photographed(pixels, args.seed),
    )
    config = DistilConfig(steps=args.steps, batch=BATCH, seed=args.seed)
    small = distilled(teacher, start, rest, config, held_out=views[:HELD_OUT], report=report)
    scratch.unlink()
    from benchmarks.recipe.run_folder import LICENSE, write

    licence = f"{LICENSE}; pruned and distilled from shelflens-products"
    made: dict[str, Any] = {"name": NAME, "backbone": BACKBONE, "license_text": licence}
    write(small, args.textures, args.synthetic, args.out, **made)


def report(step: int, _: Params, losses: Any, rate: float) -> None:
    """One line."""
    shown = " ".join(f"{value:.4f}" for value in losses)
    print(f"step {step}: held-out losses {shown}, {rate:.1f} views/s", flush=True)


def params_of_run(run: Path) -> Params:
    """The weights of a run folder on MobileNetV2, whole or pruned."""
    import keras

    from shelflens_train.general.start import params_of

    return params_of(keras.models.load_model(run / "model.keras", compile=False))


def chosen(table: Table, seed: int) -> NDArray[np.int64]:
    """Textures of each domain by its share in a batch, at most `LIMIT`, rows ascending.

    Of a domain that has more, families are taken whole, but for the last.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for domain, share in SHARES.items():
        found = np.flatnonzero(table.domain == domain)
        _, family = np.unique(table.family[found], return_inverse=True)
        rank = generator.permutation(len(found))[family]
        rows.append(found[np.argsort(rank, kind="stable")][: int(share * LIMIT)])
    return np.sort(np.concatenate(rows))


def drawn_views(
    pixels: Pixels, table: Table, rows: NDArray[np.int64], count: int, seed: int
) -> Pixels:
    """Views as of the general training, uint8 [count, SIDE, SIDE, 3]; count a multiple of 128."""
    identity, family = (
        np.unique(column[rows], return_inverse=True)[1] for column in (table.identity, table.family)
    )
    pool = Pool(
        table.kind[rows],
        table.domain[rows],
        identity,
        family,
        table.aspect[rows].astype(np.float32),
        table.alpha[rows],
        np.zeros((len(rows), 1), np.int64),
        np.zeros((len(rows), 1), np.float32),
    )
    batches = Batches(pool, SHARES, things=64, side=SIDE, together=0.0)
    textures, draw = packed(pixels), jax.jit(partial(render, side=SIDE))
    views = []
    for number in range(count // 128):
        view = batches.batch(np.random.default_rng([seed, number]))
        del view["identity"], view["texture"]
        views.append(np.asarray(jnp.clip(draw(textures, view).round(), 0, 255), np.uint8))
    return np.concatenate(views)


def photographed(pixels: Pixels, seed: int) -> Iterator[Pixels]:
    """Batches of the textures themselves, uint8 [BATCH, SIDE, SIDE, 3], without an end."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(len(pixels))
        for at in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[at : at + BATCH]
            yield np.stack([_photographed(pixels[row], generator) for row in rows])


def _photographed(texture: Pixels, generator: np.random.Generator) -> Pixels:
    ground = 255.0 if generator.random() < 0.6 else generator.uniform(0, 255, 3)
    opacity = texture[..., 3:] / 255
    image = Image.fromarray((texture[..., :3] * opacity + ground * (1 - opacity)).astype(np.uint8))
    box = None
    if generator.random() < 0.7:
        width = generator.uniform(0.6, 1) * image.width
        height = min(image.height, width * np.exp(generator.uniform(-0.15, 0.15)))
        left, top = generator.uniform(0, [image.width - width, image.height - height])
        box = (left, top, left + width, top + height)
    seen = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box), np.float32)
    if generator.random() < 0.5:
        seen = seen * np.exp(generator.uniform(-0.3, 0.2))
    if generator.random() < 0.5:
        seen = seen[:, ::-1]
    return np.clip(seen, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
