"""How a view is drawn: chance becomes the arguments of `scene.render`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens_train.general.scene import BOX, CYLINDER, PLANE, SIDE

Batch = dict[str, NDArray[Any]]
SINGLE, CLASS, CUTOUT, LABEL = "single", "class", "cutout", "label"
"""Kinds of texture: a thing's only photo; photos of a product; cut-outs of one; flat labels."""


INTEGERS = ("kind", "level", "behind_level", "front", "side", "behind", "seed")
"""Arguments of `scene.render` that are whole numbers."""


@dataclass(frozen=True)
class Pool:
    """The textures that may be drawn; arrays as long as there are textures."""

    kinds: NDArray[np.str_]
    domains: NDArray[np.str_]
    identities: NDArray[np.int64]
    families: NDArray[np.int64]
    """Look-alikes share a family."""
    aspects: NDArray[np.float32]
    """Width over height of what was stretched to a square; 1 for cut-outs, which were padded."""
    cutouts: NDArray[np.bool_]
    """Which have a ground that can be replaced; all of kind `CUTOUT` and some of the others."""
    neighbours: NDArray[np.int64]
    """int64 [t, k]: the textures most like each, to the start network."""
    reference_vectors: NDArray[np.float32]
    """float32 [t, d]: unit vectors of the start network."""


