"""`shelflens page build`: what it refuses, in one clear line, and what it makes."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelflens import Catalog
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.webapp import vendor
from shelflens.webapp.build import build
from shelflens.webapp.icons import icon
from shelflens.webapp.image_pack import SIDE, image_finder, pack_images

Run = Callable[..., tuple[int, str, str]]
STUDIO = BUNDLED_MODEL.parent / "demo" / "studio.csv"


def refused(run: Run, *words: object) -> str:
    """The one line of a build that fails and leaves nothing behind."""
    status, out, err = run("page", "build", *words)
    assert status == 1
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_bad_inputs_are_one_line_and_write_nothing(run: Run, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "web-app"
    also = ("--catalog", built, "--out", out)
    assert "no such file" in refused(run, "--catalog", tmp_path / "no", "--out", out).lower()
    (tmp_path / "bad.catalog").write_bytes(built.read_bytes()[:-1])
    assert "damaged" in refused(run, "--catalog", tmp_path / "bad.catalog", "--out", out)
    assert "no products" in refused(run, "--catalog", empty(tmp_path), "--out", out)
    assert "embedding space" in refused(run, "--catalog", other_space(tmp_path), "--out", out)
    probe = BUNDLED_MODEL.parent / "probe.onnx"
    assert "int8.tflite" in refused(run, *also, "--model", probe)
    assert "not a TFLite" in refused(run, *also, "--model", STUDIO)
    assert "no such folder" in refused(run, *also, "--images", tmp_path / "none").lower()
    assert "no image of any product" in refused(run, *also, "--images", foreign_dataset(tmp_path))
    assert "--title" in refused(run, *also, "--title", "  ")
    assert "npm ci" in refused(run, *also, "--vendor", tmp_path)
    assert not out.exists()
    assert not list(tmp_path.glob(".web-app*"))


def empty(folder: Path) -> Path:
    none = Catalog([], np.empty((0, 4), np.float32), space="any")
    none.save(folder / "empty.catalog")
    return folder / "empty.catalog"


def other_space(folder: Path) -> Path:
    Catalog(["a"], np.ones((1, 4), np.float32), space="another").save(folder / "other.catalog")
    return folder / "other.catalog"


def foreign_dataset(folder: Path) -> Path:
    (folder / "others" / "strange").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(folder / "others" / "strange" / "one.png")
    return folder / "others"


def test_a_folder_with_other_files_is_left_alone(run: Run, built: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    assert "holds other files" in refused(run, "--catalog", built, "--out", tmp_path / "mine")
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(run, "--catalog", built, "--out", tmp_path / "file")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_without_npm_it_says_what_to_do(
    run: Run, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    said = refused(run, "--catalog", built, "--out", tmp_path / "web-app")
    assert "npm is not installed" in said
    assert "--vendor" in said


def test_an_engine_of_another_version_is_refused(run: Run, built: Path, tmp_path: Path) -> None:
    for pinned in vendor.FILES.values():
        path = tmp_path / pinned.source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("export {}")
    said = refused(run, "--catalog", built, "--out", tmp_path / "web-app", "--vendor", tmp_path)
    assert "SHA-256" in said


def test_the_lock_file_pins_everything_and_names_no_registry() -> None:
    text = vendor.LOCK.read_text()
    assert "http" not in text
    packages = json.loads(text)["packages"]
    locked = {name: package for name, package in packages.items() if name}
    assert all(package["integrity"].startswith("sha512-") for package in locked.values())
    ours = {name for name, package in locked.items() if not package.get("dev")}
    engine = {"node_modules/@litertjs/core", "node_modules/@litertjs/wasm-utils"}
    assert ours == {*engine, "node_modules/pako"}
    assert {locked[name]["version"] for name in engine} == {vendor.VERSION}


def test_images_come_as_one_file(built: Path) -> None:
    catalog = Catalog.open(built)
    data = pack_images(catalog.ids, image_finder(catalog, STUDIO))
    length = int.from_bytes(data[:8], "little")
    ranges = json.loads(data[8 : 8 + length])
    assert list(ranges) == catalog.ids
    for start, stop in ranges.values():
        image = Image.open(BytesIO(data[8 + length + start : 8 + length + stop]))
        assert image.format == "WEBP"
        assert max(image.size) == SIDE
    assert 8 + length + max(stop for _, stop in ranges.values()) == len(data)
    assert pack_images(catalog.ids, image_finder(catalog, None))[8:] == b"{}"


def test_icons_are_square_and_maskable_ones_full() -> None:
    for size, maskable in ((192, False), (512, True)):
        image = Image.open(BytesIO(icon(size, maskable=maskable)))
        assert image.size == (size, size)
        corner = image.convert("RGBA").getpixel((0, 0))
        assert isinstance(corner, tuple)
        assert corner[3] == (255 if maskable else 0)


@pytest.mark.browser
def test_the_web_app_is_complete_and_repeatable(built: Path, tmp_path: Path) -> None:
    folder = build(built, tmp_path / "web-app", images=STUDIO, title='A "<b>" & co')
    worker = (folder / "sw.js").read_text()
    listed = json.loads(worker.split("const BUILD = ")[1].splitlines()[0].rstrip(";"))["files"]
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(listed) == present - {"sw.js"}
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert "A &quot;&lt;b&gt;&quot; &amp; co" in (folder / "index.html").read_text()
    manifest = json.loads((folder / "manifest.webmanifest").read_text())
    assert {icon["sizes"] for icon in manifest["icons"]} == {"192x192", "512x512"}
    assert all((folder / icon["src"]).is_file() for icon in manifest["icons"])
    assert "Apache License" in (folder / "LICENSES.txt").read_text()
    again = build(built, tmp_path / "web-app", images=STUDIO, title='A "<b>" & co')
    assert (again / "sw.js").read_text() == worker
    assert [path.name for path in tmp_path.iterdir()] == ["web-app"]


@pytest.mark.browser
def test_it_stays_small(built: Path, tmp_path: Path) -> None:
    """What a phone loads: our scripts, texts and style, and all there is."""
    folder = build(built, tmp_path / "web-app")
    own = [folder / "index.html", folder / "app.css", *(folder / "js").rglob("*.js")]
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in own) < 95_000
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 6_500_000
