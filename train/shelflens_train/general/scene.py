"""Views of things, drawn on the accelerator: textured planes, boxes and cylinders in a scene.

Each pixel is a ray. A photo that fills the frame is a plane without edges (mirrored beyond them); a
cut-out or a card is a thin box; a package is a box or a cylinder whose label is a texture. Then
come shade, glare, a part covered, colour, blur, noise and JPEG blocks. All chance is in the
arguments (`shelflens_train.general.batches`).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

SIDE = 208
"""Of a texture, pixels; it also has halves and quarters of that size."""
SIDES = (SIDE, SIDE // 2, SIDE // 4)
STARTS = (0, SIDES[0] ** 2, SIDES[0] ** 2 + SIDES[1] ** 2)
TEXELS = STARTS[2] + SIDES[2] ** 2
DISTANCE = 3.0
"""Of the camera, in halves of the frame's side."""
PLANE, BOX, CYLINDER = 0, 1, 2
_BLOCK = 8
_COSINES = np.array(
    [
        [
            np.sqrt((1 if k == 0 else 2) / _BLOCK) * np.cos(np.pi * (2 * n + 1) * k / 16)
            for n in range(8)
        ]
        for k in range(8)
    ],
    np.float32,
)

View = dict[str, Any]


def render(textures: Any, view: View, *, side: int) -> Any:
    """Draw a batch of views.

    Args:
        textures: uint32 [t, TEXELS], red in the lowest byte, opacity in the highest; colours are
            multiplied by opacity.
        view: Name -> array whose first dimension is the batch (`batches.VIEW`).
        side: Of the result, pixels; a multiple of 8.

    Returns:
        float32 [n, side, side, 3] in 0..255.
    """
    grid = (jnp.arange(side, dtype=jnp.float32) + 0.5) / side * 2 - 1
    ratio = jnp.sqrt(view["frame"])[:, None, None]
    x = grid[None, None, :] * ratio
    y = grid[None, :, None] / ratio
    x, y = jnp.broadcast_arrays(x, y)
    colour, opacity, lit = _thing(textures, view, x, y)
    behind = _behind(textures, view, x, y)
    image = colour * lit[..., None] + (1 - opacity)[..., None] * behind
    image = _covered(image, view, x, y)
    return _camera(image, view, x, y)


def _column(values: Any) -> Any:
    return values[:, None, None]