def view_of(
    pool: Pool,
    scenery: NDArray[np.int64],
    side: int,
    textures: NDArray[np.int64],
    things: Mapping[str, NDArray[Any]],
    generator: np.random.Generator,
    *,
    reference: NDArray[np.bool_],
) -> Batch:
    """Arguments of `scene.render` for one view of each of n things.

    A view is as a shop's reference image (upright, whole, mostly on white) or as a photo: turned by
    up to 30 degrees and seen askew, one in ten by any angle; cropped or 0.33 to 0.95 of the frame;
    before another picture, partly covered, in other light, blurred, with noise and JPEG blocks.
    Colour is changed least: it is often all that tells two variants apart.

    Args:
        pool: What may be drawn.
        scenery: Textures that may lie behind.
        side: Of the view, pixels.
        textures: int64 [n], what is shown.
        things: What both views of a thing share: form, depth, label of its side, gloss.
        generator: All chance comes from it.
        reference: bool [n], which are as a reference image.
    """
    count = len(textures)
    uniform, random = generator.uniform, generator.random
    kinds = pool.kinds[textures]
    cutout, single = pool.cutouts[textures], kinds == SINGLE
    real = kinds == CLASS
    solid = things["solid"]
    strong = np.where(reference, 0.15, np.where(real, 0.5, 1.0))
    aspect = pool.aspects[textures] * np.where(solid, things["squash"], 1.0)
    card = (
        np.where(single, random(count) < 0.35, real & (random(count) < 0.2)) & ~reference & ~cutout
    )
    alone = card | cutout | solid  # not filling the frame
    kind = np.where(solid & (things["shape"] != PLANE), things["shape"], PLANE)
    kind = np.where(alone & (kind == PLANE), BOX, kind)
    half = np.stack([np.sqrt(aspect), 1 / np.sqrt(aspect), np.full(count, 0.004)], axis=1)
    is_box, is_cylinder = solid & (kind == BOX) & (things["shape"] == BOX), kind == CYLINDER
    half[:, 2] = np.where(is_box, half[:, 0] * things["depth"], half[:, 2])
    # A can: the label goes round, so its width is an arc.
    half[:, 0] = np.where(is_cylinder, half[:, 0] / (np.pi * things["wrap"]) * 1.6, half[:, 0])
    half[:, 2] = np.where(is_cylinder, things["wrap"], half[:, 2])
    frame = np.where(
        alone,
        np.exp(uniform(np.log(0.7), np.log(1.4), count)),
        aspect * np.exp(uniform(-0.12, 0.12, count)),
    )
    yaw = uniform(-1, 1, count) * strong * np.where(solid, 0.9, np.where(alone, 0.5, 0.35))
    pitch = uniform(-1, 1, count) * strong * np.where(solid, 0.5, 0.3)
    roll = uniform(-1, 1, count) * strong * 0.5
    turned = (random(count) < 0.08) & ~reference
    roll = np.where(turned, uniform(-np.pi, np.pi, count), roll)
    roll = np.where(
        (random(count) < 0.05) & ~reference,
        roll + generator.choice([1, 2, 3], count) * np.pi / 2,
        roll,
    )
    share = np.where(reference, uniform(0.75, 0.97, count), uniform(0.33, 0.95, count))
    reach = np.maximum(half[:, 0] / np.sqrt(frame), half[:, 1] * np.sqrt(frame))
    crop = np.where(reference, uniform(0.85, 1.02, count), uniform(np.where(real, 0.6, 0.45), 1.0))
    scale = np.where(alone, share / reach, 1 / (crop * reach))
    free = np.where(
        alone, np.maximum(0, 1 - share * 0.85), np.maximum(0, 1 - crop) / np.maximum(crop, 0.1)
    )
    free = np.where(reference, 0.1, 0.9) * free
    cover = random(count) < np.where(reference, 0.0, 0.3)
    at = uniform(-1, 1, (count, 2))
    skin = random((count, 1)) < 0.5
    tone = np.where(
        skin,
        uniform(0.35, 1.0, (count, 1)) * np.array([[235, 190, 160]]),
        uniform(10, 245, (count, 3)),
    )
    dark = uniform(0.0, 1.0, count)
    light = np.stack(
        [uniform(-0.7, 0.7, count), uniform(-1, 0.3, count), uniform(-1, -0.4, count)], 1
    )
    light /= np.linalg.norm(light, axis=1, keepdims=True)
    textured = np.where(alone, SIDE / (share * side), SIDE * crop / side)
    level = np.clip(np.round(np.log2(np.maximum(textured, 0.5)) - 0.2), 0, 2)
    gain = np.exp(uniform(-0.5, 0.3, (count, 1)) * strong[:, None]) * np.exp(
        uniform(-0.1, 0.1, (count, 3)) * strong[:, None]
    )
    white = reference & (random(count) < 0.7)
    ground = uniform(20, 255, (count, 2, 3))
    ground = np.where(white[:, None, None], uniform(235, 255, (count, 2, 1)), ground)
    blur = np.where(random((count, 1)) < 0.5, 0.0, uniform(0, 1.6, (count, 2))) * (side / 192)
    bend = np.zeros((count, 6))
    bends = (random(count) < 0.25) & ~reference & ~real
    bend[:, [0, 3]] = uniform(0, 0.03, (count, 2)) * bends[:, None]
    bend[:, [1, 4]] = uniform(3, 12, (count, 2))
    bend[:, [2, 5]] = uniform(0, 6, (count, 2))
    view = {
        "front": textures,
        "side": things["side"],
        "kind": kind,
        "rotation": _rotations(yaw, pitch, roll),
        "half": half,
        "scale": scale,
        "x": uniform(-1, 1, count) * free * np.sqrt(frame),
        "y": uniform(-1, 1, count) * free / np.sqrt(frame),
        "frame": frame,
        "bend": bend,
        "level": level,
        "plain": things["plain"],
        "light": light,
        "ambient": np.where(solid, 1 - 0.6 * dark, 1.0),
        "gloss": things["gloss"] * (random(count) < 0.6) * ~reference * (solid | cutout),
        "behind": generator.choice(scenery, count),
        "behind_turn": uniform(-np.pi, np.pi, count),
        "behind_zoom": uniform(0.3, 1.0, count),
        "behind_move": uniform(0, 1, (count, 2)),
        "behind_level": generator.choice([0, 1, 1, 2], count),
        "on_picture": (random(count) < 0.75) & ~reference,
        "ground": ground,
        "cover": np.stack(
            [
                at[:, 0],
                at[:, 1],
                np.where(cover, uniform(0.1, 0.45, count), 1e-3),
                np.where(cover, uniform(0.1, 0.3, count), 1e-3),
                uniform(0, np.pi, count),
            ],
            1,
        ),
        "cover_colour": tone,
        "falling": uniform(-0.25, 0.25, (count, 2)) * strong[:, None],
        "gain": gain,
        "contrast": np.exp(uniform(-0.3, 0.25, count) * strong),
        "saturation": np.exp(uniform(-0.35, 0.2, count) * strong),
        "gamma": np.exp(uniform(-0.25, 0.25, count) * strong),
        "blur": np.where(reference[:, None], 0.0, blur),
        "noise": np.where(random(count) < 0.5, 0.0, uniform(0, 9, count)) * strong,
        "coarse": np.where(random(count) < 0.6, 0.0, uniform(3, 14, count)) * ~reference,
        "seed": generator.integers(0, 1 << 31, count),
    }
    return {name: _small(values, whole=name in INTEGERS) for name, values in view.items()}


def _small(values: NDArray[Any], *, whole: bool) -> NDArray[Any]:
    if values.dtype == bool:
        return values
    return values.astype(np.int32 if whole else np.float32)


def _rotations(
    yaw: NDArray[np.float64], pitch: NDArray[np.float64], roll: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64 [n, 3, 3]: turned around y, then x, then z."""
    zero, unity = np.zeros_like(yaw), np.ones_like(yaw)
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    around_y = np.array([[cy, zero, sy], [zero, unity, zero], [-sy, zero, cy]]).transpose(2, 0, 1)
    around_x = np.array([[unity, zero, zero], [zero, cp, -sp], [zero, sp, cp]]).transpose(2, 0, 1)
    around_z = np.array([[cr, -sr, zero], [sr, cr, zero], [zero, zero, unity]]).transpose(2, 0, 1)
    made: NDArray[np.float64] = around_z @ around_x @ around_y
    return made
