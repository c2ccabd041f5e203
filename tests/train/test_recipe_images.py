"""The cache of images and the shops of the general recipe, on images made here."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality.domain_views import in_scene, on_white, photographed_again
from benchmarks.recipe.images import Kept, fingerprint_of, shrunk, small_image
from benchmarks.recipe.sources import (
    Source,
    caltech_identity,
    clone_files,
    clone_of,
    magento_identity,
    own_identity,
)


def _photo(seed: int, size: tuple[int, int] = (120, 90)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def _jpeg(image: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("w/j/wj03-red_alt1.jpg", "wj03-red"),
        ("w/j/wj03-red_main.jpg", "wj03-red"),
        ("m/b/mb05-black-0.jpg", "mb05-black"),
        ("l/t/lt06.jpg", "lt06"),
        ("m/p/mp06-gray_outfit.jpg", None),
    ],
)
def test_style_and_colour_are_read_from_a_file_name(name: str, identity: str | None) -> None:
    assert magento_identity(PurePosixPath(name)) == identity


def test_faces_and_backgrounds_are_no_products() -> None:
    assert caltech_identity(PurePosixPath("a/Faces_easy/image_0001.jpg")) is None
    assert caltech_identity(PurePosixPath("a/cup/image_0001.jpg")) == "a/cup/image_0001"


def test_a_smaller_copy_is_a_near_duplicate_and_another_photo_is_not() -> None:
    kept = Kept()
    kept.add(fingerprint_of(_photo(1)))
    again = _photo(1).resize((70, 60), Image.Resampling.BILINEAR)
    assert kept.has_near_duplicate(fingerprint_of(again))
    assert not any(kept.has_near_duplicate(fingerprint_of(_photo(seed))) for seed in range(2, 30))


def test_more_images_than_there_was_room_for_are_remembered() -> None:
    kept = Kept()
    prints = [fingerprint_of(_photo(seed, (34, 32))) for seed in range(3)]
    for number in range(1100):
        kept.add(prints[number % 2])
    assert kept.has_near_duplicate(prints[1])
    assert not kept.has_near_duplicate(prints[2])


def test_damaged_and_tiny_images_are_left_out() -> None:
    assert small_image(b"not an image", alpha=False) is None
    assert small_image(_jpeg(_photo(1, (200, 40))), alpha=False) is None
    made = small_image(_jpeg(_photo(1, (800, 600))), alpha=False)
    assert made is not None
    assert Image.open(io.BytesIO(made[0])).size == (341, 256)


def test_a_source_is_shrunk_without_its_duplicates(tmp_path: Path) -> None:
    source = Source("shop", "objects", "CC0-1.0", own_identity)
    photos = {"a.jpg": 1, "b.jpg": 2, "c.jpg": 1, "d.jpg": 0}
    files = [(PurePosixPath(name), _jpeg(_photo(seed))) for name, seed in photos.items() if seed]
    files.append((PurePosixPath("d.jpg"), b"damaged"))
    entries, left_out = shrunk(source, files, tmp_path, Kept())
    assert [entry.origin for entry in entries] == ["a.jpg", "b.jpg"]
    assert left_out == 2
    assert all((tmp_path / entry.path).exists() for entry in entries)


def test_a_bare_clone_is_read_without_a_work_tree(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "images").mkdir(parents=True)
    (work / "images" / "one.jpg").write_bytes(_jpeg(_photo(4)))
    (work / "README.md").write_text("no image")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "images"]):
        subprocess.run(["git", "-C", str(work), *words], check=True)
    bare = tmp_path / "clones" / "owner+name" / "repo"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    git = clone_of(tmp_path / "clones", "owner/name")
    assert git == bare
    assert [str(path) for path, _ in clone_files(git, "images")] == ["images/one.jpg"]
    assert clone_of(tmp_path / "clones", "owner/other") is None


def test_a_cache_inside_the_repository_is_refused(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "benchmarks.recipe.images", "--clones", str(tmp_path)]
    root = Path(__file__).parents[2]
    words += ["--out", str(root / "cache")]
    run = subprocess.run(words, capture_output=True, text=True, cwd=root, check=False)
    assert run.returncode == 2
    assert "inside the repository" in run.stderr


def test_second_photos_follow_from_their_generator() -> None:
    cutout = Image.new("RGBA", (60, 90), (0, 0, 0, 0))
    cutout.paste((200, 30, 30, 255), (10, 10, 50, 80))
    white = on_white(cutout, 64)
    assert white[0, 0].tolist() == [255, 255, 255]
    assert white[32, 32].tolist() == [200, 30, 30]
    for make, image in ((in_scene, cutout), (photographed_again, _photo(3))):
        first, second, third = (
            make(image, _photo(9), np.random.default_rng(seed), 64) for seed in (1, 1, 2)
        )
        assert first.shape == (64, 64, 3)
        assert np.array_equal(first, second)
        assert not np.array_equal(first, third)


def test_the_columns_of_the_index_are_those_that_training_reads(tmp_path: Path) -> None:
    from benchmarks.recipe.images import COLUMNS, Entry, write_csv

    entry = Entry("images/a/0.jpg", "a", "objects", "a/x", False, "train", "x.jpg")
    write_csv(tmp_path / "index.csv", COLUMNS, [entry.row()])
    with (tmp_path / "index.csv").open(newline="", encoding="utf-8") as stream:
        row = next(csv.DictReader(stream))
    assert (row["path"], row["domain"], row["identity"], row["alpha"]) == (
        "images/a/0.jpg",
        "objects",
        "a/x",
        "0",
    )
