"""Trains a general embedding on an accelerator: minutes on a GPU, days on a CPU.

    python -m benchmarks.recipe.textures --cache CACHE --synthetic STORE --start RUN --out TEXTURES
    python -m benchmarks.recipe.general TEXTURES --out RUN/params.npz

Needs JAX, NumPy and Pillow (`pip install "shelflens[general]"`; JAX for the GPU), not TensorFlow.
Two views of each thing, drawn anew, must find each other among those of 767 other things
(`objective.contrast`), and the order of likeness among things is held to that of the start
(`objective.order_kept`). `--leave-out` trains without domains, to be judged on them;
`--unseen-groceries` without the Grocery classes of odd id. `benchmarks.recipe.finish` turns the
result into a run folder.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from shelflens_train.general.batches import Batches
from shelflens_train.general.fit import FitConfig, averaged, fit
from shelflens_train.general.network import features
from shelflens_train.general.params import HEAD, Params, read_params, write_params
from shelflens_train.general.textures import decoded, packed, plain
from shelflens_train.general.views import SINGLE, Pool

SHARES = {
    "groceries": 0.14,
    "synthetic": 0.08,
    "garments": 0.14,
    "objects": 0.22,
    "art": 0.22,
    "catalogue": 0.03,
    "ycb": 0.05,
    "packs": 0.06,
}
"""Domain -> share of the things of a batch."""
TEACHERS = {
    "fine-tuned": {"fine-tuned": (1.0, 256), "imagenet": (0.5, 128)},
    "imagenet": {"imagenet": (1.0, 384)},
}
"""Start -> networks whose order is kept: weight and principal axes of each."""
LENGTH = 512
POWER = 0.25
"""Of the principal axes: between none and whitening."""
NEIGHBOURS = 16
BLOCK = 256
SIZE = 224

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Table:
    """Columns of the texture files, as long as there are textures."""

    kind: NDArray[np.str_]
    domain: NDArray[np.str_]
    identity: NDArray[np.str_]
    family: NDArray[np.str_]
    aspect: NDArray[np.float64]
    alpha: NDArray[np.bool_]


def read_textures(folder: Path) -> tuple[list[bytes], Table]:
    """The encoded pictures, and what they show."""
    files: list[bytes] = []
    columns: dict[str, list[NDArray[Any]]] = {}
    for part in sorted(folder.glob("textures*.npz")):
        with np.load(part) as arrays:
            blob, ends = arrays["blob"].tobytes(), np.cumsum(arrays["sizes"])
            starts = ends - arrays["sizes"]
            files += [blob[a:b] for a, b in zip(starts, ends, strict=True)]
            for name in Table.__dataclass_fields__:
                columns.setdefault(name, []).append(arrays[name])
    return files, Table(**{name: np.concatenate(parts) for name, parts in columns.items()})


def without_odd_groceries(table: Table) -> NDArray[np.str_]:
    """Domains, the Grocery classes of odd id in one of their own that no training uses."""
    odd = [
        name.startswith("grocery/") and int(name.split("/")[1]) % 2 == 1 for name in table.identity
    ]
    return np.where(np.array(odd), "groceries-odd", table.domain)


def main() -> None:
    """Train and write the weights."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("textures", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--start", choices=list(TEACHERS), default="fine-tuned")
    parser.add_argument("--leave-out", nargs="*", default=[], choices=list(SHARES))
    parser.add_argument("--unseen-groceries", action="store_true")
    parser.add_argument("--steps", type=int, default=1677)
    parser.add_argument("--things", type=int, default=768, help="of a batch")
    parser.add_argument("--side", type=int, default=192, help="of the views, pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, default=Path("/dev/shm"), help="for 7 GB of pixels")
    parser.add_argument("--workers", type=int, default=8)
    args = parser.parse_args()
    files, table = read_textures(args.textures)
    pixels = decoded(files, args.scratch / "shelflens-textures.npy", workers=args.workers)
    train(args, pixels, table)
    (args.scratch / "shelflens-textures.npy").unlink()


def train(args: argparse.Namespace, pixels: NDArray[np.uint8], table: Table) -> None:
    """Train on decoded pictures; `args` as the command has them."""
    shares = {name: share for name, share in SHARES.items() if name not in args.leave_out}
    domains = without_odd_groceries(table) if args.unseen_groceries else table.domain
    textures = packed(pixels)
    networks = {name: read_params(args.textures / f"{name}.npz") for name in TEACHERS[args.start]}
    seen = {name: features_of(params, textures) for name, params in networks.items()}
    counts = _counts(domains, shares)
    parts = []
    for name, (weight, axes) in TEACHERS[args.start].items():
        kernel, shift = principal_axes(seen[name], counts, axes)
        parts.append(weight * _unit(seen[name] @ kernel + shift))
    reference_vectors = _unit(np.concatenate(parts, axis=1))
    kernel, shift = principal_axes(seen[args.start], counts, LENGTH)
    start: Params = {**networks[args.start], HEAD: {"kernel": kernel, "shift": shift}}
    batches = Batches(
        pool_of(table, domains, reference_vectors, shares),
        shares,
        things=args.things,
        side=args.side,
        together=0.6,
    )
    begun = time.perf_counter()

    def report(step: int, state: Any, losses: NDArray[np.float64], rate: float) -> None:
        shown = " ".join(f"{value:.3f}" for value in losses)
        print(f"step {step}: losses {shown}, {rate:,.0f} views/s", flush=True)

    config = FitConfig(steps=args.steps, seed=args.seed)
    state = fit(
        start, textures, batches, reference_vectors, config, side=args.side, report=report, every=60
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_params(jax.tree.map(np.asarray, averaged(state)), args.out)
    print(f"{args.out}: {time.perf_counter() - begun:.0f} s on {jax.devices()[0].device_kind}")


def features_of(params: Params, textures: Any) -> Vectors:
    """Pooled features of every texture on white, float32 [t, 1280]."""

    @jax.jit
    def part(rows: Any) -> Any:
        shape = (rows.shape[0], SIZE, SIZE, 3)
        return features(params, jax.image.resize(plain(rows), shape, "linear"))

    found = []
    for start in range(0, len(textures), BLOCK):
        rows = textures[start : start + BLOCK]
        missing = BLOCK - len(rows)
        last = textures[-BLOCK:] if missing and len(textures) >= BLOCK else rows
        found.append(part(last)[-len(rows) :])
    return np.concatenate([np.asarray(piece) for piece in found])


def principal_axes(
    seen: Vectors, counts: NDArray[np.float64], length: int
) -> tuple[Vectors, Vectors]:
    """A head: principal axes of weighted features, scaled by variance to `-POWER`."""
    mean = counts @ seen / counts.sum()
    apart = (seen - mean).astype(np.float64)
    values, axes = np.linalg.eigh((apart * counts[:, np.newaxis]).T @ apart / counts.sum())
    values, axes = values[::-1][:length], axes[:, ::-1][:, :length]
    kernel = axes * (values + 0.01 * values[0]) ** -POWER
    return kernel.astype(np.float32), (-mean @ kernel).astype(np.float32)


def pool_of(
    table: Table, domains: NDArray[np.str_], reference_vectors: Vectors, shares: dict[str, float]
) -> Pool:
    """What batches are drawn from; neighbours are of the same domain."""
    neighbours = np.zeros((len(domains), NEIGHBOURS), np.int64)
    for domain in shares:
        mine = np.flatnonzero((domains == domain) & (table.kind == SINGLE))
        for start in range(0, len(mine), 1024):
            alike = reference_vectors[mine[start : start + 1024]] @ reference_vectors[mine].T
            nearest = np.argpartition(-alike, min(NEIGHBOURS, len(mine) - 1), axis=1)
            rows = nearest[:, : NEIGHBOURS + 1]
            for index, row in enumerate(rows):
                near = mine[row[row != start + index]][:NEIGHBOURS]
                neighbours[mine[start + index], : len(near)] = near
    numbered = [
        np.unique(column, return_inverse=True)[1] for column in (table.identity, table.family)
    ]
    return Pool(
        table.kind,
        domains,
        numbered[0],
        numbered[1],
        table.aspect.astype(np.float32),
        table.alpha,
        neighbours,
        reference_vectors,
    )


def _counts(domains: NDArray[np.str_], shares: dict[str, float]) -> NDArray[np.float64]:
    """How much each texture counts, so that domains count by their share."""
    counts = np.zeros(len(domains))
    for domain, share in shares.items():
        mine = domains == domain
        counts[mine] = share / max(1, mine.sum())
    return counts


def _unit(rows: Vectors) -> Vectors:
    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


if __name__ == "__main__":
    main()
