"""Assemble the web app: sources, engine, model, catalog, images, and a list of all files."""

from __future__ import annotations

import hashlib
import html
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelflens import __version__, languages
from shelflens.catalog.catalog import Catalog
from shelflens.errors import CatalogError, ModelError, WebAppError
from shelflens.files import Check, exchange, sync_folder
from shelflens.finding.finder import BUNDLED_FINDER
from shelflens.model.card import FINDER, ModelCard, tflite_card
from shelflens.model.content import read_model
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.webapp.icons import icon
from shelflens.webapp.image_pack import image_finder, pack_images
from shelflens.webapp.vendor import HERE, engine_files, packed

if TYPE_CHECKING:  # building without --trust needs no cryptography
    from shelflens.signing.trust import Trust

SITE = HERE / "site"
_MARK = "data/app.json"  # a folder that has it was made here and may be replaced


def build(
    catalog: Path,
    out: Path,
    *,
    model: Path | None = None,
    images: Path | None = None,
    columns: Mapping[str, str] | None = None,
    title: str = "ShelfLens",
    finder: Path | None = None,
    vendor: Path | None = None,
    trust: Trust | None = None,
) -> Path:
    """Write the web app into a folder, for any static host.

    Everything is written next to `out`, and moved there when it is complete. The same input gives
    the same bytes.

    Args:
        catalog: The catalog file.
        out: The folder; replaced if it is an earlier web app, refused if it holds anything else.
        model: A `.tflite` from `shelflens export`; None for the bundled one.
        images: A CSV with `path,product`, or a folder per product; None shows the images of the
            catalog's attribute `picture`, or the first letters of names.
        columns: Of images in a table, as in `read_dataset`.
        title: Headline, and the name under the icon.
        finder: A `.tflite` of a finder, such as `BUNDLED_FINDER`, to answer for each product of a
            photo; None takes photos whole.
        vendor: A node_modules folder with the engine; None fetches it with npm, once.
        trust: Who has to have signed catalog and given models; None takes unsigned files too.

    Returns:
        `out`.

    Raises:
        CatalogError: a damaged or empty catalog; of another space than the model (SpaceError).
        ModelError: not a `.tflite` of ours, or damaged.
        SignatureError: as `Trust.check`.
        DataError, PhotoError: images that cannot be used.
        WebAppError: the engine cannot be fetched; `out` holds something else; no title.
        OSError: a file cannot be read or written.
    """
    title = " ".join(title.split())
    if not title:
        raise WebAppError("--title: expected a headline, got nothing")
    _refuse_foreign_folder(out)
    check = None if trust is None else trust.check
    store = Catalog.open(catalog, check=check)
    store.verify()
    if not len(store):
        raise CatalogError(f"{catalog}: has no products; add some before building a web app")
    model_bytes = _model_bytes(BUNDLED_MODEL) if model is None else _model_bytes(model, check)
    card = tflite_card(model_bytes, model or BUNDLED_MODEL)
    store.require(card.space)
    finder_bytes = b"" if finder is None else _finder_bytes(finder, check)
    find = image_finder(store, images, columns)
    files = _sources(title) | engine_files(vendor) | _icons_and_manifest(title)
    files["data/store.catalog"] = _content(store)
    files["data/model.tflite.pack"] = packed(model_bytes)
    if finder is not None:
        files["data/finder.tflite.pack"] = packed(finder_bytes)
    files["data/pictures.pack"] = pack_images(store.ids, find)
    app = _app(title, store, files)
    app["model"] = _model_values(card, len(model_bytes))
    if finder is not None:
        app["finder"] = _model_values(tflite_card(finder_bytes, finder), len(finder_bytes))
    files[_MARK] = json.dumps(app, ensure_ascii=False, indent=1).encode()
    files["sw.js"] = _worker(files)
    _write(out, files)
    return out


