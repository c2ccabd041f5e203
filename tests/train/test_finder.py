"""The training of a finder: cut-outs, scenes, targets, losses, and a run that is gone on with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from shelflens import DataError
from shelflens.finding.regions import iou, regions_of
from shelflens_train.finder.config import FinderConfig
from shelflens_train.finder.cutouts import CutOut, read_cut_out
from shelflens_train.finder.outlined import part_of, read_outlined
from shelflens_train.finder.scenes import Props, Scene, make_scene
from shelflens_train.finder.targets import BOX_LEVEL, boxes_of, mirrored, targets_of

keras = pytest.importorskip("keras")

from shelflens_train.finder.fit import SceneBatches, seen_again  # noqa: E402
from shelflens_train.finder.network import (  # noqa: E402
    decoder_of,
    finder_loss,
    finder_network,
)


def disc(side: int, colour: tuple[int, int, int]) -> Image.Image:
    """A round cut-out."""
    image = Image.new("RGBA", (side, side))
    ImageDraw.Draw(image).ellipse((2, 2, side - 3, side - 3), fill=(*colour, 255))
    return image


def props() -> Props:
    cut_outs = [CutOut(disc(80, (200, 30 * number, 40)), is_whole=False) for number in range(4)]
    return Props(cut_outs, [Image.new("RGB", (60, 50), "#668844")])


def test_products_are_cut_out_by_alpha_or_by_their_ground(tmp_path: Path) -> None:
    disc(100, (200, 30, 30)).save(tmp_path / "alpha.png")
    plain = Image.new("RGB", (120, 100), "#f4f4f4")
    ImageDraw.Draw(plain).rectangle((30, 20, 89, 79), fill="#204060")
    plain.save(tmp_path / "plain.png")
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    found = {name: read_cut_out(tmp_path / f"{name}.png") for name in ("alpha", "plain", "noise")}
    assert not found["alpha"].is_whole
    assert found["alpha"].image.size == pytest.approx((96, 96), abs=2)
    assert found["plain"].image.size == pytest.approx((60, 60), abs=4)
    assert found["noise"].is_whole
    assert np.asarray(found["noise"].image)[..., 3].min() == 255


def test_a_scene_is_stretched_as_photos_are() -> None:
    square = Props([CutOut(Image.new("RGBA", (60, 60), "#20a040"), is_whole=True)], [])
    ratios = set()
    for seed in range(60):
        scene = make_scene(square, np.random.default_rng(seed), 96)
        for x0, y0, x1, y1 in boxes_of(scene).tolist():
            if min(x0, y0) > 0 and max(x1, y1) < 1:
                ratios.add(round((x1 - x0) / (y1 - y0), 1))
    assert min(ratios) <= 0.8
    assert max(ratios) >= 1.2


@pytest.mark.parametrize("seed", range(12))
def test_scenes_know_which_pixel_shows_which_product(seed: int) -> None:
    scene = make_scene(props(), np.random.default_rng(seed), 96)
    again = make_scene(props(), np.random.default_rng(seed), 96)
    assert np.array_equal(scene.pixels, again.pixels)
    assert scene.pixels.shape == (96, 96, 3)
    assert scene.owners.max() <= len(scene.areas)
    for number, area in enumerate(scene.areas, 1):
        assert (scene.owners == number).sum() <= area


def outlined_table(folder: Path, *rows: str) -> Path:
    Image.new("RGB", (200, 100), "#446688").save(folder / "a.png")
    table = folder / "outlined.csv"
    table.write_text("\n".join(["photo,outline", *rows]) + "\n")
    return table


def test_outlined_photos_are_scenes(tmp_path: Path) -> None:
    table = outlined_table(
        tmp_path,
        'a.png,"0.1,0.2 0.5,0.2 0.5,0.8 0.1,0.8"',
        'a.png,"0.4,0.4 0.9,0.4 0.9,0.9 0.4,0.9"',
    )
    (photo,) = read_outlined(table)
    assert photo.owners.shape == (100, 200)
    assert photo.areas == pytest.approx([80 * 60, 100 * 50], rel=0.05)
    whole = Scene(photo.pixels, photo.owners, photo.areas)
    assert sorted(np.unique(whole.owners).tolist()) == [0, 1, 2]
    for seed in range(10):
        part = part_of(photo, np.random.default_rng(seed), 64)
        assert part.pixels.shape == (64, 64, 3)
        assert part.owners.shape == (64, 64)
        for number, area in enumerate(part.areas, 1):
            # What lies outside of the part still counts as of the product.
            assert (part.owners == number).sum() <= 1.1 * area
    scene = part_of(photo, np.random.default_rng(3), 64)
    again = part_of(photo, np.random.default_rng(3), 64)
    assert np.array_equal(scene.owners, again.owners)
    assert 1 <= len(boxes_of(scene)) <= 2


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no rows below the heading"),
        (['a.png,"0.1,0.2 0.5,0.2"'], "line 2: outline '0.1,0.2 0.5,0.2'; expected three corners"),
        (['a.png,"0,0 1,0 1,2"'], "as shares from 0 to 1"),
        (['a.png,"0,0 nan,0 1,1"'], "as shares from 0 to 1"),
        (["a.png,"], "line 2: outline ''"),
        (['gone.png,"0,0 1,0 1,1"'], "line 2: "),
    ],
)
def test_outlines_that_cannot_be_used_are_refused_in_a_line(
    tmp_path: Path, rows: list[str], words: str
) -> None:
    with pytest.raises(DataError) as error:
        read_outlined(outlined_table(tmp_path, *rows))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def exact_scene() -> Scene:
    owners = np.zeros((96, 96), np.uint8)
    owners[8:40, 12:60], owners[56:88, 60:84] = 1, 2
    return Scene(np.zeros((96, 96, 3), np.uint8), owners, [32 * 48, 32 * 24])


def test_targets_read_back_are_the_boxes() -> None:
    scene = exact_scene()
    targets = targets_of(scene)
    regions = sorted(regions_of(targets[..., :6]), key=lambda region: region.box[1])
    wanted = boxes_of(scene).tolist()
    assert len(regions) == len(wanted) == 2
    for region, box in zip(regions, wanted, strict=True):
        assert iou(region.box, tuple(box)) > 0.99
    assert targets[..., 0].mean() == pytest.approx((scene.owners > 0).mean())
    assert (targets[..., 6] > 0).sum() == (targets[..., 1] >= BOX_LEVEL).sum() > 2


def test_a_product_that_is_mostly_hidden_has_no_box() -> None:
    scene = exact_scene()
    scene.owners[8:40, 20:60] = 0
    assert len(boxes_of(scene)) == 1


def test_mirrored_targets_are_those_of_the_mirrored_scene() -> None:
    scene = exact_scene()
    other_way = Scene(scene.pixels, scene.owners[:, ::-1], scene.areas)
    made, wanted = mirrored(targets_of(scene)[None])[0], targets_of(other_way)
    assert made[..., 0] == pytest.approx(wanted[..., 0])
    for first, second in zip(regions_of(made[..., :6]), regions_of(wanted[..., :6]), strict=True):
        assert first.box == pytest.approx(second.box, abs=0.05)


def test_each_scene_of_a_span_is_seen_in_every_pass() -> None:
    config = FinderConfig((), "", "", 3, finder_size=64, span=12, passes=3, finder_batch=4)
    first, again = (SceneBatches(props(), config, 1) for _ in range(2))
    assert len(first) == 9
    shares = []
    for index in range(9):
        pixels, targets = first[index]
        assert pixels.shape == (4, 64, 64, 3)
        assert targets.shape == (4, 16, 16, 7)
        assert np.array_equal(pixels, again[index][0])
        shares.append(targets[..., 0].mean((1, 2)))
    passes = np.sort(np.reshape(shares, (3, 12)), axis=1)
    assert passes[0] == pytest.approx(passes[1])
    assert passes[0] == pytest.approx(passes[2])
    assert not np.array_equal(shares[0], shares[3])


def test_scenes_seen_again_still_fit_their_targets() -> None:
    scene = exact_scene()
    pixels = np.repeat(100.0 * (scene.owners > 0)[None, ..., None], 3, -1).astype(np.float32)
    stacked, wanted = np.repeat(pixels, 8, 0), np.repeat(targets_of(scene)[None], 8, 0)
    changed, targets = seen_again(stacked, wanted, np.random.default_rng(2))
    flipped = 0
    for image, target in zip(changed, targets, strict=True):
        shown = (image[..., 0] > image.mean()).reshape(24, 4, 24, 4).mean((1, 3))
        assert shown == pytest.approx(target[..., 0])
        flipped += not np.array_equal(target[..., 0], wanted[0, ..., 0])
    assert 0 < flipped < 8
    assert len({float(image.max()) for image in changed}) == 8


def test_the_loss_is_small_for_the_truth_and_larger_for_less() -> None:
    targets = targets_of(exact_scene())[None]
    truth = targets[..., :6].reshape(1, -1)
    peaks = (targets[..., 1] >= 0.999).astype(np.float32)
    truth = np.concatenate([targets[..., :1], peaks[..., None], targets[..., 2:6]], -1)
    right = float(finder_loss(targets, truth.reshape(1, -1))[0])
    assert right < 0.05
    for channel in range(6):
        wrong = truth.copy()
        wrong[..., channel] = 0.5 * wrong[..., channel] + 0.2
        assert float(finder_loss(targets, wrong.reshape(1, -1))[0]) > right + 0.05, channel


def test_the_box_loss_is_giou_and_relative_l1_in_plain_loops() -> None:
    targets = np.zeros((1, 1, 1, 7), np.float32)
    targets[0, 0, 0] = (1, 1, 0.2, 0.1, 0.2, 0.3, 1)
    found = np.array([[1, 1, 0.1, 0.1, 0.3, 0.3]], np.float32)
    both, union = 0.3 * 0.4, 0.16 + 0.16 - 0.12
    around = 0.5 * 0.4
    giou = 1 - both / union + (around - union) / around
    relative = 0.1 / 0.4 + 0.1 / 0.4
    assert float(finder_loss(targets, found)[0]) == pytest.approx(giou + relative, abs=0.01)


def test_the_decoder_is_the_upper_part_of_the_network() -> None:
    network = finder_network(64, weights=None)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    features = network.get_layer("backbone")(network.get_layer("scale")(pixels), training=False)
    whole, upper = network(pixels), decoder_of(network)(list(features))
    assert np.asarray(whole) == pytest.approx(np.asarray(upper), abs=1e-5)
    assert whole.shape == (2, 16 * 16 * 6)
    assert network.count_params() < 700_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"finder_size": 100}, "--finder-size"),
        ({"rate": 0.0}, "--rate"),
        ({"spans": -1}, "--spans"),
        ({"span": 4}, "--span and --scenes"),
    ],
)
def test_settings_out_of_range_are_named(options: dict[str, float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        FinderConfig(data=(), name="", license="", seed=0, **options)  # type: ignore[arg-type]


def _words(folder: Path, run: Path, *more: str) -> list[str]:
    small = "--synthetic 0 --finder-size 64 --scenes 16 --first-epochs 1 --span 16 --val-scenes 6"
    words = f"train {folder} --task finder --out {run} --backgrounds {folder} --finder-weights none"
    return [*words.split(), *small.split(), "--passes", "2", "--finder-batch", "8", *more]


def call(*words: str) -> tuple[int, str, str]:
    """A command in a process of its own: Keras and TensorFlow warn."""
    command = [sys.executable, "-m", "shelflens", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.train
def test_a_run_is_trained_exported_and_gone_on_with(tmp_path: Path) -> None:
    from shelflens.finding.finder import Finder

    folder, run, out = tmp_path / "cut-outs", tmp_path / "run", tmp_path / "out"
    folder.mkdir()
    for number in range(3):
        disc(90, (200, 60 * number, 30)).save(folder / f"{number}.png")
    status, text, error = call(*_words(folder, run, "--spans", "1"))
    assert (status, "mask IoU" in text) == (0, True), error
    metrics = json.loads((run / "metrics.json").read_text())
    assert [len(metrics["history"][key]) for key in ("decoder", "spans")] == [1, 1]
    assert (run / "state" / "state.json").exists()
    status, _, error = call(*_words(folder, run, "--spans", "1"))
    assert (status, "holds a run already" in error) == (1, True)
    status, text, error = call(*_words(folder, run, "--spans", "1", "--resume"))
    assert (status, "decoder epoch" in text) == (0, False), error
    loose = ["--max-iou-drop", "1", "--calibration-photos", "4", "--bias-photos", "2"]
    words = ["export", str(run), "--out", str(out), "--formats", "int8", *loose]
    status, text, error = call(*words)
    assert (status, "AP50" in text) == (0, True), error
    finder = Finder.open(out / "int8.tflite", threads=1)
    assert finder.card.task == "finder"
    assert finder.cells(np.zeros((64, 64, 3), np.uint8)).shape == (16, 16, 6)
    assert 2 * (out / "int8.tflite").stat().st_size < 3 << 20
    assert json.loads((out / "export.json").read_text())["files"][0]["passed"]
    (run / "scenes.npz").write_bytes(b"no archive")
    status, _, error = call(*words)
    assert (status, "scenes.npz: cannot be read" in error) == (1, True)
    assert len(error.strip().splitlines()) == 1
