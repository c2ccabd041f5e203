"""Pictures as the textures that `scene` draws with: three sizes of each, packed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelflens_train.general.scene import SIDE, SIDES

CHUNK = 512


def decoded(files: Sequence[bytes], scratch: Path, *, workers: int) -> NDArray[np.uint8]:
    """Decode encoded pictures, RGB or RGBA of `SIDE` by `SIDE`, in processes.

    Args:
        files: The encoded pictures.
        scratch: A file that the pixels are written to, best in memory.
        workers: Processes.

    Returns:
        uint8 [n, SIDE, SIDE, 4], mapped from the file.
    """
    shape = (len(files), SIDE, SIDE, 4)
    pixels = np.lib.format.open_memmap(scratch, mode="w+", dtype=np.uint8, shape=shape)
    jobs = [(scratch, at, files[at : at + CHUNK]) for at in range(0, len(files), CHUNK)]
    # A process that has started JAX is not safely forked.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_decode, jobs))
    return pixels


def _decode(job: tuple[Path, int, Sequence[bytes]]) -> None:
    scratch, start, files = job
    pixels = np.load(scratch, mmap_mode="r+")
    for index, data in enumerate(files):
        with Image.open(io.BytesIO(data)) as opened:
            pixels[start + index] = np.asarray(opened.convert("RGBA"))


def packed(pixels: NDArray[np.uint8]) -> Any:
    """uint8 [n, SIDE, SIDE, 4] -> uint32 [n, TEXELS] on the device, for `scene.render`."""
    return jnp.concatenate([_pack(pixels[at : at + CHUNK]) for at in range(0, len(pixels), CHUNK)])


@jax.jit
def _pack(pixels: Any) -> Any:
    values = jnp.asarray(pixels).astype(jnp.float32)
    opacity = values[..., 3:]
    values = jnp.concatenate([values[..., :3] * (opacity / 255), opacity], axis=-1)
    parts = []
    for side in SIDES:
        less = SIDE // side
        small = values.reshape(-1, side, less, side, less, 4).mean((2, 4)).round()
        whole = small.astype(jnp.uint32)
        shifts = jnp.array([0, 8, 16, 24], jnp.uint32)
        parts.append((whole << shifts).sum(-1, dtype=jnp.uint32).reshape(-1, side * side))
    return jnp.concatenate(parts, axis=1)


@jax.jit
def plain(textures: Any) -> Any:
    """The largest size of some textures on white: uint32 [n, TEXELS] -> float32 [n, s, s, 3]."""
    whole = textures[:, : SIDES[0] ** 2].reshape(-1, SIDE, SIDE, 1)
    shifts = jnp.array([0, 8, 16, 24], jnp.uint32)
    values = ((whole >> shifts) & 255).astype(jnp.float32)
    return values[..., :3] + (255 - values[..., 3:])