def _thing(textures: Any, view: View, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Colour, opacity and light of what is shown: [n, s, s, 3], [n, s, s], [n, s, s]."""
    rotation = view["rotation"]  # [n, 3, 3], thing to camera
    scale = view["scale"]
    origin = (
        jnp.stack([-view["x"], -view["y"], jnp.full_like(scale, -DISTANCE)], -1) / scale[:, None]
    )
    origin = jnp.einsum("nij,ni->nj", rotation, origin)
    rays = [x, y, jnp.full_like(x, DISTANCE)]
    ray = [
        sum(_column(rotation[:, i, j]) * rays[i] for i in range(3)) / _column(scale)
        for j in range(3)
    ]
    start = [_column(origin[:, j]) for j in range(3)]
    half = [_column(view["half"][:, j]) for j in range(3)]
    kind = _column(view["kind"])
    safe = [jnp.where(jnp.abs(part) < 1e-6, 1e-6, part) for part in ray]

    # Plane z = 0, without edges.
    depth = -start[2] / safe[2]
    plane_u = (start[0] + depth * ray[0]) / half[0] * 0.5 + 0.5
    plane_v = (start[1] + depth * ray[1]) / half[1] * 0.5 + 0.5
    plane_u, plane_v = _mirrored(plane_u), _mirrored(plane_v)

    # Box.
    lower = [(-h - s) / d for h, s, d in zip(half, start, safe, strict=True)]
    upper = [(h - s) / d for h, s, d in zip(half, start, safe, strict=True)]
    near = [jnp.minimum(a, b) for a, b in zip(lower, upper, strict=True)]
    beyond = [jnp.maximum(a, b) for a, b in zip(lower, upper, strict=True)]
    enter = jnp.maximum(jnp.maximum(near[0], near[1]), near[2])
    leave = jnp.minimum(jnp.minimum(beyond[0], beyond[1]), beyond[2])
    box_hit = (enter < leave) & (enter > 0)
    spot = [s + enter * d for s, d in zip(start, ray, strict=True)]
    on_x = (near[0] >= near[1]) & (near[0] >= near[2])
    on_y = ~on_x & (near[1] >= near[2])
    share = [p / h * 0.5 + 0.5 for p, h in zip(spot, half, strict=True)]
    away = [jnp.where(d > 0, -1.0, 1.0) for d in ray]
    box_u = jnp.where(on_x, jnp.where(away[0] > 0, share[2], 1 - share[2]), share[0])
    box_v = jnp.where(on_y, share[2], share[1])
    box_u = jnp.where(~on_x & ~on_y & (away[2] > 0), 1 - box_u, box_u)
    front = ~on_x & ~on_y & (away[2] < 0)
    normal = [
        jnp.where(on_x, away[0], 0.0),
        jnp.where(on_y, away[1], 0.0),
        jnp.where(on_x | on_y, 0.0, away[2]),
    ]

    # Cylinder around y, of radius half[0].
    a = ray[0] ** 2 + ray[2] ** 2
    b = start[0] * ray[0] + start[2] * ray[2]
    c = start[0] ** 2 + start[2] ** 2 - half[0] ** 2
    inside = b**2 - a * c
    wall = (-b - jnp.sqrt(jnp.maximum(inside, 0))) / jnp.maximum(a, 1e-6)
    height = start[1] + wall * ray[1]
    wall_hit = (inside > 0) & (jnp.abs(height) <= half[1]) & (wall > 0)
    lid = (jnp.where(ray[1] > 0, -1.0, 1.0) * half[1] - start[1]) / safe[1]
    lid_x, lid_z = start[0] + lid * ray[0], start[2] + lid * ray[2]
    lid_hit = ~wall_hit & (lid_x**2 + lid_z**2 <= half[0] ** 2) & (lid > 0)
    round_x, round_z = start[0] + wall * ray[0], start[2] + wall * ray[2]
    angle = jnp.arctan2(round_x, -round_z)
    # The label goes round by `half[2]` of the circle, then begins again.
    wall_u = _mirrored(angle / (2 * jnp.pi * half[2]) + 0.5)
    wall_v = height / half[1] * 0.5 + 0.5

    is_box, is_cylinder = kind == BOX, kind == CYLINDER
    u = jnp.where(is_box, box_u, jnp.where(is_cylinder, wall_u, plane_u))
    v = jnp.where(is_box, box_v, jnp.where(is_cylinder, wall_v, plane_v))
    hit = jnp.where(is_box, box_hit, jnp.where(is_cylinder, wall_hit | lid_hit, True))
    labelled = jnp.where(is_box, front, jnp.where(is_cylinder, wall_hit, True))
    bend = view["bend"]
    u = u + _column(bend[:, 0]) * jnp.sin(_column(bend[:, 1]) * v + _column(bend[:, 2]))
    v = v + _column(bend[:, 3]) * jnp.sin(_column(bend[:, 4]) * u + _column(bend[:, 5]))
    side_shown = is_box & on_x
    which = jnp.where(side_shown, _column(view["side"]), _column(view["front"]))
    colour, opacity = _sampled(textures, which, view["level"], jnp.clip(u, 0, 1), jnp.clip(v, 0, 1))
    textured = labelled | (side_shown & (_column(view["side"]) >= 0))
    plain = view["plain"][:, None, None, :]
    colour = jnp.where(textured[..., None], colour, plain)
    opacity = jnp.where(textured, opacity, 1.0)
    shown = hit.astype(jnp.float32)
    colour, opacity = colour * shown[..., None], opacity * shown

    normal = [
        jnp.where(is_box, n, jnp.where(is_cylinder & wall_hit, m, jnp.where(is_cylinder, k, p)))
        for n, m, k, p in zip(
            normal,
            (round_x / half[0], 0.0 * u, round_z / half[0]),
            (0.0 * u, jnp.where(ray[1] > 0, -1.0, 1.0), 0.0 * u),
            (0.0 * u, 0.0 * u, -1.0 + 0.0 * u),
            strict=True,
        )
    ]
    world = [sum(_column(rotation[:, i, j]) * normal[j] for j in range(3)) for i in range(3)]
    light = view["light"]
    facing = sum(_column(light[:, i]) * world[i] for i in range(3))
    ambient = _column(view["ambient"])
    lit = ambient + (1 - ambient) * jnp.clip(facing, 0, 1)
    halfway = light + jnp.array([0.0, 0.0, -1.0])
    halfway = halfway / (jnp.linalg.norm(halfway, axis=-1, keepdims=True) + 1e-6)
    shine = sum(_column(halfway[:, i]) * (world[i] + 0.15 * (x, y, 0 * x)[i]) for i in range(3))
    glare = _column(view["gloss"]) * jnp.clip(shine, 0, 1) ** 24
    colour = colour + (glare * 200.0 * opacity)[..., None] / jnp.maximum(lit, 0.2)[..., None]
    return colour, opacity, lit


def _behind(textures: Any, view: View, x: Any, y: Any) -> Any:
    """The background: a part of another picture, or two colours one into the other."""
    turn, zoom, move = view["behind_turn"], view["behind_zoom"], view["behind_move"]
    cosine, sine = _column(jnp.cos(turn)), _column(jnp.sin(turn))
    u = _mirrored((cosine * x - sine * y) * _column(zoom) * 0.5 + _column(move[:, 0]))
    v = _mirrored((sine * x + cosine * y) * _column(zoom) * 0.5 + _column(move[:, 1]))
    level = view["behind_level"]
    picture, opacity = _sampled(textures, _column(view["behind"]), level, u, v)
    picture = picture + (1 - opacity)[..., None] * 255.0
    share = jnp.clip(0.5 + 0.5 * (cosine * x + sine * y), 0, 1)[..., None]
    ground = view["ground"]
    plain = ground[:, None, None, 0] * (1 - share) + ground[:, None, None, 1] * share
    return jnp.where(view["on_picture"][:, None, None, None], picture, plain)


def _covered(image: Any, view: View, x: Any, y: Any) -> Any:
    """A finger or another thing before the picture: an ellipse of one colour."""
    cover = view["cover"]  # x, y, half width, half height, angle
    cosine, sine = _column(jnp.cos(cover[:, 4])), _column(jnp.sin(cover[:, 4]))
    dx, dy = x - _column(cover[:, 0]), y - _column(cover[:, 1])
    along = (cosine * dx + sine * dy) / _column(cover[:, 2])
    across = (cosine * dy - sine * dx) / _column(cover[:, 3])
    distance = along**2 + across**2
    inside = (distance < 1).astype(jnp.float32)
    tone = view["cover_colour"][:, None, None, :] * (1 - 0.3 * distance * inside)[..., None]
    return image * (1 - inside)[..., None] + tone * inside[..., None]


def _camera(image: Any, view: View, x: Any, y: Any) -> Any:
    falling = view["falling"]  # how light falls off along x and y
    image = image * (1 + _column(falling[:, 0]) * x + _column(falling[:, 1]) * y)[..., None]
    image = image * view["gain"][:, None, None, :]
    mean = jnp.mean(image, axis=(1, 2, 3), keepdims=True)
    image = mean + (image - mean) * view["contrast"][:, None, None, None]
    grey = jnp.mean(image, axis=-1, keepdims=True)
    image = grey + (image - grey) * view["saturation"][:, None, None, None]
    image = 255 * (jnp.clip(image, 1, 255) / 255) ** view["gamma"][:, None, None, None]
    image = _blurred(image, view["blur"][:, 0], axis=1)
    image = _blurred(image, view["blur"][:, 1], axis=2)
    key = jax.random.key(view["seed"][0])
    noise = jax.random.normal(key, image.shape, jnp.float32)
    image = image + noise * view["noise"][:, None, None, None]
    blocks = _blocks(image, view["coarse"])
    image = jnp.where((view["coarse"] > 0)[:, None, None, None], blocks, image)
    return jnp.clip(image, 0, 255)


def _blurred(image: Any, sigma: Any, *, axis: int) -> Any:
    """Gaussian blur along an axis, seven taps."""
    reach = jnp.arange(-3, 4, dtype=jnp.float32)
    weights = jnp.exp(-0.5 * (reach[None] / jnp.maximum(sigma, 0.05)[:, None]) ** 2)
    weights = weights / weights.sum(axis=1, keepdims=True)
    padding = [(0, 0)] * 4
    padding[axis] = (3, 3)
    padded = jnp.pad(image, padding, mode="edge")
    length = image.shape[axis]
    return sum(
        jax.lax.slice_in_dim(padded, k, k + length, axis=axis) * weights[:, k][:, None, None, None]
        for k in range(7)
    )


def _blocks(image: Any, step: Any) -> Any:
    """What JPEG leaves: each 8x8 block's cosine transform in coarse steps, coarser for detail."""
    count, side = image.shape[0], image.shape[1]
    cells = image.reshape(count, side // _BLOCK, _BLOCK, side // _BLOCK, _BLOCK, 3)
    basis = jnp.asarray(_COSINES)
    spectrum = jnp.einsum("ki,nyixjc,lj->nykxlc", basis, cells, basis)
    order = jnp.arange(_BLOCK)
    coarse = (1 + 0.8 * (order[:, None] + order[None, :])).reshape(1, 1, _BLOCK, 1, _BLOCK, 1)
    size = jnp.maximum(step, 0.5)[:, None, None, None, None, None] * coarse
    spectrum = jnp.round(spectrum / size) * size
    cells = jnp.einsum("ki,nykxlc,lj->nyixjc", basis, spectrum, basis)
    return cells.reshape(count, side, side, 3)


def _mirrored(share: Any) -> Any:
    """0..1, back and forth beyond."""
    wrapped = jnp.abs(jnp.mod(share, 2.0))
    return jnp.where(wrapped > 1, 2 - wrapped, wrapped)


def _sampled(textures: Any, which: Any, level: Any, u: Any, v: Any) -> tuple[Any, Any]:
    """Bilinear: colours float32 [n, s, s, 3] (multiplied by opacity) and opacity [n, s, s]."""
    sides, starts = jnp.array(SIDES, jnp.int32), jnp.array(STARTS, jnp.int32)
    side, start = _column(sides[level]), _column(starts[level])
    x = jnp.clip(u * side - 0.5, 0, side - 1.001)
    y = jnp.clip(v * side - 0.5, 0, side - 1.001)
    left, top = x.astype(jnp.int32), y.astype(jnp.int32)
    x, y = x - left, y - top
    corner = start + top * side + left
    row = jnp.broadcast_to(jnp.maximum(which, 0), corner.shape)

    def texel(offset: Any) -> list[Any]:
        packed = textures[row, corner + offset]
        return [((packed >> shift) & 255).astype(jnp.float32) for shift in (0, 8, 16, 24)]

    parts = zip(texel(0), texel(1), texel(side), texel(side + 1), strict=True)
    mixed = [(a * (1 - x) + b * x) * (1 - y) + (c * (1 - x) + d * x) * y for a, b, c, d in parts]
    return jnp.stack(mixed[:3], axis=-1), mixed[3] / 255.0
