"""Assemble the phone page: sources, engine, model, catalog, pictures, and a list of all of it."""

from __future__ import annotations

import hashlib
import html
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from shelflens import __version__
from shelflens.catalog.catalog import Catalog
from shelflens.errors import CatalogError, ModelError, PageError
from shelflens.model.card import ModelCard, read_tflite_card
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.webapp.icons import icon
from shelflens.webapp.pictures import pack_pictures, picture_finder
from shelflens.webapp.vendor import HERE, engine_files, packed

SITE = HERE / "site"
_MARK = "data/page.json"  # a folder that has it was made here and may be replaced


def build(
    catalog: Path,
    out: Path,
    *,
    model: Path | None = None,
    pictures: Path | None = None,
    title: str = "ShelfLens",
    vendor: Path | None = None,
) -> Path:
    """Write the page into a folder, for any static host.

    Everything is made in a neighbour of `out`, which takes its place when it is complete. The same
    input gives the same bytes.

    Args:
        catalog: The catalog file.
        out: The folder; replaced if it is an earlier page, refused if it holds anything else.
        model: A `.tflite` from `shelflens export`; None for the bundled one.
        pictures: A CSV with `path,product`, or a folder per product; None shows the first letters
            of names, or the catalog's attribute `picture`.
        title: What stands at the head of the page and under its icon.
        vendor: A node_modules folder with the engine; None fetches it with npm, once.

    Returns:
        `out`.

    Raises:
        CatalogError: a damaged or empty catalog; of another space than the model (SpaceError).
        ModelError: not a `.tflite` of ours, or damaged.
        DataError, PhotoError: pictures that cannot be used.
        PageError: the engine cannot be had; `out` holds something else; an empty title.
        OSError: a file cannot be read or written.
    """
    title = " ".join(title.split())
    if not title:
        raise PageError("--title: expected a text to show at the head of the page, got nothing")
    _refuse_other(out)
    store = Catalog.open(catalog)
    store.verify()
    if not len(store):
        raise CatalogError(f"{catalog}: has no products; add some before building a page")
    model = BUNDLED_MODEL if model is None else model
    card = _card(model)
    store.require(card.space)
    find = picture_finder(store, pictures)
    files = _sources(title) | engine_files(vendor) | _drawn(title)
    files["data/store.catalog"] = Path(catalog).read_bytes()
    files["data/model.tflite.pack"] = packed(model.read_bytes())
    files["data/pictures.pack"] = pack_pictures(store.ids, find)
    files[_MARK] = _facts(title, store, card, model, files)
    files["sw.js"] = _worker(files)
    _write(out, files)
    return out


def _card(model: Path) -> ModelCard:
    if model.suffix == ".onnx":
        raise ModelError(
            f"{model}: the page runs .tflite models; give the int8.tflite of the same export"
        )
    return read_tflite_card(model)


def _sources(title: str) -> dict[str, bytes]:
    files = {
        path.relative_to(SITE).as_posix(): path.read_bytes()
        for path in sorted(SITE.rglob("*"))
        if path.is_file() and path.name != "sw.js"
    }
    page = files["index.html"].decode().replace("{{title}}", html.escape(title))
    return {**files, "index.html": page.encode()}


def _drawn(title: str) -> dict[str, bytes]:
    """Icons and the manifest that names them."""
    sizes = {"icon-192.png": (192, False), "icon-512.png": (512, False)}
    sizes |= {"icon-maskable.png": (512, True), "icon-apple.png": (180, True)}
    shown = [
        {"src": name, "sizes": f"{size}x{size}", "type": "image/png"}
        | ({"purpose": "maskable"} if maskable else {})
        for name, (size, maskable) in sizes.items()
        if name != "icon-apple.png"
    ]
    manifest = {
        "id": "./",
        "name": title,
        "short_name": title[:12].strip(),
        "description": "Which product is this? Answered on the device, without a network.",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#14171a",
        "theme_color": "#14171a",
        "icons": shown,
    }
    icons = {name: icon(size, maskable=maskable) for name, (size, maskable) in sizes.items()}
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    return {**icons, "manifest.webmanifest": text.encode()}


def _facts(
    title: str, store: Catalog, card: ModelCard, model: Path, files: dict[str, bytes]
) -> bytes:
    """What the page must know before it loads anything large."""
    facts: dict[str, Any] = {
        "shelflens": __version__,
        "title": title,
        "products": len(store),
        "catalog": store.fingerprint,
        "model": {
            "name": card.name,
            "space": card.space,
            "size": card.size,
            "dim": card.dim,
            "resize": card.resize,
            "bytes": model.stat().st_size,
        },
        "bytes": {
            name: len(files[name])
            for name in ("engine/litert.wasm.pack", "data/model.tflite.pack", "data/store.catalog")
        },
    }
    return json.dumps(facts, ensure_ascii=False, indent=1).encode()


def _worker(files: dict[str, bytes]) -> bytes:
    """The service worker, with the SHA-256 of every file and a version made of them."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    source = (SITE / "sw.js").read_text(encoding="utf-8")
    version = hashlib.sha256(json.dumps([source, hashes]).encode()).hexdigest()[:12]
    made = json.dumps({"version": version, "files": hashes})
    return source.replace('{ version: "", files: {} }', made).encode()


def _refuse_other(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise PageError(f"{out}: is a file; give --out a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / _MARK).is_file():
        raise PageError(f"{out}: holds other files, which would be lost; give --out a new folder")


def _write(out: Path, files: dict[str, bytes]) -> None:
    target = out.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        new, old = Path(temporary) / "new", Path(temporary) / "old"
        for name, data in files.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        if old.exists():
            shutil.rmtree(old)
