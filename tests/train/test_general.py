"""A general embedding: what views show, what is asked of them, the network in JAX and in Keras."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")
pytest.importorskip("scipy")

import jax.numpy as jnp  # noqa: E402

from shelflens_train.backbones import embedding_network, feature_network  # noqa: E402
from shelflens_train.general.batches import Batches  # noqa: E402
from shelflens_train.general.cutouts import opacity  # noqa: E402
from shelflens_train.general.fit import FitConfig, averaged, fit, rate_at  # noqa: E402
from shelflens_train.general.label_design import Supplies  # noqa: E402
from shelflens_train.general.labels import family  # noqa: E402
from shelflens_train.general.network import embeddings, features  # noqa: E402
from shelflens_train.general.objective import contrast, order_kept, unit  # noqa: E402
from shelflens_train.general.params import (  # noqa: E402
    mixed,
    read_params,
    refitted_head,
    shortened,
    write_params,
)
from shelflens_train.general.scene import BOX, CYLINDER, PLANE, SIDE, render  # noqa: E402
from shelflens_train.general.start import params_of, put_into  # noqa: E402
from shelflens_train.general.textures import decoded, packed, plain  # noqa: E402
from shelflens_train.general.views import (  # noqa: E402
    CLASS,
    CUTOUT,
    LABEL,
    SINGLE,
    Pool,
)
from shelflens_train.spec import BackboneSpec  # noqa: E402

PLAIN_VIEW = {
    "front": 0,
    "side": -1,
    "kind": PLANE,
    "half": [1.0, 1.0, 0.004],
    "scale": 1.0,
    "x": 0.0,
    "y": 0.0,
    "frame": 1.0,
    "bend": [0.0] * 6,
    "level": 0,
    "plain": [10.0, 200.0, 10.0],
    "light": [0.0, 0.0, -1.0],
    "ambient": 1.0,
    "gloss": 0.0,
    "behind": 0,
    "behind_turn": 0.0,
    "behind_zoom": 1.0,
    "behind_move": [0.5, 0.5],
    "behind_level": 0,
    "on_picture": False,
    "ground": [[0.0, 0.0, 255.0], [0.0, 0.0, 255.0]],
    "cover": [5.0, 5.0, 1e-3, 1e-3, 0.0],
    "cover_colour": [0.0, 0.0, 0.0],
    "falling": [0.0, 0.0],
    "gain": [1.0, 1.0, 1.0],
    "contrast": 1.0,
    "saturation": 1.0,
    "gamma": 1.0,
    "blur": [0.0, 0.0],
    "noise": 0.0,
    "coarse": 0.0,
    "seed": 1,
}
"""A texture that fills the frame, nothing changed."""


def _view(**changed: object) -> dict[str, Any]:
    view = {**PLAIN_VIEW, "rotation": np.eye(3).tolist(), **changed}
    return {name: jnp.asarray([value]) for name, value in view.items()}


def _smooth(seed: int = 0) -> np.ndarray:
    """uint8 [SIDE, SIDE, 3] of slow colours."""
    small = np.random.default_rng(seed).integers(20, 235, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _textures(*pictures: np.ndarray) -> Any:
    rgba = np.full((len(pictures), SIDE, SIDE, 4), 255, np.uint8)
    for index, picture in enumerate(pictures):
        rgba[index, ..., : picture.shape[2]] = picture
    return packed(rgba)


def test_a_plane_that_fills_the_frame_shows_its_texture() -> None:
    picture = _smooth()
    image = np.asarray(render(_textures(picture), _view(), side=SIDE))[0]
    assert np.abs(image - picture).mean() < 1.0


def test_what_is_turned_is_turned_the_way_pillow_turns_it() -> None:
    picture, angle = _smooth(1), np.deg2rad(30)
    turned = [
        [np.cos(angle), np.sin(angle), 0],
        [-np.sin(angle), np.cos(angle), 0],
        [0, 0, 1],
    ]
    image = np.asarray(render(_textures(picture), _view(rotation=turned), side=SIDE))[0]
    wanted = np.asarray(Image.fromarray(picture).rotate(30, Image.Resampling.BILINEAR), np.float32)
    middle = slice(SIDE // 4, 3 * SIDE // 4)
    assert np.abs(image - wanted)[middle, middle].mean() < 2.0


def test_a_cut_out_lies_on_the_ground_where_it_is_transparent() -> None:
    cutout = np.zeros((SIDE, SIDE, 4), np.uint8)
    cutout[50:158, 50:158] = (255, 0, 0, 255)
    image = np.asarray(render(_textures(cutout), _view(kind=BOX), side=SIDE))[0]
    assert image[SIDE // 2, SIDE // 2] == pytest.approx([255, 1, 1], abs=2)
    assert image[5, 5] == pytest.approx([1, 1, 255], abs=2)


def test_a_box_shows_its_label_in_front_and_its_side_when_turned() -> None:
    label, side = np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE, 3), np.uint8)
    label[..., 0], side[..., 1] = 250, 250
    box = {"kind": BOX, "half": [0.5, 0.5, 0.5], "side": 1}
    front = np.asarray(render(_textures(label, side), _view(**box), side=64))[0]
    assert front[32, 32] == pytest.approx([250, 1, 1], abs=2)
    angle = np.deg2rad(80)
    yaw = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    turned = np.asarray(render(_textures(label, side), _view(**box, rotation=yaw), side=64))[0]
    assert turned[32, 32] == pytest.approx([1, 250, 1], abs=2)


def test_a_cylinder_is_narrower_than_the_frame_and_shaded_at_its_rim() -> None:
    white = np.full((SIDE, SIDE, 3), 250, np.uint8)
    can = {"kind": CYLINDER, "half": [0.5, 0.8, 1.0], "ambient": 0.4}
    image = np.asarray(render(_textures(white), _view(**can), side=64))[0]
    row = image[32, :, 0]
    assert row[32] > 240
    assert row[2] < 5
    shown = np.flatnonzero(row > 30)
    assert 0.4 < len(shown) / 64 < 0.65
    assert row[shown[1]] < 0.75 * row[32]


def _detail(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image, 2, axis=0)).sum())


@pytest.mark.parametrize(
    ("change", "value", "effect"),
    [
        ("gain", [0.5, 0.5, 0.5], lambda a, b: b.mean() < 0.6 * a.mean()),
        ("saturation", 0.0, lambda a, b: np.ptp(b, axis=-1).max() < 1.5),
        (
            "blur",
            [1.5, 1.5],
            lambda a, b: np.abs(np.diff(b, axis=0)).sum() < np.abs(np.diff(a, axis=0)).sum(),
        ),
        ("noise", 8.0, lambda a, b: 5 < np.std(b - a) < 9),
        ("coarse", 12.0, lambda a, b: 0.5 < np.abs(b - a).mean() < 12),
    ],
)
def test_the_camera_does_what_it_says(change: str, value: object, effect: object) -> None:
    textures = _textures(_smooth(2))
    before, after = (
        np.asarray(render(textures, view, side=64))[0]
        for view in (_view(), _view(**{change: value}))
    )
    assert effect(before, after)  # type: ignore[operator]


def _pool() -> Pool:
    """Six single photos, two products of three photos, a family of two cut-outs, two labels."""
    kinds = np.array([SINGLE] * 6 + [CLASS] * 6 + [CUTOUT] * 4 + [LABEL] * 2)
    domains = np.array(["objects"] * 6 + ["groceries"] * 6 + ["ycb"] * 4 + ["art"] * 2)
    identities = np.array([*range(6), 6, 6, 6, 7, 7, 7, 8, 8, 9, 9, 10, 11])
    families = np.array([*range(6), *[6] * 6, *[7] * 4, 8, 8])
    vectors = np.random.default_rng(0).standard_normal((18, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    neighbours = np.tile(np.arange(6), (18, 1))
    aspects = np.ones(18, np.float32)
    return Pool(
        kinds,
        domains,
        identities,
        families,
        aspects,
        kinds == CUTOUT,
        neighbours,
        vectors,
    )


SHARES = {"objects": 0.4, "groceries": 0.3, "ycb": 0.2, "art": 0.1}


def test_a_batch_shows_everything_twice_in_its_share_and_the_same_again() -> None:
    pool = _pool()
    batches = Batches(pool, SHARES, things=64, side=64, together=0.5)
    batch = batches.batch(np.random.default_rng(5))
    half = len(batch["identity"]) // 2
    assert half == 64
    assert (batch["identity"][:half] == batch["identity"][half:]).all()
    shown = pool.domains[batch["texture"]]
    assert 0.2 < (shown == "objects").mean() < 0.6
    again = batches.batch(np.random.default_rng(5))
    assert all(np.array_equal(batch[name], again[name]) for name in batch)
    left_out = Batches(pool, {"objects": 1.0}, things=32, side=64, together=0.5)
    only = left_out.batch(np.random.default_rng(0))
    assert set(pool.domains[only["texture"]]) == {"objects"}
    assert set(pool.domains[only["behind"]]) == {"objects"}


def test_contrast_is_the_formula_in_plain_loops() -> None:
    vectors = np.random.default_rng(1).standard_normal((6, 64)).astype(np.float32)
    identities = np.array([0, 1, 2, 0, 1, 2])
    length = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines, total = length @ length.T / 0.1, 0.0
    for row in range(6):
        against = [np.exp(cosines[row, k]) for k in range(6) if identities[k] != identities[row]]
        mate = next(k for k in range(6) if k != row and identities[k] == identities[row])
        total += np.log(1 + sum(against) / np.exp(cosines[row, mate])) / 6
    assert float(contrast(vectors, identities, temperature=0.1)) == pytest.approx(total, rel=1e-4)


def test_a_kept_order_costs_nothing_and_another_does() -> None:
    vectors = np.random.default_rng(2).standard_normal((8, 256)).astype(np.float32)
    identities = np.arange(8)
    wanted = np.asarray(unit(vectors))
    kept = float(order_kept(vectors, wanted, identities, temperature=0.1))
    changed = float(order_kept(vectors[::-1], wanted, identities, temperature=0.1))
    assert kept == pytest.approx(0, abs=1e-4)
    assert changed > 0.01


@pytest.fixture(scope="module")
def network() -> Any:
    keras.utils.set_random_seed(0)
    made = embedding_network(BackboneSpec(dim=64, size=64), side=64)
    for layer in made.layers:
        for part in getattr(layer, "layers", []):
            if isinstance(part, keras.layers.BatchNormalization):
                generator = np.random.default_rng(part.gamma.shape[0])
                part.gamma.assign(generator.uniform(0.5, 1.5, part.gamma.shape))
                part.beta.assign(generator.uniform(-0.2, 0.2, part.gamma.shape))
    return made


def test_jax_and_keras_agree_and_weights_come_back(network: Any, tmp_path: Path) -> None:
    images = np.random.default_rng(3).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    before = network.predict(images, verbose=0)
    params = params_of(network)
    write_params(params, tmp_path / "a.npz")
    read = read_params(tmp_path / "a.npz")
    pooled = features(read, images, dtype=jnp.float32)
    wanted = feature_network(network).predict(images, verbose=0)
    assert np.asarray(pooled) == pytest.approx(wanted, abs=1e-4 * max(1, np.abs(wanted).max()))
    assert np.asarray(unit(embeddings(read, pooled))) == pytest.approx(before, abs=1e-3)
    fresh = embedding_network(BackboneSpec(dim=64, size=64), side=64)
    put_into(fresh, read)
    assert fresh.predict(images, verbose=0) == pytest.approx(before, abs=1e-4)


def test_mixing_keeps_the_last_head_and_a_prefix_is_a_prefix(network: Any) -> None:
    params = params_of(network)
    second = {
        layer: {part: values + 1 for part, values in parts.items()}
        for layer, parts in params.items()
    }
    made = mixed(params, second, 0.25)
    assert made["Conv1"]["kernel"] == pytest.approx(params["Conv1"]["kernel"] + 0.25)
    assert made["embedding"]["kernel"] is second["embedding"]["kernel"]
    assert shortened(params, 16)["embedding"]["kernel"].shape == (1280, 16)


def test_a_refitted_head_gives_back_what_a_linear_map_gave() -> None:
    generator = np.random.default_rng(4)
    seen = generator.standard_normal((300, 12)).astype(np.float32)
    true = generator.standard_normal((12, 3)).astype(np.float32)
    head = refitted_head(0 * true, seen, seen @ true + 2, ridge=1e-6)
    assert head["kernel"] == pytest.approx(true, abs=1e-3)
    assert head["shift"] == pytest.approx([2, 2, 2], abs=1e-3)


def test_a_short_training_lowers_the_loss_and_moves_no_frozen_layer(network: Any) -> None:
    pictures = [_smooth(seed) for seed in range(18)]
    textures = _textures(*pictures)
    pool = _pool()
    batches = Batches(pool, SHARES, things=16, side=64, together=0.5)
    losses: list[np.ndarray] = []
    params = params_of(network)
    config = FitConfig(steps=12, rate=5e-3, warmup=2, frozen=3)
    state = fit(
        params,
        textures,
        batches,
        pool.reference_vectors,
        config,
        side=64,
        report=lambda step, state, mean, rate: losses.append(mean),
        every=4,
    )
    assert losses[-1].sum() < losses[0].sum()
    trained = averaged(state)
    still, moved = "block_2_expand", "block_5_expand"
    assert np.array_equal(trained[still]["kernel"], params[still]["kernel"])
    assert not np.array_equal(trained[moved]["kernel"], params[moved]["kernel"])


def test_the_rate_warms_up_and_falls() -> None:
    config = FitConfig(steps=100, rate=1.0, warmup=10)
    rates = [rate_at(step, config) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates[-1] < 0.02


def test_encoded_pictures_become_textures(tmp_path: Path) -> None:
    files = []
    for seed in range(3):
        stream = io.BytesIO()
        Image.fromarray(_smooth(seed)).save(stream, "PNG")
        files.append(stream.getvalue())
    pixels = decoded(files, tmp_path / "pixels.npy", workers=1)
    assert np.asarray(plain(packed(pixels)))[2] == pytest.approx(_smooth(2), abs=1)


def test_a_thing_on_a_plain_ground_is_cut_out_and_a_busy_photo_is_not() -> None:
    photo = Image.new("RGB", (200, 160), (240, 238, 230))
    ImageDraw.Draw(photo).ellipse((60, 40, 140, 120), fill=(180, 30, 30))
    mask = opacity(photo)
    assert mask is not None
    values = np.asarray(mask)
    assert values[80, 100] == 255
    assert values[5, 5] == 0
    assert (values > 128).mean() == pytest.approx(np.pi * 40 * 40 / (200 * 160), rel=0.1)
    noise = np.random.default_rng(0).integers(0, 255, (160, 200, 3), dtype=np.uint8)
    assert opacity(Image.fromarray(noise)) is None
    assert opacity(Image.new("RGB", (64, 64), "white")) is None


def test_labels_come_in_families_of_look_alikes() -> None:
    import matplotlib

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    faces = [fonts / "DejaVuSans.ttf", fonts / "DejaVuSerif-Bold.ttf"]
    photos = [Image.fromarray(_smooth(seed)) for seed in range(4)]
    supplies = Supplies(faces, faces, photos, [photo.convert("RGBA") for photo in photos])
    for seed in range(12):
        members = family(np.random.default_rng(seed), supplies)
        again = family(np.random.default_rng(seed), supplies)
        assert 2 <= len(members) <= 4
        assert len({member.size for member in members}) == 1
        assert all(a.tobytes() == b.tobytes() for a, b in zip(members, again, strict=True))
        first = np.asarray(members[0], np.float32)
        for member in members[1:]:
            assert np.abs(first - np.asarray(member, np.float32)).max() > 30