def _model_bytes(model: Path, check: Check | None = None) -> bytes:
    if model.suffix == ".onnx":
        raise ModelError(
            f"{model}: the web app runs .tflite models; give the int8.tflite of the same export"
        )
    return read_model(model, check)


def _finder_bytes(finder: Path, check: Check | None) -> bytes:
    content = _model_bytes(finder, None if finder == BUNDLED_FINDER else check)
    task = tflite_card(content, finder).task
    if task != FINDER:
        raise ModelError(
            f"{finder}: its card says {task!r}, expected {FINDER!r}; give the .tflite of a finder"
        )
    return content


def _content(store: Catalog) -> bytes:
    """The bytes that a catalog was opened from, and checked."""
    if store.source is None:  # never of an opened one
        raise CatalogError("this catalog is no file")
    return store.source.content.bytes.tobytes()


def scripts() -> dict[str, bytes]:
    """Path below the web app's folder and content of each module that its pages run."""
    texts = languages.scripts()
    return {
        **{f"js/{path.name}": path.read_bytes() for path in sorted((SITE / "js").glob("*.js"))},
        **{f"js/languages/{name}": content for name, content in texts.items()},
    }


def _sources(title: str) -> dict[str, bytes]:
    files = {
        path.relative_to(SITE).as_posix(): path.read_bytes()
        for path in sorted(SITE.rglob("*"))
        if path.is_file() and path.name != "sw.js"
    }
    files |= scripts()
    html_text = files["index.html"].decode().replace("{{title}}", html.escape(title))
    return {**files, "index.html": html_text.encode()}


def _icons_and_manifest(title: str) -> dict[str, bytes]:
    """Icons and the manifest that names them."""
    sizes = {"icon-192.png": (192, False), "icon-512.png": (512, False)}
    sizes |= {"icon-maskable.png": (512, True), "icon-apple.png": (180, True)}
    listed = [
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
        "icons": listed,
    }
    icons = {name: icon(size, maskable=maskable) for name, (size, maskable) in sizes.items()}
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    return {**icons, "manifest.webmanifest": text.encode()}


def _app(title: str, store: Catalog, files: dict[str, bytes]) -> dict[str, Any]:
    """What the web app needs before it loads the large files; its models are added."""
    large = ("engine/litert.wasm.pack", "data/model.tflite.pack", "data/finder.tflite.pack")
    return {
        "shelflens": __version__,
        "title": title,
        "products": len(store),
        "catalog": store.fingerprint,
        "bytes": {
            name: len(files[name]) for name in (*large, "data/store.catalog") if name in files
        },
    }


def _model_values(card: ModelCard, size: int) -> dict[str, Any]:
    return {
        "name": card.name,
        "space": card.space,
        "size": card.size,
        "dim": card.dim,
        "resize": card.resize,
        "bytes": size,
    }


def _worker(files: dict[str, bytes]) -> bytes:
    """The service worker, with the SHA-256 of every file and a version made of them."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    source = (SITE / "sw.js").read_text(encoding="utf-8")
    version = hashlib.sha256(json.dumps([source, hashes]).encode()).hexdigest()[:12]
    made = json.dumps({"version": version, "files": hashes})
    return source.replace('{ version: "", files: {} }', made).encode()


def _refuse_foreign_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise WebAppError(f"{out}: is a file; give --out a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / _MARK).is_file():
        raise WebAppError(f"{out}: holds other files, which would be lost; give --out a new folder")


def _write(out: Path, files: dict[str, bytes]) -> None:
    """Write a folder beside `out`, to the disk, and put it there at once."""
    target = out.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        new, old = Path(temporary) / "new", Path(temporary) / "old"
        for name, data in files.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        for folder in {(new / name).parent for name in files}:
            sync_folder(folder)
        if not target.exists():
            new.rename(target)
        elif not exchange(new, target):  # then a moment without the folder cannot be helped
            target.rename(old)
            try:
                new.rename(target)
            except OSError:
                old.rename(target)
                raise
        sync_folder(target.parent)
